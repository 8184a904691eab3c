//! Sources and sinks that misbehave: a clear error, nothing wrong published, recovery by itself.
//!
//! Must not know: how the encryptor finds out.

use std::path::Path;

use crate::crash::clear_at;
use crate::harness::collector::Collector;
use crate::harness::encrypt::Encrypt;
use crate::harness::packager::{Packager, payload, replace};
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::small_disk::SmallDisk;
use crate::harness::wait::{seconds, throughout, until};

/// One encryptor of one live picture.
struct Stage {
    serve: Serve,
    packager: Packager,
    job: Encrypt,
    seen: Collector,
    _source: tempfile::TempDir,
    sink: tempfile::TempDir,
}

impl Stage {
    async fn set(stream: &str) -> Self {
        let serve = Serve::start("{ segments = 4 }", "").await;
        let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut packager = Packager::single(source.path());
        (packager.window, packager.span) = (40, 500);
        let job = Encrypt::at(&serve, stream, source.path(), sink.path());
        let seen = Collector::of(sink.path());
        Self {
            serve,
            packager,
            job,
            seen,
            _source: source,
            sink,
        }
    }

    /// Waits until all that the source lists is published.
    async fn published(&mut self, worker: &mut Process) {
        let all = usize::try_from(self.packager.next).unwrap();
        until("everything is published", seconds(20), async || {
            assert!(worker.ended().is_none(), "{}", worker.stderr.text());
            self.seen.look(&self.packager.renditions).await;
            (self.seen.evidence.count() == all).then_some(())
        })
        .await;
    }

    /// Holds that no more than `count` segments are published, and nothing clear, for a while.
    async fn stays_at(&mut self, count: usize) {
        throughout("nothing more is published", seconds(2), async || {
            self.seen.look(&self.packager.renditions).await;
            self.seen.evidence.count() == count && nothing_clear(self.sink.path())
        })
        .await;
    }

    /// The audit at the end, of all that the source has.
    async fn judge(self) {
        let all = usize::try_from(self.packager.next).unwrap();
        self.judge_all(all).await;
    }

    /// The audit at the end, of at least `count` segments.
    async fn judge_all(mut self, count: usize) {
        self.seen.nothing_changed().await;
        self.seen.take_source(&self.packager);
        self.seen
            .fetch_keys(&self.serve.viewer(&self.job.stream))
            .await;
        let credential = std::fs::read_to_string(&self.job.credential).unwrap();
        let packager = self.serve.stranger().with(credential.trim());
        self.seen.lease(&packager, &self.job.stream, "").await;
        self.seen.judge(count, 1);
    }
}

fn nothing_clear(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let files = entries.filter(|entry| entry.path().is_file());
    files
        .filter_map(|file| std::fs::read(file.path()).ok())
        .all(|bytes| clear_at(&bytes).is_none())
}

/// Temporary files, by name.
fn half_written(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".tmp")).collect()
}

