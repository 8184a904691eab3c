//! The store's news: who follows them, what is forgotten for them, and how old they may be.
//!
//! A server that has had no news for too long does not know which keys were revoked, so it hands
//! out none. Must not know: how the store tells its news.

use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::store::{Change, Follower, Heed, News};

use super::{Keys, KeysError};

/// How often the store is asked for news, whether it announces them or not.
const POLL: Duration = Duration::from_secs(1);

impl Keys {
    /// Hears the news, tells `others`, and goes on to in a task that ends with these keys.
    pub async fn follow(self: &Arc<Self>, others: Vec<Arc<dyn Heed>>) -> Result<(), KeysError> {
        let mut follower = self.store.follow();
        self.hear(&mut follower, &others).await?;
        tokio::spawn(go_on(Arc::downgrade(self), follower, others));
        Ok(())
    }

    /// How old the news are; `None` before the first.
    pub fn news_age(&self) -> Option<Duration> {
        self.store.freshness().age(self.clock.steady())
    }

    /// [`KeysError::Stale`] where a revocation may have been missed for too long.
    pub(super) fn check_fresh(&self) -> Result<(), KeysError> {
        let is_fresh = self.store.freshness().is_fresh(self.clock.steady());
        is_fresh.then_some(()).ok_or(KeysError::Stale)
    }

    /// Asks for news and forgets what they call for. They count from when they were asked for, once
    /// everybody has heeded them.
    pub(super) async fn hear(
        &self,
        follower: &mut Follower,
        others: &[Arc<dyn Heed>],
    ) -> Result<(), KeysError> {
        let asked = self.clock.steady();
        let news = follower.read().await?;
        match &news {
            News::Changes(changes) => {
                for change in changes {
                    self.heed(change).await;
                }
            }
            News::Lost => self.forget_all(),
        }
        for other in others {
            if let Err(error) = other.heed(&news).await {
                follower.miss();
                return Err(error.into());
            }
        }
        self.store.freshness().told(asked);
        Ok(())
    }

    async fn heed(&self, change: &Change) {
        match change {
            Change::Stream(id) => self.signals.send(id),
            Change::Keys(id) => {
                self.caches.forget_states_of(id);
                self.owners.forget(id);
                self.signals.send(id);
            }
            Change::Key(kid) => self.caches.forget_key(*kid).await,
            // The gate's.
            Change::Revoked(_) | Change::Revocations | Change::Entitlement { .. } => {}
        }
    }

    fn forget_all(&self) {
        self.caches.forget_states();
        self.caches.forget_keys();
        self.owners.forget_all();
        self.signals.send_all();
    }
}

async fn go_on(keys: Weak<Keys>, mut follower: Follower, others: Vec<Arc<dyn Heed>>) {
    let mut was_stale = false;
    loop {
        follower.wait(POLL).await;
        let Some(keys) = keys.upgrade() else {
            return;
        };
        let heard = keys.hear(&mut follower, &others).await;
        let is_stale = keys.check_fresh().is_err();
        match heard {
            Err(error) if is_stale && !was_stale => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(
                    error,
                    "no news from the store: key requests are answered 503"
                );
            }
            _ if was_stale && !is_stale => tracing::info!("news from the store again"),
            _ => {}
        }
        was_stale = is_stale;
    }
}

#[cfg(test)]
mod tests;
