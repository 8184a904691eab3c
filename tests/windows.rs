//! Long windows and long numbers: twenty thousand segments in one list, numbers past 32 bits.
//!
//! Must not know: how the encryptor reads a list.

mod size;

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

const SHORT: u64 = 200;
/// How many refreshes are measured.
const REFRESHES: u64 = 8;
/// A refresh of the long window costs at most so many times that of the short one. What is left to
/// grow is that its texts are read, compared and written; the two lists are a hundred times apart.
const TIMES: f64 = 12.0;

/// A live channel of `window` segments, all of them published and its window moved on; gives what that
/// took of the worker's CPU time, in milliseconds a refresh.
async fn follow(serve: &Serve, stream: &str, window: u64) -> (f64, [tempfile::TempDir; 2]) {
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::single(source.path());
    packager.window = window;
    packager.begin_now();
    let before = (window * packager.span) as i64;
    packager.epoch = packager.epoch.map(|now| now - before);
    for msn in 0..window {
        let file = packager.segment("index.m3u8", msn);
        std::fs::write(file, payload("index.m3u8", msn)).unwrap();
    }
    packager.next = window;
    packager.write_lists(false);
    let job = Encrypt::at(serve, stream, source.path(), sink.path());
    let mut worker = job.start();
    until("the window is published", seconds(400), async || {
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        let list = published(sink.path())?;
        (list.segments.len() as u64 == window).then_some(())
    })
    .await;
    // the first refresh is not like the others: what was made by passes is listed as a whole
    let mut moved = 1;
    packager.run(1).await;
    let mut begun = 0.0;
    while moved <= REFRESHES + 1 {
        until("the window has moved on", seconds(60), async || {
            let text = std::fs::read_to_string(sink.path().join("index.m3u8")).ok()?;
            let head = format!("#EXT-X-MEDIA-SEQUENCE:{moved}\n");
            let last = packager.segment("index.m3u8", window + moved - 1);
            let last = last.file_name()?.to_str()?.to_owned();
            (text.contains(&head) && text.contains(&last)).then_some(())
        })
        .await;
        if moved == 1 {
            begun = cpu(worker.pid());
        }
        moved += 1;
        if moved <= REFRESHES + 1 {
            packager.run(1).await;
        }
    }
    let spent = cpu(worker.pid()) - begun;
    let list = published(sink.path()).unwrap();
    let edges = (list.segments[0].msn, list.segments.last().unwrap().msn);
    assert_eq!(edges, (REFRESHES + 1, window + REFRESHES));
    let mut seen = Collector::of(sink.path());
    seen.look(&packager.renditions).await;
    seen.take_source(&packager);
    seen.evidence.source.retain(|(_, msn), _| *msn > REFRESHES);
    let keys = window / 5000 + 1;
    finish(serve, &job, &mut seen, window as usize, keys as usize).await;
    (spent / REFRESHES as f64, [source, sink])
}

/// The CPU time of a process so far, in milliseconds; the kernel counts hundredths of a second.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 * 1000.0 / rustix::param::clock_ticks_per_second() as f64
}

/// A day of a channel in one live list, as catch-up services have it: all of it is encrypted, it goes
/// on at the live edge, and a refresh does not cost what the whole list would.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_of_twenty_thousand_segments_is_published_and_goes_on() {
    let serve = Serve::start("{ segments = 5000 }", "").await;
    let (short, _short) = follow(&serve, "test/short-window", SHORT).await;
    let (long, _long) = follow(&serve, "test/long-window", LONG).await;
    println!("CPU time of a refresh: {short:.1} ms of {SHORT} segments, {long:.1} ms of {LONG}");
    println!("{:.1} times as much", long / short);
    assert!(
        long <= short.max(10.0) * TIMES,
        "{short:.1} ms, {long:.1} ms"
    );
}
