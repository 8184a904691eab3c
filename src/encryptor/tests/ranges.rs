//! Segments that are ranges of one file, which may still grow.

use super::containers::{fragment, init, listing};
use super::*;

/// One file with a section and segments, and where each of them lies.
fn single(count: u64) -> (Vec<u8>, Vec<(usize, usize)>) {
    let mut file = init("one");
    let mut places = vec![(0, file.len())];
    for msn in 0..count {
        let own = fragment(msn);
        places.push((file.len(), own.len()));
        file.extend(own);
    }
    (file, places)
}

/// Its playlist: offsets are said for the first segment only.
fn text(numbers: std::ops::RangeInclusive<u64>, places: &[(usize, usize)]) -> String {
    let first = *numbers.start();
    listing(numbers, |msn| {
        let (at, len) = places[msn as usize + 1];
        let range = match msn == first {
            true => {
                let map = format!("#EXT-X-MAP:URI=\"m.mp4\",BYTERANGE=\"{}@0\"\n", places[0].1);
                format!("{map}#EXT-X-BYTERANGE:{len}@{at}\n")
            }
            false => format!("#EXT-X-BYTERANGE:{len}\n"),
        };
        (range, "m.mp4".to_owned())
    })
}

fn made(msn: u64) -> containers::Made {
    (fragment(msn), Some(init("one")))
}

#[test]
fn a_range_is_published_once_the_growing_file_holds_it() {
    let mut bench = Bench::new(BY_THREE);
    let (file, places) = single(6);
    let end = |msn: usize| places[msn + 1].0 + places[msn + 1].1;
    bench.write("m.mp4", &file[..end(2)]);
    bench.write("i.m3u8", text(0..=2, &places));
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0, 1, 2]);
    bench.audit_made("i.m3u8", made);
    assert!(!bench.text("i.m3u8").contains("BYTERANGE"));
    assert_eq!(bench.named("m-1.mp4"), ["m-1.mp4"]);
    // listed, and not all of it written
    bench.write("m.mp4", &file[..end(4) - 1]);
    bench.write("i.m3u8", text(1..=4, &places));
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [1, 2, 3]);
    bench.audit_made("i.m3u8", made);
    bench.write("m.mp4", &file);
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [1, 2, 3, 4]);
    bench.audit_made("i.m3u8", made);
    let changed = |event: &Event| matches!(event, Event::SourceChanged { .. });
    bench.after(5000);
    assert!(!bench.events.iter().any(changed), "it has only grown");
}

#[test]
fn two_encryptors_agree_whenever_they_began() {
    let mut one = Bench::new(BY_THREE);
    let (file, places) = single(8);
    one.write("m.mp4", &file);
    one.write("i.m3u8", text(0..=4, &places));
    one.settle();
    let mut other = one.another(BY_THREE);
    one.restart();
    one.write("i.m3u8", text(3..=7, &places));
    one.settle();
    other.settle();
    assert_eq!(one.listed("i.m3u8"), other.listed("i.m3u8"));
    let (one, other) = (files(one.sink.path()), files(other.sink.path()));
    assert_eq!(one["i.m3u8"], other["i.m3u8"]);
    for (path, bytes) in &other {
        assert_eq!(one.get(path), Some(bytes), "{path}");
    }
}

#[test]
fn a_range_that_cuts_through_a_segment_is_not_published() {
    for (by, len) in [(1, 0), (0, 1), (16, 16)] {
        let mut bench = Bench::new(NEVER);
        let (file, mut places) = single(3);
        bench.write("m.mp4", &file);
        places[2].0 += by;
        places[2].1 -= len;
        let text = text(0..=1, &places);
        let said = format!("#EXT-X-BYTERANGE:{}@{}", places[2].1, places[2].0);
        let text = text.replace(
            &format!("#EXT-X-BYTERANGE:{}\n", places[2].1),
            &format!("{said}\n"),
        );
        bench.write("i.m3u8", text);
        bench.settle();
        assert_eq!(bench.listed("i.m3u8"), [0], "{by} {len}");
        bench.after(1000);
        assert_eq!(
            bench.stalls(),
            [("i.m3u8".to_owned(), StallReason::Truncated)]
        );
    }
}

