//! Notes the lease whenever it has changed, at a bounded pace.
//!
//! Must not know: how the notes are sealed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::{Ledger, notes};
use crate::crypto::sha256;
use crate::encryptor::choose::Wants;
use crate::encryptor::contact::Tell;
use crate::encryptor::event::Event;
use crate::encryptor::lease::Lease;
use crate::encryptor::term::Term;
use crate::encryptor::undated::Claims;

/// What is noted.
#[derive(Clone)]
pub(in crate::encryptor) struct Watched {
    pub(in crate::encryptor) lease: watch::Receiver<Option<Arc<Lease>>>,
    pub(in crate::encryptor) wants: watch::Receiver<Wants>,
    pub(in crate::encryptor) claims: watch::Receiver<Arc<Claims>>,
    pub(in crate::encryptor) taken: watch::Receiver<Claims>,
    pub(in crate::encryptor) term: Arc<Term>,
}

/// What has changed is noted within this; a schedule that has changed, at once.
const APART: Duration = Duration::from_secs(1);
/// Where nothing but the time goes on, it is noted after a quarter of a lease or this.
const LONGEST: Duration = Duration::from_secs(30);

impl Ledger {
    /// Notes until it is dropped. A note that fails stops nothing else.
    pub(in crate::encryptor) async fn keep(self: Arc<Self>, watched: Watched, tell: Tell) {
        let (mut last, mut failing) = (None::<([u8; 32], Instant)>, None);
        let mut lease = watched.lease.clone();
        loop {
            let tried = lease.borrow_and_update().as_deref().map(Lease::version);
            let quiet = watched.term.span().map_or(LONGEST, |span| span / 4);
            let quiet = quiet.clamp(APART, LONGEST);
            let is_due = |now| last.is_none_or(|(was, at)| was != now || at.elapsed() >= quiet);
            if let Some(digest) = watched.digest().filter(|now| is_due(*now)) {
                let noted = self.note(&watched).await;
                last = noted.is_ok().then(|| (digest, Instant::now()));
                let failure = noted.err().map(|error| error.to_string());
                if failure != failing {
                    tell(told(failure.clone()));
                }
                failing = failure;
            }
            let is_other =
                |lease: &Option<Arc<Lease>>| lease.as_deref().map(Lease::version) != tried;
            let _ = timeout(APART, lease.wait_for(is_other)).await;
        }
    }

    /// Notes what there is now.
    pub(in crate::encryptor) async fn note(self: &Arc<Self>, watched: &Watched) -> io::Result<()> {
        let Some((version, plain)) = watched.encoded(true) else {
            return Ok(());
        };
        let ledger = self.clone();
        let written = spawn_blocking(move || ledger.write(version, &plain)).await;
        written.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

impl Watched {
    /// Tells one state from another; the time left alone makes none.
    fn digest(&self) -> Option<[u8; 32]> {
        Some(sha256(&self.encoded(false)?.1))
    }

    /// The schedule's version, and all that is noted with it.
    fn encoded(&self, with_term: bool) -> Option<(u64, Zeroizing<Vec<u8>>)> {
        let lease = self.lease.borrow().clone()?;
        let from = self
            .wants
            .borrow()
            .oldest
            .map(|oldest| oldest.saturating_sub(1));
        let term = self.term.noted().filter(|_| with_term);
        let (claims, taken) = (self.claims.borrow().clone(), self.taken.borrow().clone());
        let plain = notes::encode((&lease, from), term, (&claims, &taken));
        Some((lease.version(), plain))
    }
}

fn told(failure: Option<String>) -> Event {
    match failure {
        Some(reason) => Event::LedgerFailed { reason },
        None => Event::LedgerRecovered,
    }
}
