//! Waiting for a condition, with a deadline.
//!
//! Must not know: the conditions.

use std::time::{Duration, Instant};

use tokio::time::sleep;

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// Seconds, for deadlines.
pub(crate) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Waits until `ready` gives something; past `limit` it panics and says what was awaited.
pub(crate) async fn until<T>(
    what: &str,
    limit: Duration,
    mut ready: impl AsyncFnMut() -> Option<T>,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = ready().await {
            return found;
        }
        assert!(begun.elapsed() < limit, "{what}: not within {limit:?}");
        sleep(LOOK).await;
    }
}

/// Holds that `holds` stays true for `span`.
pub(crate) async fn throughout(what: &str, span: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while begun.elapsed() < span {
        assert!(holds().await, "{what}: not after {:?}", begun.elapsed());
        sleep(LOOK).await;
    }
}
