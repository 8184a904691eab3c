//! `hlskey`: an HLS AES-128 key server and live segment encryptor in one program.
//!
//! Modules stand on floors; each imports only lower ones (`tests/layering.rs` holds them to it):
//!
//! ```text
//! 7  cli
//! 6  config
//! 5  server                encryptor
//! 4  keys
//! 3  access
//! 2  store
//! 1  crypto   playlist   api   telemetry   outbound   xml
//! 0  domain   crash
//! ```
//!
//! `ARCHITECTURE.md` has the data path and the invariants.

pub mod crash;
pub mod domain;

pub mod api;
pub mod crypto;
pub mod outbound;
pub mod playlist;
pub mod telemetry;
pub mod xml;

pub mod store;

pub mod access;

pub mod keys;

pub mod encryptor;
pub mod server;

pub mod config;

pub mod cli;
