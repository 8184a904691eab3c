//! `hlskey demo`: the whole product on this machine, with a live source and a page to watch.
//!
//! Must not know: how keys are made or checked; it wires the other modules together.

mod clip;
mod listing;
mod restamp;
pub mod source;

#[cfg(test)]
mod playback_tests;
