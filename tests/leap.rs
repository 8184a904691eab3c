//! An encryptor's clock that is set an hour ahead and put back, while something is waited for.
//!
//! Must not know: by which clock it waits.

use crate::encrypt::finish;
use crate::harness::clock::SetClock;
use crate::harness::collector::Collector;
use crate::harness::encrypt::Encrypt;
use crate::harness::packager::{Packager, payload};
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

const HOUR: i64 = 3600;
/// Two target durations are waited for a segment: longer than a test lasts.
const SPAN: u64 = 20_000;
/// The rendition that lacks a segment for a while, one that lacks none, and the segment.
const LATE: &str = "v0/index.m3u8";
const WHOLE: &str = "audio/index.m3u8";
const MISSING: u64 = 6;

/// Packages up to `next`, but for the missing segment.
fn package(packager: &mut Packager, next: u64) {
    for msn in packager.next..next {
        for rendition in &packager.renditions {
            if (rendition.as_str(), msn) != (LATE, MISSING) {
                let file = packager.segment(rendition, msn);
                std::fs::write(file, payload(rendition, msn)).unwrap();
            }
        }
    }
    packager.next = next;
    packager.write_lists(false);
}

/// Waits until `rendition` lists `msn`.
async fn listed(worker: &mut Process, seen: &mut Collector, rendition: &str, msn: u64) {
    let all = [LATE, "v1/deep/index.m3u8", WHOLE].map(str::to_owned);
    until("it is published", seconds(15), async || {
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        seen.look(&all).await;
        let newest = seen.evidence.published.iter().rev();
        let (_, list) = newest.clone().find(|(name, _)| name == rendition)?;
        (list.segments.last()?.msn >= msn).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_given_up_or_deleted_because_the_clock_is_set_ahead() {
    let serve = Serve::start("{ segments = 3 }", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::ladder(source.path());
    packager.span = SPAN;
    packager.begin_now();
    packager.write_master();
    let job = Encrypt::at(&serve, "test/leap", source.path(), sink.path());
    let clock = SetClock::right();
    package(&mut packager, 4);
    let mut worker = Process::start(clock.given_to(job.command(&[])));
    let mut seen = Collector::of(sink.path());
    listed(&mut worker, &mut seen, LATE, 3).await;
    package(&mut packager, 8); // 0 and 1 leave the list
    listed(&mut worker, &mut seen, WHOLE, 7).await;
    listed(&mut worker, &mut seen, LATE, MISSING - 1).await;

    clock.set(HOUR);
    for next in [9, 10] {
        package(&mut packager, next);
        listed(&mut worker, &mut seen, WHOLE, next - 1).await;
    }
    for msn in 0..4 {
        let file = sink.path().join(format!("audio/seg-{msn}.aac"));
        assert!(file.exists(), "{msn} is deleted while players have it");
    }
    let list = std::fs::read_to_string(sink.path().join(LATE)).unwrap();
    assert!(!list.contains("#EXT-X-GAP"), "it is given up: {list}");
    let late = packager.segment(LATE, MISSING);
    std::fs::write(late, payload(LATE, MISSING)).unwrap();
    listed(&mut worker, &mut seen, LATE, 9).await;

    clock.set(0);
    package(&mut packager, 11);
    listed(&mut worker, &mut seen, LATE, 10).await;
    listed(&mut worker, &mut seen, WHOLE, 10).await;
    let gaps = |text: &str| text.contains("#EXT-X-GAP");
    assert!(!gaps(
        &std::fs::read_to_string(sink.path().join(LATE)).unwrap()
    ));
    seen.take_source(&packager);
    finish(&serve, &job, &mut seen, 3 * 10, 3).await;
}
