//! A directory as source: its playlists, and how far each segment's file has come.
//!
//! Must not know: what a playlist says.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::recording::Locks;
use super::walk::Walk;
use super::watch::OpenFiles;
use super::whole::Looks;
use crate::domain::Timestamp;
use crate::encryptor::path::Beneath;
use crate::encryptor::piece::Piece;
use crate::encryptor::root::{Root, Stamp};
use crate::encryptor::spool::Spool;
use crate::playlist::{ByteRange, MAX_BYTES};

/// The source's directory.
pub(in crate::encryptor) struct DirSource {
    root: Root,
    looks: Looks,
    walk: Walk,
    open: OpenFiles,
    /// Playlists as they were last read, unless they must be read again anyway.
    read: HashMap<Beneath, Stamp>,
    /// Segments that were found torn, and how.
    torn: HashMap<Piece, (Stamp, String)>,
    /// What opens the segments, where the source is an encrypted recording.
    pub(in crate::encryptor) locks: Locks,
    /// Where the directory is a spool: its files are whole as soon as they are there.
    pub(in crate::encryptor) spool: Option<Arc<Spool>>,
}

/// What a look at a segment's file found.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::encryptor) enum Sight {
    /// Nothing is there.
    Missing,
    /// It cannot be used: no regular file, behind a link, no leave to read.
    Unusable(String),
    /// It has no bytes, and has had none for two seconds if it is settled.
    Empty {
        /// Nobody seems to write it.
        settled: bool,
    },
    /// It is longer than a segment may be.
    TooLarge,
    /// It is, or may still be, being written.
    Growing,
    /// It is not whole, and has not changed since that was found.
    Torn(String),
    /// It is encrypted, and the key is not known.
    Locked(String),
    /// It is complete as far as the file system shows.
    Settled(Stamp),
}

/// A playlist's text as it was just read, or why there is none.
pub(in crate::encryptor) enum SourceText {
    /// Its state is that of the last read.
    Unchanged,
    /// The text.
    Read(String),
    /// It cannot be read.
    Failed(String),
}

/// What a segment's file holds.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::encryptor) enum Content {
    /// The media.
    Whole(Vec<u8>),
    /// It has changed since it was looked at.
    Changed,
    /// It is not whole.
    Torn(String),
    /// It cannot be read.
    Failed(String),
}

/// The longest segment: 512 MiB.
const MAX_SEGMENT: u64 = 512 << 20;
const MAX_PLAYLIST: u64 = MAX_BYTES as u64;
/// A playlist younger than this when it was read is read again: a second write within the file
/// system's clock tick would not show.
const FRESH: Duration = Duration::from_millis(100);
/// A playlist this old is complete, even without an end of its last line.
const OLD: Duration = Duration::from_secs(1);
/// An empty segment this old stays empty.
const EMPTY: Duration = Duration::from_secs(2);
/// How many torn segments are remembered.
const MANY: usize = 4096;

impl DirSource {
    /// Opens the directory; `open` says which files are being written.
    pub(in crate::encryptor) fn open(path: &Path, open: OpenFiles) -> io::Result<Self> {
        Ok(Self {
            root: Root::open(path)?,
            looks: Looks::default(),
            walk: Walk::default(),
            open,
            read: HashMap::new(),
            torn: HashMap::new(),
            locks: Locks::default(),
            spool: None,
        })
    }

    /// Where it is, links resolved.
    pub(in crate::encryptor) fn path(&self) -> &Path {
        self.root.path()
    }

    /// Opens the directory anew if its path leads to another one: some packagers make it afresh.
    /// Says whether it was.
    pub(in crate::encryptor) fn follow(&mut self) -> io::Result<bool> {
        if self.root.is_current()? {
            return Ok(false);
        }
        self.root = Root::open(self.root.path())?;
        self.read.clear();
        self.walk.forget();
        Ok(true)
    }

    /// The clock was set back: files are looked at as if for the first time.
    pub(in crate::encryptor) fn set_back(&mut self) {
        self.looks = Looks::default();
    }

