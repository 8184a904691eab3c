//! What packagers, disks and people do wrong: nothing wrong is published, and it passes.

use std::fs::File;

use super::*;

/// Gives a source file the age `millis` at the bench's time.
fn age(bench: &Bench, path: &str, millis: u64) {
    let at = bench.now.minus(Duration::from_millis(millis)).millis();
    let since = Duration::from_millis(u64::try_from(at).unwrap());
    let file = File::options()
        .write(true)
        .open(bench.source(path))
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH + since).unwrap();
}

#[test]
fn a_segment_is_awaited_until_it_is_whole() {
    let mut bench = Bench::new(NEVER);
    bench.live("i.m3u8", 0..=3);
    let whole = segment(2);
    bench.write("s2.ts", &whole[..whole.len() - 7]);
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0, 1]);
    bench.after(1000);
    assert_eq!(
        bench.stalls(),
        [("i.m3u8".to_owned(), StallReason::Truncated)]
    );
    bench.write("s2.ts", &whole);
    age(&bench, "s2.ts", 10);
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0, 1], "it may still grow");
    bench.after(250);
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2, 3]);
    bench.audit("i.m3u8");
    assert!(bench.events.contains(&Event::Resumed {
        rendition: "i.m3u8".to_owned()
    }));
}

#[test]
fn a_half_written_playlist_says_nothing_yet() {
    let mut bench = Bench::new(NEVER);
    bench.live("i.m3u8", 0..=3);
    bench.settle();
    let whole = playlist(1..=5, "");
    for msn in 4..=5 {
        bench.write(&format!("s{msn}.ts"), segment(msn));
    }
    for cut in 0..whole.len() {
        bench.write("i.m3u8", &whole[..cut]);
        age(&bench, "i.m3u8", 10);
        bench.settle();
        let listed = bench.listed("i.m3u8");
        let last = *listed.last().unwrap();
        assert!((3..=5).contains(&last), "{cut}: {listed:?}");
        bench.audit("i.m3u8");
    }
    bench.write("i.m3u8", &whole);
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [1, 2, 3, 4, 5]);
    assert_eq!(bench.stalls(), []);
}

#[test]
fn a_vanished_live_segment_becomes_a_gap_when_patience_ends() {
    let mut bench = Bench::new(NEVER);
    bench.live("i.m3u8", 0..=2);
    bench.settle();
    bench.live("i.m3u8", 0..=4);
    fs::remove_file(bench.source("s3.ts")).unwrap();
    bench.settle();
    bench.after(7900);
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2]);
    assert_eq!(
        bench.stalls(),
        [("i.m3u8".to_owned(), StallReason::Missing)]
    );
    bench.after(200);
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2, 3, 4]);
    assert!(bench.published("i.m3u8").segments()[3].gap);
    bench.audit("i.m3u8");
}

#[test]
fn a_live_segment_that_stays_torn_or_empty_becomes_a_gap() {
    for (content, reason) in [
        (&segment(3)[..100], StallReason::Truncated),
        (b"", StallReason::Empty),
    ] {
        let mut bench = Bench::new(NEVER);
        bench.live("i.m3u8", 0..=2);
        bench.settle();
        bench.live("i.m3u8", 0..=4);
        bench.write("s3.ts", content);
        bench.settle();
        bench.after(1);
        bench.after(7900);
        assert_eq!(bench.listed("i.m3u8"), [0, 1, 2]);
        assert_eq!(bench.stalls(), [("i.m3u8".to_owned(), reason)]);
        bench.after(200);
        assert_eq!(bench.listed("i.m3u8"), [0, 1, 2, 3, 4]);
        assert!(bench.published("i.m3u8").segments()[3].gap);
        bench.audit("i.m3u8");
    }
}

#[test]
fn segments_that_were_gone_before_we_came_are_not_awaited() {
    let mut bench = Bench::new(NEVER);
    bench.live("i.m3u8", 5..=9);
    fs::remove_file(bench.source("s5.ts")).unwrap();
    fs::remove_file(bench.source("s6.ts")).unwrap();
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [7, 8, 9]);
    bench.live("i.m3u8", 6..=10);
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [7, 8, 9, 10]);
    bench.audit("i.m3u8");
}

