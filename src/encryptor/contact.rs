//! Tells when one kind of request to the key server, or to the source, begins to fail and when it succeeds again,
//! and how long to wait between tries.
//!
//! Must not know: what is asked.

use std::sync::Arc;
use std::time::Duration;

use super::event::Event;

/// Where events go.
pub(super) type Tell = Arc<dyn Fn(Event) + Send + Sync>;

/// The state of one kind of request.
pub(super) struct Contact {
    what: String,
    is_server: bool,
    tell: Tell,
    reason: Option<String>,
    wait: Duration,
}

const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

impl Contact {
    /// `what` names the request for people.
    pub(super) fn new(what: &'static str, tell: Tell) -> Self {
        Self::with(what.to_owned(), true, tell)
    }

    /// The same of the source; `what` is the list.
    pub(super) fn of_source(what: String, tell: Tell) -> Self {
        Self::with(what, false, tell)
    }

    fn with(what: String, is_server: bool, tell: Tell) -> Self {
        Self {
            what,
            is_server,
            tell,
            reason: None,
            wait: SHORTEST,
        }
    }

    /// Whether it failed last.
    pub(super) fn has_failed(&self) -> bool {
        self.reason.is_some()
    }

    /// It succeeded. Says whether it had failed before.
    pub(super) fn passed(&mut self) -> bool {
        self.wait = SHORTEST;
        let had_failed = self.reason.take().is_some();
        if had_failed {
            let what = self.what.clone();
            (self.tell)(match self.is_server {
                true => Event::ServerRecovered { what },
                false => Event::SourceRecovered { what },
            });
        }
        had_failed
    }

    /// It failed; gives how long to wait before the next try.
    pub(super) fn failed(&mut self, error: &dyn std::error::Error) -> Duration {
        let reason = error.to_string();
        if self.reason.as_ref() != Some(&reason) {
            let (what, reason) = (self.what.clone(), reason.clone());
            (self.tell)(match self.is_server {
                true => Event::ServerFailed { what, reason },
                false => Event::SourceFailed { what, reason },
            });
        }
        self.reason = Some(reason);
        let wait = self.wait;
        self.wait = (wait * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_failure_is_told_once_and_waits_grow() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = told.clone();
        let tell: Tell = Arc::new(move |event| sink.lock().unwrap().push(event.to_string()));
        let mut contact = Contact::new("lease", tell);
        assert!(!contact.passed());
        let error = std::io::Error::other("no route");
        let waits = [250, 500, 1000, 2000, 4000, 5000, 5000].map(Duration::from_millis);
        assert_eq!(waits.map(|_| contact.failed(&error)), waits);
        assert!(contact.passed());
        assert_eq!(contact.failed(&error), SHORTEST);
        let told = told.lock().unwrap();
        let failed = "lease: no route; trying again";
        let recovered = "lease: the key server answers again";
        assert_eq!(*told, [failed, recovered, failed]);
    }
}
