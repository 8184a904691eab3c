//! What lies there from before: files of the run before, names that were given, others' playlists.

use super::runs::{LIST, Server, made};
use super::*;
use crate::encryptor::given::Given;

#[test]
fn a_file_of_the_run_before_is_waited_for_until_it_is_written_again() {
    let (mut bench, mut server) = (Bench::new(BY_THREE), Server::new());
    bench.write_run(LIST, 0, 0..=4);
    bench.work(&mut server);
    bench.write_run(LIST, 1, 0..=0);
    bench.work(&mut server);
    assert_eq!(bench.listed(LIST).last(), Some(&5));
    bench.write(LIST, undated(0..=1, "")); // s1.ts is the old one still
    bench.work(&mut server);
    bench.after(7_000);
    assert_eq!(bench.listed(LIST).last(), Some(&5));
    bench.write_run(LIST, 1, 0..=1);
    bench.work(&mut server);
    assert_eq!(bench.listed(LIST).last(), Some(&6));
    bench.audit_as(LIST, made(&[(5, 0)]));
    assert_eq!(bench.restarts(), 1);
}

/// A slate is a file that is listed again as it is.
#[test]
fn a_file_of_the_run_before_that_stays_as_it_is_is_meant() {
    let (mut bench, mut server) = (Bench::new(BY_THREE), Server::new());
    bench.write_run(LIST, 0, 0..=4);
    bench.work(&mut server);
    bench.write_run(LIST, 1, 0..=0);
    bench.work(&mut server);
    bench.write(LIST, undated(0..=1, ""));
    bench.work(&mut server);
    bench.after(8_001);
    assert_eq!(bench.listed(LIST).last(), Some(&6));
    let published = fs::read(bench.sink("v0/s1-6.ts")).unwrap();
    assert_ne!(published, fs::read(bench.sink("v0/s1.ts")).unwrap());
}

#[test]
fn a_name_that_recurs_after_a_restart_is_given_once() {
    let state = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(BY_THREE);
    let remember = |bench: &mut Bench| {
        let given = Given::open(state.path().join("names"), "sink").unwrap();
        let engine = bench.engine.as_mut().unwrap();
        engine.names.remember(&given);
        engine.given = given;
    };
    let wrapped = |numbers: std::ops::RangeInclusive<u64>| {
        let mut text = undated(*numbers.start()..=*numbers.start(), "");
        text.truncate(text.find("#EXTINF").unwrap());
        for msn in numbers {
            text += &format!("#EXTINF:4.000,\nw{}.ts\n", msn % 4);
        }
        text
    };
    for msn in 0..4 {
        bench.write(&format!("v0/w{msn}.ts"), segment(msn));
    }
    remember(&mut bench);
    bench.write(LIST, wrapped(0..=3));
    bench.settle();
    let first = fs::read(bench.sink("v0/w0.ts")).unwrap();
    bench.write(LIST, wrapped(1..=3)); // w0.ts is listed no more, and a cache has it
    bench.settle();
    bench.restart();
    remember(&mut bench);
    bench.write("v0/w0.ts", segment(4));
    bench.write(LIST, wrapped(1..=4));
    bench.settle();
    assert_eq!(bench.listed(LIST), [1, 2, 3, 4]);
    assert_eq!(bench.published(LIST).segments()[3].uri, "w0-4.ts");
    assert_eq!(fs::read(bench.sink("v0/w0.ts")).unwrap(), first);
    bench.audit(LIST);
}

#[test]
fn a_multivariant_playlist_of_others_is_not_replaced() {
    let master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv0/i.m3u8\n";
    let theirs = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=2\nother/i.m3u8\n";
    let mut bench = Bench::new(NEVER);
    fs::create_dir_all(bench.sink("other")).unwrap();
    fs::write(bench.sink("other/i.m3u8"), playlist(0..=1, "")).unwrap();
    fs::write(bench.sink("master.m3u8"), theirs).unwrap();
    bench.live(LIST, 0..=3);
    bench.write("master.m3u8", master);
    bench.settle();
    assert_eq!(bench.text("master.m3u8"), theirs);
    let stall = ("master.m3u8".to_owned(), StallReason::ForeignSink);
    assert!(bench.stalls().contains(&stall));
    fs::remove_file(bench.sink("master.m3u8")).unwrap();
    bench.settle();
    assert_eq!(bench.text("master.m3u8"), master);
    // an earlier run's is: what it names is gone from the source, and encrypted
    bench.restart();
    let more = format!("{master}#EXT-X-STREAM-INF:BANDWIDTH=3\nv1/i.m3u8\n");
    bench.live("v1/i.m3u8", 0..=3);
    bench.write("master.m3u8", &more);
    bench.settle();
    assert_eq!(bench.text("master.m3u8"), more);
}

#[test]
fn a_corrected_asset_is_told_from_the_one_that_is_published() {
    let mut bench = Bench::new(NEVER);
    for msn in 0..3 {
        bench.write(&format!("v0/s{msn}.ts"), segment(msn));
    }
    bench.write(LIST, playlist(0..=2, "#EXT-X-ENDLIST\n"));
    bench.settle();
    let corrected = |bench: &mut Bench| {
        let lease = bench.lease.take();
        let found = bench.engine.as_mut().unwrap().corrected(lease.as_ref());
        bench.lease = lease;
        found
    };
    assert!(corrected(&mut bench).is_empty());
    bench.restart();
    bench.settle();
    assert!(corrected(&mut bench).is_empty(), "the same again");
    bench.write("v0/s1.ts", segment(2)); // longer by a packet
    bench.settle();
    assert_eq!(corrected(&mut bench), ["v0/i.m3u8 segment 1"]);
    bench.write("v0/s1.ts", segment(6)); // as long as it was
    bench.touch("v0/s1.ts", SystemClock.now().plus(Duration::from_secs(1)));
    assert_eq!(corrected(&mut bench), ["v0/i.m3u8 segment 1"]);
    bench.write("v0/s1.ts", segment(1));
    bench.touch("v0/s1.ts", SystemClock.now().plus(Duration::from_secs(1)));
    assert!(corrected(&mut bench).is_empty(), "newer, and the same");
}
