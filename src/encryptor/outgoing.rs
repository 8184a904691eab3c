//! Ciphertext on its way into files of the sink: one segment each, or all ranges of a file.
//!
//! Must not know: why segments are ranges.

use super::choose::Candidate;
use super::path::Beneath;
use super::seal::Ciphertext;
use crate::playlist::ByteRange;

/// One file and the segments that it holds.
pub(super) struct Outgoing {
    pub(super) path: Beneath,
    pub(super) bytes: Ciphertext,
    pub(super) parts: Vec<Part>,
}

/// A segment of the playlist at `at`, and which part of its file it is.
pub(super) struct Part {
    pub(super) at: Beneath,
    pub(super) candidate: Candidate,
    /// `None` for the whole file.
    pub(super) range: Option<ByteRange>,
}

/// The files that can be written: a file of which a range is missing is none.
pub(super) fn files(sealed: Vec<(Beneath, Candidate, Ciphertext)>) -> Vec<Outgoing> {
    let mut files: Vec<Outgoing> = Vec::with_capacity(sealed.len());
    for (at, candidate, bytes) in sealed {
        let path = candidate.name.path.clone();
        let is_part = candidate.parts > 1;
        match files.last_mut().filter(|last| is_part && last.path == path) {
            Some(last) => {
                let range = last.bytes.append(&bytes);
                let part = Part {
                    at,
                    candidate,
                    range,
                };
                last.parts.push(part);
            }
            None => {
                let whole = ByteRange::new(0, bytes.as_bytes().len() as u64);
                let range = whole.filter(|_| is_part);
                let part = Part {
                    at,
                    candidate,
                    range,
                };
                let parts = vec![part];
                files.push(Outgoing { path, bytes, parts });
            }
        }
    }
    files.retain(|file| file.parts.len() == file.parts[0].candidate.parts);
    files
}
