//! A change of the schedule, carried through: announced to every encryptor that holds a lease, and
//! in force once all have acknowledged it, or else taken back.
//!
//! The store says what is announced and until when; this waits for it. A server that ends amid the
//! wait leaves the rest to whoever looks next. Must not know: why the schedule changes.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use crate::api::Unreachable;
use crate::domain::{Boundary, Era, Holder, REFRESH, Schedule, StreamId};
use crate::store::{Appended, Patience, Settled, StreamRow, Terms};

use super::{Keys, KeysError};

/// How long acknowledgements are awaited. An encryptor that waits for news answers at once.
pub(super) const PATIENCE: Duration = REFRESH;
/// How long the answer to an immediate cut waits to learn who has heard of it.
const HEARING: Duration = Duration::from_secs(2);
/// What another server hears of is looked for this often.
const LOOK: Duration = Duration::from_millis(200);

/// Whom a change waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// Everybody who holds a lease.
    All,
    /// Nobody.
    Nobody,
}

impl Keys {
    /// Whether anybody holds a lease of the stream, so that a change must be announced.
    pub(super) async fn is_leased(&self, id: &StreamId) -> Result<bool, KeysError> {
        let holders = self.store.holders(id, self.clock.now()).await?;
        Ok(!holders.is_empty())
    }

    /// Makes the schedule's last era that of the stream. Gives who may not follow it, which with
    /// [`Care::All`] is nobody unless somebody else waived the wait; `None` if the stream has
    /// changed since it was read.
    pub(super) async fn carry_through(
        &self,
        row: &StreamRow,
        schedule: &Schedule,
        (care, is_leased): (Care, bool),
    ) -> Result<Option<Vec<Unreachable>>, KeysError> {
        let (stream, era, now) = (&row.stream, schedule.last(), self.clock.now());
        let terms = match (care, is_leased) {
            (Care::Nobody, _) => Terms::Regardless,
            (Care::All, false) => Terms::Unleased,
            (Care::All, true) => Terms::Acknowledged {
                by: now.plus(PATIENCE),
            },
        };
        let appended = self
            .store
            .append_era(&stream.id, stream.version, era, (terms, now));
        match appended.await? {
            Appended::Stale => return Ok(None),
            Appended::Unreachable(silent) => return Err(unreachable(&silent)),
            Appended::Yes => self.signals.send(&stream.id),
        }
        let version = stream.version.saturating_add(1);
        match terms {
            Terms::Unleased => Ok(Some(Vec::new())),
            Terms::Regardless => self.unheard(&stream.id, version).await.map(Some),
            Terms::Acknowledged { .. } => self.settled(&stream.id, (version, era)).await,
        }
    }

    /// Waits until the change that is announced now, if one is, is settled. Of one that was taken
    /// back meanwhile the caller shares the fate: its own would fare no better.
    pub(super) async fn quiet(&self, id: &StreamId, care: Care) -> Result<(), KeysError> {
        let patience = match care {
            Care::All => Patience::ByClock,
            Care::Nobody => Patience::Waived,
        };
        match self.settle(id, patience, None).await? {
            Some(Settled::TakenBack(missed)) => Err(unreachable(&missed)),
            _ => Ok(()),
        }
    }

    /// An encryptor was heard of; what it said may have settled a change.
    pub(super) fn heard(&self, id: &StreamId, settled: Option<&Settled>) {
        self.acks.send(id);
        self.tell(id, settled);
    }

    /// Waits until an announced era is settled. `None` if it is gone though nobody missed it.
    async fn settled(
        &self,
        id: &StreamId,
        (version, era): (u64, &Era),
    ) -> Result<Option<Vec<Unreachable>>, KeysError> {
        let change = Some((version, era.start));
        match self.settle(id, Patience::ByClock, change).await? {
            Some(Settled::Stands(missed)) => Ok(Some(missed.iter().map(Into::into).collect())),
            Some(Settled::TakenBack(missed)) if !missed.is_empty() => Err(unreachable(&missed)),
            _ => Ok(None),
        }
    }

