//! Where encrypted media goes. A directory now; HTTP and object storage come beside it.
//!
//! Must not know: sources, leases.

mod dir;

pub(super) use dir::{DirSink, SinkError};
