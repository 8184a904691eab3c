//! Keys in packagers' own words.
//!
//! Must not know: how a key is issued, or who may have it.

pub(super) mod speke;
