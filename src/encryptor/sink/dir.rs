//! A directory as sink: whole files appear under their names, durable before anything names them.
//!
//! Must not know: what is in a playlist.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::long::LongFile;
use super::published::Parcel;
use crate::crash;
use crate::encryptor::EncryptorError;
use crate::encryptor::path::{Beneath, is_temporary, temporary};
use crate::encryptor::root::{Root, Stamp};
use crate::encryptor::seal::Ciphertext;
use crate::encryptor::section::Initial;
use crate::playlist::MAX_BYTES;

/// The sink's directory, held by this process alone.
pub(in crate::encryptor) struct DirSink {
    root: Root,
    _lock: File,
    serial: u64,
    /// Counts how often the path was seen to lead to another directory.
    generation: u64,
    /// One file of each folder whose names are not durable yet.
    unsynced: BTreeMap<String, Beneath>,
}

/// A file that could not be written; it passes when there is room or leave again.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}")]
pub(in crate::encryptor) struct SinkError {
    /// The file.
    pub(in crate::encryptor) path: String,
    /// Why.
    pub(in crate::encryptor) source: io::Error,
}

impl SinkError {
    /// What went wrong, and why.
    pub(in crate::encryptor) fn told(&self) -> String {
        format!("{self}: {}", self.source)
    }
}

/// The longest segment that is read back: 512 MiB and its padding.
const MAX_SEGMENT: u64 = (512 << 20) + 16;
/// What grows under a name of its own is its owner's alone until it is whole.
const READABLE: u32 = 0o644;
/// The longest playlist that is read back.
const MAX_PLAYLIST: u64 = MAX_BYTES as u64;

impl DirSink {
    /// Makes and locks the directory, and removes what a killed run left half written.
    pub(in crate::encryptor) fn open(path: &Path) -> Result<Self, EncryptorError> {
        let failed = |source| EncryptorError::Sink {
            path: path.to_owned(),
            source,
        };
        fs::create_dir_all(path).map_err(failed)?;
        let root = Root::open(path).map_err(failed)?;
        let lock = root.handle().map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(EncryptorError::SinkInUse(path.to_owned()));
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        for left in root.files(&is_temporary).map_err(failed)? {
            root.remove(&left).map_err(failed)?;
            crash::point("sink.cleaned");
        }
        Ok(Self {
            root,
            _lock: lock,
            serial: 0,
            generation: 0,
            unsynced: BTreeMap::new(),
        })
    }

    /// Where it is, links resolved.
    pub(in crate::encryptor) fn path(&self) -> &Path {
        self.root.path()
    }

