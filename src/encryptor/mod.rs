//! The worker: source → period → encrypt → self-check → sink(segment) → sink(playlist).
//!
//! Must not know: the store, the server; it reaches the key server by HTTPS alone.

mod asset;
mod batch;
mod choose;
mod client;
mod condition;
mod contact;
mod continuity;
mod crew;
mod draft;
mod engine;
mod error;
mod event;
mod finish;
mod journal;
mod keeper;
mod lease;
mod ledger;
mod likeness;
mod lost;
mod multivariant;
mod names;
mod newest;
mod notices;
mod open;
mod options;
mod path;
mod place;
mod proof;
mod publish;
mod recall;
mod recorded;
mod remains;
mod report;
mod restart;
mod restore;
mod root;
mod runs;
mod scan;
mod seal;
mod sentence;
mod sink;
mod source;
mod status;
mod step;
mod term;
#[cfg(test)]
mod tests;
mod track;
mod trouble;
mod window;
mod worker;

pub use client::ClientError;
pub use crew::Crew;
pub use error::{EncryptorError, Summary};
pub use event::{Event, Severity, StallReason};
pub use ledger::StateError;
pub use open::resolved;
pub use options::{OnLeaseEnd, OnLeaseEndError, Options, PlaceError, Sink, Source};
pub use status::{Board, Found, LastError, RenditionStatus, StallStatus, Status, look};
pub use worker::run;
