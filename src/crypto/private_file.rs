//! Files that only their owner may read: read, made, replaced.
//!
//! A symbolic link is followed, since mounted secrets are links; what it leads to is judged. Must
//! not know: what the secret is for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The most bytes a secret file may have: a large PEM key has a few thousand.
const MAX_LEN: u64 = 64 * 1024;

/// Why a secret file is refused. No variant holds its content.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// There is no such file, or a link that leads nowhere.
    #[error("{0} is not there")]
    Missing(PathBuf),
    /// It is a directory, a pipe, a device.
    #[error("{0} is no regular file")]
    NotAFile(PathBuf),
    /// There is nothing in it.
    #[error("{0} is empty")]
    Empty(PathBuf),
    /// The file cannot be read, or is not UTF-8.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others than the owner may read or write it.
    #[error("{0} is open to others: chmod 600 {0}")]
    Exposed(PathBuf),
    /// It is longer than any secret.
    #[error("{0} has more than 64 KiB, which no secret has")]
    TooLong(PathBuf),
    /// It does not hold a key of 32 bytes.
    #[error("{0} does not hold 64 hex digits")]
    Malformed(PathBuf),
}

/// The text of the secret file `path`, as it stands there.
pub fn read_private(path: &Path) -> Result<Zeroizing<String>, PrivateFileError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => PrivateFileError::Missing(path.to_owned()),
        _ => PrivateFileError::Unreadable {
            path: path.to_owned(),
            source,
        },
    };
    let file = open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err(PrivateFileError::NotAFile(path.to_owned()));
    }
    if about.mode() & 0o077 != 0 {
        return Err(PrivateFileError::Exposed(path.to_owned()));
    }
    if about.len() > MAX_LEN {
        return Err(PrivateFileError::TooLong(path.to_owned()));
    }
    if about.len() == 0 {
        return Err(PrivateFileError::Empty(path.to_owned()));
    }
    let mut text = Zeroizing::new(String::with_capacity(MAX_LEN as usize));
    file.take(MAX_LEN)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(text)
}

/// Whether everybody on this machine may read the file; `false` also where that is not known.
pub fn is_open_to_all(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.mode() & 0o004 != 0)
}

/// Makes `dir` and its parents, for the owner alone.
pub fn create_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
}

/// Writes a new file with mode 0600; an existing one is an error, never overwritten.
pub fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = create_new(path)?;
    file.write_all(content)?;
    file.sync_all()?;
    sync_folder(path)
}

/// Writes `path` in one step with mode 0600: readers see the old file or the new one.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut draft = Draft::of(path)?;
    draft.write_all(content)?;
    draft.replace()
}

/// A private file that grows piece by piece beside `path`, and stands there only when it is
/// whole. Dropped before, it leaves nothing.
#[derive(Debug)]
pub struct Draft {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
}

impl Draft {
    /// Begins one; what a killed writer left of an earlier one goes.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(Self {
                file: create_new(&temporary)?,
                temporary,
                path: path.to_owned(),
            }),
        }
    }

    /// Puts it in the place of whatever stands there.
    pub fn replace(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        sync_folder(&self.path)
    }

    /// Puts it there unless something stands there.
    pub fn keep(self) -> io::Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        self.file.sync_all()?;
        let flags = RenameFlags::NOREPLACE;
        renameat_with(CWD, &self.temporary, CWD, &self.path, flags)?;
        sync_folder(&self.path)
    }
}

impl io::Write for Draft {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.file.write(piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    /// After a rename there is nothing of that name.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// A file's name is durable only with its folder.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Does not wait for somebody to write, should it be a pipe.
fn open(path: &Path) -> io::Result<File> {
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(path)
}

/// The 32 bytes that the secret file `path` holds as 64 hex digits.
pub(super) fn read_hex_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, PrivateFileError> {
    unhex(read_private(path)?.trim()).ok_or_else(|| PrivateFileError::Malformed(path.to_owned()))
}

fn unhex(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut out = Zeroizing::new([0; 32]);
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_a_private_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs::write(&path, "obviously-a-fake\n").unwrap();
        for (mode, private) in [(0o600, true), (0o400, true), (0o640, false), (0o606, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_private(&path).is_ok(), private, "{mode:o}");
        }
    }

    #[test]
    fn what_is_no_file_or_empty_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("empty"), "").unwrap();
        fs::write(at("good"), "obviously-a-fake").unwrap();
        fs::set_permissions(at("empty"), Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(at("good"), Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink("good", at("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("dangling")).unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(at("pipe"))
            .status();
        assert!(made.unwrap().success());
        assert_eq!(*read_private(&at("link")).unwrap(), "obviously-a-fake");
        let found = |name: &str| read_private(&at(name)).unwrap_err().to_string();
        for (name, words) in [
            ("missing", "missing is not there"),
            ("dangling", "dangling is not there"),
            ("", "is no regular file"),
            ("pipe", "pipe is no regular file"),
            ("empty", "empty is empty"),
            ("good/below", "cannot read"),
        ] {
            assert!(found(name).contains(words), "{name}: {}", found(name));
        }
    }

    #[test]
    fn a_file_longer_than_any_secret_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        fs::write(&path, "x".repeat(64 * 1024 + 1)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let found = read_private(&path).unwrap_err();
        assert!(matches!(found, PrivateFileError::TooLong(_)), "{found}");
    }

    #[test]
    fn private_files_are_never_overwritten_by_create() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        create(&path, b"one").unwrap();
        assert_eq!(
            create(&path, b"two").unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_draft_stands_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("long.jsonl");
        let names = || {
            let entries = fs::read_dir(dir.path()).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.collect::<Vec<_>>()
        };
        let written = |text: &[u8]| {
            let mut draft = Draft::of(&path).unwrap();
            draft.write_all(text).unwrap();
            draft
        };
        drop(written(b"half"));
        assert_eq!(names(), [""; 0]);
        written(b"one").keep().unwrap();
        let taken = written(b"two").keep().unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        std::mem::forget(written(b"killed"));
        written(b"three").replace().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(names(), ["long.jsonl"]);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
}
