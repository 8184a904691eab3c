//! What binds a row to the one before, and what is signed (docs/AUDIT.md has the exact bytes).
//!
//! Every text stands with its length before it, so no two rows have one encoding. Must not know:
//! where rows come from or go.

use crate::crypto::{KeyRing, KeyTag, sha256};
use crate::store::{AuditCheckpoint, AuditEntry, AuditHead, AuditMark};

/// Stands before a chain's first row.
pub(super) const NOTHING: [u8; 32] = [0; 32];

const ROW: &[u8] = b"hlskey audit row 1\0";
const HEAD: &[u8] = b"hlskey audit head 1\0";
const CHECKPOINT: &[u8] = b"hlskey audit checkpoint 1\0";
const MARK: &[u8] = b"hlskey audit pruned 1\0";

/// The hash of row `seq` of `chain`, which follows the row with the hash `previous`.
pub(super) fn link(chain: &str, seq: i64, entry: &AuditEntry, previous: &[u8]) -> [u8; 32] {
    let mut out = Encoded::new(ROW);
    out.bytes(previous);
    out.text(chain);
    out.number(seq);
    out.number(entry.time);
    for text in [
        &entry.kind,
        &entry.request_id,
        &entry.action,
        &entry.reason,
        &entry.scheme,
        &entry.viewer,
        &entry.session,
        &entry.token,
        &entry.stream,
        &entry.kid,
        &entry.ip,
        &entry.policy,
    ] {
        out.text(text);
    }
    out.number(entry.count);
    out.text(&entry.detail);
    sha256(&out.0)
}

/// What is signed of something, and its signature.
pub(super) trait Signed {
    /// The bytes.
    fn signed(&self) -> Vec<u8>;
    /// Who is said to have signed, and the signature.
    fn signature(&self) -> (&str, &[u8]);
    /// Puts a signature on it.
    fn sign(&mut self, signer: String, mac: Vec<u8>);
}

/// How a signature is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signature {
    /// A key of the ring made it.
    Ours,
    /// The key that it names is not in the ring.
    UnknownKey,
    /// The key that it names did not make it.
    Wrong,
}

/// Signs with the ring's first master key.
pub(super) fn signed<T: Signed>(mut what: T, ring: &KeyRing) -> T {
    let mac = ring.sign(&[&what.signed()]);
    what.sign(ring.sealing().to_string(), mac.to_vec());
    what
}

/// Who signed it.
pub(super) fn signature(what: &impl Signed, ring: &KeyRing) -> Signature {
    let (signer, mac) = what.signature();
    let Ok(tag) = signer.parse::<KeyTag>() else {
        return Signature::Wrong;
    };
    match ring.verify(tag, &[&what.signed()], mac) {
        Err(_) => Signature::UnknownKey,
        Ok(true) => Signature::Ours,
        Ok(false) => Signature::Wrong,
    }
}

/// What the next checkpoint calls this one by.
pub(super) fn digest(checkpoint: &AuditCheckpoint) -> [u8; 32] {
    sha256(&checkpoint.signed())
}

macro_rules! signature {
    () => {
        fn signature(&self) -> (&str, &[u8]) {
            (&self.signer, &self.mac)
        }

        fn sign(&mut self, signer: String, mac: Vec<u8>) {
            (self.signer, self.mac) = (signer, mac);
        }
    };
}

impl Signed for AuditHead {
    fn signed(&self) -> Vec<u8> {
        let mut out = Encoded::new(HEAD);
        out.text(&self.chain);
        out.number(self.began);
        out.number(self.seq);
        out.bytes(&self.hash);
        out.number(self.at);
        out.number(self.ended);
        out.0
    }

    signature!();
}

impl Signed for AuditCheckpoint {
    fn signed(&self) -> Vec<u8> {
        let mut out = Encoded::new(CHECKPOINT);
        out.number(self.number);
        out.number(self.at);
        out.number(self.first);
        out.text(&self.heads);
        out.bytes(&self.previous);
        out.0
    }

    signature!();
}

impl Signed for AuditMark {
    fn signed(&self) -> Vec<u8> {
        let mut out = Encoded::new(MARK);
        out.text(&self.chain);
        out.number(self.seq);
        out.bytes(&self.hash);
        out.0
    }

    signature!();
}

/// Bytes of a form that says what they are.
struct Encoded(Vec<u8>);

impl Encoded {
    fn new(form: &[u8]) -> Self {
        Self(form.to_vec())
    }

    /// Eight bytes, the highest first, two's complement.
    fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    /// The length in bytes, as a number, and the bytes.
    fn bytes(&mut self, bytes: &[u8]) {
        self.number(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hex_of;

    #[test]
    fn the_documents_example_is_right() {
        let entry = AuditEntry {
            time: 1_767_355_200_250,
            kind: "refused".to_owned(),
            request_id: "0123456789abcdef".to_owned(),
            action: "deliver".to_owned(),
            reason: "expired".to_owned(),
            scheme: "viewers".to_owned(),
            viewer: "alice".to_owned(),
            session: "s1".to_owned(),
            token: "t1".to_owned(),
            stream: "live/news".to_owned(),
            ip: "192.0.2.7".to_owned(),
            count: 1,
            ..AuditEntry::default()
        };
        let hash = link("00112233445566778899aabbccddeeff", 1, &entry, &NOTHING);
        let hash = hex_of(&hash);
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/AUDIT.md");
        let document = std::fs::read_to_string(path).unwrap();
        assert!(document.contains(&hash), "{hash}");
    }
}
