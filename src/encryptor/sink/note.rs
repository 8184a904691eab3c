//! What a worker remembers of a sink between its runs, in a file of the state folder.
//!
//! The file is the whole note in its first line, and what has changed since in the next ones; it is
//! written anew when those are longer. The worst that a lost note can do is to have files sent
//! again, and others left there. Must not know: the sink.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::published::{ANY, Mark};
use crate::api::RenditionProgress;
use crate::crypto::{hex_of, private_file, sha256};
use crate::domain::{Entropy, Kid};

/// What is remembered.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::encryptor) struct Note {
    /// Names the state folder in the writer's note.
    pub(in crate::encryptor) token: String,
    /// Files that are there, and their contents; of some it is not known which, or whether they are.
    pub(in crate::encryptor) files: BTreeMap<String, Mark>,
    /// What the playlists there may list.
    pub(in crate::encryptor) listings: Vec<RenditionProgress>,
}

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::encryptor) enum Entry {
    /// From now on this file may be there.
    Begun(String),
    /// It is there.
    There(String, Mark),
    /// It is not there any more.
    Gone(String),
    /// What the playlists there may list.
    Listings(Vec<RenditionProgress>),
}

/// Where it is kept.
pub(in crate::encryptor) struct NoteFile {
    path: PathBuf,
    /// The keys that the file says are listed.
    listed: BTreeSet<Kid>,
    /// The file; none after what was written last may not be whole.
    end: Option<File>,
    /// Bytes of the first line, and of the others.
    lens: (usize, usize),
}

/// Below the state folder.
const FOLDER: &str = "sinks";
/// Changes of fewer bytes are left as they are.
const FEW: usize = 256 << 10;

impl NoteFile {
    /// The note of the sink `place` in the folder `state`, and what it says. One that cannot be
    /// read says nothing.
    pub(in crate::encryptor) fn open(
        state: &Path,
        place: &str,
        entropy: &dyn Entropy,
    ) -> io::Result<(Self, Note)> {
        let folder = state.join(FOLDER);
        private_file::create_dir(&folder)?;
        let path = folder.join(format!("{}.json", hex_of(&sha256(place.as_bytes())[..8])));
        let mut note = read(&std::fs::read_to_string(&path).unwrap_or_default());
        if note.token.is_empty() {
            let mut token = [0; 16];
            entropy.fill(&mut token);
            note.token = hex_of(&token);
        }
        let mut file = Self {
            path,
            listed: BTreeSet::new(),
            end: None,
            lens: (0, 0),
        };
        file.write(&note)?; // what a killed run wrote last may be torn
        Ok((file, note))
    }

    /// Whether the file names every key that `listings` do.
    pub(in crate::encryptor) fn covers(&self, listings: &[RenditionProgress]) -> bool {
        listed(listings).is_subset(&self.listed)
    }

    /// Whether it is to be written anew before something is added.
    pub(in crate::encryptor) fn is_full(&self) -> bool {
        self.end.is_none() || self.lens.1 > self.lens.0.max(FEW)
    }

    /// Adds a change. A kill loses nothing of it, a power failure may; see [`Self::settle`].
    pub(in crate::encryptor) fn add(&mut self, entry: &Entry) -> io::Result<()> {
        let Some(mut end) = self.end.take() else {
            return Err(io::Error::other("the note is not whole"));
        };
        let mut line = serde_json::to_vec(entry).map_err(io::Error::other)?;
        line.push(b'\n');
        end.write_all(&line)?;
        self.lens.1 += line.len();
        self.end = Some(end);
        if let Entry::Listings(listings) = entry {
            self.listed = listed(listings);
        }
        Ok(())
    }

    /// What was added is durable when this returns.
    pub(in crate::encryptor) fn settle(&self) -> io::Result<()> {
        self.end.as_ref().map_or(Ok(()), File::sync_data)
    }

