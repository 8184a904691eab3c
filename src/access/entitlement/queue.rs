//! A bulkhead: so many questions at once, so many that wait, and no more.
//!
//! A slow source would otherwise hold every request of the server. Must not know: what is asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::answer::Failure;

/// Places at the source, and before it.
pub(super) struct Queue {
    places: Semaphore,
    waiting: AtomicUsize,
    most: usize,
}

/// Counts who waits, however the waiting ends.
struct Waiting<'q>(&'q AtomicUsize);

impl Queue {
    /// `places` at once, and `most` that wait.
    pub(super) fn new(places: usize, most: usize) -> Self {
        Self {
            places: Semaphore::new(places),
            waiting: AtomicUsize::new(0),
            most,
        }
    }

    /// A place at the source, until it is dropped. Refuses with [`Failure::Crowded`] at once where
    /// too many wait, and at `deadline`.
    pub(super) async fn enter(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Failure> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let _waiting = self.wait()?;
        match timeout_at(deadline, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(Failure::Crowded),
        }
    }

    fn wait(&self) -> Result<Waiting<'_>, Failure> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(&self.waiting);
        (before < self.most)
            .then_some(waiting)
            .ok_or(Failure::Crowded)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn so_many_ask_so_many_wait_and_no_more() {
        let queue = Queue::new(2, 1);
        let later = || Instant::now() + Duration::from_secs(60);
        let one = queue.enter(later()).await.unwrap();
        let _two = queue.enter(later()).await.unwrap();
        let mut third = Box::pin(queue.enter(later()));
        assert!(third.as_mut().now_or_never().is_none(), "it waits");
        assert_eq!(queue.enter(later()).await.unwrap_err(), Failure::Crowded);
        drop(one);
        let _three = third.await.unwrap();
        let late = queue.enter(Instant::now()).await;
        assert_eq!(late.unwrap_err(), Failure::Crowded);
        assert_eq!(queue.waiting.load(Ordering::Relaxed), 0);
    }
}
