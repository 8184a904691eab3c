//! Keeps one more sink level with what is published, in a task of its own: it holds up nobody.
//!
//! Must not know: what a round does.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::hand::Pulse;
use super::mirror::{Behind, Mirror};
use super::published::Published;
use super::remote::Fault;
use crate::domain::Entropy;
use crate::encryptor::contact::Tell;
use crate::encryptor::event::Event;

/// How a sink is doing, for an operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkState {
    /// The sink, without a password.
    pub place: String,
    /// Whether the last request succeeded.
    pub connected: bool,
    /// What happened last that did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// How far it is behind.
    pub behind: Behind,
    /// What it is level with.
    #[serde(skip)]
    pub(super) level: Option<u64>,
    /// For how long nothing had succeeded when something failed last.
    #[serde(skip)]
    pub(super) barren: Duration,
}

impl SinkState {
    /// Whether it takes nothing now.
    pub fn is_failing(&self) -> bool {
        !self.connected && self.last_error.is_some()
    }
}

/// The task.
pub(super) struct Replica {
    mirror: Mirror,
    published: watch::Receiver<Arc<Published>>,
    state: watch::Sender<SinkState>,
    entropy: Arc<dyn Entropy>,
    tell: Tell,
    wait: Duration,
    /// When the trouble that there is was last told.
    told: Option<Duration>,
    trouble: Trouble,
}

/// What goes wrong, and since when by the steady clock.
#[derive(Debug, Default)]
struct Trouble {
    /// Since when nothing is taken there.
    barren: Option<Duration>,
    /// Since when nothing answers there.
    silent: Option<Duration>,
    /// Whether it was doubted since then what lies there.
    doubted: bool,
}

const SHORTEST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(15);
/// Trouble that goes on is told again.
const AGAIN: Duration = Duration::from_secs(60);
/// A sink that was away for so long may have lost something.
const OUTAGE: Duration = Duration::from_secs(3);
/// It is looked this often whether something may be deleted, or is to be noted.
const TIDY: Duration = Duration::from_secs(2);

impl Replica {
    pub(super) fn new(
        place: String,
        mirror: Mirror,
        published: watch::Receiver<Arc<Published>>,
        (entropy, tell): (Arc<dyn Entropy>, Tell),
    ) -> Self {
        let state = SinkState {
            place,
            ..SinkState::default()
        };
        Self {
            mirror,
            published,
            state: watch::Sender::new(state),
            entropy,
            tell,
            wait: SHORTEST,
            told: None,
            trouble: Trouble::default(),
        }
    }

    /// How it is doing, as it is now and whenever that changes.
    pub(super) fn state(&self) -> watch::Receiver<SinkState> {
        self.state.subscribe()
    }

    /// Follows until it is dropped.
    pub(super) async fn run(mut self) {
        self.mirror.is_known().await;
        loop {
            let published = self.published.borrow_and_update().clone();
            self.state
                .send_modify(|state| state.behind = self.mirror.behind(&published));
            let done = self.mirror.follow(&published).await;
            let is_level = self.mirror.is_level(&published);
            match done {
                Ok(()) if is_level => self.passed(&published),
                // Files went on to be others meanwhile: there is a newer state.
                Ok(()) if self.published.has_changed().unwrap_or(false) => continue,
                Ok(()) => {
                    let what = "a listed file is not in the directory any more";
                    let pause = self.failed(&Fault::Local(what.to_owned()), &published);
                    sleep(pause).await;
                    continue;
                }
                Err(fault) => {
                    let pause = self.failed(&fault, &published);
                    self.rest(&fault, pause).await;
                    continue;
                }
            }
            tokio::select! {
                changed = self.published.changed() => if changed.is_err() { return },
                () = sleep(TIDY) => {}
            }
        }
    }

    /// Waits before the next try. What is refused of one file holds up no news of others.
    async fn rest(&mut self, fault: &Fault, pause: Duration) {
        match fault.is_of_place() {
            true => sleep(pause).await,
            false => {
                let _ = timeout(pause, self.published.changed()).await;
            }
        }
    }

    fn passed(&mut self, published: &Published) {
        (self.wait, self.trouble) = (SHORTEST, Trouble::default());
        self.state.send_modify(|state| {
            (state.connected, state.barren) = (true, Duration::ZERO);
            state.behind = Behind::default();
            state.level = Some(published.serial);
        });
        if self.told.take().is_some() {
            let sink = self.state.borrow().place.clone();
            (self.tell)(Event::SinkLevel { sink });
        }
    }

