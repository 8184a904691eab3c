//! The HTTPS edge: routes, guards, the one error table, TLS. The only module with actix.
//!
//! Must not know: SQL, the encryptor.
