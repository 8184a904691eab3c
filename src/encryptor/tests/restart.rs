//! A new run goes on from what the sink says, whatever moment the last one ended at.

use super::*;

#[test]
fn a_new_run_goes_on_where_the_last_one_ended() {
    let mut bench = Bench::new(BY_THREE);
    bench.live("v0/i.m3u8", 0..=4);
    bench.settle();
    let before = files(bench.sink.path());
    bench.restart();
    bench.settle();
    assert_eq!(files(bench.sink.path()), before, "nothing is written again");
    assert_eq!(bench.engine().summary().segments, 0);
    bench.live("v0/i.m3u8", 3..=7);
    bench.settle();
    assert_eq!(bench.listed("v0/i.m3u8"), [3, 4, 5, 6, 7]);
    bench.audit("v0/i.m3u8");
}

#[test]
fn what_the_sink_lists_keeps_its_key_whatever_the_schedule_says_now() {
    let mut bench = Bench::new(BY_THREE);
    bench.live("i.m3u8", 0..=4);
    bench.settle();
    let key = |bench: &Bench| bench.published("i.m3u8").segments()[4].key.clone();
    let before = key(&bench);
    bench.lease = Some(lease(NEVER, 0..1));
    bench.restart();
    bench.live("i.m3u8", 0..=5);
    bench.settle();
    assert_eq!(key(&bench), before);
    assert_ne!(bench.published("i.m3u8").segments()[5].key, before);
}

#[test]
fn a_foreign_playlist_in_the_sink_is_left_alone() {
    let mut bench = Bench::new(NEVER);
    bench.live("i.m3u8", 0..=2);
    let clear = playlist(0..=2, "");
    fs::write(bench.sink("i.m3u8"), &clear).unwrap();
    bench.settle();
    assert_eq!(fs::read_to_string(bench.sink("i.m3u8")).unwrap(), clear);
    assert_eq!(
        bench.stalls(),
        [("i.m3u8".to_owned(), StallReason::ForeignSink)]
    );
    fs::remove_file(bench.sink("i.m3u8")).unwrap();
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2]);
}

#[test]
fn a_source_that_began_anew_while_we_were_away_waits_for_the_servers_word() {
    let mut bench = Bench::new(NEVER);
    bench.live("i.m3u8", 20..=25);
    bench.settle();
    bench.restart();
    bench.live("i.m3u8", 0..=3);
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [20, 21, 22, 23, 24, 25]);
    assert!(
        bench
            .events
            .iter()
            .any(|e| matches!(e, Event::SourceRestarted { .. }))
    );
}

#[test]
fn a_finished_playlist_stays_as_it_is() {
    let mut bench = Bench::new(NEVER);
    bench.live("i.m3u8", 0..=2);
    bench.write("i.m3u8", playlist(0..=2, "#EXT-X-ENDLIST\n"));
    bench.settle();
    let before = files(bench.sink.path());
    bench.restart();
    bench.live("i.m3u8", 0..=5);
    bench.settle();
    assert_eq!(files(bench.sink.path()), before);
    assert_eq!(
        bench.stalls(),
        [("i.m3u8".to_owned(), StallReason::Finished)]
    );
}

#[test]
fn a_sink_that_is_deleted_or_emptied_is_filled_again() {
    let master = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv0/i.m3u8\n";
    let mut bench = Bench::new(EVERY_TEN);
    bench.write("master.m3u8", master);
    bench.live("v0/i.m3u8", 0..=4);
    bench.settle();
    let first = files(bench.sink.path());
    assert_eq!(first.len(), 7);
    let root = bench.sink("");
    fs::remove_dir_all(&root).unwrap();
    bench.after(500);
    assert_eq!(files(bench.sink.path()), first, "made again");
    let aside = tempfile::tempdir().unwrap();
    fs::rename(&root, aside.path().join("sink")).unwrap();
    fs::create_dir(&root).unwrap();
    bench.after(500);
    assert_eq!(files(bench.sink.path()), first, "another directory");
    for entry in ["master.m3u8", "v0/i.m3u8"] {
        fs::remove_file(bench.sink(entry)).unwrap();
    }
    bench.live("v0/i.m3u8", 1..=5);
    bench.after(500);
    assert_eq!(bench.listed("v0/i.m3u8"), [1, 2, 3, 4, 5]);
    assert!(bench.sink("master.m3u8").exists());
    bench.audit("v0/i.m3u8");
    bench.after(100_000);
    assert!(!bench.sink("v0/s0.ts").exists(), "it leaves in its time");
    bench.audit("v0/i.m3u8");
}

#[test]
fn two_encryptors_of_one_source_agree_to_the_byte() {
    let mut one = Bench::new(EVERY_TEN);
    let mut two = one.another(EVERY_TEN);
    for msn in 4..30 {
        one.live("v0/i.m3u8", msn - 4..=msn);
        one.pass();
        if msn % 3 == 0 {
            two.restart();
            two.pass();
        }
    }
    one.settle();
    two.settle();
    let (one, two) = (files(one.sink.path()), files(two.sink.path()));
    assert_eq!(one["v0/i.m3u8"], two["v0/i.m3u8"]);
    let both: Vec<_> = one.keys().filter(|path| two.contains_key(*path)).collect();
    assert!(both.len() > 10, "{both:?}");
    assert!(both.into_iter().all(|path| one[path] == two[path]));
}
