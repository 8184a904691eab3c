//! A source that is consulted: what it said is remembered, asked for again before it ends, and
//! forgotten when something changed.
//!
//! Must not know: which kind of source it is.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::answer::{Entitled, Question};
use super::config::EntitlementConfig;
use super::echoes::Echoes;
use super::inquiry::Inquiry;
use super::memory::Memory;
use super::source::Source;
use crate::domain::{Clock, Denied, Entropy, StreamId};
use crate::store::{Change, News};
use crate::telemetry::EntitlementMeasures;

/// How often it is looked what is due to be asked again.
const TICK: Duration = Duration::from_millis(250);

/// A source and what it said.
pub(in crate::access) struct Consulted {
    inquiry: Inquiry,
    memory: Memory,
    echoes: Echoes,
    /// Places of those that are asked again; a quarter of the source's is left to who waits.
    refreshing: Arc<Semaphore>,
}

impl Consulted {
    pub(super) fn new(
        config: &EntitlementConfig,
        source: Source,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        measures: &EntitlementMeasures,
    ) -> Self {
        let bounds = &config.bounds;
        let (clocks, randoms) = (Arc::clone(&clock), Arc::clone(&entropy));
        let places = (bounds.concurrency * 3 / 4).max(1);
        Self {
            inquiry: Inquiry::new(source, bounds, clocks, randoms, measures.clone()),
            echoes: Echoes::new(Arc::clone(&clock)),
            memory: Memory::new(&config.cache, clock, entropy, measures.clone()),
            refreshing: Arc::new(Semaphore::new(places)),
        }
    }

    pub(super) async fn check(&self, question: &Question<'_>) -> Result<Entitled, Denied> {
        self.memory
            .answer(question, &self.inquiry)
            .await?
            .try_into()
    }

    /// What was said of a viewer, of a stream, or of all if neither is named, counts no more.
    pub(in crate::access) fn forget(&self, viewer: Option<&str>, stream: Option<&StreamId>) {
        self.memory.forget(viewer, stream);
    }

    /// Every server is about to be told that; this one has done it, or will at once.
    pub(super) fn expect(&self, viewer: Option<&str>, stream: Option<&StreamId>) {
        self.echoes.expect(viewer, stream);
    }

    /// Nobody was told.
    pub(super) fn expect_no_more(&self, viewer: Option<&str>, stream: Option<&StreamId>) {
        self.echoes.take(viewer, stream);
    }

    /// Forgets what `news` call for, but for what was called off here: an answer of since then stands.
    pub(in crate::access) fn heed(&self, news: &News) {
        match news {
            News::Changes(changes) => {
                for change in changes {
                    if let Change::Entitlement { viewer, stream } = change {
                        let (viewer, stream) = (viewer.as_deref(), stream.as_ref());
                        if !self.echoes.take(viewer, stream) {
                            self.forget(viewer, stream);
                        }
                    }
                }
            }
            News::Lost => {
                self.echoes.clear();
                self.forget(None, None);
            }
        }
    }

    /// Asks again what is due, from now on and in a task that ends with this.
    pub(in crate::access) fn keep_fresh(self: &Arc<Self>) {
        tokio::spawn(go_on(Arc::downgrade(self)));
    }

    /// Begins to ask again whatever is due now, as far as there are places; resolves when the last
    /// has one.
    async fn refresh(self: &Arc<Self>) {
        // While the source is left alone, what it said stays as it is.
        while self.inquiry.is_open()
            && let Some(question) = self.memory.next_due()
        {
            let Ok(place) = Arc::clone(&self.refreshing).acquire_owned().await else {
                return;
            };
            let own = Arc::clone(self);
            tokio::spawn(async move {
                own.memory.refresh(question, &own.inquiry).await;
                drop(place);
            });
        }
    }
}

async fn go_on(consulted: Weak<Consulted>) {
    loop {
        sleep(TICK).await;
        let Some(consulted) = consulted.upgrade() else {
            return;
        };
        consulted.refresh().await;
    }
}

#[cfg(test)]
mod tests;
