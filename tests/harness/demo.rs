//! `hlskey demo --json`, running.
//!
//! Must not know: what is asked of it.

use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::actor::Actor;
use super::binary;
use super::process::Process;
use super::wait::{seconds, until};

/// A demo with its folder.
pub(crate) struct Demo {
    pub(crate) process: Process,
    pub(crate) line: Value,
    pub(crate) dir: PathBuf,
    _own: Option<TempDir>,
}

impl Demo {
    /// Starts one in a folder of its own and waits for its line.
    pub(crate) async fn start(rotate: &str) -> Self {
        Self::start_with(rotate, &[]).await
    }

    /// The same with settings from the environment.
    pub(crate) async fn start_with(rotate: &str, settings: &[(&str, &str)]) -> Self {
        let own = tempfile::tempdir().unwrap();
        let mut demo = Self::set(own.path(), rotate, settings).await;
        demo._own = Some(own);
        demo
    }

    /// Starts one in `dir`.
    pub(crate) async fn start_in(dir: &Path, rotate: &str) -> Self {
        Self::set(dir, rotate, &[]).await
    }

    /// Starts one in `dir` that logs as `log` says, unless that is empty.
    pub(crate) async fn start_logging(dir: &Path, rotate: &str, log: &str) -> Self {
        let settings = [("RUST_LOG", log), ("HLSKEY_LOG__FILTER", log)];
        let settings = if log.is_empty() { &[] } else { &settings[..] };
        Self::set(dir, rotate, settings).await
    }

    async fn set(dir: &Path, rotate: &str, settings: &[(&str, &str)]) -> Self {
        let folder = dir.to_str().unwrap();
        let mut command = binary::command(&[
            "demo",
            "--json",
            "--dir",
            folder,
            "--listen",
            "127.0.0.1:0",
            "--rotate",
            rotate,
        ]);
        command.envs(settings.iter().copied());
        let mut process = Process::start(command);
        let first = until("the demo is ready", seconds(60), async || {
            if let Some(status) = process.ended() {
                panic!("the demo ended, {status}: {}", process.stderr.text());
            }
            process.stdout.all().first().cloned()
        })
        .await;
        let line = serde_json::from_str(&first).unwrap_or_else(|e| panic!("{first}: {e}"));
        Self {
            process,
            line,
            dir: dir.to_owned(),
            _own: None,
        }
    }

    /// A field of the line.
    pub(crate) fn field(&self, name: &str) -> &str {
        let value = self.line[name].as_str();
        value.unwrap_or_else(|| panic!("no {name} in {:?}", self.line))
    }

    /// A stranger at the server.
    pub(crate) fn stranger(&self) -> Actor {
        Actor::new(self.field("server"), Path::new(self.field("ca")))
    }

    /// A viewer with the token.
    pub(crate) fn viewer(&self) -> Actor {
        self.stranger().with(self.field("token"))
    }

    /// The packager.
    pub(crate) fn packager(&self) -> Actor {
        self.stranger().with(&secret(self.field("credential_file")))
    }

    /// The operator, at the ops listener.
    pub(crate) fn operator(&self) -> Actor {
        let actor = Actor::new(self.field("ops"), Path::new(self.field("ca")));
        actor.with(&secret(self.field("operator_credential_file")))
    }

    /// The demo's stream: what stands between `/hls/` and the master's file.
    pub(crate) fn stream(&self) -> &str {
        let (_, tail) = self.field("master").split_once("/hls/").unwrap();
        tail.rsplit_once('/').unwrap().0
    }

    /// The master playlist's file name.
    pub(crate) fn file(&self) -> &str {
        self.field("master").rsplit_once('/').unwrap().1
    }

    /// The clear source.
    pub(crate) fn source(&self) -> PathBuf {
        self.dir.join("source")
    }

    /// Stops it with SIGTERM and wants a clean end.
    pub(crate) async fn stop(mut self) {
        self.process.stop(Signal::TERM).await;
    }
}

/// A one-line file's text.
pub(crate) fn secret(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    text.trim_end().to_owned()
}
