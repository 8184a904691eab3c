//! Who may write to a place that several machines reach: a note there, renewed while it is held.
//!
//! The note is taken where there is none, or one that has run out, by a conditional write where
//! the place knows them; a lost host holds it for half a minute. Must not know: what is written.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::sleep;

use super::remote::{Fault, Remote};
use crate::api::Text;
use crate::domain::{Clock, Timestamp};

/// The note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Writer {
    /// The encryptor's name.
    instance: String,
    /// Tells runs that share a name apart.
    token: String,
    /// Until when nobody else may write, by the writer's clock.
    until: Text<Timestamp>,
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
    instance: String,
    token: String,
    clock: Arc<dyn Clock>,
    held: watch::Sender<Hold>,
    /// Why the last try failed, if it did.
    fault: Mutex<Option<Fault>>,
    /// Another's note, and since when it has been the same.
    seen: Mutex<Option<(Vec<u8>, Duration)>>,
}

/// For how long a note holds.
const SPAN: Duration = Duration::from_secs(30);
/// It is renewed this often.
const RENEW: Duration = Duration::from_secs(10);
/// What clocks may differ.
const SKEW: Duration = Duration::from_secs(5);
/// One that could not be renewed is tried again after this.
const AGAIN: Duration = Duration::from_secs(2);

impl Tenure {
    /// A claim by `instance`, whose runs on one state folder share `token`.
    pub(in crate::encryptor) fn new(
        instance: String,
        token: String,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            instance,
            token,
            clock,
            held: watch::Sender::new(Hold::Unknown),
            fault: Mutex::default(),
            seen: Mutex::default(),
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

    fn failed(&self) -> Fault {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || Fault::Unreachable("it is not known yet who writes there".to_owned());
        fault.clone().unwrap_or_else(unknown)
    }

    /// Tries once to take the note, or to renew it.
    pub(in crate::encryptor) async fn take(&self, remote: &Remote) {
        let failed = self.try_take(remote).await.err();
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }

    async fn try_take(&self, remote: &Remote) -> Result<(), Fault> {
        let asked = self.clock.steady();
        let found = remote.writer().await?;
        let other = found.as_ref().and_then(|(text, _)| self.holder(text));
        if let Some(by) = other {
            self.held.send_replace(Hold::Taken { by });
            return Ok(());
        }
        let note = Writer {
            instance: self.instance.clone(),
            token: self.token.clone(),
            until: Text(self.clock.now().plus(SPAN)),
        };
        let text = serde_json::to_vec(&note).unwrap_or_default();
        let was = found.as_ref().map(|(_, version)| version);
        match remote.swap_writer(text, was).await? {
            true => self
                .held
                .send_modify(|held| held.renew(asked + SPAN, asked)),
            false => {
                let by = "one that was faster".to_owned();
                self.held.send_replace(Hold::Taken { by });
            }
        }
        Ok(())
    }

    /// Renews it until it is dropped.
    pub(in crate::encryptor) async fn keep(self: Arc<Self>, remote: Arc<Remote>) {
        loop {
            let pause = match self.left() {
                Ok(_) => RENEW,
                Err(_) => AGAIN,
            };
            sleep(pause).await;
            // What cannot be renewed runs out by itself.
            self.take(&remote).await;
        }
    }

    /// Gives it up, if it is still this encryptor's.
    pub(in crate::encryptor) async fn release(&self, remote: &Remote) {
        if self.left().is_err() {
            return;
        }
        if let Ok(Some((text, _))) = remote.writer().await
            && read(&text).is_some_and(|note| note.token == self.token)
        {
            let _ = remote.clear_writer().await;
        }
    }

    /// Who holds the note, if it is another one and has not run out: by its own time, or since
    /// nobody has renewed it for as long as it holds.
    fn holder(&self, text: &[u8]) -> Option<String> {
        let note = read(text).filter(|note| note.token != self.token);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(note) = note else {
            *seen = None;
            return None;
        };
        let steady = self.clock.steady();
        let since = match seen.take() {
            Some((same, since)) if same == text => since,
            _ => steady,
        };
        *seen = Some((text.to_owned(), since));
        let is_silent = steady.saturating_sub(since) >= SPAN + SKEW;
        let is_over = note.until.0.plus(SKEW) <= self.clock.now();
        (!is_silent && !is_over).then_some(note.instance)
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

/// What no encryptor wrote holds nobody off.
fn read(text: &[u8]) -> Option<Writer> {
    serde_json::from_slice(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Default)]
    struct At(AtomicU64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::Relaxed) as i64)
        }
    }

    fn note(token: &str, until: i64) -> Vec<u8> {
        let until = Text(Timestamp::from_millis(until));
        let (instance, token) = ("other".to_owned(), token.to_owned());
        serde_json::to_vec(&Writer {
            instance,
            token,
            until,
        })
        .unwrap()
    }

    #[test]
    fn a_note_holds_others_off_until_it_has_run_out() {
        let clock = Arc::new(At(AtomicU64::new(1_000_000)));
        let tenure = Tenure::new("me".into(), "mine".into(), clock.clone());
        let (fresh, wrong) = (note("theirs", 1_030_000), note("theirs", 9_000_000));
        assert_eq!(tenure.holder(&fresh).as_deref(), Some("other"));
        assert_eq!(tenure.holder(&note("mine", 1_030_000)), None, "one's own");
        assert_eq!(tenure.holder(b"{}"), None, "nobody's");
        assert!(tenure.holder(&wrong).is_some());
        clock.0.store(1_034_999, Ordering::Relaxed);
        assert!(tenure.holder(&wrong).is_some());
        assert!(tenure.holder(&fresh).is_some(), "clocks may differ");
        clock.0.store(1_035_000, Ordering::Relaxed);
        assert_eq!(tenure.holder(&fresh), None);
        assert!(tenure.holder(&wrong).is_some(), "seen anew");
        clock.0.store(1_070_000, Ordering::Relaxed);
        assert_eq!(tenure.holder(&wrong), None, "a clock that was ahead");
    }

    #[test]
    fn what_is_not_renewed_in_time_is_held_no_more() {
        let clock = Arc::new(At::default());
        let tenure = Tenure::new("me".into(), "mine".into(), clock.clone());
        assert!(tenure.left().is_err());
        let until = Duration::from_secs(30);
        tenure
            .held
            .send_modify(|held| held.renew(until, Duration::ZERO));
        assert_eq!(tenure.left(), Ok(Duration::from_secs(25)));
        clock.0.store(25_001, Ordering::Relaxed);
        assert!(tenure.left().is_err());
        let by = "other".to_owned();
        tenure.held.send_replace(Hold::Taken { by: by.clone() });
        assert_eq!(tenure.left(), Err(Fault::Taken(by)));
    }
}
