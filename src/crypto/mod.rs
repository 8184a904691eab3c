//! Secrets and the primitives that touch them: content keys, IVs, CBC, sealing.
//!
//! Must not know: streams' policies, the store, who asks.

pub mod cbc;
mod digest;
mod envelope;
mod hex;
mod iv;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod legacy;
mod mac;
pub mod private_file;
mod ring;
mod secret;
#[cfg(target_arch = "x86_64")]
mod simd;

pub use digest::{Sha256, TokenDigest, hmac_sha256, sha256, sha512_256};
pub use envelope::{Envelope, RecipientError, Wrapped};
pub use hex::hex_of;
pub use iv::Iv;
pub use legacy::{LegacyHash, LegacyMac, md5, sha384, sha512};
pub use mac::MacKey;
pub use private_file::{PrivateFileError, read_private};
pub use ring::{KeyRing, KeyTag, MasterKey, Place, RingError, SEALED_HEADER};
pub use secret::{ContentKey, SecretText};
