//! The origin's root folder, beneath which files are opened and nowhere else.
//!
//! Blocking: call it where blocking is allowed. Must not know: HTTP.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::FilePath;

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
const MOST_PLAYLIST: u64 = 8 * 1024 * 1024;

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
        let found = self.resolve(path.as_str())?;
        // Looked at before it is opened: opening a pipe would wait for its writer.
        if !fs::symlink_metadata(&found)?.is_file() {
            return Err(FileError::Missing);
        }
        let file = File::open(&found)?;
        let facts = file.metadata()?;
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

    fn resolve(&self, path: &str) -> Result<PathBuf, FileError> {
        let root = self.0.canonicalize()?;
        let found = root.join(path).canonicalize()?;
        beneath(&found, &root)
            .then_some(found)
            .ok_or(FileError::Missing)
    }
}

fn beneath(path: &Path, root: &Path) -> bool {
    path != root && path.starts_with(root)
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::NotFound | Kind::NotADirectory | Kind::InvalidFilename => Self::Missing,
            _ => Self::Disk(error),
        }
    }
}

#[cfg(test)]
mod tests {
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
