//! Who may do what: credential → scheme → entitlement → gate → permit.
//!
//! Must not know: HTTP, or a content key.
