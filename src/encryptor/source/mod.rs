//! Where clear media comes from: a directory, which may be a spool that others fill.
//!
//! Must not know: keys, sinks.

mod dir;
mod pull;
mod recording;
mod walk;
mod watch;
mod whole;

pub(super) use dir::{Content, DirSource, Sight, SourceText};
pub(super) use pull::Follower;
pub(super) use recording::Locks;
pub(super) use watch::{OpenFiles, Watch};
