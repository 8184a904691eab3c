//! What the tests stand on: the repository's files, the built binary, its processes, HTTPS.
//!
//! Must not know: what is asserted.

pub(crate) mod rust_source;
