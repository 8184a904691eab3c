//! One pass of the engine, and what follows from it.
//!
//! Must not know: when there is one.

use tokio::task::spawn_blocking;

use super::Worker;
use crate::api::Text;
use crate::encryptor::choose::Context;
use crate::encryptor::engine::Outcome;
use crate::encryptor::error::EncryptorError;
use crate::encryptor::periods::union;
use crate::encryptor::report::Progress;

impl Worker {
    /// One pass on a thread of its own, and what follows from it.
    pub(super) async fn pass(&mut self) -> Result<Outcome, EncryptorError> {
        let shift = self.crew.enter().await;
        let lost = || EncryptorError::Worker("its thread is gone".to_owned());
        let mut engine = self.engine.take().ok_or_else(lost)?;
        self.is_filled = self.follower.as_ref().is_none_or(|it| it.is_done());
        let lease = self.lease.borrow_and_update().clone();
        let claims = self.claims.borrow_and_update().clone();
        if let Some(event) = self.term.tell() {
            (self.tell)(event);
        }
        let runs = self.runs.borrow_and_update().clone();
        let (now, footing) = (self.clock.now(), self.term.footing());
        if let Some(by) = self.pace.set_ahead(now, self.clock.steady()) {
            engine.set_ahead(by);
        }
        let containers = self.containers;
        let passed = spawn_blocking(move || {
            let context = Context {
                lease: lease.as_deref(),
                claims: &claims,
                footing,
                runs: &runs,
                containers,
                now,
            };
            let outcome = engine.pass(&context);
            drop(shift);
            (engine, outcome)
        });
        let (engine, mut outcome) = passed
            .await
            .map_err(|error| EncryptorError::Worker(error.to_string()))?;
        self.engine = Some(engine);
        self.tell_condition(&outcome);
        for event in outcome.events.drain(..) {
            (self.tell)(event);
        }
        if let Some(listed) = &outcome.progress {
            self.listed.clone_from(listed);
        }
        self.pass_on(&outcome);
        if outcome.moved {
            self.watch();
        }
        Ok(outcome)
    }

    fn tell_condition(&self, outcome: &Outcome) {
        let (Some(board), Some(engine)) = (&self.board, &self.engine) else {
            return;
        };
        let ends = self.term.ends();
        let now = self.term.server_time();
        board.update(|status| {
            engine.tell_condition(status);
            status.version = outcome.acknowledged;
            status.sinks = self.replicas.states();
            status.lease_end = ends.map(Text);
            let left = ends.map(|ends| ends.since(now).as_millis());
            status.lease_left_ms = left.map(|left| u64::try_from(left).unwrap_or(u64::MAX));
        });
    }

    /// Says how it is doing a last time.
    pub(super) fn tell_last(&self) {
        if let Some(board) = &self.board {
            board.leave(self.clock.now());
        }
    }

    fn pass_on(&self, outcome: &Outcome) {
        let next = Progress {
            acknowledged: self.ledger.acknowledgeable(outcome.acknowledged),
            claims: outcome.wants.claims.clone(),
            source: outcome.source.clone(),
            // A sink that is behind still lists what the directory does not.
            renditions: match self.replicas.is_empty() {
                true => self.listed.clone(),
                false => union(&self.listed, &self.replicas.listings()),
            },
        };
        self.progress.send_if_modified(|progress| {
            let differs = *progress != next;
            *progress = next;
            differs
        });
        self.wants.send_if_modified(|wants| {
            let differs = *wants != outcome.wants;
            wants.clone_from(&outcome.wants);
            differs
        });
    }
}
