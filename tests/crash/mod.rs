//! `kill -9` at every fail point and at random moments, full disks, clocks set back and forward:
//! afterwards the independent audit finds nothing clear, lost, changed or misplaced.
//!
//! Must not know: how the product recovers.

mod clock;
mod disk;
mod encryptor;
mod errands;
mod moments;
mod picture;
mod points;
mod promises;
mod server;
mod speke;

pub(crate) use crate::harness::clear::clear_at;
