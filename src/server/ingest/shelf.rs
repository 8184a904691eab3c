//! Where what is sent is kept, as the listener sees it.
//!
//! Must not know: files, HTTP.

/// Keeps files under the paths that they were sent to. Its calls may block.
pub trait Shelf: Send + Sync {
    /// Begins a file; `path` has parts between slashes. Dropped before it is kept, nothing of it is
    /// left.
    fn begin(&self, path: &str) -> Result<Box<dyn Incoming>, ShelfError>;
    /// The longest file that it can ever take, in bytes.
    fn most(&self) -> u64;
    /// Deletes a file; it may be gone already.
    fn remove(&self, path: &str) -> Result<(), ShelfError>;
}

/// A file that is being sent.
pub trait Incoming: Send {
    /// Adds bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), ShelfError>;
    /// Makes the file durable under its path. Whoever sent it may forget it then.
    fn keep(self: Box<Self>) -> Result<Placed, ShelfError>;
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// There was none of its path.
    Created,
    /// It stands in another's place.
    Replaced,
}

/// Why a file is not kept. The sender may know all of it but the disk's own words.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// No file can have this path.
    #[error("{0}")]
    Path(String),
    /// What is there already does not let it be.
    #[error("{0}")]
    Conflict(String),
    /// It is too long.
    #[error("{0}")]
    TooLarge(String),
    /// It is not what its name says.
    #[error("{0}")]
    Content(String),
    /// There is no room for it now.
    #[error("{0}")]
    Full(String),
    /// The disk refuses.
    #[error("{0}")]
    Disk(String),
}
