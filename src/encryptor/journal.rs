//! Which segments of a finished asset are durable, so that a killed run is gone on with.
//!
//! A finished asset is listed when all of it is durable; until then only this file tells what is.
//! It lies in the state folder, a line for each segment, and holds for one sink. What it says is
//! believed where the source's file, the key and the sink's file are those of the line. Must not
//! know: keys, playlists.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::lines::Lines;
use super::path::Beneath;
use super::root::Stamp;
use crate::api::Text;
use crate::domain::Kid;

/// The file, and what it said when it was opened.
#[derive(Default)]
pub(super) struct Journal {
    open: Option<Lines>,
    known: HashMap<Beneath, Line>,
}

/// One durable segment: where it is in the sink, and what it was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) path: String,
    pub(super) msn: u64,
    pub(super) kid: Text<Kid>,
    /// As the playlist says it, or would.
    pub(super) iv: String,
    /// What it was made of: a file, or a range of one.
    pub(super) piece: String,
    pub(super) source: Stamp,
    /// Bytes in the sink.
    pub(super) len: u64,
}

const FIRST_LINE: &str = "hlskey journal 1";

impl Journal {
    /// Opens the journal at `path` for the sink that `of` names.
    pub(super) fn open(path: PathBuf, of: &str) -> io::Result<Self> {
        let (lines, known) = Lines::open(path, format!("{FIRST_LINE} {of}"))?;
        let known = known.into_iter();
        let known = known.filter_map(|line: Line| Some((Beneath::found(&line.path)?, line)));
        Ok(Self {
            open: Some(lines),
            known: known.collect(),
        })
    }

    /// What an earlier run noted of the file at `path`.
    pub(super) fn get(&self, path: &Beneath) -> Option<&Line> {
        self.known.get(path)
    }

    /// Notes durable segments. They need not be noted durably: what is lost is encrypted again.
    pub(super) fn note(&mut self, lines: &[Line]) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |open| open.add(lines))
    }

    /// All is listed: nothing is to be gone on with.
    pub(super) fn finish(&mut self) {
        if let Some(open) = self.open.take() {
            open.remove();
        }
    }

    /// Whether nothing was noted by an earlier run.
    pub(super) fn is_new(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;

    use super::*;
    use crate::encryptor::root::Root;

    fn line(root: &Root, msn: u64) -> Line {
        let at = Beneath::found("source.ts").unwrap();
        Line {
            path: format!("v0/{msn}.ts"),
            msn,
            kid: Text("0b5f3f0e-1c9c-4f7e-9d3a-000000000001".parse().unwrap()),
            iv: "0x01".to_owned(),
            piece: "source.ts".to_owned(),
            source: root.stamp(&at).unwrap().unwrap(),
            len: 16,
        }
    }

    fn has(journal: &Journal, line: &Line) -> bool {
        journal.get(&Beneath::found(&line.path).unwrap()) == Some(line)
    }

    #[test]
    fn what_was_noted_is_known_to_the_next_run() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("source.ts"), "x").unwrap();
        let (root, path) = (Root::open(dir.path()).unwrap(), dir.path().join("journal"));
        let mut journal = Journal::open(path.clone(), "sink").unwrap();
        assert!(journal.is_new());
        journal.note(&[line(&root, 1), line(&root, 2)]).unwrap();
        assert!(!has(&journal, &line(&root, 1)), "of an earlier run only");
        let torn = "{\"path\":\"v0/3.ts\",\"ms";
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(torn.as_bytes()).unwrap();

        let mut journal = Journal::open(path.clone(), "sink").unwrap();
        assert!(has(&journal, &line(&root, 1)) && has(&journal, &line(&root, 2)));
        journal.note(&[line(&root, 3)]).unwrap();
        let journal = Journal::open(path.clone(), "sink").unwrap();
        assert!(has(&journal, &line(&root, 3)), "after a torn line, too");
        fs::write(dir.path().join("source.ts"), "y!").unwrap();
        assert!(
            !has(&journal, &line(&root, 1)),
            "its source was written again"
        );
    }

    #[test]
    fn another_sink_has_nothing_yet() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("source.ts"), "x").unwrap();
        let (root, path) = (Root::open(dir.path()).unwrap(), dir.path().join("journal"));
        let mut journal = Journal::open(path.clone(), "sink").unwrap();
        journal.note(&[line(&root, 1)]).unwrap();
        assert!(Journal::open(path.clone(), "other").unwrap().is_new());
        assert!(
            Journal::open(path.clone(), "sink").unwrap().is_new(),
            "begun anew"
        );
        Journal::open(path.clone(), "sink").unwrap().finish();
        assert!(!path.exists());
    }
}