    /// Opens the directory anew, made if need be, when its path leads to it no more.
    /// Says whether it is another one than before.
    pub(in crate::encryptor) fn follow(&mut self) -> Result<bool, SinkError> {
        let path = self.root.path().to_owned();
        let failed = |source| SinkError {
            path: path.display().to_string(),
            source,
        };
        match self.root.is_current() {
            Ok(true) => return Ok(false),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let generation = self.generation + 1;
        *self = Self::open(&path).map_err(|error| failed(io::Error::other(error)))?;
        self.generation = generation;
        Ok(true)
    }

    /// Which directory it is: files of another one say nothing of it.
    pub(in crate::encryptor) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a file of this name is there, as far as that can be said.
    pub(in crate::encryptor) fn has(&self, path: &Beneath) -> bool {
        !matches!(self.root.stamp(path), Ok(None))
    }

    /// How long a file is; `None` if it is not there.
    pub(in crate::encryptor) fn length(&self, path: &Beneath) -> Option<u64> {
        self.stamp(path).map(|stamp| stamp.len)
    }

    /// A file's state, if it is there.
    pub(in crate::encryptor) fn stamp(&self, path: &Beneath) -> Option<Stamp> {
        self.root.stamp(path).ok().flatten()
    }

    /// Every file that is there.
    pub(in crate::encryptor) fn files(&self) -> io::Result<Vec<Beneath>> {
        self.root.files(&|_| true)
    }

    /// A published playlist; `None` if there is none. One that cannot be read at all is an error.
    pub(in crate::encryptor) fn playlist(&self, path: &Beneath) -> io::Result<Option<String>> {
        match self.root.read(path, MAX_PLAYLIST) {
            Ok((bytes, _)) => String::from_utf8(bytes).map(Some).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A segment's file.
    pub(in crate::encryptor) fn read(&self, path: &Beneath) -> io::Result<Vec<u8>> {
        self.root.read(path, MAX_SEGMENT).map(|(bytes, _)| bytes)
    }

    /// The first bytes of a file, at most `len`.
    pub(in crate::encryptor) fn head(&self, path: &Beneath, len: u64) -> io::Result<Vec<u8>> {
        self.root.head(path, len)
    }

    /// Writes a segment. It may be listed once [`Self::settle`] has succeeded.
    pub(in crate::encryptor) fn write_segment(
        &mut self,
        path: &Beneath,
        segment: &Ciphertext,
    ) -> Result<(), SinkError> {
        self.write(path, &[segment.as_bytes()])
    }

    /// Writes a clear initialisation section; else like a segment.
    pub(in crate::encryptor) fn write_initial(
        &mut self,
        path: &Beneath,
        section: &Initial,
    ) -> Result<(), SinkError> {
        self.write(path, &[section.as_bytes()])
    }

    /// The same of a playlist in pieces.
    pub(in crate::encryptor) fn write_list(
        &mut self,
        path: &Beneath,
        text: &[&[u8]],
    ) -> Result<(), SinkError> {
        self.write(path, text)?;
        self.settle()
    }

    /// Swaps a playlist, after which players see it; durable when this returns.
    pub(in crate::encryptor) fn write_playlist(
        &mut self,
        path: &Beneath,
        text: &str,
    ) -> Result<(), SinkError> {
        self.write_list(path, &[text.as_bytes()])
    }

    /// Writes what the engine published elsewhere; durable when this returns.
    pub(super) fn write_parcel(&mut self, parcel: &Parcel) -> Result<(), SinkError> {
        self.write(&parcel.path, &[&parcel.bytes])?;
        self.settle()
    }

    /// The same of a file that is too long for memory.
    pub(super) fn write_long(&mut self, long: &LongFile) -> Result<(), SinkError> {
        self.serial += 1;
        let (path, name) = (long.path(), temporary(self.serial));
        let written = self.root.begin(&name).and_then(|mut file| {
            let mut from = 0;
            while let Some(part) = long.part(from)? {
                from += part.len() as u64;
                file.write_all(&part)?;
            }
            file.set_permissions(fs::Permissions::from_mode(READABLE))?;
            file.sync_all()?;
            self.root.settle(&name, path)
        });
        if let Err(source) = written {
            let _ = self.root.discard(&name);
            let path = path.to_string();
            return Err(SinkError { path, source });
        }
        self.unsynced.insert(path.folder().to_owned(), path.clone());
        self.settle()
    }

    /// Makes everything written so far durable under its name.
    pub(in crate::encryptor) fn settle(&mut self) -> Result<(), SinkError> {
        while let Some((folder, file)) = self.unsynced.pop_first() {
            if let Err(source) = self.root.sync_folder(&file) {
                let path = file.to_string();
                self.unsynced.insert(folder, file);
                return Err(SinkError { path, source });
            }
        }
        Ok(())
    }

    /// Deletes a file that nothing lists any more.
    pub(in crate::encryptor) fn remove(&self, path: &Beneath) -> Result<(), SinkError> {
        crash::point("segment.left");
        self.root.remove(path).map_err(|source| SinkError {
            path: path.to_string(),
            source,
        })?;
        crash::point("segment.deleted");
        Ok(())
    }

    fn write(&mut self, path: &Beneath, bytes: &[&[u8]]) -> Result<(), SinkError> {
        self.serial += 1;
        let name = temporary(self.serial);
        let written = self.root.replace(path, &name, bytes);
        written.map_err(|source| SinkError {
            path: path.to_string(),
            source,
        })?;
        self.unsynced.insert(path.folder().to_owned(), path.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Beneath {
        Beneath::found(path).unwrap()
    }

    #[test]
    fn a_sink_has_one_writer_and_no_leftovers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        fs::create_dir_all(path.join("v0")).unwrap();
        fs::write(path.join("v0").join(temporary(3)), "half").unwrap();
        fs::write(path.join("v0/.other.tmp"), "not ours").unwrap();
        let sink = DirSink::open(&path).unwrap();
        assert_eq!(sink.files().unwrap(), [at("v0/.other.tmp")]);
        assert!(matches!(
            DirSink::open(&path),
            Err(EncryptorError::SinkInUse(_))
        ));
        drop(sink);
        assert!(
            DirSink::open(&path).is_ok(),
            "the lock goes with its holder"
        );
    }

    #[test]
    fn playlists_are_swapped_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = DirSink::open(dir.path()).unwrap();
        let list = at("v0/index.m3u8");
        assert_eq!(sink.playlist(&list).unwrap(), None);
        for text in ["#EXTM3U\n", "#EXTM3U\n# 2\n"] {
            sink.write_playlist(&list, text).unwrap();
            assert_eq!(sink.playlist(&list).unwrap().as_deref(), Some(text));
        }
        assert_eq!(sink.files().unwrap(), [list]);
    }
}
