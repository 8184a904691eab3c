//! A live source: its window moves, keys rotate, old files go.

use super::*;

#[test]
fn a_window_is_followed_and_every_segment_has_its_key() {
    let mut bench = Bench::new(EVERY_TEN);
    bench.live("v0/index.m3u8", 10..=12);
    bench.settle();
    assert_eq!(bench.listed("v0/index.m3u8"), [10, 11, 12]);
    bench.audit("v0/index.m3u8");
    bench.live("v0/index.m3u8", 11..=14);
    let outcome = bench.settle();
    assert_eq!(bench.listed("v0/index.m3u8"), [11, 12, 13, 14]);
    bench.audit("v0/index.m3u8");
    let published = bench.published("v0/index.m3u8");
    let kids: Vec<_> = published
        .segments()
        .iter()
        .map(|s| s.key.clone().unwrap().uri.clone())
        .collect();
    let distinct: std::collections::BTreeSet<_> = kids.iter().collect();
    assert_eq!(distinct.len(), 2, "44 s, 48 s | 52 s, 56 s: {kids:?}");
    let progress = outcome.progress.unwrap();
    let uses: Vec<_> = progress[0]
        .periods
        .iter()
        .map(|p| (p.first, p.last))
        .collect();
    assert_eq!(uses, [(11, 12), (13, 14)]);
    assert!(
        bench
            .events
            .iter()
            .any(|event| matches!(event, Event::Rotated { msn: 13, .. }))
    );
}

#[test]
fn files_go_only_when_no_player_can_want_them() {
    let mut bench = Bench::new(BY_THREE);
    fs::write(bench.sink("stray.ts"), "left by a killed run, encrypted.").unwrap();
    fs::write(bench.sink("notes.txt"), "not ours").unwrap();
    bench.restart();
    bench.live("index.m3u8", 0..=2);
    bench.settle();
    bench.live("index.m3u8", 1..=3);
    bench.settle();
    let there = |bench: &Bench, name: &str| bench.sink(name).exists();
    bench.after(15_900);
    assert!(there(&bench, "s0.ts"), "4 s and 12 s of playlist");
    assert!(there(&bench, "stray.ts"));
    bench.after(200);
    assert!(!there(&bench, "s0.ts") && !there(&bench, "stray.ts"));
    assert!(there(&bench, "notes.txt") && there(&bench, "s1.ts"));
}

#[test]
fn a_multivariant_playlist_waits_for_its_children() {
    let mut bench = Bench::new(NEVER).with(super::containers::dropped);
    let master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv0/i.m3u8\n\
        #EXT-X-STREAM-INF:BANDWIDTH=2\nv1/i.m3u8\n";
    let iframes = "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"v0/iframes.m3u8\"\n";
    bench.write("master.m3u8", format!("{master}{iframes}"));
    bench.live("v0/i.m3u8", 0..=2);
    bench.settle();
    assert!(!bench.sink("master.m3u8").exists());
    bench.after(1000);
    let expected = ("master.m3u8".to_owned(), StallReason::Children);
    assert_eq!(bench.stalls(), [expected]);
    bench.live("v1/i.m3u8", 0..=2);
    bench.settle();
    assert_eq!(
        fs::read_to_string(bench.sink("master.m3u8")).unwrap(),
        master
    );
    let dropped = |event: &&Event| matches!(event, Event::IframesDropped { .. });
    assert_eq!(bench.events.iter().filter(dropped).count(), 1);
    bench.audit("v1/i.m3u8");
}

#[test]
fn undated_segments_wait_for_the_servers_word() {
    let mut bench = Bench::new(EVERY_TEN);
    for msn in 7..=9 {
        bench.write(&format!("s{msn}.ts"), segment(msn));
    }
    bench.write("index.m3u8", undated(7..=9, ""));
    let outcome = bench.settle();
    let asked = outcome.wants.claims.into_iter().map(|(_, msn)| msn);
    assert_eq!(Vec::from_iter(asked), [7, 8, 9]);
    bench.assign("index.m3u8", 7, Timestamp::from_millis(55_000));
    bench.assign("index.m3u8", 8, Timestamp::from_millis(61_000));
    bench.settle();
    assert_eq!(bench.listed("index.m3u8"), [7, 8]);
    bench.audit("index.m3u8");
    let kids = bench.published("index.m3u8");
    let kids: Vec<_> = kids
        .segments()
        .iter()
        .map(|s| s.key.clone().unwrap().uri.clone())
        .collect();
    assert!(
        kids[0].ends_with("05") && kids[1].ends_with("06"),
        "{kids:?}"
    );
}

