//! What this server called off itself, and will hear of as news with all others.
//!
//! It was done here before, and what was answered since then stands. Must not know: answers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::domain::{Clock, StreamId};

/// How long an echo is waited for. News come within a second; where they do not, what is told later by
/// others in the same words must count.
const AWAITED: Duration = Duration::from_secs(5);
/// The most that are waited for; of what is more the news count again, which costs a question.
const MOST: usize = 1024;

pub(super) struct Echoes {
    clock: Arc<dyn Clock>,
    awaited: Mutex<VecDeque<Echo>>,
}

struct Echo {
    viewer: Option<String>,
    stream: Option<StreamId>,
    until: Duration,
}

impl Echoes {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            awaited: Mutex::default(),
        }
    }

    /// To be said before the others are told.
    pub(super) fn expect(&self, viewer: Option<&str>, stream: Option<&StreamId>) {
        let now = self.clock.steady();
        let mut awaited = self.lock();
        awaited.retain(|echo| now < echo.until);
        if awaited.len() < MOST {
            awaited.push_back(Echo {
                viewer: viewer.map(str::to_owned),
                stream: stream.cloned(),
                until: now + AWAITED,
            });
        }
    }

    /// Whether that was awaited; it is no more.
    pub(super) fn take(&self, viewer: Option<&str>, stream: Option<&StreamId>) -> bool {
        let now = self.clock.steady();
        let mut awaited = self.lock();
        let is_it = |echo: &Echo| {
            let is_same = echo.viewer.as_deref() == viewer && echo.stream.as_ref() == stream;
            is_same && now < echo.until
        };
        let at = awaited.iter().position(is_it);
        at.is_some_and(|at| awaited.remove(at).is_some())
    }

    /// News were lost, and echoes may be among them.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Echo>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SystemClock;

    #[test]
    fn an_echo_is_taken_once_and_for_what_was_said_alone() {
        let echoes = Echoes::new(Arc::new(SystemClock));
        let stream: StreamId = "live/a".parse().unwrap();
        let (alice, on_it) = (Some("alice"), Some(&stream));
        echoes.expect(alice, None);
        echoes.expect(alice, on_it);
        echoes.expect(alice, None);
        assert!(!echoes.take(Some("bob"), None) && !echoes.take(None, on_it));
        assert!(echoes.take(alice, None) && echoes.take(alice, None));
        assert!(!echoes.take(alice, None), "the third is another's");
        echoes.clear();
        assert!(!echoes.take(alice, on_it), "it may have been lost");
    }

    #[test]
    fn of_more_than_are_kept_the_news_count() {
        let echoes = Echoes::new(Arc::new(SystemClock));
        for n in 0..=MOST {
            echoes.expect(Some(&n.to_string()), None);
        }
        assert!(echoes.take(Some("0"), None));
        assert!(!echoes.take(Some(&MOST.to_string()), None));
    }
}
