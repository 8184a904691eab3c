//! I-frame playlists: each I-frame a file of its own, in the period of its segment.

use super::containers::dropped;
use super::*;

/// Two I-frames of each segment `numbers`, numbered from 100 on; the first two packets are one
/// each.
fn frames(numbers: std::ops::RangeInclusive<u64>) -> String {
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:{}\n\
         #EXT-X-I-FRAMES-ONLY\n",
        100 + 2 * numbers.start()
    );
    for msn in numbers {
        for at in [0, 188] {
            text += &format!("#EXTINF:2.000,\n#EXT-X-BYTERANGE:180@{at}\ns{msn}.ts\n");
        }
    }
    text
}

fn master(bench: &Bench) {
    bench.write(
        "master.m3u8",
        "#EXTM3U\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"f.m3u8\"\n\
         #EXT-X-STREAM-INF:BANDWIDTH=2\ni.m3u8\n",
    );
}

fn made(msn: u64) -> containers::Made {
    let (segment_of, at) = ((msn - 100) / 2, usize::try_from(msn % 2).unwrap() * 188);
    (segment(segment_of)[at..at + 180].to_vec(), None)
}

#[test]
fn each_iframe_is_a_file_in_the_period_of_its_segment() {
    for rule in [BY_THREE, EVERY_TEN] {
        let mut bench = Bench::new(rule);
        bench.live("i.m3u8", 0..=7);
        bench.write("f.m3u8", frames(0..=7));
        master(&bench);
        bench.settle();
        bench.audit("i.m3u8");
        bench.audit_made("f.m3u8", made);
        let (media, iframes) = (bench.published("i.m3u8"), bench.published("f.m3u8"));
        assert_eq!(iframes.segments().len(), 16);
        for frame in iframes.segments() {
            let parent = &media.segments()[usize::try_from((frame.msn - 100) / 2).unwrap()];
            let uri = |segment: &crate::playlist::Segment| segment.key.clone().unwrap().uri.clone();
            assert_eq!(uri(frame), uri(parent), "{rule} {}", frame.msn);
            assert_eq!(
                frame.uri,
                format!("s{}-iframe-{}.ts", parent.msn, frame.msn)
            );
        }
        assert!(bench.text("master.m3u8").contains("I-FRAME-STREAM-INF"));
        let before = files(bench.sink.path());
        bench.restart();
        bench.settle();
        assert_eq!(files(bench.sink.path()), before);
        let mut other = bench.another(rule);
        other.settle();
        assert_eq!(files(other.sink.path()), before);
    }
}

#[test]
fn the_times_of_undated_live_segments_hold_for_their_iframes() {
    let mut bench = Bench::new(EVERY_TEN);
    bench.live("i.m3u8", 0..=3);
    bench.write("i.m3u8", undated(0..=3, ""));
    bench.write("f.m3u8", frames(0..=3));
    let outcome = bench.settle();
    let asked: Vec<u64> = outcome
        .wants
        .claims
        .into_iter()
        .map(|(_, msn)| msn)
        .collect();
    assert_eq!(asked, [0, 1, 2, 3], "by the segments' numbers alone");
    let time = |msn: u64| Timestamp::from_millis(8000 + i64::try_from(msn).unwrap() * 4000);
    (0..=3).for_each(|msn| bench.assign("i.m3u8", msn, time(msn)));
    bench.settle();
    bench.audit_made("f.m3u8", made);
    let key = |list: &str, at: usize| bench.published(list).segments()[at].key.clone();
    let kid = |list: &str, at: usize| key(list, at).unwrap().uri.clone();
    for msn in 0..=3 {
        assert_eq!(kid("f.m3u8", 2 * msn + 1), kid("i.m3u8", msn));
    }
    assert_ne!(kid("i.m3u8", 0), kid("i.m3u8", 1));
}

#[test]
fn an_iframe_that_is_cut_from_nothing_listed_waits() {
    let mut bench = Bench::new(BY_THREE);
    bench.live("i.m3u8", 0..=3);
    bench.write("s9.ts", segment(9));
    bench.write("f.m3u8", frames(3..=3).replace("s3.ts", "s9.ts"));
    bench.settle();
    assert_eq!(bench.listed("f.m3u8"), [0; 0]);
    bench.after(1000);
    assert_eq!(
        bench.stalls(),
        [("f.m3u8".to_owned(), StallReason::Unclaimed)]
    );
}

#[test]
fn iframes_can_be_left_out_aloud() {
    let mut bench = Bench::new(NEVER).with(dropped);
    bench.live("i.m3u8", 0..=3);
    bench.write("f.m3u8", frames(0..=3));
    master(&bench);
    bench.settle();
    assert!(!bench.sink("f.m3u8").exists());
    assert_eq!(bench.named("iframe"), Vec::<String>::new());
    assert!(!bench.text("master.m3u8").contains("I-FRAME"));
    let told = bench.events.iter().filter_map(|event| match event {
        Event::IframesDropped { playlist } => Some(playlist.as_str()),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), ["master.m3u8", "f.m3u8"]);
}

#[test]
fn a_window_of_iframes_slides_with_its_segments() {
    let mut bench = Bench::new(BY_THREE);
    bench.live("i.m3u8", 0..=4);
    bench.write("f.m3u8", frames(0..=4));
    bench.settle();
    bench.live("i.m3u8", 3..=8);
    bench.write("f.m3u8", frames(3..=8));
    bench.settle();
    assert_eq!(bench.listed("f.m3u8"), (106..118).collect::<Vec<_>>());
    bench.audit_made("f.m3u8", made);
    bench.after(120_000);
    assert_eq!(
        bench.named("s0"),
        Vec::<String>::new(),
        "swept, and the I-frames with it"
    );
}
