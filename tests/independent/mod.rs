//! A second opinion on what was published: its own playlist reader, its own cipher, one audit.
//!
//! Must not know: the product's code. Nothing below this folder imports `hlskey`.

pub(crate) mod audit;
pub(crate) mod cipher;
mod numbering;
pub(crate) mod opened;
pub(crate) mod playlist;
pub(crate) mod schedule;

mod faults;
