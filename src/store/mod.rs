//! Durable state; the only module with SQL.
//!
//! Must not know: HTTP, who may ask, or a content key in the clear.
