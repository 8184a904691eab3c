//! Files of an installation, read within bounds; links are not followed.
//!
//! Must not know: what a file says.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use zeroize::Zeroizing;

/// The largest file that is read, in bytes.
const MOST: u64 = 1024 * 1024;
/// How deep folders are looked into, and how many files are found, at most.
const DEEPEST: usize = 8;
const MOST_FILES: usize = 10_000;

/// The text of a file; `None` if there is none.
pub(super) fn read(path: &Path) -> anyhow::Result<Option<Zeroizing<String>>> {
    if !is_file(path) {
        return Ok(None);
    }
    let told = || path.display().to_string();
    let file = fs::File::open(path).with_context(told)?;
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
pub(super) fn folders(path: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let folders = entries.flatten().filter(is_folder);
    let mut names: Vec<String> = folders
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Every `.key` file below a folder, by path.
pub(super) fn key_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    look(folder, DEEPEST, &mut found)?;
    found.sort();
    Ok(found)
}

fn look(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries {
        let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        let kind = entry?;
        let is_key = path.extension().is_some_and(|ending| ending == "key");
        if kind.is_dir() {
            ensure!(depth > 0, "{}: folders stand too deep", path.display());
            look(&path, depth - 1, found)?;
        } else if kind.is_file() && is_key {
            ensure!(found.len() < MOST_FILES, "more than {MOST_FILES} key files");
            found.push(path);
        }
    }
    Ok(())
}