#[test]
fn what_leads_out_of_the_source_is_refused_and_the_rest_goes_on() {
    let mut bench = Bench::new(NEVER);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("x.ts"), segment(1)).unwrap();
    std::os::unix::fs::symlink(outside.path().join("x.ts"), bench.source("link.ts")).unwrap();
    let list = |uri: &str| format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{uri}\n");
    bench.write("a.m3u8", list("../x.ts"));
    bench.write("b.m3u8", list("/etc/hostname"));
    bench.write("c.m3u8", list("https://elsewhere.test/x.ts"));
    bench.write("d.m3u8", list("link.ts"));
    bench.live("ok/i.m3u8", 0..=1);
    bench.write("e.m3u8", list("ok/s0.ts"));
    bench.settle();
    assert_eq!(bench.listed("ok/i.m3u8"), [0, 1]);
    let name = |list: &str| bench.published(list).segments()[0].uri.clone();
    assert_eq!(name("e.m3u8"), "ok/s0.ts");
    assert_eq!(
        name("ok/i.m3u8"),
        "s0-0.ts",
        "a file of its own, under its own IV"
    );
    bench.audit("ok/i.m3u8");
    let reasons: Vec<_> = bench
        .stalls()
        .into_iter()
        .map(|(_, reason)| reason)
        .collect();
    use StallReason::{NotReadable, Outside};
    assert_eq!(reasons, [Outside, Outside, Outside, NotReadable]);
}

#[test]
fn a_source_that_begins_anew_waits_for_the_servers_word() {
    for (restarted, what) in [
        (playlist(0..=2, ""), "numbers go back"),
        (
            playlist(8..=12, "").replace("s10.ts", "t10.ts"),
            "another file",
        ),
        (
            playlist(8..=12, "").replace("1970-01-01", "1970-01-02"),
            "another time",
        ),
    ] {
        let mut bench = Bench::new(BY_THREE);
        bench.live("i.m3u8", 8..=11);
        bench.settle();
        let before = files(bench.sink.path());
        for msn in 0..=2 {
            bench.write(&format!("s{msn}.ts"), segment(msn));
        }
        bench.write("s12.ts", segment(12));
        bench.write("t10.ts", segment(10));
        bench.write("i.m3u8", &restarted);
        bench.settle();
        bench.after(60_000);
        let told = |event: &&Event| matches!(event, Event::SourceRestarted { .. });
        assert_eq!(bench.events.iter().filter(told).count(), 1, "{what}");
        assert_eq!(files(bench.sink.path()), before, "{what}");
        bench.live("i.m3u8", 13..=14);
        bench.settle();
        assert_eq!(
            bench.listed("i.m3u8"),
            [13, 14],
            "{what}: past all that was published"
        );
    }
}

#[test]
fn a_list_that_stays_short_is_awaited() {
    let mut bench = Bench::new(NEVER);
    bench.live("i.m3u8", 0..=5);
    bench.settle();
    bench.live("i.m3u8", 0..=1);
    bench.settle();
    bench.after(60_000);
    let stalled = ("i.m3u8".to_owned(), StallReason::Shortened);
    assert_eq!(bench.stalls(), [stalled]);
    let told = |event: &Event| matches!(event, Event::SourceRestarted { .. });
    assert!(!bench.events.iter().any(told), "no file is new");
    bench.live("i.m3u8", 0..=9);
    bench.settle();
    assert_eq!(bench.listed("i.m3u8").len(), 10);
    bench.audit("i.m3u8");
}

#[test]
fn a_published_segment_is_never_written_again() {
    let mut bench = Bench::new(NEVER);
    bench.live("i.m3u8", 0..=2);
    bench.settle();
    let before = files(bench.sink.path());
    bench.write("s1.ts", segment(77));
    bench.after(2000);
    assert_eq!(files(bench.sink.path()), before);
    let told = |event: &&Event| matches!(event, Event::SourceChanged { msn: 1, .. });
    assert_eq!(bench.events.iter().filter(told).count(), 1);
}

