//! How long the lease lasts and whether the server answers, by a clock that nobody sets.
//!
//! The server says when the lease ends in its own time; what counts here is how long that is from
//! the request on, so that a wall clock that is an hour off changes nothing. Must not know: keys.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::event::Event;
use super::options::OnLeaseEnd;
use crate::api::Text;
use crate::domain::{Clock, Timestamp};

/// The lease's time, as the parts of a run share it.
pub(super) struct Term {
    clock: Arc<dyn Clock>,
    policy: OnLeaseEnd,
    state: Mutex<State>,
}

struct State {
    granted: Option<Granted>,
    /// When this run began; steady time.
    begun: Duration,
    /// When the server last gave what it was asked for; steady time.
    heard: Option<Duration>,
    /// It answers, and refuses.
    refused: bool,
    phase: Phase,
    /// When the end was last told; steady time.
    told: Duration,
}

/// A lease as it was granted.
#[derive(Debug, Clone, Copy)]
struct Granted {
    /// When it was asked for; steady time.
    at: Duration,
    /// The same, by the server's clock.
    server: Timestamp,
    /// How long it lasts from then on.
    left: Duration,
    /// How long a lease lasts when it is new.
    span: Duration,
}

/// The lease's time as it is noted, to go on from in another run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noted {
    /// The server's time when it was noted.
    pub(super) server: Timestamp,
    /// The same moment, by this machine's wall clock.
    pub(super) local: Timestamp,
    /// How much of the lease was left.
    pub(super) left: Duration,
    /// How long it was when it was new.
    pub(super) span: Duration,
}

/// On what a pass places segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Footing {
    /// On the leased schedule.
    #[default]
    Leased,
    /// The same; a period past the last leased one is held over, for the server is away.
    HeldPastKeys,
    /// The lease has ended: on nothing.
    Ended,
    /// The lease has ended: where there is no key of its own, on the last one.
    Held,
}

/// How much of the lease is left, in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Good,
    Ending,
    Ended,
}

/// An end that lasts is told again.
const AGAIN: Duration = Duration::from_secs(60);
/// Between two runs only the wall clock counts. One that went back by more than this is not
/// believed, and the lease counts as ended.
const SET_BACK: Duration = Duration::from_secs(60);

impl Term {
    /// Without a lease yet.
    pub(super) fn new(clock: Arc<dyn Clock>, policy: OnLeaseEnd) -> Self {
        let begun = clock.steady();
        let state = State {
            granted: None,
            begun,
            heard: None,
            refused: false,
            phase: Phase::Good,
            told: begun,
        };
        Self {
            clock,
            policy,
            state: Mutex::new(state),
        }
    }

    /// Steady time, for [`Self::granted`].
    pub(super) fn now(&self) -> Duration {
        self.clock.steady()
    }

    /// The server gave a lease that was asked for at `asked`, until `end`; both times by its
    /// clock. A server that says no end knows of none.
    pub(super) fn granted(&self, asked: Duration, server: Timestamp, end: Option<Timestamp>) {
        let left = end.map(|end| end.since(server));
        self.state().granted = left.map(|left| Granted {
            at: asked,
            server,
            left,
            span: left,
        });
    }

    /// The server gave what it was asked for.
    pub(super) fn heard(&self) {
        let mut state = self.state();
        state.heard = Some(self.clock.steady());
        state.refused = false;
    }

    /// The server answered that this credential or stream gets nothing.
    pub(super) fn refused(&self) {
        self.state().refused = true;
    }

    /// Goes on with an earlier run's lease. Says whether the wall clock could be believed; if not,
    /// the lease has ended.
    pub(super) fn restore(&self, noted: Noted) -> bool {
        let (at, wall) = (self.clock.steady(), self.clock.now());
        let is_sane = noted.local.since(wall) <= SET_BACK;
        let passed = wall.since(noted.local);
        let left = match is_sane {
            true => noted.left.saturating_sub(passed),
            false => Duration::ZERO,
        };
        self.state().granted = Some(Granted {
            at,
            server: noted.server.plus(passed),
            left,
            span: noted.span,
        });
        is_sane
    }

