//! Long windows and long numbers: twenty thousand segments in one list, numbers past 32 bits.
//!
//! Must not know: how the encryptor reads a list.

use std::path::Path;

use crate::encrypt::finish;
use crate::harness::collector::Collector;
use crate::harness::encrypt::Encrypt;
use crate::harness::packager::{Packager, payload};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};
use crate::independent::playlist::{MediaList, read_media};

/// RFC 8216bis §3 lets a number have 64 bits; with segments of two seconds, 32 last for 272 years,
/// but packagers begin where they like: at the time in microseconds, for one.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_go_on_past_32_bits() {
    let serve = Serve::start("{ every = \"3s\" }", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::ladder(source.path());
    (packager.span, packager.first) = (500, (1 << 32) - 8);
    packager.next = packager.first;
    packager.begin_now();
    let before = (packager.first * packager.span) as i64;
    packager.epoch = packager.epoch.map(|now| now - before);
    packager.write_master();
    let job = Encrypt::at(&serve, "test/long-numbers", source.path(), sink.path());
    let _worker = job.start();
    let mut seen = Collector::of(sink.path());
    for _ in 0..20 {
        packager.run(1).await;
        seen.look(&packager.renditions).await;
    }
    packager.write_lists(true);
    until("all lists end", seconds(20), async || {
        seen.look(&packager.renditions).await;
        let ended = |list: &&(String, MediaList)| list.1.ended;
        let ended = seen.evidence.published.iter().filter(ended);
        (ended.count() == 3).then_some(())
    })
    .await;
    seen.take_source(&packager);
    finish(&serve, &job, &mut seen, 3 * 16, 3).await;
}

const LONG: u64 = 20_000;

fn published(sink: &Path) -> Option<MediaList> {
    let text = std::fs::read_to_string(sink.join("index.m3u8")).ok()?;
    read_media(&text).ok()
}

/// A day of a channel in one live list, as catch-up services have it: all of it is encrypted, and
/// it goes on at the live edge.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_of_twenty_thousand_segments_is_published_and_goes_on() {
    let serve = Serve::start("{ segments = 5000 }", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::single(source.path());
    packager.window = LONG;
    packager.begin_now();
    let before = (LONG * packager.span) as i64;
    packager.epoch = packager.epoch.map(|now| now - before);
    for msn in 0..LONG {
        let file = packager.segment("index.m3u8", msn);
        std::fs::write(file, payload("index.m3u8", msn)).unwrap();
    }
    packager.next = LONG;
    packager.write_lists(false);
    let job = Encrypt::at(&serve, "test/long-window", source.path(), sink.path());
    let mut worker = job.start();
    until("the window is published", seconds(400), async || {
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        let list = published(sink.path())?;
        (list.segments.len() as u64 == LONG).then_some(())
    })
    .await;
    packager.run(3).await;
    until("the window has moved on", seconds(60), async || {
        let list = published(sink.path())?;
        let edges = (list.segments.first()?.msn, list.segments.last()?.msn);
        (edges == (3, LONG + 2)).then_some(())
    })
    .await;
    let mut seen = Collector::of(sink.path());
    seen.look(&packager.renditions).await;
    seen.take_source(&packager);
    seen.evidence.source.retain(|(_, msn), _| *msn >= 3);
    finish(&serve, &job, &mut seen, LONG as usize, 5).await;
}
