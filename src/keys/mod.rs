//! Key life: register, issue, lease, rotate, reveal.
//!
//! Must not know: HTTP, or how a credential was verified.
