//! A directory as a boundary: every access walks from its descriptor and follows no link.
//!
//! Must not know: which of its files are media.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::path::Beneath;
use crate::crash;
use crate::playlist::ByteRange;

/// A directory that stays the same one whatever is renamed around it.
pub(super) struct Root {
    path: PathBuf,
    dir: OwnedFd,
}

/// What tells two states of a file apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// Bytes.
    pub(super) len: u64,
    /// Last change of the content, milliseconds since the epoch, rounded down.
    pub(super) modified: i64,
    nanos: i64,
    inode: u64,
}

impl Stamp {
    /// Whether it is of the same file, which has at most grown.
    pub(super) fn grew_to(self, now: Self) -> bool {
        self.inode == now.inode && self.len <= now.len
    }
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// Non-blocking, so that a named pipe cannot hold us; it makes no difference to a regular file.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);
const CREATE: OFlags = OFlags::WRONLY
    .union(OFlags::CREATE)
    .union(OFlags::EXCL)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

const MAX_DEPTH: usize = 8;
const MAX_ENTRIES: usize = 1_000_000;

impl Root {
    /// Opens `path`, which may be a link itself.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        let dir = rustix::fs::open(&path, FOLDER, Mode::empty())?;
        Ok(Self { path, dir })
    }

    /// Where it is, links resolved.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its path still leads to it.
    pub(super) fn is_current(&self) -> io::Result<bool> {
        let (own, there) = (rustix::fs::fstat(&self.dir)?, rustix::fs::stat(&self.path)?);
        Ok((own.st_dev, own.st_ino) == (there.st_dev, there.st_ino))
    }

    /// The root's own descriptor, for a lock.
    pub(super) fn handle(&self) -> io::Result<File> {
        Ok(File::from(self.dir.try_clone()?))
    }

    /// The state of a regular file; `None` if nothing is there.
    pub(super) fn stamp(&self, path: &Beneath) -> io::Result<Option<Stamp>> {
        let looked = self.folder(path).and_then(|folder| {
            let name = path.file_name();
            Ok(rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?)
        });
        match looked {
            Ok(stat) => regular(&stat).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(plain(error)),
        }
    }

