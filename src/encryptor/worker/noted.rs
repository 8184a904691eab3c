//! What a worker leaves to the next run: its lease, noted while it works, given up when it ends.
//!
//! Must not know: passes, sinks.

use std::io;

use super::Worker;
use crate::api::Text;
use crate::encryptor::event::Event;
use crate::encryptor::ledger::{Notes, Watched};
use crate::encryptor::report::Parting;

impl Worker {
    /// Goes on from what an earlier run noted, if it did.
    pub(super) fn restore(&self) {
        let notes = match self.ledger.read() {
            Ok(Some(notes)) => notes,
            Ok(None) => return,
            Err(refusal) => {
                let reason = refusal.to_string();
                return (self.tell)(Event::LedgerRefused { reason });
            }
        };
        let Notes {
            lease,
            term,
            claims,
            taken,
        } = notes;
        if term.is_some_and(|noted| !self.term.restore(noted)) {
            let reason = "the clock is behind the time of the last note: the lease counts as ended";
            let reason = reason.to_owned();
            (self.tell)(Event::LedgerRefused { reason });
        }
        (self.tell)(Event::Restored {
            version: lease.version(),
            periods: lease.len(),
            ends: self.term.ends().map(Text),
        });
        self.reporter.restore(&claims, taken);
        self.keeper.restore(lease);
    }

    /// What the ledger is to know.
    pub(super) fn watched(&self) -> Watched {
        Watched {
            lease: self.keeper.lease(),
            wants: self.wants.subscribe(),
            claims: self.reporter.claims(),
            taken: self.reporter.taken(),
            term: self.term.clone(),
        }
    }

    /// Gives the lease up, if the server can be told; else the next run goes on with it.
    ///
    /// Whoever restarts from a lease that was given up would not be waited for by a cut. So the
    /// ledger is put away first, and put back only if the server certainly was not told.
    pub(super) async fn leave(&self) {
        let noted = self.ledger.note(&self.watched()).await;
        let left = match self.term.is_in_touch() {
            true => self.give_up().await,
            false => Ok(()),
        };
        if let Err(error) = noted.and(left) {
            let reason = error.to_string();
            (self.tell)(Event::LedgerFailed { reason });
        }
    }

    async fn give_up(&self) -> io::Result<()> {
        self.ledger.give_up()?;
        match self.reporter.finish().await {
            Parting::Sent => self.ledger.forget(),
            Parting::NotSent => self.ledger.keep_after_all(),
        }
    }
}