    /// Every playlist beneath the root, in the order of their paths; hidden ones are not ours.
    pub(in crate::encryptor) fn playlists(&mut self, now: Timestamp) -> io::Result<Vec<Beneath>> {
        self.looks.forget(now);
        let found = self.walk.playlists(&self.root, &self.open, now)?;
        self.read
            .retain(|path, _| found.binary_search(path).is_ok());
        Ok(found)
    }

    /// A playlist's text, if it may have changed since it was last read.
    pub(in crate::encryptor) fn text(&mut self, path: &Beneath, now: Timestamp) -> SourceText {
        let state = match self.root.stamp(path) {
            Ok(Some(state)) => state,
            Ok(None) => return SourceText::Failed("it is gone".to_owned()),
            Err(error) => return SourceText::Failed(error.to_string()),
        };
        if self.read.get(path) == Some(&state) {
            return SourceText::Unchanged;
        }
        match self.root.read(path, MAX_PLAYLIST) {
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let most = MAX_PLAYLIST >> 20;
                let way_out = "let the packager list fewer segments";
                SourceText::Failed(format!("it has more than {most} MiB; {way_out}"))
            }
            Err(error) => SourceText::Failed(error.to_string()),
            Ok((bytes, state)) => self.take(path, bytes, state, now),
        }
    }

    fn take(&mut self, path: &Beneath, bytes: Vec<u8>, state: Stamp, now: Timestamp) -> SourceText {
        let Ok(mut text) = String::from_utf8(bytes) else {
            return SourceText::Failed("it is not UTF-8".to_owned());
        };
        let age = now.since(Timestamp::from_millis(state.modified));
        let open_ended = !text.ends_with('\n');
        if age < FRESH || open_ended && age < OLD {
            self.read.remove(path);
        } else {
            self.read.insert(path.clone(), state);
        }
        if open_ended && age >= OLD {
            text.push('\n');
        }
        SourceText::Read(text)
    }

    /// Reads `path` again next time, whatever its state: what it said could not be taken.
    pub(in crate::encryptor) fn reread(&mut self, path: &Beneath) {
        self.read.remove(path);
    }

    /// How far a segment has come.
    pub(in crate::encryptor) fn sight(&mut self, piece: &Piece, now: Timestamp) -> Sight {
        let path = &piece.path;
        let stamp = match self.root.stamp(path) {
            Err(error) => return Sight::Unusable(error.to_string()),
            Ok(None) => return Sight::Missing,
            Ok(Some(stamp)) => stamp,
        };
        if let Some(why) = self.locks.hold(path) {
            return Sight::Locked(why);
        }
        let held = || self.open.hold(&self.root.path().join(path.as_str()), now);
        if let Some((_, how)) = self.torn.get(piece).filter(|(was, _)| *was == stamp) {
            return Sight::Torn(how.clone());
        }
        if let Some(range) = piece.range {
            return sight_of(piece, range, stamp, now, held);
        }
        match stamp.len {
            0 => Sight::Empty {
                settled: now.since(Timestamp::from_millis(stamp.modified)) >= EMPTY,
            },
            len if len > MAX_SEGMENT => Sight::TooLarge,
            _ if self.spool.is_some() => Sight::Settled(stamp),
            _ if self.looks.settled(path, stamp, now) && !held() => Sight::Settled(stamp),
            _ => Sight::Growing,
        }
    }

    /// The state of a segment's file, without a look's consequences.
    pub(in crate::encryptor) fn stamp(&self, path: &Beneath) -> Option<Stamp> {
        self.root.stamp(path).ok().flatten()
    }

    /// A segment's bytes, if it is whole and the file still as `seen`; one with other segments in it
    /// may have grown.
    pub(in crate::encryptor) fn segment(&mut self, piece: &Piece, seen: Stamp) -> Content {
        let read = match piece.range {
            Some(range) => self.root.read_range(&piece.path, range, MAX_SEGMENT),
            None => self.root.read(&piece.path, MAX_SEGMENT),
        };
        let bytes = match read {
            Ok((bytes, stamp)) if stamp == seen => bytes,
            Ok((bytes, stamp)) if piece.range.is_some() && seen.grew_to(stamp) => bytes,
            Ok(_) => return Content::Changed,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Content::Changed,
            Err(error) => return Content::Failed(error.to_string()),
        };
        let Some(bytes) = self.locks.open(&piece.path, bytes) else {
            let how = format!("{piece} does not open with the recording's key");
            return Content::Failed(how);
        };
        match piece.fault(&bytes) {
            None => Content::Whole(bytes),
            Some(how) => {
                if self.torn.len() >= MANY {
                    self.torn.clear();
                }
                self.torn.insert(piece.clone(), (seen, how.clone()));
                Content::Torn(how)
            }
        }
    }
}

