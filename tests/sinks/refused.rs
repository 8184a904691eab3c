//! An origin that refuses one rendition, or to be asked so much: the rest goes on.
//!
//! Must not know: how often anything is tried.

use rustix::process::Signal;

use super::{Scene, has, level};
use crate::harness::dav::Dav;
use crate::harness::on_air::told;
use crate::harness::packager::Packager;
use crate::harness::wait::{seconds, until};

/// Whatever is put into one rendition's folder is too long.
const TOO_LONG: &str = "location /live/v0/ { client_max_body_size 1; }";
/// Nobody may ask for a file without its bytes.
const BUSY: &str = "if ($request_method = HEAD) { return 503; }";

#[tokio::test(flavor = "multi_thread")]
async fn a_rendition_that_is_refused_holds_up_no_other() {
    let mut scene = Scene::live("test/too-long", Packager::ladder).await;
    let mut dav = Dav::start().await;
    dav.amend(TOO_LONG).await;
    let mut worker = scene.worker(Some(&dav), None, &[]);
    let (refused, others): (Vec<String>, Vec<String>) = scene
        .packager
        .renditions
        .iter()
        .cloned()
        .partition(|at| at.starts_with("v0/"));
    assert!(!refused.is_empty() && others.len() > 1, "{others:?}");
    let folder = dav.folder();
    let goes_on = |from: u64| others.iter().all(|at| has(&folder, at, from));
    scene.packager.run(20).await;
    for _ in 0..3 {
        let next = scene.packager.next;
        let within = next + 12;
        scene
            .on_air("the others go on", async || goes_on(next))
            .await;
        assert!(scene.packager.next <= within, "they go on now and then");
    }
    let list = |at: &String| folder.join(at);
    assert!(refused.iter().all(|at| !list(at).exists()));
    assert!(others.iter().all(|at| list(at).exists()));
    assert!(dav.heads() < 50, "{} are asked for", dav.heads());
    let (said, own) = (worker.stdout.text(), "answered 413");
    assert!(said.contains(own), "{said}");
    dav.amend("").await;
    let next = scene.packager.next;
    scene
        .on_air("it comes after", async || has(&folder, &refused[0], next))
        .await;
    let mut seen = scene.seen_at(&dav);
    level(&scene, &mut seen).await;
    worker.stop(Signal::TERM).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_is_asked_too_much_is_not_sent_everything_again() {
    let scene = Scene::finished("test/busy", 120).await;
    let mut dav = Dav::start().await;
    let first = scene
        .worker(Some(&dav), None, &["--once"])
        .end(seconds(60))
        .await;
    assert!(first.success());
    let before = dav.puts();
    dav.amend(BUSY).await;
    let mut again = scene.worker(Some(&dav), None, &[]);
    until("it is told", seconds(30), async || {
        assert!(again.ended().is_none(), "{}", again.stderr.text());
        (told(&again, "sink_behind") > 0).then_some(())
    })
    .await;
    let segments = |puts: &std::collections::BTreeMap<String, usize>| {
        let all = puts.iter().filter(|(path, _)| path.ends_with(".ts"));
        all.map(|(_, count)| count).sum::<usize>()
    };
    assert_eq!(segments(&dav.puts()), segments(&before));
    dav.amend("").await;
    until("it is level again", seconds(60), async || {
        (told(&again, "sink_level") > 0).then_some(())
    })
    .await;
    assert_eq!(segments(&dav.puts()), segments(&before));
    let heads = dav.heads();
    assert!((120..300).contains(&heads), "{heads} are asked for");
    // One that is gone is missed.
    again.stop(Signal::TERM).await;
    std::fs::remove_file(dav.folder().join("seg-7.ts")).unwrap();
    let last = scene
        .worker(Some(&dav), None, &["--once"])
        .end(seconds(60))
        .await;
    assert!(last.success());
    assert_eq!(segments(&dav.puts()), segments(&before) + 1);
}
