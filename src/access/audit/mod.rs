//! The audit trail: what was refused, delivered and changed, in one hash chain for each run of a
//! server and one for all commands, signed so that whoever steals or alters the database cannot mend
//! what he altered.
//!
//! Must not know: HTTP, or how a decision is made.

mod affected;
mod batch;
mod chain;
mod checkpoint;
mod command;
mod config;
mod entry;
mod named;
mod prune;
mod recent;
mod search;
mod tally;
mod trail;
mod verify;
mod view;
mod writer;

pub use affected::Affected;
pub use command::record;
pub use config::{AuditConfig, OnOverflow};
pub use entry::Ruling;
pub use recent::Remembered;
pub use search::{AuditPage, Explained, SearchError, Tried};
pub(super) use search::{find, search};
pub use trail::{Overflow, Trail};
pub use verify::{AuditChain, AuditFault, AuditReport, AuditWrong, verify};
pub use writer::Writer;

pub use crate::store::{AuditCursor, AuditEntry, AuditFilter, AuditRow};

#[cfg(test)]
mod tests;
