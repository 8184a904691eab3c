//! The audit trail: what was refused, delivered and changed, in one hash chain for each run of a
//! server, signed so that whoever steals or alters the database cannot mend what he altered.
//!
//! Must not know: HTTP, or how a decision is made.

mod chain;
mod checkpoint;
mod config;
mod entry;
mod named;
mod prune;
mod tally;
mod trail;
mod verify;
mod writer;

pub use config::{AuditConfig, OnOverflow};
pub use entry::{Ruling, reason_code};
pub use trail::{Overflow, Trail};
pub use verify::{AuditChain, AuditFault, AuditReport, AuditWrong, verify};
pub use writer::Writer;

#[cfg(test)]
mod tests;
