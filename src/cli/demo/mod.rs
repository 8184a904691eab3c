//! `hlskey demo`: the whole product on this machine, with a live source and a page to watch.
//!
//! Must not know: how keys are made or checked; it wires the other modules together.

mod clip;
mod listing;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the command that serves it is to come")
)]
mod page;
mod restamp;
pub mod source;

#[cfg(test)]
mod playback_tests;