/// A part of a file is there once the file reaches to its end: packagers append. A file that does
/// not, and is not written to, is cut off.
fn sight_of(
    piece: &Piece,
    range: ByteRange,
    stamp: Stamp,
    now: Timestamp,
    held: impl Fn() -> bool,
) -> Sight {
    let is_old = now.since(Timestamp::from_millis(stamp.modified)) >= EMPTY;
    match stamp.len {
        _ if range.len() > MAX_SEGMENT => Sight::TooLarge,
        len if len >= range.end() => Sight::Settled(stamp),
        _ if !is_old || held() => Sight::Growing,
        len => Sight::Torn(format!(
            "{piece} is past the end of the file, which has {len} bytes"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::domain::{Clock as _, SystemClock};

    fn at(path: &str) -> Beneath {
        Beneath::found(path).unwrap()
    }

    #[test]
    fn playlists_are_found_in_folders_and_read_when_they_change() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("v0")).unwrap();
        for name in ["master.m3u8", "v0/index.m3u8", ".x.m3u8", "v0/a.ts"] {
            fs::write(dir.path().join(name), "#EXTM3U").unwrap();
        }
        let mut source = DirSource::open(dir.path(), OpenFiles::default()).unwrap();
        let now = SystemClock.now();
        let list = at("v0/index.m3u8");
        assert_eq!(
            source.playlists(now).unwrap(),
            [at("master.m3u8"), list.clone()]
        );
        let text = |source: &mut DirSource, now| match source.text(&list, now) {
            SourceText::Read(text) => Some(text),
            SourceText::Unchanged => None,
            SourceText::Failed(why) => panic!("{why}"),
        };
        assert_eq!(text(&mut source, now).as_deref(), Some("#EXTM3U"));
        let later = now.plus(Duration::from_secs(5));
        assert_eq!(
            text(&mut source, later).as_deref(),
            Some("#EXTM3U\n"),
            "it was fresh, so it is read again, and is complete by now"
        );
        assert_eq!(text(&mut source, later), None);
        source.reread(&list);
        assert!(text(&mut source, later).is_some());
    }

    #[test]
    fn sights_tell_how_far_a_segment_has_come() {
        let dir = tempfile::tempdir().unwrap();
        let mut source = DirSource::open(dir.path(), OpenFiles::default()).unwrap();
        let (path, now) = (Piece::whole(at("a.ts")), SystemClock.now());
        assert_eq!(source.sight(&path, now), Sight::Missing);
        fs::write(dir.path().join("a.ts"), "").unwrap();
        let empty = |settled| Sight::Empty { settled };
        assert_eq!(source.sight(&path, now), empty(false));
        let later = SystemClock.now().plus(EMPTY);
        assert_eq!(source.sight(&path, later), empty(true));
        fs::write(dir.path().join("a.ts"), "x").unwrap();
        assert_eq!(source.sight(&path, now), Sight::Growing);
        let later = now.plus(Duration::from_secs(5));
        let Sight::Settled(stamp) = source.sight(&path, later) else {
            panic!("old enough")
        };
        let Content::Torn(how) = source.segment(&path, stamp) else {
            panic!("not a packet")
        };
        assert_eq!(source.sight(&path, later), Sight::Torn(how));
        fs::write(dir.path().join("a.ts"), [0x47; 188]).unwrap();
        assert_eq!(source.segment(&path, stamp), Content::Changed);
        let Sight::Settled(stamp) = source.sight(&path, later) else {
            panic!("changed")
        };
        let whole = Content::Whole([0x47; 188].to_vec());
        assert_eq!(source.segment(&path, stamp), whole);
        fs::create_dir(dir.path().join("b.ts")).unwrap();
        assert!(matches!(
            source.sight(&Piece::whole(at("b.ts")), now),
            Sight::Unusable(_)
        ));
    }
}
