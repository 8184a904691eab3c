//! The longest list that there may be, and what is said of a longer one.
//!
//! Must not know: why it is so long; here, by notes between its tags.

use std::fmt::Write as _;
use std::path::Path;

use crate::encrypt::finish;
use crate::harness::collector::Collector;
use crate::harness::encrypt::Encrypt;
use crate::harness::packager::Packager;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

const MOST: usize = 32 << 20;
const SEGMENTS: u64 = 10;
/// More than the key tags of so few segments have.
const TAGS: usize = 8 << 10;

/// A finished list of `bytes` in `folder`, nearly all of them notes.
fn packaged(folder: &Path, bytes: usize) -> Packager {
    let mut packager = Packager::single(folder);
    packager.write_vod(SEGMENTS);
    let path = folder.join("index.m3u8");
    let mut text = std::fs::read_to_string(&path).unwrap();
    let end = text.split_off(text.find("#EXT-X-ENDLIST").unwrap());
    let mut missing = bytes - text.len() - end.len();
    while missing > 0 {
        let line = missing.min(if missing < 2000 { 2000 } else { 1000 });
        writeln!(text, "#{}", "-".repeat(line - 2)).unwrap();
        missing -= line;
    }
    std::fs::write(path, text + &end).unwrap();
    packager
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_just_below_the_bound_is_published() {
    let serve = Serve::start("{ segments = 4 }", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let packager = packaged(source.path(), MOST - TAGS);
    let job = Encrypt::at(&serve, "test/long", source.path(), sink.path());
    job.once_well();
    let mut seen = Collector::of(sink.path());
    seen.look(&packager.renditions).await;
    seen.take_source(&packager);
    finish(&serve, &job, &mut seen, SEGMENTS as usize, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_list_is_not_published_and_the_way_out_is_told() {
    let serve = Serve::start("\"never\"", "").await;
    for (stream, bytes, told) in [
        (
            "test/over",
            MOST + 1,
            "it has more than 32 MiB; let the packager list fewer segments",
        ),
        (
            "test/tags",
            MOST,
            "with its key tags the playlist has over 32 MiB",
        ),
    ] {
        let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        packaged(source.path(), bytes);
        let job = Encrypt::at(&serve, stream, source.path(), sink.path());
        let worker = job.start();
        until(told, seconds(60), async || {
            worker.stdout.text().contains(told).then_some(())
        })
        .await;
        assert!(!sink.path().join("index.m3u8").exists());
    }
}
