//! Tells long polls of this process that a stream has changed, here or at another server.
//!
//! Must not know: what changed. The store has the truth; a signal only ends a wait early.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::domain::StreamId;

/// A channel for each stream that somebody waits for.
#[derive(Debug, Default)]
pub(super) struct Signals(Mutex<HashMap<StreamId, watch::Sender<()>>>);

/// Somebody who waits.
pub(super) struct Listener<'s> {
    signals: &'s Signals,
    stream: StreamId,
    receiver: watch::Receiver<()>,
}

impl Signals {
    /// Listens from now on.
    pub(super) fn listen(&self, stream: &StreamId) -> Listener<'_> {
        let mut channels = self.channels();
        let channel = channels.entry(stream.clone());
        let sender = channel.or_insert_with(|| watch::Sender::new(()));
        Listener {
            receiver: sender.subscribe(),
            signals: self,
            stream: stream.clone(),
        }
    }

    /// Wakes everybody who waits for the stream.
    pub(super) fn send(&self, stream: &StreamId) {
        if let Some(sender) = self.channels().get(stream) {
            sender.send_replace(());
        }
    }

    /// Wakes everybody.
    pub(super) fn send_all(&self) {
        for sender in self.channels().values() {
            sender.send_replace(());
        }
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<StreamId, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener<'_> {
    /// Resolves when the stream was signalled since the last time, or since listening began.
    pub(super) async fn heard(&mut self) {
        // The sender lives as long as a listener does.
        let _ = self.receiver.changed().await;
    }
}

impl Drop for Listener<'_> {
    /// The last listener takes the channel with it.
    fn drop(&mut self) {
        let mut channels = self.signals.channels();
        let is_last = channels
            .get(&self.stream)
            .is_some_and(|sender| sender.receiver_count() <= 1);
        if is_last {
            channels.remove(&self.stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_listener_hears_and_none_is_left_behind() {
        let signals = Signals::default();
        let (a, b) = ("live/a".parse().unwrap(), "live/b".parse().unwrap());
        let mut one = signals.listen(&a);
        let mut two = signals.listen(&a);
        signals.send(&b);
        signals.send(&a);
        one.heard().await;
        two.heard().await;
        drop(one);
        assert_eq!(signals.channels().len(), 1);
        drop(two);
        assert_eq!(signals.channels().len(), 0);
    }
}
