//! How long a client may keep a connection waiting: one clock of each connection, which runs while
//! an answer is owed or does not flow, and while nothing happens at all.
//!
//! actix bounds the first head, and the idle time between whole requests. The second request's
//! head, a body that nobody reads and an answer that is not taken it lets last for ever.
//!
//! Must not know: HTTP; it sees bytes come and go.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// From the first byte of a question to the first one of its answer, and from one piece of an
/// answer that is taken to the next. Longer than any answer is held back by us without saying so.
pub(super) const ANSWER: Duration = Duration::from_secs(25);
/// With no byte in either direction. Longer than a connection is kept alive between requests.
pub(super) const SILENCE: Duration = Duration::from_secs(90);

/// The clock, with its alarm.
pub(super) struct Patience {
    waiting: Waiting,
    alarm: Pin<Box<Sleep>>,
}

/// What is waited for.
struct Waiting {
    /// Since when an answer is owed.
    owed: Option<Instant>,
    /// Since when what was written does not flow.
    stalled: Option<Instant>,
    /// When a byte last came or went.
    active: Instant,
}

impl Patience {
    /// Begins with a handshake that is just over.
    pub(super) fn new() -> Self {
        let waiting = Waiting::new(Instant::now());
        Self {
            alarm: Box::pin(sleep_until(waiting.end())),
            waiting,
        }
    }

    /// Bytes came.
    pub(super) fn asked(&mut self) {
        self.waiting.asked(Instant::now());
    }

    /// Bytes of a body came, which somebody wants and bounds: no answer is owed before its end.
    pub(super) fn fed(&mut self) {
        self.waiting.fed(Instant::now());
    }

    /// An answer is held back by us.
    pub(super) fn held(&mut self) {
        self.waiting.held(Instant::now());
    }

    /// Bytes went.
    pub(super) fn answered(&mut self) {
        self.waiting.answered(Instant::now());
    }

    /// Bytes do not go.
    pub(super) fn stalled(&mut self) {
        self.waiting.stalled(Instant::now());
    }

    /// Whatever was written went. Whether it had been held up before.
    pub(super) fn flows(&mut self) -> bool {
        self.waiting.flows()
    }

    /// Whether bytes do not go.
    pub(super) fn is_stalled(&self) -> bool {
        self.waiting.stalled.is_some()
    }

    /// Ready when the client was waited for too long. Asked whenever nothing else is to do.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let end = self.waiting.end();
        // A later end is found out when the alarm goes off: most requests never move it.
        if self.alarm.deadline() > end {
            self.alarm.as_mut().reset(end);
        }
        while self.alarm.as_mut().poll(context).is_ready() {
            if end <= Instant::now() {
                return Poll::Ready(());
            }
            self.alarm.as_mut().reset(end);
        }
        Poll::Pending
    }
}

impl Waiting {
    fn new(now: Instant) -> Self {
        Self {
            owed: None,
            stalled: None,
            active: now,
        }
    }

    fn asked(&mut self, now: Instant) {
        self.active = now;
        self.owed.get_or_insert(now);
    }

    fn fed(&mut self, now: Instant) {
        self.active = now;
        self.owed = None;
    }

    fn held(&mut self, now: Instant) {
        self.active = now;
        self.owed = Some(now);
    }

    fn answered(&mut self, now: Instant) {
        self.active = now;
        self.owed = None;
        self.stalled = None;
    }

    fn stalled(&mut self, now: Instant) {
        self.stalled.get_or_insert(now);
    }

    fn flows(&mut self) -> bool {
        self.stalled.take().is_some()
    }

    /// When patience ends, if nothing comes in between.
    fn end(&self) -> Instant {
        let waits = [self.owed, self.stalled].into_iter().flatten();
        let first = waits.map(|since| since + ANSWER).min();
        let silence = self.active + SILENCE;
        first.map_or(silence, |end| silence.min(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that begins at zero, in seconds.
    fn at(begun: Instant, seconds: u64) -> Instant {
        begun + Duration::from_secs(seconds)
    }

    #[test]
    fn silence_is_borne_for_a_while() {
        let begun = Instant::now();
        let mut waiting = Waiting::new(begun);
        assert_eq!(waiting.end(), begun + SILENCE);
        waiting.answered(at(begun, 70));
        assert_eq!(waiting.end(), at(begun, 70) + SILENCE);
    }

    #[test]
    fn an_answer_is_owed_from_the_first_byte() {
        let begun = Instant::now();
        let mut waiting = Waiting::new(begun);
        for second in 10..30 {
            waiting.asked(at(begun, second));
            assert_eq!(waiting.end(), at(begun, 10) + ANSWER, "no byte puts it off");
        }
        waiting.answered(at(begun, 30));
        waiting.asked(at(begun, 40));
        assert_eq!(waiting.end(), at(begun, 40) + ANSWER);
    }

    #[test]
    fn an_answer_that_is_held_back_is_owed_from_then_on() {
        let begun = Instant::now();
        let mut waiting = Waiting::new(begun);
        waiting.asked(begun);
        waiting.stalled(at(begun, 5));
        for second in (10..100).step_by(20) {
            waiting.held(at(begun, second));
            assert_eq!(
                waiting.end(),
                at(begun, 5) + ANSWER,
                "an earlier one is not taken"
            );
        }
        assert!(waiting.flows());
        assert_eq!(waiting.end(), at(begun, 90) + ANSWER);
        waiting.answered(at(begun, 101));
        assert_eq!(waiting.end(), at(begun, 101) + SILENCE);
    }

    #[test]
    fn a_body_that_is_wanted_may_last_as_long_as_it_comes() {
        let begun = Instant::now();
        let mut waiting = Waiting::new(begun);
        waiting.asked(begun);
        for second in (0..400).step_by(20) {
            waiting.fed(at(begun, second));
            assert_eq!(waiting.end(), at(begun, second) + SILENCE);
        }
    }

    #[test]
    fn what_went_after_all_is_forgotten() {
        let begun = Instant::now();
        let mut waiting = Waiting::new(begun);
        waiting.asked(begun);
        waiting.answered(begun);
        waiting.stalled(at(begun, 1));
        assert_eq!(waiting.end(), at(begun, 1) + ANSWER);
        assert!(waiting.flows() && !waiting.flows());
        assert_eq!(waiting.end(), begun + SILENCE);
    }

    #[test]
    fn an_answer_may_last_as_long_as_it_flows() {
        let begun = Instant::now();
        let mut waiting = Waiting::new(begun);
        waiting.asked(begun);
        for second in (0..400).step_by(20) {
            waiting.answered(at(begun, second));
            waiting.stalled(at(begun, second + 1));
            assert_eq!(waiting.end(), at(begun, second + 1) + ANSWER);
            waiting.stalled(at(begun, second + 10));
            assert_eq!(waiting.end(), at(begun, second + 1) + ANSWER);
        }
    }
}
