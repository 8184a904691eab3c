//! How many passes run at once, of all channels of a process: that bounds their memory.
//!
//! A pass holds up to 64 MiB of media, or one segment. Must not know: what a pass does.

use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Shared by the channels of a process.
#[derive(Clone)]
pub struct Crew(Arc<Semaphore>);

/// A pass under way.
pub(super) struct Shift(
    #[expect(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>,
);

/// Where media lies on a slow disk, others work while one waits for it.
const FOR_EACH_CORE: usize = 2;

impl Default for Crew {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(cores * FOR_EACH_CORE)))
    }
}

impl Crew {
    /// Waits for a place.
    pub(super) async fn enter(&self) -> Shift {
        Shift(self.0.clone().acquire_owned().await.ok())
    }
}
