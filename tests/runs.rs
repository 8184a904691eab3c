//! A packager that begins its numbering anew, as ffmpeg does when it is started again: the output
//! goes on, with a break and another key, and every encryptor of the stream writes the same.
//!
//! Must not know: how the encryptor notices. The audit is independent of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::actor::Actor;
use crate::harness::collector::Collector;
use crate::harness::encrypt::Encrypt;
use crate::harness::keeper::Keeper;
use crate::harness::packager::{Packager, replace};
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, throughout, until};
use crate::live::packager;

/// A stream under way: its packager, its encryptor, and who looks at what they do.
pub(crate) struct Show {
    pub(crate) serve: Serve,
    pub(crate) job: Encrypt,
    pub(crate) packager: Packager,
    pub(crate) seen: Collector,
    /// Every run that the server told of, for it tells of the newest few.
    told: BTreeMap<u64, Value>,
    _folders: [tempfile::TempDir; 2],
}

impl Show {
    pub(crate) async fn begin(
        rotation: &str,
        name: &str,
        make: fn(&std::path::Path) -> Packager,
    ) -> Self {
        let serve = Serve::start(rotation, "").await;
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [source, sink] = [folders[0].path(), folders[1].path()];
        let job = Encrypt::at(&serve, &format!("test/{name}"), source, sink);
        let mut packager = make(source);
        (packager.span, packager.window) = (400, 20);
        packager.write_master();
        Self {
            seen: Collector::of(sink),
            serve,
            job,
            packager,
            told: BTreeMap::new(),
            _folders: folders,
        }
    }

    pub(crate) async fn follow(&mut self, count: u64) {
        for _ in 0..count {
            self.packager.run(1).await;
            self.look().await;
        }
    }

    /// Looks once.
    pub(crate) async fn look(&mut self) {
        self.seen.look(&self.packager.renditions).await;
    }

    /// Waits until what the packager wrote last is published in every rendition.
    pub(crate) async fn caught_up(&mut self, worker: &mut Process) {
        let run = self.packager.runs.len() as u64;
        let last = self.packager.next - 1;
        let told = until("the run is numbered", seconds(20), async || {
            assert!(worker.ended().is_none(), "{}", worker.stderr.text());
            self.follow_on(seconds(1)).await;
            self.ask_runs().await;
            let (newest, told) = self.told.last_key_value().unwrap();
            (*newest == run).then(|| told.clone())
        })
        .await;
        let last = number(&told, "output") + last - number(&told, "first");
        until("the worker catches up", seconds(20), async || {
            assert!(worker.ended().is_none(), "{}", worker.stderr.text());
            self.seen.look(&self.packager.renditions).await;
            let mut renditions = self.packager.renditions.iter();
            renditions
                .all(|rendition| newest_of(&self.seen, rendition) == Some(last))
                .then_some(())
        })
        .await;
    }

    async fn ask_runs(&mut self) {
        let told = runs(&self.packager_actor(), &self.job.stream).await;
        let told = told.as_array().unwrap().iter();
        self.told
            .extend(told.map(|told| (number(told, "run"), told.clone())));
    }

    /// Looks for a while.
    pub(crate) async fn follow_on(&mut self, span: std::time::Duration) {
        throughout("somebody looks", span, async || {
            self.look().await;
            true
        })
        .await;
    }

    pub(crate) fn packager_actor(&self) -> Actor {
        let credential = std::fs::read_to_string(&self.job.credential).unwrap();
        self.serve.stranger().with(credential.trim())
    }

    pub(crate) async fn judge(mut self, segments: usize, keys: usize) {
        self.ask_runs().await;
        let told = self.told.values().rev().cloned().collect();
        let seen = &mut self.seen;
        finish(seen, &self.serve, &self.job, &self.packager, &told).await;
        seen.judge(segments, keys);
    }
}

/// What the server says of the source's runs.
async fn runs(packager: &Actor, stream: &str) -> Value {
    let body = r#"{"instance":"onlooker","acknowledged":0,"runs":true}"#;
    let path = format!("/v1/streams/{stream}/progress");
    let answer = packager.ask("POST", &path, Some(body)).await.expect(200);
    answer.json()["runs"].clone()
}

