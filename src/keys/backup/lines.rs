//! A backup's lines as they are read, with the digest of them all.
//!
//! Must not know: what a line means, or whether it may be believed.

use std::io::{BufRead, BufReader, Read};

use crate::crypto::Sha256;

use super::BackupError;

/// The longest line that is read: a row has a few hundred bytes.
const LONGEST: u64 = 1 << 20;

/// Lines of a file, one by one.
pub(super) struct Lines<R> {
    from: BufReader<R>,
    digest: Sha256,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    /// From the reader's place on.
    pub(super) fn of(from: R) -> Self {
        Self {
            from: BufReader::new(from),
            digest: Sha256::default(),
            line: Vec::new(),
        }
    }

    /// The next line without its end; it is not in the digest yet. `None` at the file's end.
    pub(super) fn next(&mut self) -> Result<Option<&str>, BackupError> {
        self.line.clear();
        let mut bounded = self.from.by_ref().take(LONGEST);
        if bounded.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        match self.line.split_last() {
            Some((b'\n', text)) => {
                let text = std::str::from_utf8(text).map_err(|_| BackupError::Changed)?;
                Ok(Some(text))
            }
            _ if self.line.len() as u64 == LONGEST => Err(BackupError::Foreign),
            _ => Err(BackupError::Short),
        }
    }

    /// Takes the last line into the digest.
    pub(super) fn take(&mut self) {
        self.digest.update(&self.line);
    }

    /// The digest of what was taken.
    pub(super) fn digest(self) -> [u8; 32] {
        self.digest.finish()
    }
}

/// The bytes of hexadecimal digits; `None` if it is none.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    match text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => text.as_bytes().chunks(2).map(digits).collect(),
        false => None,
    }
}
