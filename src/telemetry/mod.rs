//! Logs, metrics and shutdown, shared by server and encryptor.
//!
//! Must not know: what is measured; it holds no domain rule.
