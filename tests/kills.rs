//! The encryptor killed around what it has agreed with its server: a cut, a source that began anew,
//! times of its own, a state folder without room.
//!
//! Must not know: how any of it is kept.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rand::RngExt as _;
use serde_json::Value;

use crate::harness::actor::{Actor, Answer};
use crate::harness::chance::seeded;
use crate::harness::encrypt::Encrypt;
use crate::harness::on_air::{OnAir, told};
use crate::harness::packager::{Packager, payload, replace};
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::small_disk::SmallDisk;
use crate::harness::wait::{seconds, until};
use crate::runs::Show;

/// Restarts of a source: as many as the server tells of.
const RESTARTS: usize = 3;
/// Kills around each of them.
const KILLS: usize = 3;
/// Milliseconds from the restart, or a start, to the kill.
const MOMENTS: std::ops::Range<u64> = 0..1200;

fn packager(stage: &OnAir) -> Actor {
    let credential = std::fs::read_to_string(&stage.job.credential).unwrap();
    stage.serve.stranger().with(credential.trim())
}

async fn rotate(actor: &Actor, stream: &str) -> Answer {
    let path = format!("/v1/streams/{stream}/rotate");
    actor.ask("POST", &path, Some("{}")).await
}

/// The schedule's version that a worker went on from.
fn restored(worker: &Process) -> Option<u64> {
    let lines = worker.stdout.all();
    let line = lines
        .iter()
        .find(|line| line.starts_with("{\"event\":\"restored\""))?;
    let event: Value = serde_json::from_str(line).unwrap();
    event["version"].as_u64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_cut_holds_though_its_encryptor_is_killed_at_once() {
    let mut stage = OnAir::set("test/confirmed", "10m", "90s").await;
    let first = stage.job.start();
    let ledger = stage.ledger();
    let noted = |stage: &OnAir| stage.keeps_up() && ledger.exists();
    stage.on_air("it is noted", seconds(30), noted).await;
    let cut = rotate(&packager(&stage), &stage.job.stream).await;
    drop(first); // killed, and then its server
    stage.serve.kill();
    let cut = cut.expect(200).json();

    let second = stage.job.start();
    stage.on_air_for(25).await; // past the cut
    assert_eq!(restored(&second), cut["version"].as_u64());
    stage.serve.resume().await;
    stage
        .on_air("all of it is published", seconds(40), OnAir::keeps_up)
        .await;
    stage.ask().await;
    stage.seen.judge(30, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_room_for_its_ledger_an_encryptor_goes_on_from_no_older_one() {
    let mut stage = OnAir::set("test/no-room", "10m", "90s").await;
    let state = stage.job.state();
    std::fs::create_dir_all(&state).unwrap();
    let small = SmallDisk::mount(&state, 256);
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    let first = stage.job.start();
    let ledger = stage.ledger();
    let noted = |stage: &OnAir| stage.keeps_up() && ledger.exists();
    stage.on_air("it is noted", seconds(30), noted).await;
    small.fill();
    let cut = rotate(&packager(&stage), &stage.job.stream).await;
    let cut = cut.expect(200).json(); // who cannot note it cannot go on from before it either
    assert_eq!(told(&first, "ledger_failed"), 1);
    drop(first);
    stage.serve.kill();

    let second = stage.job.start();
    stage.on_air_for(20).await; // past the cut
    // what was deleted may have made room
    let version = restored(&second);
    assert!(version.is_none() || version == cut["version"].as_u64());
    small.empty();
    stage.serve.resume().await;
    let noted = |stage: &OnAir| stage.keeps_up() && ledger.exists();
    stage
        .on_air("all of it is published and noted", seconds(40), noted)
        .await;
    stage.ask().await;
    stage.seen.judge(30, 2);
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_taken_from_the_clock_outlive_a_kill() {
    let mut stage = OnAir::set("test/taken", "4s", "80s").await;
    stage.packager.epoch = None;
    let first = stage.job.start();
    stage
        .on_air("everything is published", seconds(30), OnAir::keeps_up)
        .await;
    stage.on_air_for(8).await;
    stage.serve.kill();
    let taken = |stage: &OnAir| stage.keeps_up() && told(&first, "time_taken") == 1;
    stage
        .on_air("it goes on by its clock", seconds(30), taken)
        .await;
    stage.packager.pause().await;
    stage.on_air_for(3).await; // what it took is noted
    drop(first);
    let second = stage.job.start();
    let rotates = |stage: &OnAir| stage.keeps_up() && told(&second, "rotated") >= 2;
    stage
        .on_air("another goes on by its own", seconds(40), rotates)
        .await;
    assert_eq!(told(&second, "restored"), 1);
    stage.serve.resume().await;
    stage.on_air_for(4).await;
    assert!(stage.keeps_up(), "{}", second.stdout.text());
    stage.ask().await;
    stage.seen.judge(20, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_moment_of_a_restart_is_a_bad_one_to_be_killed() {
    let mut random = seeded();
    let mut show = Show::begin("{ segments = 5 }", "killed-anew", Packager::ladder).await;
    let mut worker = show.job.start();
    show.follow(6).await;
    show.caught_up(&mut worker).await;
    for _ in 0..RESTARTS {
        show.packager.restart();
        show.follow(1).await;
        for _ in 0..KILLS {
            let moment = Duration::from_millis(random.random_range(MOMENTS));
            show.follow_on(moment).await;
            worker.kill();
            worker = show.job.start();
        }
        show.follow(3).await;
        show.caught_up(&mut worker).await;
    }
    show.judge(3 * (6 + 4 * RESTARTS), 1 + RESTARTS).await;
}

/// A packager that wraps its numbers; a cache still has the first file of each name.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_recurs_after_a_kill_is_another_file() {
    let serve = Serve::start("{ segments = 3 }", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let job = Encrypt::at(&serve, "test/wraps", source.path(), sink.path());
    let write = |msn: u64| {
        let bytes = payload("index.m3u8", msn);
        let name = source.path().join(format!("w{}.ts", msn % 4));
        fs::write(name, bytes).unwrap();
    };
    let list = |numbers: std::ops::RangeInclusive<u64>| {
        let mut text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:8\n".to_owned();
        text += &format!("#EXT-X-MEDIA-SEQUENCE:{}\n", numbers.start());
        for msn in numbers {
            text += &format!("#EXTINF:8,\nw{}.ts\n", msn % 4);
        }
        replace(&source.path().join("index.m3u8"), &text);
    };
    let listed = async |last: &'static str| {
        until(last, seconds(30), async || {
            let text = fs::read_to_string(sink.path().join("index.m3u8")).ok()?;
            let is_there = text.ends_with(&format!("{last}\n"));
            is_there.then_some(text)
        })
        .await
    };
    (0..4).for_each(write);
    list(0..=3);
    let mut worker = job.start();
    listed("w3.ts").await;
    let first = fs::read(sink.path().join("w0.ts")).unwrap();
    list(1..=3);
    until("the list goes on", seconds(30), async || {
        let text = fs::read_to_string(sink.path().join("index.m3u8")).unwrap();
        (!text.contains("w0.ts")).then_some(())
    })
    .await;
    worker.kill();
    write(4);
    list(1..=4);
    let worker = job.start();
    let text = listed("w0-4.ts").await;
    assert!(text.contains("\nw1.ts\n"), "{text}");
    assert!(fs::read(sink.path().join("w0.ts")).unwrap() == first);
    drop(worker);
}
