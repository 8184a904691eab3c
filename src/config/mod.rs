//! `hlskey.toml`: composes the section that each module declares.
//!
//! Must not know: what a section means.
