//! One file on its way into the spool.
//!
//! Must not know: where its bytes come from.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;

use super::{Spool, SpoolError};
use crate::encryptor::path::Beneath;
use crate::playlist::MAX_BYTES;

/// A file that grows under a temporary name. Dropped before it is kept, nothing of it is left.
pub struct Upload {
    spool: Arc<Spool>,
    path: Beneath,
    temporary: String,
    file: File,
    len: u64,
    /// The first bytes of a playlist.
    head: Vec<u8>,
    is_kept: bool,
}

/// What became of a file that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// There was none of its name.
    Created,
    /// It stands in another's place.
    Replaced,
}

/// The longest playlist.
pub(super) const MAX_PLAYLIST: u64 = MAX_BYTES as u64;
/// What is copied at once, in bytes.
const COPIED: u64 = 4 << 20;
/// A byte order mark may stand before it.
const BEGINNINGS: [&[u8]; 2] = [b"#EXTM3U", b"\xef\xbb\xbf#EXTM3U"];
const LONGEST_BEGINNING: usize = 10;

impl Upload {
    pub(super) fn begin(
        spool: Arc<Spool>,
        path: Beneath,
        temporary: String,
    ) -> Result<Self, SpoolError> {
        if !spool.usage().begin(spool.limits) {
            return Err(spool.full());
        }
        match spool.root.begin(&temporary) {
            Ok(file) => Ok(Self {
                spool,
                path,
                temporary,
                file,
                len: 0,
                head: Vec::new(),
                is_kept: false,
            }),
            Err(error) => {
                spool.usage().subtract(0);
                Err(SpoolError::Disk(error))
            }
        }
    }

    /// Adds `bytes`, unless that would be more than a file, or the spool, may have.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        let more = bytes.len() as u64;
        let most = match self.path.is_playlist() {
            true => MAX_PLAYLIST,
            // many segments may be ranges of one file
            false => self.spool.limits.bytes,
        };
        if self.len + more > most {
            let (what, most) = (self.path.kind(), most >> 20);
            return Err(SpoolError::TooLarge { what, most });
        }
        if !self.spool.usage().grow(more, self.spool.limits) {
            return Err(self.spool.full());
        }
        self.len += more;
        let missing = LONGEST_BEGINNING.saturating_sub(self.head.len());
        self.head.extend(bytes.iter().take(missing));
        self.file.write_all(bytes).map_err(SpoolError::Disk)
    }

    /// Adds what the spool's file of the same path has, as far as `through`: it has grown since.
    pub(in crate::encryptor) fn write_before(&mut self, through: u64) -> Result<(), SpoolError> {
        let mut from = self.len;
        while from < through {
            let len = (through - from).min(COPIED);
            let bytes = self.spool.range(&self.path, from, len);
            self.write(&bytes.map_err(SpoolError::Disk)?)?;
            from += len;
        }
        Ok(())
    }

    /// Makes its bytes durable and gives it its own name.
    pub fn keep(mut self) -> Result<Kept, SpoolError> {
        if self.path.is_playlist() && !BEGINNINGS.iter().any(|it| self.head.starts_with(it)) {
            return Err(SpoolError::NotAPlaylist);
        }
        self.file.sync_all().map_err(SpoolError::Disk)?;
        let kept = self.settle().map_err(|error| match error.kind() {
            io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory => SpoolError::Conflict,
            _ if self.spool.is_taken(&self.path) => SpoolError::Conflict,
            _ => SpoolError::Disk(error),
        })?;
        match self.spool.root.sync_folder(&self.path) {
            // It was deleted meanwhile, and its folder with it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(kept),
            synced => synced.map(|()| kept).map_err(SpoolError::Disk),
        }
    }

    /// Names change under the count's lock, so that it is right.
    fn settle(&mut self) -> io::Result<Kept> {
        let mut usage = self.spool.usage();
        let before = self.spool.stamp(&self.path);
        let root = &self.spool.root;
        let settled = root.settle(&self.temporary, &self.path);
        settled.inspect_err(|_| root.prune(&self.path))?;
        self.is_kept = true;
        match before {
            None => Ok(Kept::Created),
            Some(stamp) => {
                usage.subtract(stamp.len);
                Ok(Kept::Replaced)
            }
        }
    }
}

impl Spool {
    /// Whether something that is no file has the name, or one of its folders'.
    fn is_taken(&self, path: &Beneath) -> bool {
        self.root.stamp(path).is_err()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = self.spool.root.discard(&self.temporary);
            self.spool.usage().subtract(self.len);
        }
    }
}
