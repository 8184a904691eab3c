//! A live picture on air, in real time, while its key server and its encryptor come and go.
//!
//! Must not know: what is published when one of them is away.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::collector::Collector;
use super::encrypt::Encrypt;
use super::packager::Packager;
use super::process::Process;
use super::serve::Serve;
use super::wait::seconds;
use crate::crash::clear_at;
use crate::secrets::{Secrets, files_below};

/// One encryptor of one live picture whose clock is right, and a server with short leases.
pub(crate) struct OnAir {
    pub(crate) serve: Serve,
    pub(crate) packager: Packager,
    pub(crate) job: Encrypt,
    pub(crate) seen: Collector,
    _source: tempfile::TempDir,
    pub(crate) sink: tempfile::TempDir,
}

impl OnAir {
    /// Begins at the present: a server with leases of `lease` that rotates `every` so often.
    pub(crate) async fn set(stream: &str, every: &str, lease: &str) -> Self {
        let mut serve = Serve::prepare(&format!("{{ every = \"{every}\" }}"), "");
        serve.amend("[keys]\n", &format!("[keys]\nlease = \"{lease}\"\n"));
        serve.resume().await;
        let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut packager = Packager::single(source.path());
        (packager.window, packager.span) = (1000, 500);
        packager.begin_now();
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

    /// Publishes in real time until `done`; panics past `limit`.
    pub(crate) async fn on_air(
        &mut self,
        what: &str,
        limit: Duration,
        mut done: impl FnMut(&Self) -> bool,
    ) {
        let begun = Instant::now();
        loop {
            self.packager.run(1).await;
            self.seen.look(&self.packager.renditions).await;
            if done(self) {
                return self.nothing_is_clear();
            }
            assert!(begun.elapsed() < limit, "{what}: not within {limit:?}");
        }
    }

    fn nothing_is_clear(&self) {
        for path in files_below(self.sink.path()) {
            let bytes = std::fs::read(&path).unwrap_or_default();
            assert_eq!(clear_at(&bytes), None, "{} is clear", path.display());
        }
    }

    /// Publishes in real time for `span` seconds.
    pub(crate) async fn on_air_for(&mut self, span: u64) {
        let begun = Instant::now();
        let over = |_: &Self| begun.elapsed() >= seconds(span);
        self.on_air("time passes", seconds(span + 60), over).await;
    }

    /// How many segments players have seen.
    pub(crate) fn published(&self) -> u64 {
        self.seen.evidence.count() as u64
    }

    /// Whether all is published but the last segments, which may still be on their way.
    pub(crate) fn keeps_up(&self) -> bool {
        self.published() + 4 >= self.packager.next
    }

    /// Where the encryptor notes its lease.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.job.state().join("ledger")
    }

    /// Fetches what a viewer and a packager get, for a judgement.
    pub(crate) async fn ask(&mut self) {
        self.seen.nothing_changed().await;
        self.seen.take_source(&self.packager);
        let viewer = self.serve.viewer(&self.job.stream);
        self.seen.fetch_keys(&viewer).await;
        let credential = std::fs::read_to_string(&self.job.credential).unwrap();
        let packager = self.serve.stranger().with(credential.trim());
        self.seen.lease(&packager, &self.job.stream, "").await;
    }

    /// The keys' bytes lie nowhere in the clear.
    pub(crate) fn keys_are_sealed(&self, workers: &[&Process]) {
        let mut secrets = Secrets::default();
        for period in &self.seen.evidence.periods {
            secrets.bytes(&format!("key {}", period.kid), &period.key);
        }
        assert!(self.seen.evidence.periods.len() > 3);
        for folder in [self.job.state(), self.sink.path().to_owned()] {
            for path in files_below(&folder) {
                secrets.not_in(&path.to_string_lossy(), &std::fs::read(&path).unwrap());
            }
        }
        for worker in workers {
            secrets.not_in("standard error", worker.stderr.text().as_bytes());
            secrets.not_in("standard output", worker.stdout.text().as_bytes());
        }
    }
}

/// How often a worker has told of `event`.
pub(crate) fn told(worker: &Process, event: &str) -> usize {
    let lines = worker.stdout.all();
    let tag = format!("{{\"event\":\"{event}\"");
    lines.iter().filter(|line| line.starts_with(&tag)).count()
}

/// How many errors stand in its log.
pub(crate) fn alarms(worker: &Process) -> usize {
    worker
        .stderr
        .all()
        .iter()
        .filter(|line| line.contains("ERROR"))
        .count()
}
