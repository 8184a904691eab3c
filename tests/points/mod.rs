//! The checklist of an encryptor, a test for each point, named after it.
//!
//! Must not know: how the encryptor is built. What is published is opened by other code.

mod containers;
mod keys;
mod low_latency;
mod scene;
mod segments;
mod tags;
