//! What the origin holds back for players of a list that an encryptor writes meanwhile, and what it
//! answers at once where nothing is promised.

use super::{Air, listed};
use crate::harness::low_latency::{LowLatency, PARTS};
use crate::harness::parts::{attribute, open_parts};
use crate::harness::wait::{seconds, throughout};

/// A list is held until it has what was asked, and the part that it hints at until it is there; both
/// open under the key that stands above them.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_part_and_the_list_that_names_it_are_held_until_it_is_encrypted() {
    let air = Air::new("held", "{ segments = 2 }").await;
    let mut source = LowLatency::new(air.source.path(), "i.m3u8");
    let mut worker = air.job.start_with(&["--low-latency", "origin"]);
    source.advance(2 * PARTS + 1);
    air.published(&mut worker, "i.m3u8", &listed(2, 0)).await;
    for viewers in [false, true] {
        let (msn, index) = ((source.parts) / PARTS, source.parts % PARTS);
        let list = match viewers {
            false => air.path("i.m3u8"),
            true => format!("/v1/play/{}/i.m3u8", air.job.stream),
        };
        let viewer = air.serve.viewer(&air.job.stream);
        let text = viewer.get(&list).await.expect(200).text();
        let hint = text.lines().last().unwrap();
        assert!(hint.starts_with("#EXT-X-PRELOAD-HINT:TYPE=PART,"), "{text}");
        let part = format!("s{msn}.{index}-part{index}-{msn}.m4s");
        assert!(attribute(hint, "URI").ends_with(&part), "{text}");
        let (asker, path) = (air.anyone(), air.path(&part));
        let hinted = tokio::spawn(async move { asker.get(&path).await });
        let ask = format!("{list}?_HLS_msn={msn}&_HLS_part={index}");
        let blocked = tokio::spawn(async move { viewer.get(&ask).await });
        let is_held = async || !hinted.is_finished() && !blocked.is_finished();
        throughout("both are held", seconds(1), is_held).await;
        source.advance(1);
        let (file, list) = (
            hinted.await.unwrap().expect(200),
            blocked.await.unwrap().expect(200),
        );
        assert!(list.text().contains(&part), "{}", list.text());
        let text = air
            .published(&mut worker, "i.m3u8", &listed(msn, index))
            .await;
        let viewer = air.serve.viewer(&air.job.stream);
        let files = open_parts((&viewer, &air.job.sink), "i.m3u8", &text).await;
        assert_eq!(file.body, files[&part]);
    }
}

/// Where a folder is served by who knows nothing of parts, the list promises nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_promises_nothing_is_answered_at_once() {
    let air = Air::new("at-once", "\"never\"").await;
    let mut source = LowLatency::new(air.source.path(), "i.m3u8");
    let mut worker = air.job.start();
    source.advance(9 * PARTS + 1);
    let text = air.published(&mut worker, "i.m3u8", &listed(9, 0)).await;
    assert!(!text.contains("CAN-"), "{text}");
    let anyone = air.anyone();
    for ask in [
        "_HLS_msn=9&_HLS_part=3",
        "_HLS_msn=99",
        "_HLS_part=1",
        "_HLS_skip=YES",
    ] {
        let path = air.path(&format!("i.m3u8?{ask}"));
        assert_eq!(anyone.get(&path).await.expect(200).text(), text, "{ask}");
    }
}
