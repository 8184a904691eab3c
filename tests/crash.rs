//! `kill -9` of the encryptor at fifty random moments: nothing clear, nothing broken, nothing
//! changed.
//!
//! Must not know: where the encryptor keeps its notes; every file below the sink is looked at.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use rand::RngExt as _;
use tokio::time::{Instant, sleep_until};

use crate::harness::chance::seeded;
use crate::harness::collector::Collector;
use crate::harness::encrypt::Encrypt;
use crate::harness::packager::{MARK, Packager};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

const KILLS: u32 = 50;

/// Where a clear packet shows, if any of `bytes` is clear.
pub(crate) fn clear_at(bytes: &[u8]) -> Option<usize> {
    let mark = MARK.as_bytes();
    let marked = bytes.windows(mark.len()).position(|window| window == mark);
    // Fewer would show by chance in some of the thousands of ciphertexts of a run.
    let synced = |at: &usize| (0..8).all(|n| bytes.get(at + n * 188) == Some(&0x47));
    marked.or_else(|| (0..188.min(bytes.len())).find(synced))
}

/// Looks at every file that ever lies below a folder, again whenever it was written.
struct Watch {
    root: PathBuf,
    known: HashMap<PathBuf, (u64, SystemTime)>,
    looked: usize,
}

impl Watch {
    fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            known: HashMap::new(),
            looked: 0,
        }
    }

    fn look(&mut self) {
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            for path in entries.map(|entry| entry.path()) {
                match path.is_dir() {
                    true => folders.push(path),
                    false => self.look_at(path),
                }
            }
        }
    }

    fn look_at(&mut self, path: PathBuf) {
        let Ok(facts) = std::fs::metadata(&path) else {
            return; // renamed since it was listed
        };
        let stamp = (facts.len(), facts.modified().unwrap());
        if self.known.get(&path) != Some(&stamp)
            && let Ok(bytes) = std::fs::read(&path)
        {
            self.looked += 1;
            assert_eq!(clear_at(&bytes), None, "{} is clear", path.display());
            self.known.insert(path, stamp);
        }
    }
}

/// Looks without a pause on a thread of its own until told to stop.
struct Watching {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<usize>,
}

impl Watching {
    fn start(root: &Path) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut watch, stopped) = (Watch::new(root), stop.clone());
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                watch.look();
                std::thread::yield_now();
            }
            watch.look();
            watch.looked
        });
        Self { stop, thread }
    }

    fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_leave_nothing_clear_broken_or_changed() {
    let mut random = seeded();
    let serve = Serve::start("{ segments = 5 }", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::ladder(source.path());
    packager.span = 100;
    packager.window = 100;
    packager.write_master();
    let job = Encrypt::at(&serve, "test/killed", source.path(), sink.path());
    let watching = Watching::start(sink.path());
    let mut seen = Collector::of(sink.path());
    for _ in 0..KILLS {
        let mut worker = job.start();
        let end = Instant::now() + Duration::from_millis(random.random_range(5..900));
        while Instant::now() < end {
            packager.publish();
            let next = Instant::now() + Duration::from_millis(100);
            sleep_until(next.min(end)).await;
        }
        worker.kill();
        seen.look(&packager.renditions).await;
        seen.nothing_changed().await;
    }
    recovers(&job, &packager, &mut seen).await;
    println!("{} files were looked at", watching.end());
    seen.take_source(&packager);
    seen.fetch_keys(&serve.viewer(&job.stream)).await;
    let credential = std::fs::read_to_string(&job.credential).unwrap();
    seen.lease(&serve.stranger().with(credential.trim()), &job.stream, "")
        .await;
    seen.evidence
        .source
        .retain(|(_, msn), _| *msn < packager.next);
    seen.judge(60, 5);
}

/// After the last kill a worker catches up with the source by itself.
async fn recovers(job: &Encrypt, packager: &Packager, seen: &mut Collector) {
    let mut worker = job.start();
    until("the last worker catches up", seconds(20), async || {
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        seen.look(&packager.renditions).await;
        let newest = |rendition: &String| {
            let mut lists = seen.evidence.published.iter().rev();
            let list = lists.find(|(name, _)| name == rendition);
            list.and_then(|(_, list)| Some(list.segments.last()?.msn))
        };
        let last = packager.next - 1;
        packager
            .renditions
            .iter()
            .all(|r| newest(r) == Some(last))
            .then_some(())
    })
    .await;
}

#[test]
fn clear_bytes_are_seen() {
    let packet = crate::harness::packager::payload("v0/index.m3u8", 3);
    assert!(clear_at(&packet).is_some());
    assert!(clear_at(&packet[60..]).is_some());
    let mut synced = vec![0; 2000];
    for packet in 0..8 {
        synced[100 + packet * 188] = 0x47;
    }
    assert_eq!(clear_at(&synced), Some(100));
    synced[288] = 0;
    assert_eq!(clear_at(&synced), None);
    assert_eq!(clear_at(b""), None);
}

/// Kills of the server; each is followed by a restart on the same folder.
const OUTAGES: u32 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_at_random_never_forgets_a_published_key() {
    let mut random = seeded();
    let mut serve = Serve::prepare("{ segments = 1 }", "");
    serve.amend("[keys]", "[keys]\nlease = \"1s\""); // so that keys are issued all the time
    serve.resume().await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::single(source.path());
    (packager.span, packager.window) = (100, 300);
    let job = Encrypt::at(&serve, "test/outages", source.path(), sink.path());
    let mut worker = job.start();
    let mut seen = Collector::of(sink.path());
    for _ in 0..OUTAGES {
        packager.run(random.random_range(1..8)).await;
        serve.kill();
        packager.run(1).await;
        seen.look(&packager.renditions).await;
        serve.resume().await;
    }
    until("everything is published", seconds(30), async || {
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        seen.look(&packager.renditions).await;
        (seen.evidence.count() as u64 == packager.next).then_some(())
    })
    .await;
    seen.nothing_changed().await;
    seen.take_source(&packager);
    seen.fetch_keys(&serve.viewer(&job.stream)).await;
    let credential = std::fs::read_to_string(&job.credential).unwrap();
    seen.lease(&serve.stranger().with(credential.trim()), &job.stream, "")
        .await;
    let all = seen.evidence.count();
    seen.judge(all, all);
}