fn number(run: &Value, name: &str) -> u64 {
    run[name].as_u64().unwrap()
}

pub(crate) fn newest_of(seen: &Collector, rendition: &str) -> Option<u64> {
    let mut lists = seen.evidence.published.iter().rev();
    let (_, list) = lists.find(|(name, _)| name == rendition)?;
    Some(list.segments.last()?.msn)
}

async fn finish(
    seen: &mut Collector,
    serve: &Serve,
    job: &Encrypt,
    packager: &Packager,
    told: &Value,
) {
    seen.nothing_changed().await;
    seen.take_runs(packager, told);
    seen.fetch_keys(&serve.viewer(&job.stream)).await;
    let credential = std::fs::read_to_string(&job.credential).unwrap();
    let actor = serve.stranger().with(credential.trim());
    seen.lease(&actor, &job.stream, "").await;
}

fn told(worker: &Process, event: &str) -> usize {
    let is = |line: &String| line.contains(&format!("\"event\":\"{event}\""));
    worker.stdout.all().iter().filter(|line| is(line)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_go_on_over_two_restarts_and_a_kill() {
    let mut show = Show::begin("{ segments = 5 }", "anew", Packager::ladder).await;
    let mut worker = show.job.start();
    show.follow(8).await;
    show.caught_up(&mut worker).await;
    for _ in 0..2 {
        show.packager.restart();
        show.follow(4).await;
        worker.kill();
        worker = show.job.start();
        show.follow(3).await;
        show.caught_up(&mut worker).await;
    }
    show.judge(3 * (8 + 7 + 7), 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_nobody_saw_is_found_by_its_bytes() {
    let mut show = Show::begin("{ segments = 50 }", "unseen", Packager::single).await;
    let mut worker = show.job.start();
    show.follow(8).await;
    show.caught_up(&mut worker).await;
    worker.kill();
    show.packager.restart();
    show.packager.run(9).await; // names and numbers that look like a continuation
    let mut worker = show.job.start();
    show.caught_up(&mut worker).await;
    show.follow(3).await;
    show.caught_up(&mut worker).await;
    show.judge(8 + 6, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_encryptors_of_an_undated_source_agree_across_a_restart() {
    let mut show = Show::begin("{ every = \"3s\" }", "both", Packager::ladder).await;
    show.packager.epoch = None;
    let other = tempfile::tempdir().unwrap();
    let mut seen = Collector::of(other.path());
    let mut workers = [show.job.start(), show.job.to_sink(other.path()).start()];
    // Undated segments are when they are seen: both look before the show begins.
    show.follow(1).await;
    for worker in &mut workers {
        show.caught_up(worker).await;
    }
    show.packager.pause().await;
    for run in 0..3 {
        for _ in 0..9 {
            show.follow(1).await;
            seen.look(&show.packager.renditions).await;
        }
        for worker in &mut workers {
            show.caught_up(worker).await;
        }
        if run < 2 {
            show.packager.restart();
        }
    }
    until("the other catches up", seconds(20), async || {
        seen.look(&show.packager.renditions).await;
        let mut renditions = show.packager.renditions.iter();
        renditions
            .all(|r| newest_of(&seen, r) == newest_of(&show.seen, r))
            .then_some(())
    })
    .await;
    let mut both = 0;
    for (path, bytes) in &show.seen.evidence.files {
        if let Some(same) = seen.evidence.files.get(path) {
            assert_eq!(bytes, same, "{path}");
            both += 1;
        }
    }
    assert!(both >= 3 * 20, "{both} files in both");
    let told = runs(&show.packager_actor(), &show.job.stream).await;
    assert_eq!(told.as_array().unwrap().len(), 3, "{told}");
    finish(&mut seen, &show.serve, &show.job, &show.packager, &told).await;
    seen.judge(3 * 20, 4);
    show.judge(3 * 20, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_playlist_is_no_restart() {
    let mut show = Show::begin("{ segments = 50 }", "stale", Packager::single).await;
    let mut worker = show.job.start();
    show.follow(6).await;
    let list = show.packager.root.join("index.m3u8");
    let old = std::fs::read_to_string(&list).unwrap();
    show.follow(5).await;
    show.caught_up(&mut worker).await;
    let last = newest_of(&show.seen, "index.m3u8");
    replace(&list, &old);
    throughout("nothing of it is published", seconds(3), async || {
        show.seen.look(&show.packager.renditions).await;
        newest_of(&show.seen, "index.m3u8") == last
    })
    .await;
    show.packager.write_lists(false);
    show.follow(3).await;
    show.caught_up(&mut worker).await;
    assert_eq!(told(&worker, "source_restarted"), 0);
    show.packager.restart();
    show.follow(2).await;
    show.caught_up(&mut worker).await;
    assert_eq!(told(&worker, "source_restarted"), 1, "a real one is told");
    show.judge(14 + 2, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_server_away_a_restart_stalls_and_passes() {
    let mut show = Show::begin("{ segments = 50 }", "away", Packager::single).await;
    let mut worker = show.job.start();
    show.follow(6).await;
    show.caught_up(&mut worker).await;
    show.serve.pause().await;
    show.packager.restart();
    show.follow(6).await;
    assert_eq!(
        newest_of(&show.seen, "index.m3u8"),
        Some(5),
        "nothing is numbered by guess"
    );
    until("it is told", seconds(5), async || {
        let all = worker.stdout.text();
        all.contains("\"reason\":\"restarted\"").then_some(())
    })
    .await;
    show.serve.resume().await;
    show.follow(2).await;
    show.caught_up(&mut worker).await;
    show.judge(6 + 8, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_is_killed_and_started_again() {
    let serve = Serve::start("{ every = \"4s\" }", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let job = Encrypt::at(&serve, "test/ffmpeg-anew", source.path(), sink.path());
    let mut worker = job.start();
    let mut seen = Collector::of(sink.path());
    let mut kept = [Keeper::default(), Keeper::default()];
    for (life, keeper) in kept.iter_mut().enumerate() {
        let mut ffmpeg = packager(source.path(), "program_date_time+delete_segments");
        until("ffmpeg has run", seconds(40), async || {
            let is_begun = keeper.segments.is_empty();
            if !is_begun || has_begun(source.path(), life) {
                keeper.look(source.path(), "master.m3u8");
            }
            let renditions = seen.origin.renditions("master.m3u8").await;
            seen.look(&renditions).await;
            assert!(worker.ended().is_none(), "{}", worker.stderr.text());
            let is_over = match life {
                0 => newest_of(&seen, "v0/index.m3u8") >= Some(4),
                _ => seen.evidence.published.iter().any(|(_, list)| list.ended),
            };
            is_over.then_some(())
        })
        .await;
        ffmpeg.kill();
    }
    seen.nothing_changed().await;
    let credential = std::fs::read_to_string(&job.credential).unwrap();
    let actor = serve.stranger().with(credential.trim());
    let told = runs(&actor, &job.stream).await;
    let (first, output) = (number(&told[0], "first"), number(&told[0], "output"));
    seen.evidence.starts = vec![output];
    let [before, after] = kept;
    let before = before.segments.into_iter();
    seen.evidence.source = before.filter(|((_, msn), _)| *msn < output).collect();
    let after = after
        .segments
        .into_iter()
        .filter(|((_, msn), _)| *msn >= first);
    let numbered =
        after.map(|((rendition, msn), bytes)| ((rendition, output + msn - first), bytes));
    seen.evidence.source.extend(numbered);
    seen.fetch_keys(&serve.viewer(&job.stream)).await;
    seen.lease(&actor, &job.stream, "").await;
    seen.judge(5 + 4, 3);
}

/// Whether ffmpeg has listed segments of its life: the second one begins at 0 again.
fn has_begun(source: &std::path::Path, life: usize) -> bool {
    let list = std::fs::read_to_string(source.join("v0/index.m3u8")).unwrap_or_default();
    life == 0 || list.matches("#EXTINF").count() < 4
}