#[test]
fn a_sink_that_cannot_be_written_is_tried_again() {
    let mut bench = Bench::new(NEVER);
    for msn in 0..=2 {
        bench.write(&format!("v0/s{msn}.ts"), segment(msn));
    }
    bench.write("i.m3u8", playlist(0..=2, "").replace("\ns", "\nv0/s"));
    fs::write(bench.sink("v0"), "in the way").unwrap();
    bench.settle();
    let failed = |event: &&Event| matches!(event, Event::SinkFailed { .. });
    assert_eq!(bench.events.iter().filter(failed).count(), 1);
    assert_eq!(files(bench.sink.path()).len(), 1, "nothing half written");
    fs::remove_file(bench.sink("v0")).unwrap();
    bench.settle();
    assert!(!bench.sink("i.m3u8").exists(), "not at once");
    bench.after(500);
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2]);
    assert!(bench.events.contains(&Event::SinkRecovered));
    bench.audit("i.m3u8");
}

#[test]
fn a_clock_that_is_set_back_holds_nothing_up() {
    let hour = Duration::from_secs(3600);
    let mut bench = Bench::new(NEVER);
    bench.live("i.m3u8", 0..=2);
    bench.settle();
    bench.live("i.m3u8", 0..=3);
    age(&bench, "s3.ts", 10);
    bench.settle();
    bench.now = bench.now.minus(hour);
    bench.settle();
    bench.after(250);
    assert_eq!(
        bench.listed("i.m3u8"),
        [0, 1, 2, 3],
        "a file that was fresh"
    );
    bench.live("i.m3u8", 0..=5);
    fs::remove_file(bench.source("s4.ts")).unwrap();
    bench.settle();
    bench.now = bench.now.minus(hour);
    bench.settle();
    bench.after(8000);
    assert_eq!(bench.listed("i.m3u8").len(), 6, "a file that is missing");
    fs::create_dir(bench.sink("s6.ts")).unwrap();
    bench.live("i.m3u8", 0..=6);
    bench.settle();
    bench.after(250);
    fs::remove_dir(bench.sink("s6.ts")).unwrap();
    bench.now = bench.now.minus(hour);
    bench.settle();
    bench.after(250);
    assert_eq!(bench.listed("i.m3u8").len(), 7, "a sink in trouble");
    bench.audit("i.m3u8");
}

#[test]
fn unsupported_lists_stall_alone() {
    let mut bench = Bench::new(NEVER);
    let head = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n";
    bench.write(
        "delta.m3u8",
        format!("{head}#EXT-X-SKIP:SKIPPED-SEGMENTS=1\n#EXTINF:4,\ns0.ts\n"),
    );
    bench.write("bad.m3u8", "not a playlist\n");
    bench.live("i.m3u8", 0..=2);
    bench.settle();
    bench.after(1000);
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2]);
    let stalls: std::collections::BTreeMap<_, _> = bench.stalls().into_iter().collect();
    assert_eq!(stalls["delta.m3u8"], StallReason::Unsupported);
    assert_eq!(stalls["bad.m3u8"], StallReason::Unreadable);
    assert_eq!(stalls.len(), 2);
}

#[test]
fn a_source_directory_that_is_made_afresh_is_found_again() {
    let mut bench = Bench::new(NEVER);
    bench.live("v0/i.m3u8", 0..=2);
    bench.settle();
    let root = bench.source("");
    fs::remove_dir_all(&root).unwrap();
    bench.settle();
    fs::create_dir(&root).unwrap();
    bench.live("v0/i.m3u8", 2..=4);
    assert!(bench.pass().moved);
    bench.settle();
    assert_eq!(bench.listed("v0/i.m3u8"), [2, 3, 4]);
    bench.audit("v0/i.m3u8");
}

#[test]
fn a_playlist_that_cannot_be_written_is_told_once() {
    let mut bench = Bench::new(NEVER);
    bench.live("i.m3u8", 0..=2);
    let mut view = view(NEVER, 0..1);
    view["periods"][0]["uri"] = json!("https://keys.test/v1/keys/a,b");
    let view = serde_json::from_value(view).unwrap();
    let mut lease = Lease::new(view, &"live/a".parse().unwrap(), None).unwrap();
    let probe = first_probe(&lease).unwrap();
    lease.served(&probe, &key_of("0b5f3f0e-1c9c-4f7e-9d3a-000000000000"));
    bench.lease = Some(lease);
    for _ in 0..5 {
        bench.after(100);
    }
    assert_eq!(
        bench.stalls(),
        [("i.m3u8".to_owned(), StallReason::Rewrite)]
    );
    assert!(!bench.sink("i.m3u8").exists());
}
