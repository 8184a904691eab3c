//! A file of the state folder to which whole lines are added, for one sink.
//!
//! Its first line says what it is and of which sink; one of another sink is begun anew, and a line
//! that was half written ends it. Lines are not made durable: what is in them can be found out
//! again, or be done without. Must not know: what the lines are for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::crypto::private_file;

/// The open file.
pub(super) struct Lines {
    path: PathBuf,
    first: String,
    file: File,
}

impl Lines {
    /// Opens the file at `path`, whose first line is `first`, after this process has the folder to
    /// itself; gives its lines, oldest first.
    pub(super) fn open<T: DeserializeOwned>(
        path: PathBuf,
        first: String,
    ) -> io::Result<(Self, Vec<T>)> {
        let (known, whole) = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), 0),
            file => read(file?, &first)?,
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)?;
        file.set_len(whole)?;
        file.seek(SeekFrom::End(0))?;
        if whole == 0 {
            file.write_all(format!("{first}\n").as_bytes())?;
        }
        Ok((Self { path, first, file }, known))
    }

    /// Adds lines.
    pub(super) fn add<T: Serialize>(&mut self, lines: &[T]) -> io::Result<()> {
        self.file.write_all(text(lines)?.as_bytes())
    }

    /// Puts `lines` in place of all that were there.
    pub(super) fn replace<T: Serialize>(&mut self, lines: &[T]) -> io::Result<()> {
        let text = format!("{}\n{}", self.first, text(lines)?);
        private_file::replace(&self.path, text.as_bytes()).map_err(io::Error::other)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        Ok(())
    }

    /// Deletes the file.
    pub(super) fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn text<T: Serialize>(lines: &[T]) -> io::Result<String> {
    let mut text = String::new();
    for line in lines {
        text.push_str(&serde_json::to_string(line)?);
        text.push('\n');
    }
    Ok(text)
}

/// The whole lines below `first`, and how many bytes they and it are; none of another sink's.
fn read<T: DeserializeOwned>(file: File, first: &str) -> io::Result<(Vec<T>, u64)> {
    let (mut known, mut whole) = (Vec::new(), 0);
    let mut reader = BufReader::new(file);
    let mut text = String::new();
    while let Ok(len) = reader.read_line(&mut text) {
        let Some(line) = text.strip_suffix('\n') else {
            break;
        };
        match whole {
            0 if line == first => {}
            0 => break,
            _ => match serde_json::from_str(line) {
                Ok(line) => known.push(line),
                Err(_) => break,
            },
        }
        whole += len as u64;
        text.clear();
    }
    Ok((known, whole))
}

/// What tells a sink's directory from another that has, or later gets, the same path.
pub(super) fn mark(sink: &Path) -> io::Result<String> {
    use std::os::unix::fs::MetadataExt as _;
    let about = fs::metadata(sink)?;
    Ok(format!(
        "{}:{} {}",
        about.dev(),
        about.ino(),
        sink.display()
    ))
}
