//! Who may write to a place that several machines reach: a note there, renewed while it is held.
//!
//! The note is taken where there is none, or one that nobody renews, by a conditional write where
//! the place knows them, and is read back; a lost host holds it for half a minute. Must not know:
//! what is written.

mod writer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::remote::{Fault, Version};
use crate::api::Text;
use crate::crypto::hex_of;
use crate::domain::{Clock, Entropy};
use writer::{SKEW, SPAN, Seen, Writer};

pub(in crate::encryptor) use writer::{Claimant, seat};

/// A place with a writer's note.
pub(in crate::encryptor) trait Board: Send + Sync {
    /// The note, if there is one, and what tells it from the next.
    fn note(&self) -> impl Future<Output = Result<Option<(Vec<u8>, Version)>, Fault>> + Send;

    /// Puts `note` in place of the one of version `was`, or of none. `false` if the place says that
    /// somebody else was faster; it may also not look.
    fn swap_note(
        &self,
        note: Vec<u8>,
        was: Option<&Version>,
    ) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// Deletes the note.
    fn clear_note(&self) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// Whether this encryptor may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::encryptor) enum Hold {
    /// It is not known yet.
    Unknown,
    /// It may, until then by the steady clock.
    Held {
        /// By the steady clock.
        until: Duration,
        /// Counts how often it was taken anew.
        term: u64,
    },
    /// Another one may.
    Taken {
        /// Its name.
        by: String,
    },
}

/// This encryptor's claim to a place.
pub(in crate::encryptor) struct Tenure {
    who: Claimant,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    held: watch::Sender<Hold>,
    /// Why the last try failed, if it did.
    fault: Mutex<Option<Fault>>,
    seen: Mutex<Seen>,
    /// How long one that has just been taken is left alone, and looked at again.
    settle: Duration,
}

/// It is renewed this often.
const RENEW: Duration = Duration::from_secs(10);
/// One that could not be renewed is tried again after this.
const AGAIN: Duration = Duration::from_secs(2);
/// A start watches another's note for a renewal and a bit.
const WATCH: Duration = Duration::from_secs(13);
/// It looks this often.
const LOOK: Duration = Duration::from_secs(1);
/// Who takes a note as another does sees the other's after this, if that one is not slower.
const SETTLE: Duration = Duration::from_secs(3);