    /// Waits for acknowledgements of `change`, or of what is announced at the first look, for as
    /// long as this process' own time says too. `None` if there was nothing to wait for.
    async fn settle(
        &self,
        id: &StreamId,
        mut patience: Patience,
        mut change: Option<(u64, Boundary)>,
    ) -> Result<Option<Settled>, KeysError> {
        let mut acks = self.acks.listen(id);
        let end = Instant::now() + PATIENCE;
        let mut missed = Vec::new();
        loop {
            let of = change.map(|(version, _)| version);
            let now = self.clock.now();
            let looked = self.store.settle(id, now, (patience, of)).await?;
            self.tell(id, looked.as_ref().map(|looked| &looked.settled));
            let looked = looked.filter(|looked| of.is_none_or(|own| own == looked.version));
            match (looked, change) {
                (Some(looked), _) => match (looked.settled, of) {
                    (Settled::Waiting(behind), _) => {
                        change = Some((looked.version, looked.start));
                        missed = behind;
                    }
                    (settled, Some(_)) => return Ok(Some(settled)),
                    (_, None) => return Ok(None),
                },
                (None, None) => return Ok(None),
                // Another is announced, or none: somebody else has settled it.
                (None, Some(change)) => return self.fate(id, change, missed).await.map(Some),
            }
            tokio::select! {
                () = acks.heard() => {}
                () = sleep(LOOK) => {}
                () = sleep_until(end) => patience = Patience::RanOut,
            }
        }
    }

    /// What became of a change that somebody else has settled. Versions count up for other reasons
    /// too: that its era is in the schedule says that it stands.
    async fn fate(
        &self,
        id: &StreamId,
        (version, start): (u64, Boundary),
        mut missed: Vec<Holder>,
    ) -> Result<Settled, KeysError> {
        let row = self.registered(id).await?;
        let behind = self.behind(id, version).await?;
        if row.stream.schedule.eras().any(|era| era.start == start) {
            return Ok(Settled::Stands(behind));
        }
        if missed.is_empty() {
            missed = behind;
        }
        Ok(Settled::TakenBack(missed))
    }

    /// Who has not acknowledged `version`: the silent ones, and those that do not answer soon.
    pub(super) async fn unheard(
        &self,
        id: &StreamId,
        version: u64,
    ) -> Result<Vec<Unreachable>, KeysError> {
        let mut acks = self.acks.listen(id);
        let end = Instant::now() + HEARING;
        loop {
            let behind = self.behind(id, version).await?;
            let now = self.clock.now();
            if Instant::now() >= end || behind.iter().all(|holder| holder.is_silent(now)) {
                return Ok(behind.iter().map(Into::into).collect());
            }
            tokio::select! {
                () = acks.heard() => {}
                () = sleep(LOOK) => {}
                () = sleep_until(end) => {}
            }
        }
    }

    /// Who holds a lease and has not acknowledged `version`.
    pub(super) async fn behind(
        &self,
        id: &StreamId,
        version: u64,
    ) -> Result<Vec<Holder>, KeysError> {
        let mut holders = self.store.holders(id, self.clock.now()).await?;
        holders.retain(|holder| holder.acknowledged < version);
        Ok(holders)
    }

    /// Everybody hears of a change that was taken back, and the log of one that some missed.
    fn tell(&self, id: &StreamId, settled: Option<&Settled>) {
        let names = |missed: &[Holder]| {
            let names = missed.iter().map(|one| one.instance.as_str());
            names.collect::<Vec<_>>().join(" ")
        };
        match settled {
            Some(Settled::TakenBack(missed)) => {
                tracing::warn!(stream = %id, missed = names(missed), "a change was taken back");
                self.signals.send(id);
            }
            Some(Settled::Stands(missed)) if !missed.is_empty() => {
                tracing::warn!(stream = %id, missed = names(missed), "not everybody knows of a change");
            }
            _ => {}
        }
    }
}

fn unreachable(missed: &[Holder]) -> KeysError {
    KeysError::Unreachable(missed.iter().map(Into::into).collect())
}

#[cfg(test)]
mod races;
#[cfg(test)]
mod tests;
