//! Which names segments were given, remembered across restarts of this process.
//!
//! A packager that wraps its numbers, or lists a slate again, uses a name twice; players' caches
//! keep what they once got under it. Only the latest names are kept: one that recurs after so many
//! others does not come back from a cache. Must not know: how names are made up.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::lines::Lines;

/// The note of them. By default there is none, and nothing is remembered.
#[derive(Default)]
pub(super) struct Given {
    open: Option<Lines>,
    latest: Vec<Line>,
}

/// A name that a segment has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// The file.
    pub(super) path: String,
    /// The media playlist.
    pub(super) rendition: String,
    /// The segment's number, or that of the first in the file.
    pub(super) msn: u64,
}

const FIRST_LINE: &str = "hlskey names 1";
/// So many are remembered at least, and twice as many at most.
const KEPT: usize = 50_000;

impl Given {
    /// Opens the note at `path` for the sink that `of` names.
    pub(super) fn open(path: PathBuf, of: &str) -> io::Result<Self> {
        let (lines, latest) = Lines::open(path, format!("{FIRST_LINE} {of}"))?;
        Ok(Self {
            open: Some(lines),
            latest,
        })
    }

    /// The names that earlier runs gave, oldest first.
    pub(super) fn earlier(&self) -> &[Line] {
        &self.latest
    }

    /// Notes names before anything is published under them.
    pub(super) fn note(&mut self, fresh: Vec<Line>) -> io::Result<()> {
        let Some(open) = self.open.as_mut().filter(|_| !fresh.is_empty()) else {
            return Ok(());
        };
        open.add(&fresh)?;
        self.latest.extend(fresh);
        if self.latest.len() > 2 * KEPT {
            self.latest.drain(..self.latest.len() - KEPT);
            open.replace(&self.latest)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(msn: u64) -> Line {
        Line {
            path: format!("v0/a{msn}.ts"),
            rendition: "v0/i.m3u8".to_owned(),
            msn,
        }
    }

    #[test]
    fn the_latest_names_are_known_to_the_next_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("names");
        let mut given = Given::open(path.clone(), "sink").unwrap();
        assert!(given.earlier().is_empty());
        for from in (0..KEPT as u64 * 2 + 2).step_by(KEPT / 2) {
            let lines = (from..from + KEPT as u64 / 2).map(line).collect();
            given.note(lines).unwrap();
        }
        let last = KEPT as u64 * 2 + KEPT as u64 / 2 - 1;
        let given = Given::open(path.clone(), "sink").unwrap();
        assert_eq!(given.earlier().last(), Some(&line(last)));
        assert_eq!(given.earlier().len(), KEPT);
        let another = Given::open(path, "other").unwrap();
        assert!(another.earlier().is_empty());
    }
}
