//! Segments become ciphertext here, and only ciphertext that opens again leaves.
//!
//! Must not know: files, playlists.

use std::sync::Arc;

use super::lease::HeldKey;
use crate::crypto::Iv;
use crate::crypto::cbc::{Edges, Job, encrypt_batch};
use crate::playlist::ByteRange;

/// Bytes that may be published. Only [`seal`] makes them, from a segment that it encrypted and
/// checked.
pub(super) struct Ciphertext(Vec<u8>);

/// A clear segment on its way to the cipher.
pub(super) struct Plain {
    /// The media.
    pub(super) bytes: Vec<u8>,
    /// The key of its period.
    pub(super) key: Arc<HeldKey>,
    /// Its own IV.
    pub(super) iv: Iv,
}

impl Ciphertext {
    /// The bytes to publish.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Puts `next` after them, as a part of the same file; gives the part.
    pub(super) fn append(&mut self, next: &Self) -> Option<ByteRange> {
        let (offset, len) = (self.0.len() as u64, next.0.len() as u64);
        self.0.extend_from_slice(&next.0);
        ByteRange::new(offset, len)
    }
}

/// Encrypts the batch; `None` stands for a segment whose ciphertext does not open to it with its
/// key, which is the key as served.
pub(super) fn seal(batch: Vec<Plain>) -> Vec<Option<Ciphertext>> {
    let edges: Vec<Edges> = batch.iter().map(|plain| Edges::of(&plain.bytes)).collect();
    let mut batch = batch;
    let mut jobs: Vec<Job<'_>> = batch
        .iter_mut()
        .map(|plain| Job {
            key: plain.key.key(),
            iv: plain.iv,
            data: &mut plain.bytes,
        })
        .collect();
    encrypt_batch(&mut jobs);
    let checked = batch.into_iter().zip(edges).map(|(done, edges)| {
        let opens = edges.open_from(done.key.key(), done.iv, &done.bytes);
        opens.then_some(Ciphertext(done.bytes))
    });
    checked.collect()
}
