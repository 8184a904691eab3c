//! M3U8 without loss: a line model, the tags we read, rewriting for encryption and for a viewer.
//!
//! Must not know: files, HTTP, the store; it turns text into text.
