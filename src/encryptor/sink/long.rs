//! A file that is too long for memory, on its way to another place part by part.
//!
//! Must not know: where it goes.

use std::io;

use futures_util::stream::{Stream, try_unfold};
use tokio::task::spawn_blocking;

use super::published::{ListedFile, Outgoing};
use crate::encryptor::path::Beneath;

/// The file, as it was when its playlist was swapped: one that is another meanwhile has no part.
#[derive(Debug, Clone)]
pub(in crate::encryptor) struct LongFile {
    outgoing: Outgoing,
    file: ListedFile,
}

/// Bytes of a part but the last: S3 wants at least 5 MiB, and at most 10,000 parts.
pub(super) const PART: u64 = 16 << 20;

impl LongFile {
    pub(super) fn new(outgoing: Outgoing, file: ListedFile) -> Self {
        Self { outgoing, file }
    }

    pub(in crate::encryptor) fn path(&self) -> &Beneath {
        &self.file.path
    }

    pub(super) fn len(&self) -> u64 {
        self.file.len()
    }

    /// The part that begins at `from`; `None` at the end.
    pub(super) fn part(&self, from: u64) -> io::Result<Option<Vec<u8>>> {
        let len = self.len().saturating_sub(from).min(PART);
        match len {
            0 => Ok(None),
            _ => self.outgoing.part(&self.file, from, len).map(Some),
        }
    }

    /// All parts, each read when it is wanted.
    pub(super) fn parts(self) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + 'static {
        try_unfold((self, 0), |(long, from)| async move {
            let (long, part) = spawn_blocking(move || {
                let part = long.part(from);
                (long, part)
            })
            .await?;
            let next = |part: Vec<u8>| {
                let from = from + part.len() as u64;
                (part, (long, from))
            };
            part.map(|part| part.map(next))
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;

    #[tokio::test]
    async fn a_long_file_is_read_in_parts_as_long_as_it_stays_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let whole: Vec<u8> = (0..2 * PART + 5).map(|at| (at % 251) as u8).collect();
        std::fs::write(dir.path().join("film.mp4"), &whole).unwrap();
        let outgoing = Outgoing::new(dir.path().to_owned());
        let long = || {
            let file = outgoing.listed(Beneath::found("film.mp4").unwrap());
            LongFile::new(outgoing.clone(), file)
        };
        let parts: Vec<Vec<u8>> = long().parts().try_collect().await.unwrap();
        let lens: Vec<u64> = parts.iter().map(|part| part.len() as u64).collect();
        assert_eq!(lens, [PART, PART, 5]);
        assert!(parts.concat() == whole);
        let before = long();
        std::fs::write(dir.path().join("film.mp4"), [&whole[..], b"more"].concat()).unwrap();
        assert!(before.parts().try_collect::<Vec<_>>().await.is_err());
    }
}
