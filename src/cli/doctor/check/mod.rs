//! What is judged, a topic a file.
//!
//! Must not know: how anything was asked for.

pub(super) mod answer;
pub(super) mod cache;
pub(super) mod clear;
pub(super) mod cors;
pub(super) mod form;
pub(super) mod key;
pub(super) mod live;
pub(super) mod segment;
pub(super) mod tags;
pub(super) mod time;