    /// A regular file's content, at most `bound` bytes, and its state when it was read.
    pub(super) fn read(&self, path: &Beneath, bound: u64) -> io::Result<(Vec<u8>, Stamp)> {
        let (file, stamp) = self.opened(path)?;
        if stamp.len > bound {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        // room for the padding as well, so that encryption does not move the bytes
        let room = usize::try_from(stamp.len).unwrap_or(0) + 16;
        let mut bytes = Vec::with_capacity(room);
        (&file).take(bound).read_to_end(&mut bytes)?;
        let after = regular(&rustix::fs::fstat(&file)?)?;
        if after != stamp || bytes.len() as u64 != stamp.len {
            return Err(changed());
        }
        Ok((bytes, stamp))
    }

    /// A part of a regular file, which may grow meanwhile, and the file's state before.
    pub(super) fn read_range(
        &self,
        path: &Beneath,
        range: ByteRange,
        bound: u64,
    ) -> io::Result<(Vec<u8>, Stamp)> {
        let (file, stamp) = self.opened(path)?;
        if range.len() > bound {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        if stamp.len < range.end() {
            return Err(changed());
        }
        let len = usize::try_from(range.len()).map_err(io::Error::other)?;
        let mut bytes = Vec::with_capacity(len + 16);
        bytes.resize(len, 0);
        match file.read_exact_at(&mut bytes, range.offset()) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(changed()),
            read => read.map(|()| (bytes, stamp)),
        }
    }

    /// The first bytes of a regular file, at most `len`.
    pub(super) fn head(&self, path: &Beneath, len: u64) -> io::Result<Vec<u8>> {
        let (file, _) = self.opened(path)?;
        let mut head = Vec::new();
        file.take(len).read_to_end(&mut head)?;
        Ok(head)
    }

    fn opened(&self, path: &Beneath) -> io::Result<(File, Stamp)> {
        let folder = self.folder(path).map_err(plain)?;
        let file = rustix::fs::openat(folder, path.file_name(), READ, Mode::empty());
        let file = File::from(file.map_err(|errno| plain(errno.into()))?);
        let stamp = regular(&rustix::fs::fstat(&file)?)?;
        Ok((file, stamp))
    }

    /// Writes a whole file, in pieces, under the name `temporary` in `path`'s folder, makes its bytes
    /// durable, and gives it its own name. After an error nothing of it is left.
    ///
    /// The new name itself is durable after [`Self::sync_folder`].
    pub(super) fn replace(
        &self,
        path: &Beneath,
        temporary: &str,
        bytes: &[&[u8]],
    ) -> io::Result<()> {
        let (folder, kind) = (self.make_folder(path)?, path.kind());
        let written = write_new(&folder, temporary, bytes, kind).and_then(|()| {
            rustix::fs::renameat(&folder, temporary, &folder, path.file_name())?;
            crash::point_of(kind, "renamed");
            Ok(())
        });
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&folder, temporary, AtFlags::empty());
        }
        written
    }

    /// A new, empty file directly beneath the root that grows under the name `temporary`.
    pub(super) fn begin(&self, temporary: &str) -> io::Result<File> {
        let mode = Mode::from_raw_mode(0o600);
        Ok(rustix::fs::openat(&self.dir, temporary, CREATE, mode)?.into())
    }

    /// Gives such a file its own name.
    pub(super) fn settle(&self, temporary: &str, path: &Beneath) -> io::Result<()> {
        let folder = self.make_folder(path)?;
        rustix::fs::renameat(&self.dir, temporary, &folder, path.file_name())?;
        Ok(())
    }

    /// Deletes such a file.
    pub(super) fn discard(&self, temporary: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(
            &self.dir,
            temporary,
            AtFlags::empty(),
        )?)
    }

    /// Makes the names in `path`'s folder durable.
    pub(super) fn sync_folder(&self, path: &Beneath) -> io::Result<()> {
        rustix::fs::fsync(self.folder(path)?)?;
        crash::point_of(path.kind(), "settled");
        Ok(())
    }

    /// Deletes a file; it may be gone already.
    pub(super) fn remove(&self, path: &Beneath) -> io::Result<()> {
        let folder = match self.folder(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            folder => folder?,
        };
        match rustix::fs::unlinkat(folder, path.file_name(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Deletes the folders above `path` that are empty, the deepest first. What is in use stays.
    pub(super) fn prune(&self, path: &Beneath) {
        let mut above = Vec::new();
        let mut dir = self.dir.try_clone().ok();
        for part in path.folders() {
            let Some(outer) = dir else { break };
            dir = rustix::fs::openat(&outer, part, FOLDER, Mode::empty()).ok();
            above.push((outer, part));
        }
        for (outer, part) in above.iter().rev() {
            if rustix::fs::unlinkat(outer, *part, AtFlags::REMOVEDIR).is_err() {
                return;
            }
        }
    }

    /// Every regular file at most 8 folders deep whose name `wanted` takes, in no order.
    pub(super) fn files(&self, wanted: &dyn Fn(&str) -> bool) -> io::Result<Vec<Beneath>> {
        self.walk(wanted).map(|(files, _)| files)
    }

    /// The same, and how many entries there are in all.
    pub(super) fn walk(&self, wanted: &dyn Fn(&str) -> bool) -> io::Result<(Vec<Beneath>, usize)> {
        let mut found = Found {
            wanted,
            files: Vec::new(),
            seen: 0,
        };
        found.walk(&self.dir, "", 0)?;
        Ok((found.files, found.seen))
    }

    fn folder(&self, path: &Beneath) -> io::Result<OwnedFd> {
        let mut dir = self.dir.try_clone()?;
        for part in path.folders() {
            dir = rustix::fs::openat(&dir, part, FOLDER, Mode::empty())?;
        }
        Ok(dir)
    }

    fn make_folder(&self, path: &Beneath) -> io::Result<OwnedFd> {
        let mut dir = self.dir.try_clone()?;
        for part in path.folders() {
            match rustix::fs::mkdirat(&dir, part, Mode::from_raw_mode(0o777)) {
                Ok(()) => {
                    crash::point("folder.made");
                    rustix::fs::fsync(&dir)?;
                }
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
            let next = rustix::fs::openat(&dir, part, FOLDER, Mode::empty());
            dir = next.map_err(|errno| plain(errno.into()))?;
        }
        Ok(dir)
    }
}

fn changed() -> io::Error {
    let how = "it changed while it was read";
    io::Error::new(io::ErrorKind::Interrupted, how)
}

fn write_new(folder: &OwnedFd, name: &str, bytes: &[&[u8]], kind: &'static str) -> io::Result<()> {
    let mode = Mode::from_raw_mode(0o666);
    let file = match rustix::fs::openat(folder, name, CREATE, mode) {
        Err(Errno::EXIST) => {
            rustix::fs::unlinkat(folder, name, AtFlags::empty())?;
            rustix::fs::openat(folder, name, CREATE, mode)?
        }
        opened => opened?,
    };
    let mut file = File::from(file);
    crash::point_of(kind, "made");
    for piece in bytes {
        file.write_all(piece)?;
    }
    crash::point_of(kind, "written");
    file.sync_all()?;
    crash::point_of(kind, "synced");
    Ok(())
}

/// A regular file's stamp; anything else is an error.
fn regular(stat: &Stat) -> io::Result<Stamp> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::other("not a regular file"));
    }
    let nanos = i64::try_from(stat.st_mtime_nsec).unwrap_or(0);
    Ok(Stamp {
        len: u64::try_from(stat.st_size).unwrap_or(0),
        modified: stat
            .st_mtime
            .saturating_mul(1000)
            .saturating_add(nanos / 1_000_000),
        nanos,
        inode: stat.st_ino,
    })
}

