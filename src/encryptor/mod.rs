//! The worker: source → period → encrypt → self-check → sink(segment) → sink(playlist).
//!
//! Must not know: the store, the server; it reaches the key server by HTTPS alone.
