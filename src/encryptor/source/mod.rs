//! Where clear media comes from. A directory now; push, pull and finished assets come beside it.
//!
//! Must not know: keys, sinks.

mod dir;
mod recording;
mod watch;
mod whole;

pub(super) use dir::{Content, DirSource, Sight, SourceText};
pub(super) use recording::Locks;
pub(super) use watch::{OpenFiles, Watch};
