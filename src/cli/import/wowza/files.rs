//! Files of an installation, read within bounds; links are not followed.
//!
//! Must not know: what a file says.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use zeroize::Zeroizing;

/// The largest file that is read, in bytes.
const MOST: u64 = 1024 * 1024;
/// How deep folders are looked into, and how many files and how much else is found, at most.
const DEEPEST: usize = 8;
const MOST_FILES: usize = 10_000;
const MOST_ENTRIES: usize = 100_000;
/// A pipe would otherwise wait for its writer.
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::CLOEXEC);

/// The text of a file; `None` if there is none, or it is no regular one.
pub(super) fn read(path: &Path) -> anyhow::Result<Option<Zeroizing<String>>> {
    let told = || path.display().to_string();
    let file = match open(path, FILE, Mode::empty()) {
        Ok(opened) => fs::File::from(opened),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO) => return Ok(None),
        Err(error) => return Err(io::Error::from(error)).with_context(told),
    };
    if !file.metadata().with_context(told)?.is_file() {
        return Ok(None);
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MOST + 1)
        .read_to_string(&mut text)
        .with_context(told)?;
    ensure!(text.len() as u64 <= MOST, "{}: more than 1 MiB", told());
    Ok(Some(text))
}

/// Whether a regular file is there itself.
pub(super) fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

/// The folders in a folder, by name.
pub(super) fn folders(path: &Path) -> anyhow::Result<Vec<String>> {
    let told = || path.display().to_string();
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(told)?,
    };
    let mut names = Vec::new();
    for (at, entry) in entries.enumerate() {
        ensure!(
            at < MOST_ENTRIES,
            "{}: more than {MOST_ENTRIES} entries",
            told()
        );
        let entry = entry.with_context(told)?;
        if entry.file_type().with_context(told)?.is_dir() {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    names.sort();
    Ok(names)
}

/// What was found below a folder, by path.
#[derive(Default)]
pub(super) struct Below {
    /// Every `.key` file.
    pub(super) keys: Vec<PathBuf>,
    /// Folders that cannot be read, and why.
    pub(super) closed: Vec<(PathBuf, io::Error)>,
    entries: usize,
}

impl Below {
    pub(super) fn of(folder: &Path) -> anyhow::Result<Self> {
        let mut found = Self::default();
        found.look(folder, DEEPEST)?;
        found.keys.sort();
        Ok(found)
    }

    fn look(&mut self, folder: &Path, depth: usize) -> anyhow::Result<()> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.closed.push((folder.to_owned(), error));
                return Ok(());
            }
        };
        for entry in entries {
            let (kind, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
            let kind = kind?;
            self.entries += 1;
            ensure!(
                self.entries <= MOST_ENTRIES,
                "more than {MOST_ENTRIES} entries below {}",
                folder.display()
            );
            let is_key = path.extension().is_some_and(|ending| ending == "key");
            if kind.is_dir() {
                ensure!(depth > 0, "{}: folders stand too deep", path.display());
                self.look(&path, depth - 1)?;
            } else if kind.is_file() && is_key {
                ensure!(
                    self.keys.len() < MOST_FILES,
                    "more than {MOST_FILES} key files"
                );
                self.keys.push(path);
            }
        }
        Ok(())
    }
}
