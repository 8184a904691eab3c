//! The key server is away for the length of a lease, and the encryptor is killed meanwhile.
//!
//! Must not know: how the encryptor keeps its lease; its folder is looked at from outside.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Instant;

use rustix::process::Signal;

use crate::harness::encrypt::Encrypt;
use crate::harness::on_air::{OnAir, alarms, told};
use crate::harness::packager::{MARK, Packager};
use crate::harness::wait::{seconds, until};
use crate::independent::cipher::{decrypt, expected_iv, iv_of_text};
use crate::secrets::files_below;

const RENDITION: &str = "index.m3u8";

#[tokio::test(flavor = "multi_thread")]
async fn rotation_goes_on_through_a_restart_and_stalls_past_the_lease() {
    let mut stage = OnAir::set("test/away-for-a-lease", "2s", "20s").await;
    let mut first = stage.job.start();
    let unbroken = tempfile::tempdir().unwrap();
    let _twin = stage.job.to_sink(unbroken.path()).start();
    stage
        .on_air("everything is published", seconds(30), OnAir::keeps_up)
        .await;
    stage.on_air_for(14).await; // keys of the lease are seen served, one a second
    assert!(stage.keeps_up() && told(&first, "rotated") > 3);

    stage.serve.kill();
    stage.on_air_for(3).await;
    assert!(stage.keeps_up(), "{}", first.stdout.text());
    first.kill();
    let second = stage.job.start();
    let rotates = |stage: &OnAir| stage.keeps_up() && told(&second, "rotated") >= 2;
    stage
        .on_air("it rotates without a server", seconds(12), rotates)
        .await;
    assert_eq!(told(&second, "restored"), 1);
    assert_eq!((told(&second, "lease_ended"), alarms(&second)), (0, 0));

    let ended = |_: &OnAir| told(&second, "lease_ended") == 1 && alarms(&second) == 1;
    stage.on_air("the lease ends", seconds(40), ended).await;
    assert_eq!(told(&second, "lease_ending"), 1, "it was told before");
    stage.on_air_for(1).await;
    let count = stage.published();
    stage.on_air_for(5).await;
    assert_eq!(
        stage.published(),
        count,
        "nothing is published past the lease"
    );
    assert!(stage.packager.next > count + 8);

    stage.serve.resume().await;
    stage
        .on_air("all of it is published", seconds(40), OnAir::keeps_up)
        .await;
    assert_eq!(told(&second, "lease_renewed"), 1);
    stage.ask().await;
    stage.keys_are_sealed(&[&first, &second]);
    let count = usize::try_from(count).unwrap();
    stage.seen.judge(count + 8, 12);
    assert!(same_segments(stage.sink.path(), unbroken.path()) > count);
}

