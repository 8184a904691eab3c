//! A circuit breaker: a source that fails time after time is left alone for a while, then tried once.
//!
//! Must not know: what is asked, or what counts as a failure.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;

use super::answer::Failure;

/// Counts failures in a row. Only questions that reach the source come here.
pub(super) struct Breaker {
    state: Mutex<State>,
    failures: u32,
    pause: Duration,
    /// 1 while the source is left alone or on trial.
    open: Gauge,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// All may ask; so many have failed in a row.
    Closed(u32),
    /// Nobody asks until then, by a steady clock.
    Open(Duration),
    /// One asks, and the others wait for what it finds.
    Trial,
}

/// Leave to ask once. One that ends without a verdict, since who asked has gone, says nothing.
pub(super) struct Turn<'b> {
    breaker: &'b Breaker,
    is_trial: bool,
    is_over: bool,
}

impl Breaker {
    pub(super) fn new(failures: u32, pause: Duration, open: Gauge) -> Self {
        let state = Mutex::new(State::Closed(0));
        Self {
            state,
            failures,
            pause,
            open,
        }
    }

    /// Whether somebody may ask at `now`.
    pub(super) fn admits(&self, now: Duration) -> bool {
        match *self.state() {
            State::Closed(_) => true,
            State::Open(until) => now >= until,
            State::Trial => false,
        }
    }

    /// Takes a turn, or refuses with [`Failure::Paused`].
    pub(super) fn begin(&self, now: Duration) -> Result<Turn<'_>, Failure> {
        let mut state = self.state();
        let is_trial = match *state {
            State::Closed(_) => false,
            State::Open(until) if now >= until => true,
            _ => return Err(Failure::Paused),
        };
        if is_trial {
            *state = State::Trial;
        }
        Ok(Turn {
            breaker: self,
            is_trial,
            is_over: false,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, is_good: bool, now: Duration) {
        let mut state = self.state();
        let until = State::Open(now.saturating_add(self.pause));
        let next = match (*state, is_good) {
            (_, true) => State::Closed(0),
            (State::Closed(failed), false) if failed + 1 < self.failures => {
                State::Closed(failed + 1)
            }
            (State::Closed(_) | State::Trial, false) => until,
            // Asked before the others failed.
            (open @ State::Open(_), false) => open,
        };
        *state = next;
        self.open.set(i64::from(!matches!(next, State::Closed(_))));
    }
}

impl Turn<'_> {
    /// What came of it at `now`.
    pub(super) fn end(mut self, is_good: bool, now: Duration) {
        self.is_over = true;
        self.breaker.note(is_good, now);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.is_trial && !self.is_over {
            *self.breaker.state() = State::Open(Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(5);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn breaker() -> Breaker {
        Breaker::new(3, PAUSE, Gauge::default())
    }

    fn fail(breaker: &Breaker, times: u32, now: Duration) {
        for _ in 0..times {
            breaker.begin(now).unwrap().end(false, now);
        }
    }

    #[test]
    fn only_failures_in_a_row_count() {
        let breaker = breaker();
        fail(&breaker, 2, at(0));
        breaker.begin(at(0)).unwrap().end(true, at(0));
        fail(&breaker, 2, at(0));
        assert!(breaker.admits(at(0)));
        assert_eq!(breaker.open.get(), 0);
        fail(&breaker, 1, at(0));
        assert!(!breaker.admits(at(4)) && breaker.admits(at(5)));
        assert_eq!(breaker.open.get(), 1);
    }

    #[test]
    fn one_tries_after_the_pause_and_decides() {
        let breaker = breaker();
        fail(&breaker, 3, at(0));
        assert!(matches!(breaker.begin(at(4)), Err(Failure::Paused)));
        let trial = breaker.begin(at(5)).unwrap();
        assert!(matches!(breaker.begin(at(60)), Err(Failure::Paused)));
        trial.end(false, at(6));
        assert!(!breaker.admits(at(10)) && breaker.admits(at(11)));
        breaker.begin(at(11)).unwrap().end(true, at(11));
        fail(&breaker, 2, at(11));
        assert!(breaker.admits(at(11)));
    }

    #[test]
    fn a_trial_that_nobody_waits_for_makes_room_for_another() {
        let breaker = breaker();
        fail(&breaker, 3, at(0));
        drop(breaker.begin(at(5)).unwrap());
        assert!(breaker.begin(at(5)).is_ok());
    }

    #[test]
    fn who_asked_before_it_opened_does_not_put_it_off() {
        let breaker = breaker();
        let early = [(); 5].map(|()| breaker.begin(at(0)).unwrap());
        for (second, turn) in (0..).zip(early) {
            turn.end(false, at(second));
        }
        assert!(breaker.admits(at(7)), "it opened at the third");
    }
}
