//! Low latency from the packager's parts to the player's: what is listed, what is held, what sinks and
//! sources have of it.
//!
//! Must not know: which code encrypts or serves.

mod announced;
mod browser;
mod held;
mod passed;

use std::path::Path;

use crate::harness::actor::Actor;
use crate::harness::encrypt::Encrypt;
use crate::harness::parts::open_parts;
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// A key server whose origin has what a worker makes of a low-latency source.
struct Air {
    serve: Serve,
    source: tempfile::TempDir,
    job: Encrypt,
}

impl Air {
    /// A stream of that name; its keys rotate by the rule `rotation`.
    async fn new(name: &str, rotation: &str) -> Self {
        let serve = Serve::start(rotation, "").await;
        let source = tempfile::tempdir().unwrap();
        let stream = format!("test/{name}");
        let sink = serve.origin().join(&stream);
        std::fs::create_dir_all(&sink).unwrap();
        let job = Encrypt::at(&serve, &stream, source.path(), &sink);
        Self { serve, source, job }
    }

    /// Where the source's file is.
    fn source(&self, path: &str) -> std::path::PathBuf {
        self.source.path().join(path)
    }

    /// Waits until the published `list` holds `what`; gives it.
    async fn published(&self, worker: &mut Process, list: &str, what: &str) -> String {
        published(worker, &self.job.sink.join(list), what).await
    }

    /// Opens every part that `text` names, of the source's rendition `list`.
    async fn check(&self, list: &str, text: &str) {
        let viewer = self.serve.viewer(&self.job.stream);
        open_parts((&viewer, &self.job.sink), list, text).await;
    }

    /// The path of a published file at the origin.
    fn path(&self, file: &str) -> String {
        format!("/hls/{}/{file}", self.job.stream)
    }

    fn anyone(&self) -> Actor {
        self.serve.stranger()
    }
}

/// Waits until the file holds `what`, while the worker runs; gives its text.
async fn published(worker: &mut Process, path: &Path, what: &str) -> String {
    until(&format!("{what} is listed"), seconds(20), async || {
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        let text = std::fs::read_to_string(path).ok()?;
        text.contains(what).then_some(text)
    })
    .await
}

/// How a part of the made-up packager is listed.
fn listed(msn: u64, index: u64) -> String {
    format!("DURATION=0.25,URI=\"s{msn}.{index}-part{index}-{msn}.m4s\"")
}
