//! Keeps one more sink level with what is published, in a task of its own: it holds up nobody.
//!
//! Must not know: what a round does.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::sleep;

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
    /// Since when nothing succeeds, by the steady clock.
    #[serde(skip)]
    pub(super) failing: Option<Duration>,
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
        }
    }

    /// How it is doing, as it is now and whenever that changes.
    pub(super) fn state(&self) -> watch::Receiver<SinkState> {
        self.state.subscribe()
    }

    /// Follows until it is dropped.
    pub(super) async fn run(mut self) {
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
                    sleep(pause).await;
                    continue;
                }
            }
            tokio::select! {
                changed = self.published.changed() => if changed.is_err() { return },
                () = sleep(TIDY) => {}
            }
        }
    }

    fn passed(&mut self, published: &Published) {
        self.wait = SHORTEST;
        self.state.send_modify(|state| {
            (state.connected, state.failing) = (true, None);
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
        self.state.send_modify(|state| {
            (state.connected, state.behind) = (false, behind);
            state.last_error = Some(reason.clone());
            state.failing.get_or_insert(now);
        });
        let since = self.state.borrow().failing.unwrap_or(now);
        if now.saturating_sub(since) >= OUTAGE || matches!(fault, Fault::Replaced) {
            self.mirror.doubt();
        }
        let is_due = self
            .told
            .is_none_or(|told| now.saturating_sub(told) >= AGAIN);
        if is_due || (is_new && matches!(fault, Fault::Taken(_))) {
            self.told = Some(now);
            (self.tell)(self.trouble(fault, behind));
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(LONGEST);
        let mut chance = [0];
        self.entropy.fill(&mut chance);
        wait.mul_f64(0.75 + f64::from(chance[0]) / 512.0) // so that many do not come at once
    }

    fn trouble(&self, fault: &Fault, behind: Behind) -> Event {
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
