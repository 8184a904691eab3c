//! Certificates, tickets and client certificates, as clients on the wire see them.
//!
//! Must not know: how a certificate is loaded.

mod certificates;
mod encryptor;
mod enrolled;
mod packagers;
mod proxies;
mod resumption;
