//! Initialisation sections: checked to hold no media, named after what is in them, published
//! before any playlist lists them.
//!
//! A source may write a section again under its name, and several renditions may share one. So a
//! published name holds a digest, and the bytes behind it never change. Must not know: playlists' texts.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::boxes;
use super::engine::Engine;
use super::lease::HeldKey;
use super::path::{Beneath, PathError, tagged};
use super::seal::{Plain, seal};
use super::sink::SinkError;
use super::tables;
use crate::crypto::{Iv, hex_of, sha256};
use crate::domain::Rendition;
use crate::playlist::{KeyTag, Section};

/// The bytes of an initialisation section that holds no media. Nothing else is published clear.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Initial {
    bytes: Vec<u8>,
    /// Tells it from others, in hex.
    digest: String,
}

/// A section that a segment needs.
#[derive(Clone)]
pub(super) struct Planned {
    pub(super) published: Published,
    initial: Arc<Initial>,
    /// `None` for a clear one.
    under: Option<Under>,
}

/// What a section is encrypted under.
#[derive(Clone)]
struct Under {
    key: Arc<HeldKey>,
    iv: Iv,
}

/// A section in the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) path: Beneath,
    /// How the playlist lists it.
    pub(super) listed: Arc<Section>,
}

/// The longest initialisation section: 4 MiB.
pub(super) const MAX_SECTION: u64 = 4 << 20;
/// How much of a digest a name has, in bytes.
const NAMED: usize = 16;
/// How many digits of a kid a name has, besides an IV that only that key gives.
const KID_DIGITS: usize = 8;

impl Initial {
    /// Takes `bytes`, unless they are no initialisation section or hold media.
    pub(super) fn of(bytes: Vec<u8>) -> Result<Self, String> {
        match fault(&bytes) {
            Some(how) => Err(how),
            None => Ok(Self {
                digest: hex_of(&sha256(&bytes)[..NAMED]),
                bytes,
            }),
        }
    }

    /// The bytes to publish.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Why `bytes` is no initialisation section that may be published clear.
pub(super) fn fault(bytes: &[u8]) -> Option<String> {
    match bytes.first() {
        Some(&tables::SYNC) => tables::fault(bytes),
        _ => boxes::section_fault(bytes),
    }
}

impl Planned {
    /// The clear section `initial`, which the playlist at `at` calls `uri`.
    pub(super) fn clear(at: &Beneath, uri: &str, initial: Arc<Initial>) -> Result<Self, PathError> {
        let published = Published::new(at, tagged(uri, &initial.digest), None)?;
        Ok(Self {
            published,
            initial,
            under: None,
        })
    }

    /// The same encrypted, for `rendition`. The IV differs with content, key and rendition, and
    /// the name with the IV.
    pub(super) fn encrypted(
        at: &Beneath,
        uri: &str,
        initial: Arc<Initial>,
        (rendition, key): (&Rendition, &Arc<HeldKey>),
    ) -> Result<Self, PathError> {
        let iv = Iv::for_map(key.key(), rendition, &initial.bytes);
        let kid = &hex_of(key.kid.as_bytes())[..KID_DIGITS];
        let name = tagged(uri, &format!("{}-{kid}", hex_of(iv.as_bytes())));
        let tag = KeyTag {
            uri: key.uri.clone(),
            iv: Some(iv.to_string()),
        };
        let key = key.clone();
        Ok(Self {
            published: Published::new(at, name, Some(tag))?,
            initial,
            under: Some(Under { key, iv }),
        })
    }
}

impl Published {
    /// What the playlist at `at` lists as `uri`, opened by `key`.
    pub(super) fn new(at: &Beneath, uri: String, key: Option<KeyTag>) -> Result<Self, PathError> {
        Ok(Self {
            path: at.resolve_segment(&uri)?,
            listed: Arc::new(Section { uri, key }),
        })
    }
}

impl Engine {
    /// Writes the sections that segments about to be published need. Gives those that cannot be
    /// published, as their ciphertext does not open again.
    pub(super) fn write_sections<'a>(
        &mut self,
        needed: impl Iterator<Item = &'a Planned>,
    ) -> Result<BTreeSet<Beneath>, SinkError> {
        let mut unsealed = BTreeSet::new();
        let mut seen = BTreeSet::new();
        for planned in needed.filter(|planned| seen.insert(&planned.published.path)) {
            let path = &planned.published.path;
            self.window.keep(path);
            if self.sections.contains(path) {
                continue;
            }
            match &planned.under {
                None => self.sink.write_initial(path, &planned.initial)?,
                Some(under) => match seal_section(&planned.initial, under) {
                    Some(sealed) => self.sink.write_segment(path, &sealed)?,
                    None => {
                        unsealed.insert(path.clone());
                        continue;
                    }
                },
            }
            self.sections.insert(path.clone());
        }
        Ok(unsealed)
    }
}

fn seal_section(initial: &Initial, under: &Under) -> Option<super::seal::Ciphertext> {
    let mut bytes = Vec::with_capacity(initial.bytes.len() + 16);
    bytes.extend_from_slice(&initial.bytes);
    let plain = Plain {
        bytes,
        key: under.key.clone(),
        iv: under.iv,
    };
    seal(vec![plain]).pop().flatten()
}
