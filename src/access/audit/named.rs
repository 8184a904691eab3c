//! The heads that a checkpoint names: a line for each, chain, number and hash of its last row.
//!
//! Must not know: signatures.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use crate::crypto::hex_of;
use crate::store::AuditHead;

/// The checkpoint's text.
pub(super) fn text<'a>(heads: impl Iterator<Item = &'a AuditHead>) -> String {
    let mut text = String::new();
    for head in heads {
        let _ = writeln!(text, "{} {} {}", head.chain, head.seq, hex_of(&head.hash));
    }
    text
}

/// Which hash rows are said to have, by chain and number.
#[derive(Debug, Default)]
pub(super) struct Named(HashMap<String, BTreeMap<i64, String>>);

impl Named {
    /// Takes in what a checkpoint names. `false` if it names a row twice, otherwise, or is malformed.
    pub(super) fn take(&mut self, text: &str) -> bool {
        text.lines().fold(true, |sound, line| {
            let parts: Vec<&str> = line.split(' ').collect();
            let [chain, seq, hash] = parts[..] else {
                return false;
            };
            let Ok(seq) = seq.parse() else { return false };
            let of_chain = self.0.entry(chain.to_owned()).or_default();
            let known = of_chain.insert(seq, hash.to_owned());
            sound && known.is_none_or(|known| known == hash)
        })
    }

    /// Every chain that is named.
    pub(super) fn chains(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The number of the last row that is named of a chain, 0 if none is.
    pub(super) fn last(&self, chain: &str) -> i64 {
        let last = self.0.get(chain).and_then(|rows| rows.last_key_value());
        last.map_or(0, |(seq, _)| *seq)
    }

    /// Whether the row is named, and with this hash.
    pub(super) fn has(&self, chain: &str, seq: i64, hash: &[u8]) -> Option<bool> {
        let named = self.0.get(chain)?.get(&seq)?;
        let hash: String = hex_of(hash);
        Some(*named == hash)
    }
}
