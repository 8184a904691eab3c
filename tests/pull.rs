//! `hlskey encrypt --source pull:URL`: another server's stream is followed, through its absence and
//! the worker's own.
//!
//! Must not know: how it is fetched.

mod origins;
mod tokens;

use crate::harness::encrypt::Encrypt;
use crate::harness::nginx::Nginx;
use crate::harness::packager::Packager;
use crate::harness::serve::Serve;
use crate::runs::Show;

const EVERY: &str = "{ every = \"4s\" }";

/// A stream whose packager writes below a static origin, and the worker that pulls it from there.
async fn show(rotation: &str, name: &str) -> (Show, Nginx) {
    let mut show = Show::begin(rotation, name, Packager::ladder).await;
    let nginx = Nginx::origin(&show.job.source, "").await;
    show.job.from = Some(format!("pull:{}", nginx.url("master.m3u8")));
    show.packager.window = 40;
    (show, nginx)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ladder_is_followed_through_its_origins_absence_and_a_kill() {
    let (mut show, mut nginx) = show(EVERY, "pulled").await;
    let mut worker = show.job.start();
    show.follow(8).await;
    nginx.pause().await;
    show.follow(6).await;
    nginx.resume().await;
    show.follow(6).await;
    worker.kill();
    show.follow(4).await;
    let mut worker = show.job.start();
    show.follow(6).await;
    show.caught_up(&mut worker).await;
    show.judge(3 * 30, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_begins_anew_goes_on() {
    let (mut show, _nginx) = show("{ segments = 5 }", "pulled-anew").await;
    let mut worker = show.job.start();
    show.follow(12).await;
    show.caught_up(&mut worker).await;
    show.packager.restart();
    show.follow(10).await;
    show.caught_up(&mut worker).await;
    show.judge(3 * 22, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rendition_that_appears_later_is_picked_up() {
    let (mut show, _nginx) = show(EVERY, "pulled-later").await;
    let all = show.packager.renditions.clone();
    show.packager.renditions.truncate(1);
    show.packager.write_master();
    let mut worker = show.job.start();
    show.follow(6).await;
    show.caught_up(&mut worker).await;
    show.packager.renditions = all;
    show.packager.first = show.packager.next;
    show.packager.write_master();
    show.follow(40).await;
    show.caught_up(&mut worker).await;
    show.packager.first = 0;
    show.judge(3 * 40, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_asset_is_pulled_once() {
    let serve = Serve::start(EVERY, "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::ladder(source.path());
    packager.write_vod(90);
    let nginx = Nginx::origin(source.path(), "").await;
    let mut job = Encrypt::at(&serve, "test/asset", source.path(), sink.path());
    job.from = Some(format!("pull:{}", nginx.url("master.m3u8")));
    job.once_well();
    crate::encrypt::audit(&serve, &job, &packager, 3 * 90, 5).await;
    // Nothing is fetched or made twice.
    let again = job.once_well();
    let told = String::from_utf8(again.stdout).unwrap();
    assert!(!told.contains("\"encrypted\""), "{told}");
}
