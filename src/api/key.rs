//! A content key on the wire, the one secret that is serialised.
//!
//! Must not know: permits. The server makes a [`WireKey`] only from what `keys` revealed against
//! a `Permit<Lease>`; `tests/layering.rs` holds it to that.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::crypto::ContentKey;

/// A leased content key: 16 bytes as base64, on an answer that is `no-store`.
#[derive(Clone, PartialEq, Eq)]
pub struct WireKey(ContentKey);

impl WireKey {
    /// For an answer to a lease.
    pub fn leased(key: ContentKey) -> Self {
        Self(key)
    }

    /// The key, on the encryptor's side.
    pub fn into_key(self) -> ContentKey {
        self.0
    }
}

impl fmt::Debug for WireKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WireKey")
    }
}

impl Serialize for WireKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(STANDARD.encode(self.0.expose())))
    }
}

impl<'de> Deserialize<'de> for WireKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(from)?);
        let bytes = STANDARD.decode(text.as_bytes()).map(Zeroizing::new);
        let key = bytes.ok().and_then(|bytes| ContentKey::from_slice(&bytes));
        key.map(Self)
            .ok_or_else(|| de::Error::custom("a key is 16 bytes in base64"))
    }
}
