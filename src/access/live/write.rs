//! Sessions are written down behind the requests, many at once, and what other servers did to them
//! is read back.
//!
//! While the store is away everything waits in memory. Must not know: what a session is allowed.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::memory::Session;
use super::{Live, names};
use crate::store::{Sighting, StoreError};

/// How often.
const EVERY: Duration = Duration::from_secs(5);
/// The most sessions of one statement.
const AT_ONCE: usize = 1_000;
/// How long after a session lost its slot that may still become visible: clocks of servers differ,
/// and so do moments of commits.
const OVERLAP: Duration = Duration::from_secs(30);
/// How often sessions whose lease has ended are forgotten.
const SWEEP: Duration = Duration::from_secs(60);

/// What was done when, by the steady clock.
#[derive(Debug, Default)]
pub(super) struct Writing {
    read: Option<Duration>,
    swept: Option<Duration>,
}

impl Live {
    /// Writes down and reads back from time to time, in a task that ends with these sessions.
    pub fn follow(self: &Arc<Self>) {
        tokio::spawn(go_on(Arc::downgrade(self)));
    }

    /// Writes down all that the store does not know, and reads back who lost a slot elsewhere.
    pub async fn write(&self) -> Result<(), StoreError> {
        let mut writing = self.writing.lock().await;
        let now = self.clock.steady();
        let all = self.sessions.unwritten(now, self.lease);
        for some in all.chunks(AT_ONCE) {
            self.write_some(some).await?;
        }
        self.read_back(&mut writing).await?;
        if writing
            .swept
            .is_none_or(|swept| now.saturating_sub(swept) >= SWEEP)
        {
            let (alive, wall) = (self.alive(), self.clock.now());
            while self.store.sweep_sessions(alive, wall).await? {}
            writing.swept = Some(now);
        }
        Ok(())
    }

    async fn write_some(&self, some: &[Arc<Session>]) -> Result<(), StoreError> {
        let seen: Vec<Duration> = some.iter().map(|session| session.seen()).collect();
        let all: Vec<_> = some
            .iter()
            .zip(&seen)
            .map(|(one, seen)| self.sighting(one, *seen))
            .collect();
        let is_new = |at: &usize| !some[*at].is_written();
        let new: Vec<_> = (0..some.len())
            .filter(is_new)
            .map(|at| all[at].clone())
            .collect();
        if !new.is_empty() {
            self.store.note_sessions(&new).await?;
        }
        let renewed = self.store.renew_sessions(&all).await?;
        for at in renewed.written {
            some[at].set_written(seen[at]);
        }
        for at in renewed.gone {
            self.sessions.forget(&some[at]);
        }
        Ok(())
    }

    fn sighting<'a>(&self, session: &'a Session, seen: Duration) -> Sighting<'a> {
        Sighting {
            name: &session.name,
            at: session.at(),
            home: session.home,
            started: self.wall(session.started),
            seen: self.wall(seen),
        }
    }

    async fn read_back(&self, writing: &mut Writing) -> Result<(), StoreError> {
        let now = self.clock.steady();
        let since = self.wall(writing.read.unwrap_or(now)).minus(OVERLAP);
        for (name, over) in self.store.displaced_since(since).await? {
            self.sessions.end(&names::key_of(&name), self.steady(over));
        }
        writing.read = Some(now);
        Ok(())
    }
}

async fn go_on(live: Weak<Live>) {
    let mut was_away = false;
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(live) = live.upgrade() else {
            return;
        };
        let written = live.write().await;
        match &written {
            Err(error) if !was_away => {
                let error: &dyn std::error::Error = error;
                tracing::warn!(error, "live sessions cannot be written down: they wait");
            }
            Ok(()) if was_away => tracing::info!("live sessions are written down again"),
            _ => {}
        }
        was_away = written.is_err();
    }
}
