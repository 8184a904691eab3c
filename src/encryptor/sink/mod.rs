//! Where encrypted media goes: a directory, and replicas of it in other places.
//!
//! The engine writes one directory. A replica follows what was published there and brings another
//! folder, an HTTP origin or object storage to the same state, in the same order. Must not know:
//! sources, leases.

mod dir;
mod folder;
mod hand;
mod hindered;
mod http;
mod learn;
mod long;
mod mirror;
mod note;
mod object;
mod published;
mod remember;
mod remote;
mod replica;
mod replicas;
mod tenure;

pub use mirror::Behind;
pub use replica::SinkState;

pub(super) use dir::{DirSink, SinkError};
pub(super) use published::{Outgoing, Published, PublishedList};
pub(super) use replicas::{Replicas, Shared};
