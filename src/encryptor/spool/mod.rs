//! The spool: clear media that came from another machine, until the engine has published it.
//!
//! A folder of mode 0700 below the state folder. A file appears in it whole, under its own name,
//! once its bytes are durable; until then, and after an end by force, it is a temporary one. Must
//! not know: who sends the media.

mod upload;
mod usage;

use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::EncryptorError;
use super::open::{Places, no_source};
use super::options::Options;
use super::path::{Beneath, is_temporary, temporary};
use super::root::{Root, Stamp};
use crate::crypto::private_file;
use crate::playlist::ByteRange;
use usage::Usage;

pub use upload::{Kept, Upload};

/// How much may lie in a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolLimits {
    /// Bytes, those on their way counted.
    pub bytes: u64,
    /// Files.
    pub files: u64,
}

/// Why something is not spooled.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// No file may have this name.
    #[error("no file can have this name: {0}")]
    Name(&'static str),
    /// A folder stands where the file should, or a file where its folder should.
    #[error("a file and a folder cannot have the same name")]
    Conflict,
    /// A file is longer than any of its kind may be.
    #[error("a {what} has at most {most} MiB")]
    TooLarge {
        /// `segment` or `playlist`.
        what: &'static str,
        /// What it may have.
        most: u64,
    },
    /// A playlist that does not begin as one.
    #[error("a playlist begins with #EXTM3U")]
    NotAPlaylist,
    /// There is no room.
    #[error("the spool is full: it may hold {} MiB in {} files", .0.bytes >> 20, .0.files)]
    Full(SpoolLimits),
    /// The disk refuses.
    #[error("the spool cannot be written: {0}")]
    Disk(io::Error),
}

/// The spool, held by this process alone.
pub struct Spool {
    root: Root,
    _lock: File,
    limits: SpoolLimits,
    usage: Mutex<Usage>,
    serial: AtomicU64,
    /// Something was not taken for want of room.
    is_pressed: AtomicBool,
}

/// The longest name of a file or folder that file systems take, in bytes.
const MAX_PART: usize = 255;
/// Folders above a file; the engine looks no deeper.
const MAX_FOLDERS: usize = 8;

impl Spool {
    /// Makes and locks the spool of `options`, and removes what a killed run left half written.
    pub fn open(options: &Options, limits: SpoolLimits) -> Result<Arc<Self>, EncryptorError> {
        let places = Places::of(options)?;
        let path = places.source();
        Self::at(path, limits).map_err(|error| no_source(path, error))
    }

    pub(super) fn at(path: &Path, limits: SpoolLimits) -> io::Result<Arc<Self>> {
        private_file::create_dir(path)?;
        let root = Root::open(path)?;
        let lock = root.handle()?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another encryptor uses it"),
            TryLockError::Error(error) => error,
        })?;
        for left in root.files(&is_temporary)? {
            root.remove(&left)?;
        }
        let mut usage = Usage::default();
        for file in root.files(&|_| true)? {
            usage.add(root.stamp(&file)?.map_or(0, |stamp| stamp.len));
        }
        Ok(Arc::new(Self {
            root,
            _lock: lock,
            limits,
            usage: Mutex::new(usage),
            serial: AtomicU64::new(0),
            is_pressed: AtomicBool::new(false),
        }))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// Begins the file at `path`, parts between slashes. It is there once it is
    /// [kept](Upload::keep).
    pub fn begin(self: &Arc<Self>, path: &str) -> Result<Upload, SpoolError> {
        self.begin_at(named(path)?)
    }

    pub(super) fn begin_at(self: &Arc<Self>, path: Beneath) -> Result<Upload, SpoolError> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        Upload::begin(Arc::clone(self), path, temporary(serial))
    }

    /// Deletes the file at `path`; it may be gone already.
    pub fn remove(&self, path: &str) -> Result<(), SpoolError> {
        self.remove_at(&named(path)?).map_err(SpoolError::Disk)
    }

    pub(super) fn remove_at(&self, path: &Beneath) -> io::Result<()> {
        let mut usage = self.usage();
        let there = self.stamp(path);
        self.root.remove(path)?;
        self.root.prune(path); // folders would pile up, and are not counted
        if let Some(stamp) = there {
            usage.subtract(stamp.len);
        }
        Ok(())
    }

    /// The state of a file, if it is there.
    pub(super) fn stamp(&self, path: &Beneath) -> Option<Stamp> {
        self.root.stamp(path).ok().flatten()
    }

    /// A file's text, if it is there and as long as a playlist may be.
    pub(super) fn text(&self, path: &Beneath) -> Option<String> {
        let (bytes, _) = self.root.read(path, upload::MAX_PLAYLIST).ok()?;
        String::from_utf8(bytes).ok()
    }

    /// Whether a file's bytes are these.
    pub(super) fn has(&self, path: &Beneath, bytes: &[u8]) -> bool {
        let own = self.root.read(path, bytes.len() as u64);
        own.is_ok_and(|(own, _)| own == bytes)
    }

    /// `len` bytes of a file, from its byte `from` on; an error where it has not so many.
    pub(super) fn range(&self, path: &Beneath, from: u64, len: u64) -> io::Result<Vec<u8>> {
        let range = ByteRange::new(from, len);
        let range = range.ok_or_else(|| io::Error::other("no such range"))?;
        let (bytes, _) = self.root.read_range(path, range, len)?;
        Ok(bytes)
    }

    /// The longest file of media that there can ever be room for, in bytes.
    pub fn most(&self) -> u64 {
        self.limits.bytes
    }

    /// Every file, in no order, but for those on their way.
    pub(super) fn files(&self) -> io::Result<Vec<Beneath>> {
        self.root.files(&|name| !is_temporary(name))
    }

    /// Whether room was wanted since this was asked last.
    pub(super) fn was_pressed(&self) -> bool {
        self.is_pressed.swap(false, Ordering::Relaxed)
    }

    fn full(&self) -> SpoolError {
        self.is_pressed.store(true, Ordering::Relaxed);
        SpoolError::Full(self.limits)
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spool({})", self.root.path().display())
    }
}

/// A path that the engine would look at, too.
fn named(path: &str) -> Result<Beneath, SpoolError> {
    let why = match Beneath::found(path) {
        None => "at most 512 bytes, without control characters, backslashes, empty parts or dots",
        Some(found) if found.folders().count() > MAX_FOLDERS => "at most 8 folders",
        Some(found) if found.is_playlist() && !path.ends_with(".m3u8") => {
            "a playlist's ends in .m3u8"
        }
        Some(_) if path.split('/').any(|part| part.starts_with('.')) => {
            "names that begin with a dot are kept for temporary files"
        }
        Some(_) if path.split('/').any(|part| part.len() > MAX_PART) => {
            "at most 255 bytes between slashes"
        }
        Some(found) => return Ok(found),
    };
    Err(SpoolError::Name(why))
}

#[cfg(test)]
mod tests;
