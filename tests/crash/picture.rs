//! A live picture from its packager to its sink, and what was seen of it on the way.
//!
//! The packager waits for an encryptor that is down, as far as its window reaches, so that every
//! segment must be published however slow the machine is. Must not know: who is killed.

use std::collections::BTreeMap;
use std::path::Path;

use crate::harness::actor::Actor;
use crate::harness::clear::Watch;
use crate::harness::collector::Collector;
use crate::harness::encrypt::Encrypt;
use crate::harness::packager::Packager;
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};
use crate::independent::playlist::MediaList;

/// Source, encryptor, sink, and the evidence.
pub(super) struct Picture {
    pub(super) packager: Packager,
    pub(super) job: Encrypt,
    pub(super) seen: Collector,
    viewer: Actor,
    asker: Actor,
    database: String,
    watch: Watch,
    /// Lists that were judged already.
    past: Vec<(String, MediaList)>,
    _source: tempfile::TempDir,
    sink: tempfile::TempDir,
}

impl Picture {
    /// A ladder of 100 ms segments, `window` of them listed.
    pub(super) fn ladder(serve: &Serve, stream: &str, window: u64) -> Self {
        let source = tempfile::tempdir().unwrap();
        let mut packager = Packager::ladder(source.path());
        (packager.span, packager.window) = (100, window);
        packager.begin_now();
        packager.write_master();
        let sink = tempfile::tempdir().unwrap();
        let job = Encrypt::at(serve, stream, source.path(), sink.path());
        let credential = std::fs::read_to_string(&job.credential).unwrap();
        Self {
            viewer: serve.viewer(stream),
            asker: serve.stranger().with(credential.trim()),
            database: serve.database(),
            job,
            seen: Collector::of(sink.path()),
            watch: Watch::new(sink.path()),
            past: Vec::new(),
            packager,
            _source: source,
            sink,
        }
    }

    /// The same without dates: the server must say when each segment is.
    pub(super) fn undated(mut self) -> Self {
        self.packager.epoch = None;
        self
    }

    /// Where it is published.
    pub(super) fn sink(&self) -> &Path {
        self.sink.path()
    }

    /// One segment's time goes by; what was published meanwhile is looked at.
    pub(super) async fn tick(&mut self) {
        let ahead = self.packager.next - self.published_to().unwrap_or(0);
        if ahead <= self.packager.window / 2 {
            self.packager.run(1).await;
        } else {
            self.packager.pause().await;
        }
        self.look().await;
    }

    /// Looks at what is published. While a process is dead that is exactly what a kill left.
    pub(super) async fn look(&mut self) {
        self.seen.look(&self.packager.renditions).await;
    }

    /// What a kill left: nothing clear in any file, nothing changed, no list that does not hold.
    pub(super) async fn audit_at_rest(&mut self) {
        self.watch.look();
        self.look().await;
        self.seen.nothing_changed().await;
    }

    /// The last number that every rendition lists.
    pub(super) fn published_to(&self) -> Option<u64> {
        let last = self.packager.renditions.iter().map(|rendition| {
            let mut lists = self.seen.evidence.published.iter().rev();
            let (_, list) = lists.find(|(name, _)| name == rendition)?;
            Some(list.segments.last()?.msn)
        });
        last.min().flatten()
    }

    /// Goes on until `ready` gives something; past `limit` seconds that is `None`.
    pub(super) async fn until<T>(
        &mut self,
        limit: u64,
        mut ready: impl AsyncFnMut(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let end = tokio::time::Instant::now() + seconds(limit);
        while tokio::time::Instant::now() < end {
            self.tick().await;
            if let Some(found) = ready(self).await {
                return Some(found);
            }
        }
        None
    }

    /// Goes on until the worker has published `count` more segments.
    pub(super) async fn goes_on(&mut self, worker: &mut Process, count: u64) {
        let goal = self.published_to().map_or(0, |last| last + 1) + count;
        let gone_on = self.until(60, async |picture| {
            assert!(worker.ended().is_none(), "{}", worker.stderr.text());
            (picture.published_to() >= Some(goal - 1)).then_some(())
        });
        let gone_on = gone_on.await;
        let said = || format!("{}\n{}", worker.stdout.text(), worker.stderr.text());
        assert!(gone_on.is_some(), "nothing more is published\n{}", said());
    }

    /// Everything that the packager wrote is published, without anything new.
    pub(super) async fn catches_up(&mut self, worker: &mut Process) {
        let last = self.packager.next - 1;
        until("all is published", seconds(60), async || {
            assert!(worker.ended().is_none(), "{}", worker.stderr.text());
            self.look().await;
            (self.published_to() == Some(last)).then_some(())
        })
        .await;
    }

    /// Judges what was seen since the last time, as the server tells it now.
    pub(super) async fn judge(&mut self) {
        self.gather().await;
        self.seen.judge(0, 0);
        let mut latest = BTreeMap::new();
        for (rendition, list) in std::mem::take(&mut self.seen.evidence.published) {
            self.past.extend(
                latest
                    .insert(rendition.clone(), list)
                    .map(|list| (rendition, list)),
            );
        }
        self.seen.evidence.published.extend(latest);
    }

    /// Judges everything that was ever seen; it must be all there is, under at least `keys` keys.
    pub(super) async fn judge_all(&mut self, keys: usize) {
        let rest = std::mem::take(&mut self.seen.evidence.published);
        self.seen.evidence.published = std::mem::take(&mut self.past);
        self.seen.evidence.published.extend(rest);
        until("all is reported", seconds(60), async || {
            self.gather().await;
            (self.seen.unclaimed() == 0 || self.packager.epoch.is_some()).then_some(())
        })
        .await;
        self.seen.take_source(&self.packager);
        let all = self.seen.evidence.source.len();
        self.seen.judge(all, keys);
    }

    async fn gather(&mut self) {
        self.audit_at_rest().await;
        let (stream, packager) = (&self.job.stream, &self.asker);
        self.seen.take_source(&self.packager);
        self.seen.fetch_keys(&self.viewer).await;
        if self.packager.epoch.is_none() {
            self.seen.take_claims(&self.database, stream).await;
        }
        self.seen.lease(packager, stream, "").await;
    }
}
