//! What a worker remembers of a sink between its runs, in a file of the state folder.
//!
//! The worst that a lost note can do is to have files sent again. Must not know: the sink.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::published::Mark;
use crate::api::RenditionProgress;
use crate::crypto::{hex_of, private_file, sha256};
use crate::domain::{Entropy, Kid};

/// What is remembered.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::encryptor) struct Note {
    /// Names the state folder in the writer's note.
    pub(in crate::encryptor) token: String,
    /// Files that are there, and their contents.
    pub(in crate::encryptor) files: BTreeMap<String, Mark>,
    /// What the playlists there may list.
    pub(in crate::encryptor) listings: Vec<RenditionProgress>,
}

/// Where it is kept.
pub(in crate::encryptor) struct NoteFile {
    path: PathBuf,
    /// The keys that the file says are listed.
    listed: BTreeSet<Kid>,
}

/// Below the state folder.
const FOLDER: &str = "sinks";

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
        let read = std::fs::read(&path).unwrap_or_default();
        let mut note: Note = serde_json::from_slice(&read).unwrap_or_default();
        let listed = listed(&note.listings);
        let mut file = Self { path, listed };
        if note.token.is_empty() {
            let mut token = [0; 16];
            entropy.fill(&mut token);
            note.token = hex_of(&token);
            file.write(&note)?;
        }
        Ok((file, note))
    }

    /// Whether the file names every key that `listings` do.
    pub(in crate::encryptor) fn covers(&self, listings: &[RenditionProgress]) -> bool {
        listed(listings).is_subset(&self.listed)
    }

    /// Writes it; durable when this returns.
    pub(in crate::encryptor) fn write(&mut self, note: &Note) -> io::Result<()> {
        let text = serde_json::to_vec(note).map_err(io::Error::other)?;
        private_file::replace(&self.path, &text)?;
        self.listed = listed(&note.listings);
        Ok(())
    }
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
}
