//! A backup: a store in one file, to be read by a store of either kind on any machine.
//!
//! Lines of JSON: a head, each table's name and columns before its rows, a tail with the counts,
//! and last a MAC over all of it, signed under the ring's sealing key. So a backup that was cut
//! short or changed is known before a row of it is believed. It holds what the store holds: keys
//! sealed, credentials as digests, and no master key. Must not know: which file it is.

mod error;
mod lines;
mod read;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use error::BackupError;
pub use read::{check, restore};
pub use write::backup;

use crate::crypto::KeyTag;

/// The form of the file; a reader knows its own and older ones.
const FORM: u32 = 1;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// When it was made, as RFC 3339.
    pub made: String,
    /// The last migration of the store that it was made of.
    pub schema: i64,
    /// How many rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// The master keys that its keys are sealed under, and how many keys each.
    pub sealed_under: Vec<(KeyTag, u64)>,
    /// The master key under which it is signed.
    pub signed_under: KeyTag,
}

impl Contents {
    /// The master keys without which it is of no use.
    pub fn needs(&self) -> Vec<KeyTag> {
        let mut needs: Vec<KeyTag> = self.sealed_under.iter().map(|(tag, _)| *tag).collect();
        if !needs.contains(&self.signed_under) {
            needs.push(self.signed_under);
        }
        needs
    }

    /// How many rows of `table`.
    pub fn count(&self, table: &str) -> u64 {
        self.rows.get(table).copied().unwrap_or_default()
    }
}

/// A line that is no row.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Head(Head),
    Table(Table),
    Tail(Tail),
    Signature(Signature),
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    hlskey_backup: u32,
    schema: i64,
    made: String,
}

/// The line before a table's rows.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    table: String,
    columns: Vec<String>,
}

/// The last line but one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tail {
    rows: BTreeMap<String, u64>,
    sealed_under: BTreeMap<String, u64>,
    signed_under: String,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    mac: String,
}

/// What is signed of a backup whose bytes before the signature have this digest.
fn signed(digest: &[u8; 32]) -> [&[u8]; 2] {
    [b"hlskey backup 1\n", digest]
}

#[cfg(test)]
mod tests;