    /// The lease's time, to be noted.
    pub(super) fn noted(&self) -> Option<Noted> {
        let state = self.state();
        let (granted, now) = (state.granted?, self.clock.steady());
        Some(Noted {
            server: granted.server_at(now),
            local: self.clock.now(),
            left: granted.left_at(now),
            span: granted.span,
        })
    }

    /// When the lease ends, by the server's clock.
    pub(super) fn ends(&self) -> Option<Timestamp> {
        self.state().granted.map(|granted| granted.end())
    }

    /// How long a lease lasts when it is new.
    pub(super) fn span(&self) -> Option<Duration> {
        self.state().granted.map(|granted| granted.span)
    }

    /// Whether the server answered lately: it can be told that this run ends.
    pub(super) fn is_in_touch(&self) -> bool {
        let (state, now) = (self.state(), self.clock.steady());
        state.heard.is_some() && !state.is_away(now)
    }

    /// The server's time, if the server is away and has not refused us.
    pub(super) fn server_time_while_away(&self) -> Option<Timestamp> {
        let (state, now) = (self.state(), self.clock.steady());
        let granted = state.granted.filter(|_| !state.refused)?;
        state.is_away(now).then(|| granted.server_at(now))
    }

    /// The server's time as far as it can be told.
    pub(super) fn server_time(&self) -> Timestamp {
        let now = self.clock.steady();
        let granted = self.state().granted;
        granted.map_or_else(|| self.clock.now(), |granted| granted.server_at(now))
    }

    /// On what segments are placed now.
    pub(super) fn footing(&self) -> Footing {
        let (state, now) = (self.state(), self.clock.steady());
        let Some(granted) = state.granted else {
            return Footing::Leased;
        };
        let has_ended = granted.left_at(now).is_zero();
        match (has_ended, self.policy) {
            // A server that refuses is not away.
            (true, OnLeaseEnd::Hold) if !state.refused => Footing::Held,
            (true, _) => Footing::Ended,
            (false, OnLeaseEnd::Hold) if !state.refused && state.is_away(now) => {
                Footing::HeldPastKeys
            }
            (false, _) => Footing::Leased,
        }
    }

    /// What is to be told of the lease: that it is half over, that it has ended, and that it is
    /// good again.
    pub(super) fn tell(&self) -> Option<Event> {
        let now = self.clock.steady();
        let mut state = self.state();
        let granted = state.granted?;
        let (phase, before) = (granted.phase_at(now), state.phase);
        let is_due = phase == Phase::Ended && now.saturating_sub(state.told) >= AGAIN;
        if phase == before && !is_due {
            return None;
        }
        (state.phase, state.told) = (phase, now);
        let (ends, then) = (Text(granted.end()), self.policy);
        match phase {
            Phase::Good => Some(Event::LeaseRenewed { ends }),
            Phase::Ending if before == Phase::Good => Some(Event::LeaseEnding { ends, then }),
            Phase::Ending => Some(Event::LeaseRenewed { ends }),
            Phase::Ended => Some(Event::LeaseEnded { ends, then }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether nothing has been heard for a quarter of a lease, within bounds.
    fn is_away(&self, now: Duration) -> bool {
        let span = self.granted.map_or(Duration::MAX, |granted| granted.span);
        let silence = now.saturating_sub(self.heard.unwrap_or(self.begun));
        silence >= (span / 4).clamp(Duration::from_secs(2), Duration::from_secs(10))
    }
}

impl Granted {
    fn left_at(&self, now: Duration) -> Duration {
        self.left.saturating_sub(now.saturating_sub(self.at))
    }

    fn server_at(&self, now: Duration) -> Timestamp {
        self.server.plus(now.saturating_sub(self.at))
    }

    fn end(&self) -> Timestamp {
        self.server.plus(self.left)
    }

    fn phase_at(&self, now: Duration) -> Phase {
        match self.left_at(now) {
            Duration::ZERO => Phase::Ended,
            left if left <= self.span / 2 => Phase::Ending,
            _ => Phase::Good,
        }
    }
}

#[cfg(test)]
mod tests;