/// Anything on either output that names a fault.
fn complaints(worker: &Process) -> String {
    format!("{}\n{}", worker.stderr.text(), worker.stdout.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_vanishes_or_comes_late_is_waited_for() {
    let mut stage = Stage::set("test/late").await;
    (0..3).for_each(|_| stage.packager.publish());
    let mut worker = stage.job.start();
    stage.published(&mut worker).await;

    // Listed, and not there: the list stalls, loudly, and goes on when the file comes.
    stage.packager.publish();
    let path = stage.packager.segment("index.m3u8", 4);
    stage.published(&mut worker).await;
    let msn = stage.packager.next;
    stage.packager.next += 1;
    stage.packager.write_lists(false);
    stage.stays_at(usize::try_from(msn).unwrap()).await;
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    until("the missing file is named", seconds(10), async || {
        complaints(&worker).contains(&name).then_some(())
    })
    .await;
    std::fs::write(&path, payload("index.m3u8", msn)).unwrap();
    stage.published(&mut worker).await;
    stage.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_written_in_place_is_taken_when_it_is_whole() {
    let mut stage = Stage::set("test/inplace").await;
    (0..2).for_each(|_| stage.packager.publish());
    let mut worker = stage.job.start();
    stage.published(&mut worker).await;
    // As most packagers do: the file grows beside the list, and is listed when it is whole.
    for _ in 0..3 {
        let msn = stage.packager.next;
        let path = stage.packager.segment("index.m3u8", msn);
        let bytes = payload("index.m3u8", msn);
        for end in [0, 188, 1000.min(bytes.len()), bytes.len()] {
            std::fs::write(&path, &bytes[..end]).unwrap();
            stage.seen.look(&stage.packager.renditions).await;
        }
        stage.packager.next += 1;
        stage.packager.write_lists(false);
        stage.published(&mut worker).await;
    }
    stage.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_segment_that_still_grows_is_not_taken_short() {
    let mut stage = Stage::set("test/growing").await;
    (0..2).for_each(|_| stage.packager.publish());
    let mut worker = stage.job.start();
    stage.published(&mut worker).await;
    let msn = stage.packager.next;
    let path = stage.packager.segment("index.m3u8", msn);
    let bytes = payload("index.m3u8", msn);
    // Half a packet too many: a transport stream that ends inside a packet is not whole.
    std::fs::write(&path, &bytes[..188 * 2 + 94]).unwrap();
    stage.packager.next += 1;
    stage.packager.write_lists(false);
    stage.stays_at(usize::try_from(msn).unwrap()).await;
    std::fs::write(&path, &bytes).unwrap();
    stage.published(&mut worker).await;
    stage.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_half_written_changes_nothing() {
    let mut stage = Stage::set("test/half").await;
    (0..3).for_each(|_| stage.packager.publish());
    let mut worker = stage.job.start();
    stage.published(&mut worker).await;
    let whole = stage.packager.list("index.m3u8", 0..3, false);
    let path = stage.packager.root.join("index.m3u8");
    for cut in [0, 5, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        stage.stays_at(3).await;
    }
    std::fs::write(&path, "no playlist at all\n").unwrap();
    stage.stays_at(3).await;
    stage.packager.publish();
    stage.published(&mut worker).await;
    stage.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_stalls_the_stream_and_no_more() {
    let mut stage = Stage::set("test/away").await;
    (0..3).for_each(|_| stage.packager.publish());
    stage.serve.pause().await;
    let mut worker = stage.job.start();
    stage.stays_at(0).await;
    assert!(worker.ended().is_none(), "{}", worker.stderr.text());
    assert!(!complaints(&worker).trim().is_empty(), "a stall is told");
    stage.serve.resume().await;
    stage.published(&mut worker).await;
    stage.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_never_comes_is_a_gap_and_no_reason_to_stop() {
    let mut stage = Stage::set("test/gap").await;
    (0..3).for_each(|_| stage.packager.publish());
    let mut worker = stage.job.start();
    stage.published(&mut worker).await;
    for _ in 0..3 {
        stage.packager.publish();
        if stage.packager.next == 4 {
            std::fs::remove_file(stage.packager.segment("index.m3u8", 3)).unwrap();
        }
    }
    until("the rest is published", seconds(15), async || {
        stage.seen.look(&stage.packager.renditions).await;
        let list = &stage.seen.evidence.published.last()?.1;
        (list.segments.last()?.msn == 5).then_some(())
    })
    .await;
    let list = &stage.seen.evidence.published.last().unwrap().1;
    let gaps: Vec<bool> = list.segments.iter().map(|segment| segment.gap).collect();
    assert_eq!(gaps, [false, false, false, true, false, false]);
    assert!(
        list.version >= Some(8),
        "EXT-X-GAP needs version 8: {:?}",
        list.version
    );
    stage.judge_all(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_segment_is_awaited() {
    let mut stage = Stage::set("test/empty").await;
    (0..8).for_each(|_| stage.packager.publish());
    let mut worker = stage.job.start();
    stage.published(&mut worker).await;
    let path = stage.packager.segment("index.m3u8", 8);
    std::fs::write(&path, b"").unwrap();
    stage.packager.next += 1;
    stage.packager.write_lists(false);
    stage.stays_at(8).await;
    std::fs::write(&path, payload("index.m3u8", 8)).unwrap();
    stage.published(&mut worker).await;
    stage.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_sink_is_told_and_goes_on_when_there_is_room() {
    let mut stage = Stage::set("test/full").await;
    let small = SmallDisk::mount(stage.sink.path(), 256);
    (0..3).for_each(|_| stage.packager.publish());
    let mut worker = stage.job.start();
    stage.published(&mut worker).await;
    small.fill();
    (0..3).for_each(|_| stage.packager.publish());
    stage.stays_at(3).await;
    until("the full disk is told", seconds(10), async || {
        let told = worker.stdout.text();
        (told.contains("\"sink_failed\"") && told.contains("space")).then_some(())
    })
    .await;
    small.empty();
    stage.published(&mut worker).await;
    until("the end of it is told", seconds(10), async || {
        let told = worker.stdout.text();
        told.contains("\"sink_recovered\"").then_some(())
    })
    .await;
    drop(worker);
    assert_eq!(half_written(stage.sink.path()), [""; 0]);
    stage.judge().await;
    drop(small);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_protected_is_refused() {
    let stage = Stage::set("test/refused").await;
    let mut packager = Packager::single(&stage.packager.root);
    packager.write_vod(2);
    let inside = stage.job.to_sink(&stage.packager.root.join("out"));
    let around = Encrypt {
        source: stage.sink.path().join("in"),
        ..stage.job.clone()
    };
    std::fs::create_dir(&around.source).unwrap();
    Packager::single(&around.source).write_vod(2);
    for job in [inside, around, stage.job.to_sink(&stage.packager.root)] {
        let output = job.once();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let is_refused = said.contains("must not lie inside each other");
        assert!(!output.status.success() && is_refused, "{job:?}: {said}");
    }

    let text = packager.list("index.m3u8", 0..2, true);
    let encrypted = text.replacen("#EXTINF", "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXTINF", 1);
    let outside = text.replacen("seg-0.ts", "../seg-0.ts", 1);
    let skipped = "#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n#EXTINF";
    let partial = text.replacen("#EXTINF", skipped, 1);
    for (text, word) in [
        (encrypted, "ncrypted"),
        (outside, ".."),
        (partial, "delta update"),
    ] {
        replace(&packager.root.join("index.m3u8"), &text);
        let output = stage.job.once();
        let said = [output.stderr, output.stdout].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(
            !output.status.success() && said.contains(word),
            "{word}: {said}"
        );
        assert!(!stage.sink.path().join("index.m3u8").exists(), "{word}");
        assert!(nothing_clear(stage.sink.path()));
    }
}