/// Says what a refused link means.
fn plain(error: io::Error) -> io::Error {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    match errno {
        Some(Errno::LOOP | Errno::NOTDIR) => {
            io::Error::other("it is a link or lies behind one, and links are not followed")
        }
        _ => error,
    }
}

struct Found<'a> {
    wanted: &'a dyn Fn(&str) -> bool,
    files: Vec<Beneath>,
    seen: usize,
}

impl Found<'_> {
    fn walk(&mut self, folder: &OwnedFd, before: &str, depth: usize) -> io::Result<()> {
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            self.seen += 1;
            if self.seen > MAX_ENTRIES {
                return Err(io::Error::other("more than a million files"));
            }
            let Some(name) = OsStr::from_bytes(entry.file_name().to_bytes()).to_str() else {
                continue;
            };
            if name == "." || name == ".." {
                continue;
            }
            match kind(folder, name, entry.file_type()) {
                FileType::Directory if depth < MAX_DEPTH => {
                    self.enter(folder, name, &format!("{before}{name}"), depth)?;
                }
                FileType::RegularFile if (self.wanted)(name) => {
                    self.files
                        .extend(Beneath::found(&format!("{before}{name}")));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A folder that is gone or closed to us has nothing for us.
    fn enter(&mut self, folder: &OwnedFd, name: &str, path: &str, depth: usize) -> io::Result<()> {
        match rustix::fs::openat(folder, name, FOLDER, Mode::empty()) {
            Ok(inner) => self.walk(&inner, &format!("{path}/"), depth + 1),
            Err(_) => Ok(()),
        }
    }
}

/// Some file systems do not say the kind in the listing.
fn kind(folder: &OwnedFd, name: &str, listed: FileType) -> FileType {
    if listed != FileType::Unknown {
        return listed;
    }
    rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_or(FileType::Unknown, |stat| {
        FileType::from_raw_mode(stat.st_mode)
    })
}

#[cfg(test)]
mod tests;
