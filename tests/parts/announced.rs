//! What a published list says besides its parts: how far other renditions are, which parts are
//! missing, and what is left out of a delta update.

use super::{Air, listed};
use crate::harness::low_latency::{LowLatency, PARTS, whole};
use crate::harness::opening::Viewing;
use crate::harness::parts::attribute;
use crate::harness::wait::{seconds, until};

/// The last number and part that the list's report has of `uri`; none without both.
fn reported(text: &str, uri: &str) -> Option<(u64, u64)> {
    let tag = format!("#EXT-X-RENDITION-REPORT:URI=\"{uri}\"");
    let line = text.lines().find(|line| line.starts_with(&tag))?;
    let number = |name| attribute(line, name).parse().unwrap();
    line.contains("LAST-PART")
        .then_some((number("LAST-MSN"), number("LAST-PART")))
}

/// The last number and part that a list has; whole segments have all their parts.
fn reaches(text: &str) -> (u64, u64) {
    let segments = text
        .lines()
        .filter(|line| line.starts_with("#EXTINF"))
        .count() as u64;
    let open = text.rsplit("#EXTINF").next().unwrap();
    match open.matches("#EXT-X-PART:").count() as u64 {
        0 => (segments - 1, PARTS - 1),
        parts => (segments, parts - 1),
    }
}

/// A rendition report says what is published of the other rendition: neither what the source says
/// of its own, nor what is on its way.
#[tokio::test(flavor = "multi_thread")]
async fn a_rendition_report_says_what_is_published_of_the_other_one() {
    let air = Air::new("reports", "{ segments = 2 }").await;
    for folder in ["a", "b", "c"] {
        std::fs::create_dir(air.source(folder)).unwrap();
    }
    let mut a = LowLatency::new(&air.source("a"), "a.m3u8");
    let mut b = LowLatency::new(&air.source("b"), "b.m3u8");
    let report =
        |uri: &str| format!("#EXT-X-RENDITION-REPORT:URI=\"{uri}\",LAST-MSN=99,LAST-PART=2\n");
    a.tail = report("../b/b.m3u8") + &report("../c/none.m3u8");
    b.tail = report("../a/a.m3u8");
    let mut worker = air.job.start();
    let read = |list: &str| std::fs::read_to_string(air.job.sink.join(list)).unwrap_or_default();
    a.advance(2 * PARTS + 1);
    b.advance(PARTS + 2);
    for (steps, wanted) in [(0, (1, 1)), (1, (1, 2)), (1, (1, 3)), (1, (2, 0))] {
        b.advance(steps);
        until(
            &format!("{wanted:?} is reported"),
            seconds(20),
            async || {
                assert!(worker.ended().is_none(), "{}", worker.stderr.text());
                let (first, second) = (read("a/a.m3u8"), read("b/b.m3u8"));
                let told = reported(&first, "../b/b.m3u8");
                assert!(
                    told.is_none_or(|told| told <= reaches(&second)),
                    "{first}\n{second}"
                );
                assert!(
                    !first.contains("none.m3u8"),
                    "nothing is published of it\n{first}"
                );
                (told == Some(wanted)).then_some(())
            },
        )
        .await;
        assert_eq!(reaches(&read("b/b.m3u8")), wanted);
    }
    let back = reported(&read("b/b.m3u8"), "../a/a.m3u8");
    assert_eq!(back, Some((2, 0)));
}

/// A player that has loaded some parts of a segment looks for the others; where the list goes on to
/// the next segment without them, it has a hole.
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_segment_has_all_of_its_parts_or_none() {
    let air = Air::new("all-parts", "\"never\"").await;
    let mut source = LowLatency::new(air.source.path(), "i.m3u8");
    let mut worker = air.job.start();
    source.advance(PARTS);
    for msn in 1..5 {
        source.advance(2);
        air.published(&mut worker, "i.m3u8", &listed(msn, 1)).await;
        source.advance(2); // the rest of it comes at once
        let whole = format!("\ns{msn}.m4s\n");
        let text = air.published(&mut worker, "i.m3u8", &whole).await;
        let is_there = |index| text.contains(&listed(msn, index));
        assert!((0..PARTS).all(is_there), "{msn}\n{text}");
        air.check("i.m3u8", &text).await;
    }
}

/// Point 27: a part without media stays one, under a name of its own, and holds up none.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_a_gap_has_a_name_and_no_file() {
    let air = Air::new("gaps", "\"never\"").await;
    let mut source = LowLatency::new(air.source.path(), "i.m3u8");
    // Within a segment, and the first one of another.
    source.gaps = [PARTS + 1, 2 * PARTS].into();
    let mut worker = air.job.start();
    for step in 1..=3 * PARTS {
        source.advance(1);
        let (msn, index) = ((step - 1) / PARTS, (step - 1) % PARTS);
        if msn == 0 || msn == 2 && index == 0 {
            continue;
        }
        let text = air
            .published(&mut worker, "i.m3u8", &listed(msn, index))
            .await;
        air.check("i.m3u8", &text).await;
    }
    let text = air.published(&mut worker, "i.m3u8", "\ns2.m4s\n").await;
    for (msn, index) in [(1, 1), (2, 0)] {
        let tag = format!("#EXT-X-PART:{}", listed(msn, index));
        let line = text.lines().find(|line| line.starts_with(&tag));
        let line = line.unwrap_or_else(|| panic!("{tag}\n{text}"));
        assert!(line.ends_with(",GAP=YES"), "{line}");
        let missing = air.path(&attribute(line, "URI"));
        air.anyone().get(&missing).await.expect(404);
    }
    assert_eq!(text.matches("GAP=YES").count(), 2, "{text}");
}

/// Point 33: what is left of a list behind EXT-X-SKIP opens by itself, its sections too.
#[tokio::test(flavor = "multi_thread")]
async fn point_33_a_delta_update_of_an_encrypted_list_opens_by_itself() {
    for map in ["clear", "encrypted"] {
        let air = Air::new(&format!("delta-{map}"), "{ segments = 5 }").await;
        let mut source = LowLatency::new(air.source.path(), "i.m3u8");
        let how = ["--low-latency", "origin", "--map", map];
        let mut worker = air.job.start_with(&how);
        source.advance(12 * PARTS + 2);
        air.published(&mut worker, "i.m3u8", &listed(12, 1)).await;
        let ask = air.path("i.m3u8?_HLS_msn=12&_HLS_part=1&_HLS_skip=YES");
        let delta = air.anyone().get(&ask).await.expect(200).text();
        let tag = delta
            .lines()
            .find(|line| line.starts_with("#EXT-X-SKIP:"))
            .unwrap();
        let skipped: u64 = attribute(tag, "SKIPPED-SEGMENTS").parse().unwrap();
        assert!(skipped >= 4, "{delta}");
        let rest = delta.replace(&format!("{tag}\n"), "").replace(
            "#EXT-X-MEDIA-SEQUENCE:0\n",
            &format!("#EXT-X-MEDIA-SEQUENCE:{skipped}\n"),
        );
        let viewing = Viewing::of(&air.serve, &air.job).await;
        let open = viewing.open_text("i.m3u8", &rest);
        assert_eq!(open.len() as u64, 12 - skipped, "{delta}");
        let section = std::fs::read(air.source("init.mp4")).unwrap();
        for opened in &open {
            assert_eq!(opened.plain, whole("i.m3u8", opened.listed.msn));
            assert_eq!(opened.map.as_ref(), Some(&section), "{map}\n{delta}");
        }
        air.check("i.m3u8", &rest).await;
    }
}