impl Tenure {
    /// A claim by `who`.
    pub(in crate::encryptor) fn new(
        who: Claimant,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            who,
            clock,
            entropy,
            held: watch::Sender::new(Hold::Unknown),
            fault: Mutex::default(),
            seen: Mutex::default(),
            settle: SETTLE,
        }
    }

    /// What is known of it, and whenever that changes.
    pub(in crate::encryptor) fn hold(&self) -> watch::Receiver<Hold> {
        self.held.subscribe()
    }

    /// For how long this encryptor may certainly write, from now on; an error if it may not.
    pub(in crate::encryptor) fn left(&self) -> Result<Duration, Fault> {
        match &*self.held.borrow() {
            Hold::Held { until, .. } => {
                let left = until.checked_sub(self.clock.steady() + SKEW);
                left.ok_or_else(|| self.failed())
            }
            Hold::Taken { by } => Err(Fault::Taken(by.clone())),
            Hold::Unknown => Err(self.failed()),
        }
    }

    /// The same in the tenure `term`: between two, another may have written.
    pub(in crate::encryptor) fn left_of(&self, term: u64) -> Result<Duration, Fault> {
        match &*self.held.borrow() {
            Hold::Held { term: now, .. } if *now != term => {
                return Err(Fault::Late("the tenure".to_owned()));
            }
            _ => {}
        }
        self.left()
    }

    /// Does `work` as long as the tenure `term` lasts, however often it is renewed meanwhile.
    pub(in crate::encryptor) async fn within<T>(
        &self,
        term: u64,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        self.left_of(term)?;
        tokio::select! {
            biased;
            fault = self.lost(term) => Err(fault),
            done = work => done,
        }
    }

    /// Waits until the tenure `term` is over; gives why.
    async fn lost(&self, term: u64) -> Fault {
        let mut hold = self.hold();
        loop {
            hold.mark_unchanged();
            let left = match self.left_of(term) {
                Ok(left) => left,
                Err(fault) => return fault,
            };
            tokio::select! {
                _ = hold.changed() => {}
                () = sleep(left.max(Duration::from_millis(1))) => {}
            }
        }
    }

    fn failed(&self) -> Fault {
        let unknown = || Fault::Unreachable("it is not known yet who writes there".to_owned());
        self.fault().clone().unwrap_or_else(unknown)
    }

    fn fault(&self) -> MutexGuard<'_, Option<Fault>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at a start whether another is at work, whose name this gives: its note is seen to
    /// change. One that may be lost is watched on by [`Self::keep`].
    pub(in crate::encryptor) async fn greet(&self, board: &impl Board) -> Option<String> {
        let watched = async {
            loop {
                let (text, _) = board.note().await.ok().flatten()?;
                let by = self.holder(&text)?;
                if self.seen().is_renewed {
                    return Some(by);
                }
                self.held.send_replace(Hold::Taken { by });
                sleep(LOOK).await;
            }
        };
        timeout(WATCH, watched).await.unwrap_or(None)
    }

    /// Waits until it is known who may write, or why it is not.
    pub(in crate::encryptor) async fn is_known(&self) {
        let mut hold = self.hold();
        let known = hold.wait_for(|hold| *hold != Hold::Unknown || self.fault().is_some());
        let _ = known.await;
    }

    /// Tries once to take the note, or to renew it.
    pub(in crate::encryptor) async fn take(&self, board: &impl Board) {
        let failed = self.try_take(board).await.err();
        *self.fault() = failed;
        self.held.send_modify(|_| {}); // who waits to know asks again
    }

    async fn try_take(&self, board: &impl Board) -> Result<(), Fault> {
        let asked = self.clock.steady();
        let found = board.note().await?;
        if let Some(by) = found.as_ref().and_then(|(text, _)| self.holder(text)) {
            self.held.send_replace(Hold::Taken { by });
            return Ok(());
        }
        let text = self.next();
        self.seen().writes(&text);
        let was = found.as_ref().map(|(_, version)| version);
        let is_swapped = board.swap_note(text.clone(), was).await?;
        if is_swapped && self.left().is_err() {
            sleep(self.pause(asked)).await;
        }
        // A place that does not know conditions has let both of two write.
        match board.note().await? {
            Some((there, _)) if is_swapped && there == text => {
                self.seen().wrote(&text);
                let renew = |held: &mut Hold| held.renew(asked + SPAN, self.clock.steady());
                self.held.send_modify(renew);
            }
            // what this process sent earlier arrived late, or is shown late
            Some((there, _)) if self.seen().is_own(&there) => {
                return Err(Fault::Late("the writer's note".to_owned()));
            }
            found => {
                let holder = found.and_then(|(text, _)| self.holder(&text));
                let by = holder.unwrap_or_else(|| "one that was faster".to_owned());
                self.held.send_replace(Hold::Taken { by });
            }
        }
        Ok(())
    }

    /// Until another that took the note at the same time has written: soon, unless this one was
    /// slow and may have come in over one that holds it already, and sees so when it renews.
    fn pause(&self, asked: Duration) -> Duration {
        match self.clock.steady().saturating_sub(asked) <= SETTLE {
            true => self.settle,
            false => RENEW + AGAIN,
        }
    }

    fn next(&self) -> Vec<u8> {
        let mut beat = [0; 8];
        self.entropy.fill(&mut beat);
        let Claimant {
            instance,
            token,
            seat,
        } = self.who.clone();
        let note = Writer {
            instance,
            token,
            seat,
            beat: hex_of(&beat),
            until: Text(self.clock.now().plus(SPAN)),
        };
        serde_json::to_vec(&note).unwrap_or_default()
    }

    /// Takes it, and renews it, until it is dropped.
    pub(in crate::encryptor) async fn keep(self: Arc<Self>, board: Arc<impl Board>) {
        loop {
            // What cannot be renewed runs out by itself.
            self.take(&*board).await;
            sleep(self.rest()).await;
        }
    }

    fn rest(&self) -> Duration {
        match self.left().is_ok() && self.fault().is_none() {
            true => RENEW,
            false => AGAIN,
        }
    }

    /// Gives it up, if it is still this encryptor's, or was just to be.
    pub(in crate::encryptor) async fn release(&self, board: &impl Board) {
        if let Ok(Some((text, _))) = board.note().await
            && self.seen().is_own(&text)
        {
            let _ = board.clear_note().await;
        }
    }

    fn holder(&self, text: &[u8]) -> Option<String> {
        let steady = self.clock.steady();
        self.seen().holder(text, &self.who, steady)
    }
}

impl Hold {
    fn renew(&mut self, until: Duration, now: Duration) {
        let term = match self {
            // one that had run out may have been another's meanwhile
            Self::Held { until, term } if now < *until => *term,
            Self::Held { term, .. } => *term + 1,
            _ => u64::try_from(now.as_millis()).unwrap_or_default(),
        };
        *self = Self::Held { until, term };
    }
}

#[cfg(test)]
mod tests;
