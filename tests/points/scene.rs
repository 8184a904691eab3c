//! A server, a source and a sink for one point.
//!
//! Must not know: which point.

use std::path::PathBuf;

use crate::harness::encrypt::Encrypt;
use crate::harness::fragments::{Lines, fragment, listing, section};
use crate::harness::opening::Viewing;
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// All that a point's test needs.
pub(super) struct Scene {
    pub(super) serve: Serve,
    pub(super) source: tempfile::TempDir,
    pub(super) sink: tempfile::TempDir,
    pub(super) job: Encrypt,
}

impl Scene {
    /// With keys that rotate by the rule `rotation`.
    pub(super) async fn new(name: &str, rotation: &str) -> Self {
        Self::at(name, Serve::start(rotation, "").await)
    }

    /// At a server of the test's own.
    pub(super) fn at(name: &str, serve: Serve) -> Self {
        let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let stream = format!("test/{name}");
        let job = Encrypt::at(&serve, &stream, source.path(), sink.path());
        Self {
            serve,
            source,
            sink,
            job,
        }
    }

    pub(super) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.source.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Fragments `s<n>.m4s` and the playlist that lists them; `init.mp4` and `other.mp4` are there.
    pub(super) fn list(&self, numbers: std::ops::Range<u64>, lines: Lines<'_>, end: &str) {
        self.write("init.mp4", section("init"));
        self.write("other.mp4", section("other"));
        for msn in numbers.clone() {
            self.write(&format!("s{msn}.m4s"), fragment("i", msn));
        }
        let text = listing(numbers, "", lines, end);
        crate::harness::packager::replace(&self.source.path().join("i.m3u8"), &text);
    }

    /// Encrypts it to its end.
    pub(super) async fn once(&self, more: &[&str]) -> Viewing {
        self.job.once_well_with(more);
        self.viewing().await
    }

    pub(super) async fn viewing(&self) -> Viewing {
        Viewing::of(&self.serve, &self.job).await
    }

    /// Waits until the published playlist holds `what`; gives it. The worker runs all the while.
    pub(super) async fn published(&self, worker: &mut Process, what: &str) -> String {
        let path: PathBuf = self.sink.path().join("i.m3u8");
        until(&format!("{what} is listed"), seconds(20), async || {
            assert!(worker.ended().is_none(), "{}", worker.stderr.text());
            let text = std::fs::read_to_string(&path).ok()?;
            text.contains(what).then_some(text)
        })
        .await
    }
}

/// The text with its key tags short: `KEY <kid's place among those met>` and `NONE`.
pub(super) fn short(text: &str) -> Vec<String> {
    let mut kids: Vec<&str> = Vec::new();
    let mut lines = Vec::new();
    for line in text.lines() {
        let uri = line.split_once("URI=\"https://").map(|(_, rest)| rest);
        match uri.and_then(|rest| rest.split('"').next()) {
            Some(kid) => {
                let at = kids.iter().position(|known| *known == kid);
                let at = at.unwrap_or_else(|| {
                    kids.push(kid);
                    kids.len() - 1
                });
                let is_session = line.starts_with("#EXT-X-SESSION-KEY");
                lines.push(format!(
                    "{} {at}",
                    if is_session { "SESSION" } else { "KEY" }
                ));
            }
            None if line == "#EXT-X-KEY:METHOD=NONE" => lines.push("NONE".to_owned()),
            None => lines.push(line.to_owned()),
        }
    }
    lines
}

/// A line without what tells a file's content.
pub(super) fn kinds(lines: &[String]) -> Vec<&str> {
    let kind = |line: &'static str| line;
    lines
        .iter()
        .map(|line| match line.as_str() {
            line if line.starts_with("#EXT-X-MAP:") => kind("MAP"),
            line if line.starts_with("#EXT-X-PROGRAM-DATE-TIME") => kind("DATE"),
            line if line.starts_with("#EXTINF") => kind("INF"),
            line => line,
        })
        .collect()
}
