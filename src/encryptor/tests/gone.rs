//! Playlists that go and come, and live lists of files that were made long ago.

use std::time::SystemTime;

use super::*;

fn tracks(bench: &Bench) -> Vec<&str> {
    let tracks = bench.engine().tracks.keys();
    tracks.map(Beneath::as_str).collect()
}

fn left(bench: &Bench) -> usize {
    let left = |event: &&Event| matches!(event, Event::Left { .. });
    bench.events.iter().filter(left).count()
}

#[test]
fn a_live_rendition_whose_playlist_is_gone_is_left_and_found_again() {
    let mut bench = Bench::new(NEVER);
    bench.live("a/i.m3u8", 0..=3);
    bench.live("b/i.m3u8", 0..=3);
    bench.settle();
    fs::remove_file(bench.source("b/i.m3u8")).unwrap();
    bench.after(1000);
    bench.after(60_000);
    assert_eq!(
        (tracks(&bench).len(), left(&bench)),
        (2, 0),
        "it may come again"
    );
    let outcome = bench.after(61_000);
    assert_eq!((tracks(&bench), left(&bench)), (vec!["a/i.m3u8"], 1));
    let told = outcome.progress.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(outcome.wants.renditions.len(), 1);
    assert_eq!(bench.listed("b/i.m3u8"), [0, 1, 2, 3], "it stays as it is");
    bench.live("b/i.m3u8", 2..=6);
    bench.after(1000);
    bench.after(1000);
    assert_eq!(bench.listed("b/i.m3u8").last(), Some(&6));
    bench.audit("b/i.m3u8");
    assert_eq!(tracks(&bench).len(), 2);
}

#[test]
fn a_stalled_one_does_not_stay_stalled_and_a_finished_one_stays() {
    let mut bench = Bench::new(NEVER);
    bench.live("done/i.m3u8", 0..=2);
    bench.write("done/i.m3u8", playlist(0..=2, "#EXT-X-ENDLIST\n"));
    bench.live("b/i.m3u8", 0..=3);
    bench.settle();
    bench.write("b/i.m3u8", playlist(0..=4, "")); // its last file is not there
    bench.after(1000);
    assert!(!bench.engine().standing().stalls.is_empty());
    for list in ["b/i.m3u8", "done/i.m3u8"] {
        fs::remove_file(bench.source(list)).unwrap();
    }
    bench.after(1000);
    bench.after(121_000);
    assert_eq!(tracks(&bench), ["done/i.m3u8"]);
    assert!(bench.engine().standing().stalls.is_empty());
}

/// A list's files that are all as old.
fn made_long_ago(bench: &Bench, numbers: std::ops::RangeInclusive<u64>) {
    for msn in numbers {
        let path = bench.source(&format!("s{msn}.ts"));
        fs::write(&path, segment(msn)).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000))
            .unwrap();
    }
}

#[test]
fn a_list_of_old_files_that_has_jumped_goes_on_once_it_moves() {
    let mut bench = Bench::new(NEVER);
    made_long_ago(&bench, 0..=30);
    bench.write("i.m3u8", playlist(0..=3, ""));
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2, 3]);
    bench.write("i.m3u8", playlist(20..=23, ""));
    for _ in 0..5 {
        bench.after(4000);
    }
    assert_eq!(
        bench.listed("i.m3u8"),
        [0, 1, 2, 3],
        "it may be an old list"
    );
    bench.write("i.m3u8", playlist(21..=24, ""));
    bench.after(4000);
    assert_eq!(bench.listed("i.m3u8").last(), Some(&24));
    bench.write("i.m3u8", playlist(22..=25, ""));
    bench.after(4000);
    assert_eq!(bench.listed("i.m3u8").last(), Some(&25));
    bench.audit("i.m3u8");
}