    /// Writes it anew; durable when this returns.
    pub(in crate::encryptor) fn write(&mut self, note: &Note) -> io::Result<()> {
        self.end = None;
        let mut text = serde_json::to_vec(note).map_err(io::Error::other)?;
        text.push(b'\n');
        private_file::replace(&self.path, &text)?;
        self.end = Some(OpenOptions::new().append(true).open(&self.path)?);
        (self.listed, self.lens) = (listed(&note.listings), (text.len(), 0));
        Ok(())
    }
}

fn read(text: &str) -> Note {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let mut note: Note = serde_json::from_str(first).unwrap_or_default();
    // the last line may be torn
    for entry in lines.map_while(|line| serde_json::from_str(line).ok()) {
        match entry {
            Entry::Begun(path) => drop(note.files.insert(path, ANY)),
            Entry::There(path, mark) => drop(note.files.insert(path, mark)),
            Entry::Gone(path) => drop(note.files.remove(&path)),
            Entry::Listings(listings) => note.listings = listings,
        }
    }
    note
}

fn listed(listings: &[RenditionProgress]) -> BTreeSet<Kid> {
    let periods = listings.iter().flat_map(|listing| &listing.periods);
    periods.map(|period| period.kid.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SystemEntropy;

    #[test]
    fn a_note_is_read_back_and_a_torn_one_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let open = |place: &str| NoteFile::open(dir.path(), place, &SystemEntropy).unwrap();
        let (mut file, mut note) = open("s3://b/a");
        assert_eq!(note.token.len(), 32);
        note.files.insert("v0/a.ts".to_owned(), [7; 8]);
        file.write(&note).unwrap();
        let (_, read) = open("s3://b/a");
        assert_eq!((&read.token, &read.files), (&note.token, &note.files));
        assert_ne!(open("s3://b/b").1.token, note.token, "another sink");
        std::fs::write(&file.path, "{\"token\":\"a").unwrap();
        let (_, read) = open("s3://b/a");
        assert!(read.files.is_empty() && read.token != note.token);
    }

    #[test]
    fn changes_are_read_back_up_to_a_torn_one() {
        let dir = tempfile::tempdir().unwrap();
        let open = || NoteFile::open(dir.path(), "s3://b/a", &SystemEntropy).unwrap();
        let (mut file, note) = open();
        let name = |path: &str| path.to_owned();
        for entry in [
            Entry::Begun(name("a.ts")),
            Entry::Begun(name("b.ts")),
            Entry::There(name("b.ts"), [7; 8]),
            Entry::There(name("c.ts"), [8; 8]),
            Entry::Gone(name("c.ts")),
        ] {
            file.add(&entry).unwrap();
        }
        let expected = BTreeMap::from([(name("a.ts"), ANY), (name("b.ts"), [7; 8])]);
        assert_eq!(
            (open().1.token, open().1.files),
            (note.token, expected.clone())
        );
        let (file, _) = open();
        let mut text = std::fs::read_to_string(&file.path).unwrap();
        assert_eq!(text.lines().count(), 1, "changes are taken in");
        text.push_str("{\"begun\":\"d.ts\"}\n{\"begun\":\"e.t");
        std::fs::write(&file.path, text).unwrap();
        let mut files = expected;
        files.insert(name("d.ts"), ANY);
        assert_eq!(open().1.files, files);
    }

    #[test]
    fn a_long_note_is_written_seldom() {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, mut note) = NoteFile::open(dir.path(), "s3://b/a", &SystemEntropy).unwrap();
        let mut written = 0;
        for index in 0..40_000 {
            if file.is_full() {
                file.write(&note).unwrap();
                written += 1;
            }
            let path = format!("v0/obviously-a-segment-{index}.ts");
            file.add(&Entry::There(path.clone(), [1; 8])).unwrap();
            note.files.insert(path, [1; 8]);
        }
        assert!((1..10).contains(&written), "{written} times");
    }
}