#[test]
fn a_restart_goes_on_with_the_same_names() {
    let mut bench = Bench::new(BY_THREE);
    let (file, places) = single(6);
    bench.write("m.mp4", &file);
    bench.write("i.m3u8", text(0..=3, &places));
    bench.settle();
    let before = files(bench.sink.path());
    bench.restart();
    bench.settle();
    assert_eq!(files(bench.sink.path()), before);
    bench.write("i.m3u8", text(2..=5, &places));
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [2, 3, 4, 5]);
    bench.audit_made("i.m3u8", made);
}

#[test]
fn a_transport_stream_in_one_file_is_split_too() {
    let mut bench = Bench::new(NEVER);
    let all: Vec<u8> = (0..4).flat_map(segment).collect();
    bench.write("all.ts", &all);
    let mut at = 0;
    let text = playlist(0..=3, "#EXT-X-ENDLIST\n");
    let lines = text.lines().map(|line| match line.strip_prefix("s") {
        Some(rest) => {
            let len = segment(rest[..1].parse().unwrap()).len();
            at += len;
            format!("#EXT-X-BYTERANGE:{len}@{}\nall.ts\n", at - len)
        }
        None => format!("{line}\n"),
    });
    let text: String = lines.collect();
    bench.write("i.m3u8", text);
    bench.settle();
    assert_eq!(
        bench.named("all"),
        ["all-0.ts", "all-1.ts", "all-2.ts", "all-3.ts"]
    );
    bench.audit("i.m3u8");
}

#[test]
fn ranges_of_a_finished_asset_can_stay_ranges_of_one_file() {
    let (file, places) = single(70);
    let mut bench = Bench::new(BY_THREE).with(containers::rebased);
    bench.write("m.mp4", &file);
    bench.write("i.m3u8", text(0..=69, &places) + "#EXT-X-ENDLIST\n");
    bench.settle();
    assert_eq!(bench.listed("i.m3u8").len(), 70);
    bench.audit_made("i.m3u8", made);
    let published = bench.published("i.m3u8");
    let mut at = 0;
    for segment in published.segments() {
        let range = segment.range.unwrap();
        assert_eq!(
            (segment.uri.as_str(), range.offset(), range.len() % 16),
            ("m.mp4", at, 0)
        );
        at = range.end();
    }
    assert_eq!(fs::metadata(bench.sink("m.mp4")).unwrap().len(), at);
    assert_eq!(bench.text("i.m3u8").matches("#EXT-X-BYTERANGE").count(), 70);
    let before = files(bench.sink.path());
    bench.restart();
    bench.settle();
    assert_eq!(files(bench.sink.path()), before);
    let mut other = bench.another(BY_THREE).with(containers::rebased);
    other.settle();
    assert_eq!(files(other.sink.path()), before);
}

#[test]
fn a_file_is_not_published_before_all_of_its_ranges_are_there() {
    let (file, places) = single(4);
    let mut bench = Bench::new(NEVER).with(containers::rebased);
    bench.write("m.mp4", &file[..file.len() - 1]);
    bench.write("i.m3u8", text(0..=3, &places) + "#EXT-X-ENDLIST\n");
    bench.settle();
    bench.after(5000);
    assert!(!bench.sink("m.mp4").exists() && !bench.sink("i.m3u8").exists());
    bench.write("m.mp4", &file);
    bench.after(5000);
    bench.audit_made("i.m3u8", made);
}

#[test]
fn ranges_of_a_live_list_cannot_stay_ranges() {
    let (file, places) = single(4);
    let mut bench = Bench::new(NEVER).with(containers::rebased);
    bench.write("m.mp4", &file);
    bench.write("i.m3u8", text(0..=3, &places));
    bench.settle();
    assert_eq!(bench.listed("i.m3u8"), [0; 0]);
    bench.after(1000);
    assert_eq!(
        bench.stalls(),
        [("i.m3u8".to_owned(), StallReason::Unsupported)]
    );
}
