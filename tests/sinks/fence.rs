//! Two workers on one sink by mistake: the second refuses, and comes in when the first is lost.
//!
//! Must not know: how the sink tells them apart.

use rustix::process::Signal;

use super::{Scene, command, level};
use crate::harness::bucket::ObjectStore;
use crate::harness::dav::Dav;
use crate::harness::encrypt::Encrypt;
use crate::harness::on_air::told;
use crate::harness::packager::Packager;
use crate::harness::process::Process;
use crate::harness::wait::{seconds, until};

/// Another worker of the same stream, with a folder and a state of its own.
fn another(scene: &Scene, dav: Option<&Dav>, store: Option<&ObjectStore>) -> Process {
    let job = scene.job.to_sink(&scene.sink.path().join("other/folder"));
    Process::start(command(&job, dav, store, &[]))
}

/// Wants another worker to refuse, having published nothing.
async fn refused(scene: &Scene, dav: Option<&Dav>, store: Option<&ObjectStore>) {
    let mut second = another(scene, dav, store);
    let status = second.end(seconds(30)).await;
    let said = second.stderr.text();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(
        said.contains("another encryptor") && said.contains("writes to"),
        "{said}"
    );
    assert_eq!(told(&second, "published"), 0);
}

async fn publishes(scene: &mut Scene, worker: &mut Process) {
    let before = told(worker, "published");
    for _ in 0..60 {
        scene.packager.run(1).await;
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        if told(worker, "published") > before + 2 {
            return;
        }
    }
    panic!("nothing is published: {}", worker.stdout.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_writers_refuses_until_the_first_is_gone() {
    let mut scene = Scene::live("test/fence", Packager::single).await;
    let (dav, store) = (
        Dav::start().await,
        ObjectStore::start(&scene.serve.ca()).await,
    );
    let mut first = scene.worker(Some(&dav), Some(&store), &[]);
    publishes(&mut scene, &mut first).await;
    let mut seen = scene.seen_in(&store);
    level(&scene, &mut seen).await;
    refused(&scene, Some(&dav), None).await;
    refused(&scene, None, Some(&store)).await;
    publishes(&mut scene, &mut first).await;

    // The same state folder is the same writer: a restart need not wait.
    first.kill();
    let mut first = scene.worker(Some(&dav), Some(&store), &[]);
    publishes(&mut scene, &mut first).await;
    level(&scene, &mut seen).await;
    assert_eq!(told(&first, "sink_taken"), 0);

    // A stop in order gives both up at once.
    first.stop(Signal::TERM).await;
    let mut next = another(&scene, Some(&dav), Some(&store));
    publishes(&mut scene, &mut next).await;
    next.kill();

    // A lost one holds them for a while, and not for ever.
    let mut refusals = 0;
    let mut last = until("the lost writer's time is over", seconds(90), async || {
        let mut worker = scene.worker(Some(&dav), Some(&store), &[]);
        until("it is let in or not", seconds(20), async || {
            (worker.ended().is_some() || told(&worker, "started") > 0).then_some(())
        })
        .await;
        let is_in = worker.ended().is_none();
        refusals += usize::from(!is_in);
        is_in.then_some(worker)
    })
    .await;
    assert!(refusals > 0, "it came in while another might write");
    scene.packager.pause().await; // it does not make up for that time
    publishes(&mut scene, &mut last).await;
    level(&scene, &mut seen).await;
    last.stop(Signal::TERM).await;
}

/// A folder is locked: who was killed holds it no longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_writer_whatever_state_each_keeps() {
    let mut scene = Scene::live("test/one-folder", Packager::single).await;
    let mut first = scene.worker(None, None, &[]);
    publishes(&mut scene, &mut first).await;
    let states = tempfile::tempdir().unwrap();
    let other = Encrypt {
        states: states.path().to_owned(),
        ..scene.job.clone()
    };
    let mut second = Process::start(command(&other, None, None, &[]));
    assert_eq!(second.end(seconds(30)).await.code(), Some(1));
    let said = second.stderr.text();
    assert!(said.contains("another encryptor writes to"), "{said}");
    assert_eq!(told(&second, "published"), 0);
    publishes(&mut scene, &mut first).await;
    first.kill();
    let mut next = Process::start(command(&other, None, None, &[]));
    publishes(&mut scene, &mut next).await;
    next.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_lost_its_place_writes_no_more() {
    let mut scene = Scene::live("test/lost", Packager::single).await;
    let dav = Dav::start().await;
    let mut first = scene.worker(Some(&dav), None, &[]);
    publishes(&mut scene, &mut first).await;
    let mut seen = scene.seen_at(&dav);
    level(&scene, &mut seen).await;
    let note = dav.folder().join(".hlskey-writer.json");
    let text = std::fs::read_to_string(&note).unwrap();
    let mut other: serde_json::Value = serde_json::from_str(&text).unwrap();
    (other["instance"], other["token"]) = ("elsewhere".into(), "another".into());
    std::fs::write(&note, other.to_string()).unwrap();
    until("it is told", seconds(30), async || {
        scene.packager.run(1).await;
        (told(&first, "sink_taken") > 0).then_some(())
    })
    .await;
    let (list, folder) = (dav.folder().join("index.m3u8"), scene.sink.path());
    let (last, local) = (std::fs::read(&list).unwrap(), folder.join("index.m3u8"));
    let before = std::fs::read(&local).unwrap();
    scene.packager.run(6).await;
    assert_eq!(std::fs::read(&list).unwrap(), last, "it still writes there");
    assert_ne!(std::fs::read(&local).unwrap(), before, "the folder goes on");
    first.stop(Signal::TERM).await;
    assert!(note.exists(), "the note is another one's");
}