#[test]
fn keys_are_asked_for_and_awaited() {
    let mut bench = Bench::new(BY_THREE);
    bench.live("index.m3u8", 0..=7);
    bench.lease = None;
    bench.settle();
    assert!(!bench.sink("index.m3u8").exists());
    bench.lease = Some(lease(BY_THREE, 0..2));
    let outcome = bench.settle();
    assert_eq!(bench.listed("index.m3u8"), [0, 1, 2, 3, 4, 5]);
    assert_eq!(Vec::from_iter(outcome.wants.periods), [(None, 2)]);
    bench.lease = Some(unserved(BY_THREE, 0..3));
    bench.settle();
    assert_eq!(
        bench.listed("index.m3u8").len(),
        6,
        "a key is used once seen served"
    );
    bench.after(1000);
    let stalled = ("index.m3u8".to_owned(), StallReason::KeyNotServed);
    assert_eq!(bench.stalls(), [stalled]);
    bench.lease = Some(lease(BY_THREE, 0..3));
    bench.settle();
    assert_eq!(bench.listed("index.m3u8").len(), 8);
    bench.audit("index.m3u8");
}

#[test]
fn only_the_keys_of_this_period_and_the_next_are_tried() {
    let mut bench = Bench::new(BY_THREE);
    bench.live("index.m3u8", 0..=4);
    let mut lease = unserved(BY_THREE, 0..50);
    let mut tried = Vec::new();
    for _ in 0..5 {
        bench.lease = Some(lease.clone());
        let wanted = bench.settle().wants.periods;
        while let Some(probe) = lease.unchecked(&wanted, &HashSet::new()) {
            let kid = probe.uri.rsplit('/').next().unwrap().to_owned();
            lease.served(&probe, &key_of(&kid));
            tried.push(kid[kid.len() - 2..].to_owned());
        }
    }
    assert_eq!(bench.listed("index.m3u8"), [0, 1, 2, 3, 4]);
    assert_eq!(
        tried,
        ["00", "01", "02"],
        "periods 0 and 1 are used, 2 is next"
    );
}

#[test]
fn a_key_served_with_other_bytes_is_never_used() {
    let mut bench = Bench::new(NEVER);
    bench.live("index.m3u8", 0..=2);
    let mut lease = unserved(NEVER, 0..1);
    let probe = first_probe(&lease).unwrap();
    lease.served(
        &probe,
        &ContentKey::from_slice(b"another-fake-key").unwrap(),
    );
    bench.lease = Some(lease);
    bench.settle();
    let stalled = ("index.m3u8".to_owned(), StallReason::KeyMismatch);
    assert_eq!(bench.stalls(), [stalled]);
    assert!(files(bench.sink.path()).is_empty());
}

#[test]
fn a_file_that_serves_twice_gets_two_names() {
    let mut bench = Bench::new(NEVER);
    let body = "#EXTINF:4,\na.ts\n#EXTINF:4,\nb.ts\n#EXTINF:4,\na.ts\n";
    bench.write(
        "i.m3u8",
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n{body}"),
    );
    for name in ["a.ts", "b.ts"] {
        bench.write(name, segment(1));
    }
    bench.settle();
    let published = bench.published("i.m3u8");
    let uris: Vec<_> = published
        .segments()
        .iter()
        .map(|s| s.uri.as_str())
        .collect();
    assert_eq!(uris, ["a.ts", "b.ts", "a-2.ts"]);
    let (a, b) = (
        fs::read(bench.sink("a.ts")).unwrap(),
        fs::read(bench.sink("a-2.ts")).unwrap(),
    );
    assert_ne!(a, b, "each under its own IV");
}
