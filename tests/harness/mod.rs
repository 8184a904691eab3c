//! What the tests stand on: the repository's files, the built binary, its processes, HTTPS.
//!
//! Must not know: what is asserted.

pub(crate) mod actor;
pub(crate) mod authority;
pub(crate) mod binary;
pub(crate) mod bucket;
pub(crate) mod chance;
pub(crate) mod clear;
pub(crate) mod clock;
pub(crate) mod collector;
pub(crate) mod database;
pub(crate) mod dav;
pub(crate) mod demo;
pub(crate) mod encrypt;
pub(crate) mod entitlement;
pub(crate) mod ffmpeg;
pub(crate) mod fragments;
pub(crate) mod issuer;
pub(crate) mod keeper;
pub(crate) mod low_latency;
pub(crate) mod nginx;
pub(crate) mod oidc;
pub(crate) mod on_air;
pub(crate) mod opening;
pub(crate) mod packager;
pub(crate) mod parts;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod push;
pub(crate) mod python;
pub(crate) mod rust_source;
pub(crate) mod scripted;
pub(crate) mod serve;
pub(crate) mod shaka;
pub(crate) mod small_disk;
pub(crate) mod stage;
pub(crate) mod wait;
pub(crate) mod wire;
