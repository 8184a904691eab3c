//! Two workers on one sink by mistake: the second refuses, and comes in when the first is lost.
//!
//! Must not know: how the sink tells them apart.

use rustix::process::Signal;

use super::{Scene, command, level};
use crate::harness::bucket::ObjectStore;
use crate::harness::clock::SetClock;
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
    for _ in 0..120 {
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

    // A lost one holds them for a while, and not for ever; the folder is not held up.
    let before = dav.puts();
    let mut last = scene.worker(Some(&dav), Some(&store), &[]);
    publishes(&mut scene, &mut last).await;
    assert_eq!(dav.puts(), before, "it writes while another may");
    until("the lost writer's time is over", seconds(90), async || {
        scene.packager.run(1).await;
        (told(&last, "sink_taken") >= 2 && told(&last, "sink_level") >= 2).then_some(())
    })
    .await;
    level(&scene, &mut seen).await;
    last.stop(Signal::TERM).await;
}

/// Who may write is no matter of the time of day: hosts differ, and clocks are set.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong_takes_nothing_and_holds_nothing() {
    let mut scene = Scene::live("test/clocks", Packager::single).await;
    let dav = Dav::start().await;
    let (ahead, further) = (SetClock::right(), SetClock::right());
    ahead.set(3600);
    further.set(7200);
    let given = ahead.given_to(scene.command(Some(&dav), None, &[]));
    let mut first = Process::start(given);
    publishes(&mut scene, &mut first).await;
    let job = scene.job.to_sink(&scene.sink.path().join("other/folder"));
    let mut second = Process::start(further.given_to(command(&job, Some(&dav), None, &[])));
    let status = second.end(seconds(30)).await;
    assert_eq!(status.code(), Some(1), "{}", second.stdout.text());
    ahead.set(-3600);
    publishes(&mut scene, &mut first).await;
    refused(&scene, Some(&dav), None).await;
    assert_eq!(told(&first, "sink_taken"), 0);
    first.kill();
    let mut next = another(&scene, Some(&dav), None);
    until("a lost clock holds nothing", seconds(90), async || {
        scene.packager.run(1).await;
        assert!(next.ended().is_none(), "{}", next.stderr.text());
        (told(&next, "sink_level") > 0).then_some(())
    })
    .await;
    next.stop(Signal::TERM).await;
}

/// A machine that was cloned has the same state folder, and is another writer.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_state_folder_is_another_writer() {
    let mut scene = Scene::live("test/copied", Packager::single).await;
    let dav = Dav::start().await;
    let mut first = scene.worker(Some(&dav), None, &[]);
    publishes(&mut scene, &mut first).await;
    let (states, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let copy = Encrypt {
        states: states.path().to_owned(),
        sink: sink.path().join(scene.sink.path().file_name().unwrap()),
        ..scene.job.clone()
    };
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([scene.job.state(), copy.state()])
        .status();
    assert!(copied.unwrap().success());
    let mut second = Process::start(command(&copy, Some(&dav), None, &[]));
    let status = second.end(seconds(30)).await;
    let said = second.stderr.text();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("on a copy of this state folder"), "{said}");
    publishes(&mut scene, &mut first).await;
    assert_eq!(told(&first, "sink_taken"), 0);
    first.stop(Signal::TERM).await;
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
