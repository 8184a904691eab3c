//! The origin's root folder, beneath which files are opened and nowhere else.
//!
//! Blocking: call it where blocking is allowed. Must not know: HTTP.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use super::FilePath;
use crate::playlist::MAX_BYTES;

/// The root folder. It need not exist yet: an encryptor may make it.
#[derive(Debug, Clone)]
pub(crate) struct Root(PathBuf);

/// A regular file beneath the root, as it was when it was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The file, at its start.
    pub(crate) file: File,
    /// Its length in bytes.
    pub(crate) length: u64,
    /// When it was written.
    pub(crate) modified: SystemTime,
    /// A name for this very content: inode, length and time of writing.
    pub(crate) tag: String,
}

/// Why a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// There is none, it is no regular file, or it lies outside the root.
    #[error("no such file beneath the origin's root")]
    Missing,
    /// A playlist longer than any we read.
    #[error("the file is longer than {MOST_PLAYLIST} bytes")]
    TooLong,
    /// The disk refuses.
    #[error("the origin cannot be read: {0}")]
    Disk(io::Error),
}

/// The longest playlist, in bytes; `playlist` reads no longer one.
const MOST_PLAYLIST: u64 = MAX_BYTES as u64;

impl Opened {
    /// All of a playlist, as long as it was when it was opened.
    pub(crate) fn read_playlist(&mut self) -> Result<Vec<u8>, FileError> {
        if self.length > MOST_PLAYLIST {
            return Err(FileError::TooLong);
        }
        let mut bytes = Vec::new();
        self.file
            .by_ref()
            .take(self.length)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Root {
    /// The folder at `path`.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Opens the file at `path`, following links only as long as they stay beneath the root.
    pub(crate) fn open(&self, path: &FilePath) -> Result<Opened, FileError> {
        let (root, below) = self.resolve(path.as_str())?;
        let file = open_below(&root, &below)?;
        let facts = file.metadata()?;
        if !facts.is_file() {
            return Err(FileError::Missing);
        }
        Ok(Opened {
            length: facts.len(),
            modified: facts.modified()?,
            tag: format!(
                "{:x}-{:x}-{:x}.{:x}",
                facts.ino(),
                facts.len(),
                facts.mtime(),
                facts.mtime_nsec()
            ),
            file,
        })
    }

    /// The root, and where beneath it `path` leads; both without links.
    fn resolve(&self, path: &str) -> Result<(PathBuf, PathBuf), FileError> {
        let root = self.0.canonicalize()?;
        let found = root.join(path).canonicalize()?;
        let below = found.strip_prefix(&root).map_err(|_| FileError::Missing)?;
        Ok((root.clone(), below.to_owned()))
    }
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// A pipe would otherwise wait for its writer.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// Opens a resolved path part by part. Whoever may write beneath the root may put a link where
/// there was none a moment ago; it is not followed.
fn open_below(root: &Path, below: &Path) -> Result<File, FileError> {
    let mut parts: Vec<_> = below.components().map(Component::as_os_str).collect();
    let name = parts.pop().ok_or(FileError::Missing)?;
    let mut folder = File::open(root)?;
    for part in parts {
        folder = openat(&folder, part, FOLDER, Mode::empty())
            .map_err(io::Error::from)?
            .into();
    }
    let file = openat(&folder, name, FILE, Mode::empty()).map_err(io::Error::from)?;
    Ok(file.into())
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::NotFound | Kind::NotADirectory | Kind::InvalidFilename => Self::Missing,
            _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Self::Missing,
            _ => Self::Disk(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn opened(root: &Path, path: &str) -> Result<Opened, FileError> {
        Root::new(root.to_owned()).open(&FilePath::decode(path).unwrap())
    }

    #[test]
    fn only_regular_files_beneath_the_root_open() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("live")).unwrap();
        fs::write(root.join("live/a.ts"), b"segment").unwrap();
        fs::write(folder.path().join("secret.ts"), b"outside").unwrap();
        symlink("../../secret.ts", root.join("live/out.ts")).unwrap();
        symlink("a.ts", root.join("live/in.ts")).unwrap();

        assert_eq!(opened(&root, "live/a.ts").unwrap().length, 7);
        assert_eq!(opened(&root, "live/in.ts").unwrap().length, 7);
        for missing in ["live/out.ts", "live/none.ts", "live", "live/a.ts/x"] {
            assert!(
                matches!(opened(&root, missing), Err(FileError::Missing)),
                "{missing}"
            );
        }
    }

    /// Between the look at a path and its opening somebody puts a link there.
    #[test]
    fn a_link_that_came_too_late_to_be_seen_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(&root).unwrap();
        fs::create_dir(folder.path().join("keys")).unwrap();
        fs::write(folder.path().join("keys/a.ts"), b"outside").unwrap();
        symlink("../keys", root.join("live")).unwrap();
        symlink("../keys/a.ts", root.join("a.ts")).unwrap();
        for below in ["live/a.ts", "a.ts"] {
            let opened = open_below(&root, Path::new(below));
            assert!(matches!(opened, Err(FileError::Missing)), "{below}");
        }
    }

    #[test]
    fn a_root_that_is_not_there_yet_has_no_files() {
        let folder = tempfile::tempdir().unwrap();
        let later = folder.path().join("later");
        assert!(matches!(opened(&later, "a.ts"), Err(FileError::Missing)));
    }

    #[test]
    fn a_replaced_file_has_another_tag() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a.m3u8"), b"one").unwrap();
        let first = opened(folder.path(), "a.m3u8").unwrap();
        fs::write(at("b"), b"two").unwrap();
        fs::rename(at("b"), at("a.m3u8")).unwrap();
        assert_ne!(first.tag, opened(folder.path(), "a.m3u8").unwrap().tag);
    }
}
