//! `hlskey encrypt`, running or run to its end.
//!
//! Must not know: what it should publish.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::binary;
use super::demo::Demo;
use super::process::Process;
use super::serve::Serve;

/// Everything that its command line says.
#[derive(Debug, Clone)]
pub(crate) struct Encrypt {
    pub(crate) stream: String,
    /// `dir` or `vod`.
    pub(crate) kind: &'static str,
    pub(crate) source: PathBuf,
    /// `push` or `pull:URL`, where the source is not the folder.
    pub(crate) from: Option<String>,
    pub(crate) sink: PathBuf,
    pub(crate) server: String,
    pub(crate) ca: PathBuf,
    pub(crate) credential: PathBuf,
    /// Has a state folder for each sink.
    pub(crate) states: PathBuf,
}

impl Encrypt {
    /// Against a demo's server, with its packager's credential.
    pub(crate) fn at_demo(demo: &Demo, stream: &str, source: &Path, sink: &Path) -> Self {
        Self {
            stream: stream.to_owned(),
            kind: "dir",
            source: source.to_owned(),
            from: None,
            sink: sink.to_owned(),
            server: demo.field("server").to_owned(),
            ca: demo.field("ca").into(),
            credential: demo.field("credential_file").into(),
            states: demo.dir.join("states"),
        }
    }

    /// Against a server of the test's own, with a new packager's credential for `test/**`.
    pub(crate) fn at(serve: &Serve, stream: &str, source: &Path, sink: &Path) -> Self {
        let name = format!("packager-{}", stream.replace('/', "-"));
        Self {
            stream: stream.to_owned(),
            kind: "dir",
            source: source.to_owned(),
            from: None,
            sink: sink.to_owned(),
            server: serve.url(),
            ca: serve.ca(),
            credential: serve.credential(&name, "test/**", &[]),
            states: serve.state(stream),
        }
    }

    /// The same into another sink.
    #[must_use]
    pub(crate) fn to_sink(&self, sink: &Path) -> Self {
        let sink = sink.to_owned();
        Self {
            sink,
            ..self.clone()
        }
    }

    /// The same of a finished asset: a playlist, or a folder.
    #[must_use]
    pub(crate) fn of_asset(&self, asset: &Path) -> Self {
        Self {
            kind: "vod",
            source: asset.to_owned(),
            ..self.clone()
        }
    }

    /// Where it keeps its ledger.
    pub(crate) fn state(&self) -> PathBuf {
        let sink = self.sink.file_name().unwrap();
        self.states.join(sink)
    }

    /// Where it keeps what comes from other machines.
    pub(crate) fn spool(&self) -> PathBuf {
        self.state().join("spool")
    }

    /// The command with `more` arguments.
    pub(crate) fn command(&self, more: &[&str]) -> Command {
        let dir = |path: &Path| format!("dir:{}", path.display());
        let own = || format!("{}:{}", self.kind, self.source.display());
        let source = self.from.clone().unwrap_or_else(own);
        let (sink, state) = (dir(&self.sink), self.state());
        let args = [
            "encrypt",
            "--stream",
            &self.stream,
            "--source",
            &source,
            "--sink",
            &sink,
            "--server",
            &self.server,
            "--ca",
            self.ca.to_str().unwrap(),
            "--credential-file",
            self.credential.to_str().unwrap(),
            "--state",
            state.to_str().unwrap(),
            "--json",
        ];
        binary::command(&[&args, more].concat())
    }

    /// Starts it to run on.
    pub(crate) fn start(&self) -> Process {
        self.start_with(&[])
    }

    /// The same with `more` arguments.
    pub(crate) fn start_with(&self, more: &[&str]) -> Process {
        Process::start(self.command(more))
    }

    /// Runs it to the end of the source's playlists.
    pub(crate) fn once(&self) -> Output {
        self.command(&["--once"]).output().unwrap()
    }

    /// The same, and wants a good end.
    pub(crate) fn once_well(&self) -> Output {
        self.once_well_with(&[])
    }

    /// The same with `more` arguments.
    pub(crate) fn once_well_with(&self, more: &[&str]) -> Output {
        let args = [&["--once"], more].concat();
        let output = self.command(&args).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {errors}", output.status);
        output
    }
}
