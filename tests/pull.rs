//! `hlskey encrypt --source pull:URL`: another server's stream is followed, through its absence and
//! the worker's own.
//!
//! Must not know: how it is fetched.

mod growing;
mod origins;
mod tokens;

use crate::harness::encrypt::Encrypt;
use crate::harness::nginx::Nginx;
use crate::harness::packager::Packager;
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};
use crate::runs::Show;
use crate::secrets::files_below;

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
    // Nothing that is spooled is fetched twice, but that a new run looks whether the newest is still
    // the same; and nothing is made twice. What was cleared since is not known to a new run.
    let segments = || {
        let mut gave = nginx.gave();
        gave.retain(|path, _| !path.ends_with(".m3u8"));
        gave
    };
    let once = segments();
    assert_eq!(once.len(), 3 * 90);
    assert!(once.values().all(|count| *count == 1), "{once:?}");
    let spooled = files_below(&job.spool());
    assert!(spooled.len() >= 3 * 16, "{spooled:?}");
    let again = job.once_well();
    let mut twice = segments();
    twice.retain(|path, count| *count > 1 && spooled.iter().any(|it| it.ends_with(&path[1..])));
    assert_eq!(twice.len(), 3, "{twice:?}");
    let is_newest = |path: &String| path.contains("/seg-89.");
    assert!(twice.keys().all(is_newest), "{twice:?}");
    assert!(twice.values().all(|count| *count == 2), "{twice:?}");
    let told = String::from_utf8(again.stdout).unwrap();
    assert!(!told.contains("\"encrypted\""), "{told}");
}

/// What lies in the spool is of the day before: a source that cannot be read is no success.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_away_is_not_done_though_yesterdays_is() {
    let serve = Serve::start(EVERY, "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::single(source.path());
    packager.write_vod(5);
    let mut nginx = Nginx::origin(source.path(), "").await;
    let mut job = Encrypt::at(&serve, "test/away", source.path(), sink.path());
    job.from = Some(format!("pull:{}", nginx.url("index.m3u8")));
    job.once_well();
    nginx.pause().await;
    let output = job.once();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("not all of it"),
        "{said}"
    );
}

/// A finished list of many segments is spooled before its files are.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_while_it_fetches_goes_on() {
    let serve = Serve::start("{ segments = 500 }", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::single(source.path());
    packager.write_vod(1200);
    let nginx = Nginx::origin(source.path(), "limit_rate 200k;").await;
    let mut job = Encrypt::at(&serve, "test/killed", source.path(), sink.path());
    job.from = Some(format!("pull:{}", nginx.url("index.m3u8")));
    let mut run = Process::start(job.command(&["--once"]));
    until("a part is fetched", seconds(60), async || {
        let spool = job.spool();
        let fetched = if spool.exists() {
            files_below(&spool).len()
        } else {
            0
        };
        (fetched > 100).then_some(())
    })
    .await;
    run.kill();
    job.once_well();
    crate::encrypt::audit(&serve, &job, &packager, 1200, 3).await;
}
