//! The keystore's life, by the built program on both databases: made, rekeyed, backed up,
//! restored, migrated, and refused when it is not what it should be.
//!
//! Must not know: how a key is sealed.

mod backup;
mod bench;
mod old;
mod refusals;
mod rekey;