    /// Takes note of a failure, and gives how long to wait before the next try.
    fn failed(&mut self, fault: &Fault, published: &Published) -> Duration {
        let now = self.mirror.clock.steady();
        let behind = self.mirror.behind(published);
        let reason = fault.to_string();
        let is_new = self.state.borrow().last_error.as_ref() != Some(&reason);
        let barren = self.trouble.barren(self.mirror.pulse, now);
        self.state.send_modify(|state| {
            (state.connected, state.behind) = (false, behind);
            (state.last_error, state.barren) = (Some(reason.clone()), barren);
        });
        if self.trouble.may_have_lost(fault, self.mirror.pulse, now) {
            self.mirror.doubt();
        }
        let is_due = self
            .told
            .is_none_or(|told| now.saturating_sub(told) >= AGAIN);
        // what somebody must see to is not left for later
        let is_urgent = matches!(fault, Fault::Taken(_) | Fault::Foreign { .. });
        if is_due || (is_new && is_urgent) {
            self.told = Some(now);
            (self.tell)(self.event(fault, behind));
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(LONGEST);
        let mut chance = [0];
        self.entropy.fill(&mut chance);
        wait.mul_f64(0.75 + f64::from(chance[0]) / 512.0) // so that many do not come at once
    }

    fn event(&self, fault: &Fault, behind: Behind) -> Event {
        let sink = self.state.borrow().place.clone();
        match fault {
            Fault::Taken(by) => Event::SinkTaken {
                sink,
                by: by.clone(),
            },
            _ => Event::SinkBehind {
                sink,
                reason: fault.to_string(),
                segments: behind.segments,
                bytes: behind.bytes,
                seconds: behind.lag_ms / 1000,
            },
        }
    }
}

impl Trouble {
    /// Something has failed: for how long nothing was taken there.
    fn barren(&mut self, pulse: Pulse, now: Duration) -> Duration {
        let since = self.barren.get_or_insert(now);
        *since = pulse.moved.max(*since);
        now.saturating_sub(*since)
    }

    /// Whether what was known of the place is in doubt from now on: it was away for so long that it
    /// may be another one. Once in an outage: an overloaded place is not asked for all again.
    fn may_have_lost(&mut self, fault: &Fault, pulse: Pulse, now: Duration) -> bool {
        if matches!(fault, Fault::Replaced) {
            return true;
        }
        if self.silent.is_some_and(|since| since < pulse.answered) {
            (self.silent, self.doubted) = (None, false);
        }
        if !fault.is_silence() {
            return false;
        }
        let since = *self.silent.get_or_insert(now);
        now.saturating_sub(since) >= OUTAGE && !std::mem::replace(&mut self.doubted, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_sink_that_takes_something_is_not_barren() {
        let mut trouble = Trouble::default();
        let mut pulse = Pulse::default();
        assert_eq!(trouble.barren(pulse, at(100)), at(0));
        assert_eq!(trouble.barren(pulse, at(150)), at(50));
        pulse.moved = at(155);
        assert_eq!(trouble.barren(pulse, at(161)), at(6));
        assert_eq!(trouble.barren(pulse, at(220)), at(65));
    }

    #[test]
    fn what_is_there_is_doubted_once_in_an_outage() {
        let mut trouble = Trouble::default();
        let mut pulse = Pulse::default();
        let away = Fault::Late("a".to_owned());
        let refused = |status| Fault::Refused {
            path: "a".to_owned(),
            status,
            told: String::new(),
        };
        let mut doubts = |fault: &Fault, pulse, now| trouble.may_have_lost(fault, pulse, at(now));
        assert!(!doubts(&away, pulse, 10));
        assert!(!doubts(&away, pulse, 12));
        assert!(doubts(&away, pulse, 13));
        assert!(!doubts(&away, pulse, 14), "once");
        assert!(!doubts(&refused(503), pulse, 90), "still");
        pulse.answered = at(95);
        assert!(!doubts(&refused(507), pulse, 96), "it has answered");
        assert!(!doubts(&refused(413), pulse, 200));
        assert!(!doubts(&refused(503), pulse, 201), "anew");
        assert!(doubts(&refused(503), pulse, 204));
        assert!(doubts(&Fault::Replaced, pulse, 204));
    }
}