/// Wants the same bytes of every segment that both folders have, and says how many they are.
fn same_segments(one: &Path, other: &Path) -> usize {
    let mut same = 0;
    for path in files_below(one) {
        let name = path.strip_prefix(one).unwrap();
        let is_segment = name.extension().is_some_and(|end| end == "ts");
        if let Ok(theirs) = std::fs::read(other.join(name))
            && is_segment
        {
            assert!(
                std::fs::read(&path).unwrap() == theirs,
                "{}",
                name.display()
            );
            same += 1;
        }
    }
    same
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_key_is_held_past_the_lease_if_so_told() {
    let mut stage = OnAir::set("test/held", "2s", "8s").await;
    let hold = ["--on-lease-end", "hold"];
    let mut first = stage.job.start_with(&hold);
    stage
        .on_air("everything is published", seconds(30), OnAir::keeps_up)
        .await;
    stage.on_air_for(6).await;

    stage.serve.kill();
    let held = |_: &OnAir| told(&first, "key_held") == 1 && alarms(&first) >= 2;
    stage.on_air("a key is held", seconds(60), held).await;
    first.kill();
    let second = stage.job.start_with(&hold);
    let holds = |stage: &OnAir| stage.keeps_up() && told(&second, "key_held") == 1;
    stage
        .on_air("it is held after a restart", seconds(30), holds)
        .await;
    stage.on_air_for(5).await;
    assert!(stage.keeps_up(), "held, and not stalled");
    assert_eq!(told(&second, "key_held"), 1, "told once");

    stage.serve.resume().await;
    let back = |_: &OnAir| told(&second, "lease_renewed") == 1;
    stage
        .on_air("the lease is good again", seconds(30), back)
        .await;
    let rotated = told(&second, "rotated");
    let rotates = |stage: &OnAir| stage.keeps_up() && told(&second, "rotated") >= rotated + 3;
    stage
        .on_air("the schedule is followed again", seconds(30), rotates)
        .await;
    stage.ask().await;
    stage.keys_are_sealed(&[&first, &second]);
    one_key_is_held(&stage);
}

/// All is right but the period of a run of segments; those open with the key that they name.
fn one_key_is_held(stage: &OnAir) {
    let faults = stage.seen.evidence.faults();
    assert!(faults.len() >= 8, "{faults:?}");
    for fault in &faults {
        assert!(fault.contains("wrong period"), "{faults:?}");
    }
    let evidence = &stage.seen.evidence;
    let list = &evidence.published.last().unwrap().1;
    let mut held = std::collections::BTreeSet::new();
    for segment in list.segments.iter().filter(|segment| !segment.gap) {
        let tag = segment.key.as_ref().unwrap();
        let (uri, iv) = (tag[1].1.trim_matches('"'), iv_of_text(&tag[2].1).unwrap());
        let key = evidence.keys[uri];
        assert_eq!(iv, expected_iv(&key, RENDITION, segment.msn));
        let plain = decrypt(&key, &iv, &evidence.files[&segment.uri]).unwrap();
        let name = (RENDITION.to_owned(), segment.msn);
        assert_eq!(plain, evidence.source[&name], "{}", segment.msn);
        let tagged = format!("{RENDITION} #{}: wrong period", segment.msn);
        if faults.iter().any(|fault| fault.starts_with(&tagged)) {
            held.insert(uri.to_owned());
        }
    }
    assert_eq!(held.len(), 1, "one key is held: {held:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_cannot_be_trusted_is_told_and_stops_nothing() {
    let mut stage = OnAir::set("test/ledgers", "2s", "30s").await;
    let mut worker = stage.job.start();
    stage
        .on_air("everything is published", seconds(30), OnAir::keeps_up)
        .await;
    let ledger = stage.ledger();
    let there = |_: &OnAir| ledger.exists();
    stage.on_air("it is noted", seconds(10), there).await;
    worker.kill();
    let good = std::fs::read(&ledger).unwrap();
    let mut tampered = good.clone();
    *tampered.last_mut().unwrap() ^= 1;
    let text = String::from_utf8_lossy(&good[..60]).into_owned();
    assert!(
        text.starts_with("hlskey ledger 1\ntest/ledgers at https://"),
        "{text}"
    );
    let foreign = [b"hlskey ledger 1\ntest/other at ", &good[16..]].concat();
    for bad in [tampered, good[..good.len() / 2].to_vec(), foreign] {
        std::fs::write(&ledger, bad).unwrap();
        let mut worker = stage.job.start();
        let before = stage.packager.next;
        let passes = |stage: &OnAir| stage.keeps_up() && stage.published() > before;
        stage
            .on_air("it is published all the same", seconds(30), passes)
            .await;
        let (refused, restored) = (told(&worker, "ledger_refused"), told(&worker, "restored"));
        assert_eq!((refused, restored), (1, 0), "{}", worker.stdout.text());
        assert!(
            worker.stderr.text().contains("WARN"),
            "{}",
            worker.stderr.text()
        );
        worker.kill();
    }
    // While the server is away, such a ledger is no lease at all.
    stage.serve.pause().await;
    std::fs::write(&ledger, &good[..good.len() - 1]).unwrap();
    let mut worker = stage.job.start();
    let count = stage.published();
    stage.on_air_for(4).await;
    assert_eq!(stage.published(), count);
    worker.kill();
    std::fs::write(&ledger, &good).unwrap();
    let worker = stage.job.start();
    let restored = |_: &OnAir| told(&worker, "restored") == 1;
    stage
        .on_air("the good one is taken", seconds(10), restored)
        .await;
    drop(worker);
    stage.serve.resume().await;
    stage.ask().await;
    stage.seen.judge(6, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_cannot_be_noted_is_told_and_stops_nothing() {
    let mut stage = OnAir::set("test/unnoted", "2s", "16s").await;
    let worker = stage.job.start();
    let ledger = stage.ledger();
    let noted = |stage: &OnAir| stage.keeps_up() && ledger.exists();
    stage.on_air("it is noted", seconds(30), noted).await;
    let in_the_way = ledger.with_extension("new");
    std::fs::create_dir(&in_the_way).unwrap();
    let failed = |_: &OnAir| told(&worker, "ledger_failed") == 1;
    stage.on_air("a failure is told", seconds(20), failed).await;
    let before = stage.published();
    let goes_on = |stage: &OnAir| stage.keeps_up() && stage.published() > before + 6;
    stage.on_air("it goes on", seconds(20), goes_on).await;
    std::fs::remove_dir(&in_the_way).unwrap();
    let recovered = |_: &OnAir| told(&worker, "ledger_recovered") == 1;
    stage
        .on_air("it is noted again", seconds(20), recovered)
        .await;
    stage.ask().await;
    stage.seen.judge(8, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_that_gives_keys_away_is_refused() {
    let stage = OnAir::set("test/exposed", "2s", "30s").await;
    let mut packager = Packager::single(&stage.packager.root);
    packager.write_vod(2);
    stage.job.once_well();
    let refused = |job: &Encrypt, words: &str| {
        let output = job.once();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains(words),
            "{words}: {said}"
        );
    };
    let key = stage.job.state().join("ledger.key");
    let mode = |path: &Path, bits| {
        std::fs::set_permissions(path, Permissions::from_mode(bits)).unwrap();
    };
    mode(&key, 0o604);
    refused(&stage.job, "chmod 600");
    mode(&key, 0o600);
    mode(&stage.job.state(), 0o777);
    refused(&stage.job, "chmod 700");
    mode(&stage.job.state(), 0o700);
    for place in [&stage.job.source, &stage.job.sink] {
        let job = Encrypt {
            states: place.join("below"),
            ..stage.job.clone()
        };
        refused(&job, "must not lie inside");
    }
    let other = tempfile::tempdir().unwrap();
    let mut worker = stage.job.start();
    until("it runs", seconds(10), async || {
        (told(&worker, "started") == 1).then_some(())
    })
    .await;
    let name = stage.job.sink.file_name().unwrap();
    let same_state = stage.job.to_sink(&other.path().join(name));
    refused(&same_state, "another encryptor uses the state folder");
    worker.stop(Signal::TERM).await;
    stage.job.once_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_end_gives_the_lease_up_if_somebody_is_there_to_take_it() {
    let mut stage = OnAir::set("test/leaving", "2s", "16s").await;
    let ledger = stage.ledger();
    let mut worker = stage.job.start();
    let noted = |stage: &OnAir| stage.keeps_up() && ledger.exists();
    stage.on_air("it is noted", seconds(30), noted).await;
    worker.stop(Signal::TERM).await;
    assert!(!ledger.exists(), "given up");
    let mut worker = stage.job.start();
    stage.on_air("it is noted", seconds(30), noted).await;
    stage.on_air_for(10).await;
    stage.serve.kill();
    stage.on_air_for(1).await;
    let begun = Instant::now();
    worker.stop(Signal::TERM).await;
    assert!(
        begun.elapsed() < seconds(6),
        "a dead server holds nothing up"
    );
    assert!(ledger.exists(), "nobody took it: the next run needs it");
    let worker = stage.job.start();
    let goes_on = |stage: &OnAir| stage.keeps_up() && told(&worker, "rotated") >= 1;
    stage
        .on_air("it goes on without the server", seconds(12), goes_on)
        .await;
    stage.serve.resume().await;
    stage.ask().await;
    stage.seen.judge(10, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undated_source_takes_its_times_from_the_clock() {
    let mut stage = OnAir::set("test/undated", "4s", "40s").await;
    stage.packager.epoch = None;
    let worker = stage.job.start();
    stage
        .on_air("everything is published", seconds(30), OnAir::keeps_up)
        .await;
    stage.on_air_for(8).await;
    assert_eq!(told(&worker, "time_taken"), 0);
    let rotated = told(&worker, "rotated");
    stage.serve.kill();
    let goes_on = |stage: &OnAir| stage.keeps_up() && told(&worker, "rotated") >= rotated + 2;
    stage
        .on_air("it goes on by its clock", seconds(35), goes_on)
        .await;
    assert_eq!(told(&worker, "time_taken"), 1, "told once");
    assert!(
        worker
            .stderr
            .text()
            .contains("redundant outputs may differ")
    );
    stage.serve.resume().await;
    stage.on_air_for(4).await;
    assert!(stage.keeps_up(), "{}", worker.stdout.text());
    stage.ask().await;
    let text = std::fs::read(stage.sink.path().join("seg-0.ts")).unwrap();
    assert!(!String::from_utf8_lossy(&text).contains(MARK));
    stage.seen.judge(20, 4);
}
