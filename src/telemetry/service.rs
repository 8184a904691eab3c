//! Tells the service manager how far the process is: ready, alive, stopping (`sd_notify(3)`).
//!
//! Without `NOTIFY_SOCKET` nothing is told. Must not know: what the process does.

use std::time::Duration;

use sd_notify::NotifyState;

/// The work has begun. From now on the manager's watchdog hears of us, if it listens: what it
/// sees is that the runtime still turns. A store that is away is no reason to be restarted, since
/// the keys in memory would be lost with the process.
pub fn service_ready(doing: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(doing)]);
    if let Some(limit) = sd_notify::watchdog_enabled() {
        tokio::spawn(keep_alive(limit / 2));
    }
}

/// The process ends as soon as what is open has ended.
pub fn service_stopping() {
    tell(&[NotifyState::Stopping]);
}

async fn keep_alive(every: Duration) {
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
