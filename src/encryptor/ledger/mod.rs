//! The ledger: the lease, noted and sealed, so that a restart while the server is away goes on.
//!
//! It is bound to its stream and server and sealed under a key of its own beside it. A ledger that
//! does not open is told and set aside; the worst it can do is to be missing. Must not know:
//! playlists, HTTP.

mod folder;
mod keep;
mod notes;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use self::folder::Folder;
use super::options::Options;
use crate::crash;
use crate::crypto::{KeyRing, Place};
use crate::domain::Entropy;

pub use self::folder::StateError;
pub(super) use self::keep::Watched;
pub(super) use self::notes::Notes;

/// What one encryptor keeps between its runs.
pub(super) struct Ledger {
    folder: Folder,
    ring: KeyRing,
    entropy: Arc<dyn Entropy>,
    /// Whose lease it is; stands in front of the sealed bytes and is bound to them.
    header: String,
    /// Whether the lease is given up: nothing is noted any more.
    is_closed: Mutex<bool>,
    /// The schedule version that another run would go on from; `None` if from none.
    kept: watch::Sender<Option<u64>>,
}

/// Why a ledger cannot be gone on from.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It does not begin as one does.
    #[error("it is no ledger of this version, or torn")]
    Unknown,
    /// It is another encryptor's.
    #[error("it is the ledger of {0}")]
    Foreign(String),
    /// It is damaged, or its key is another one.
    #[error("it does not open: damaged, or sealed under another key")]
    Sealed,
    /// It opens, and says nothing that makes sense.
    #[error("what is in it cannot be read")]
    Malformed,
}

const LEDGER: &str = "ledger";
const ASIDE: &str = "ledger.aside";
const GIVEN_UP: &str = "ledger.given-up";
const FIRST_LINE: &str = "hlskey ledger 1\n";

impl Ledger {
    /// Opens the state folder of `options`.
    pub(super) fn open(options: &Options, entropy: Arc<dyn Entropy>) -> Result<Self, StateError> {
        let folder = Folder::open(&options.state)?;
        let ring = folder.ring(entropy.as_ref())?;
        let server = options.server.trim_end_matches('/');
        let header = format!("{FIRST_LINE}{} at {server}\n", options.stream);
        Ok(Self {
            folder,
            ring,
            entropy,
            header,
            is_closed: Mutex::new(false),
            kept: watch::Sender::new(None),
        })
    }

    /// The encryptor's name, the same in every run.
    pub(super) fn instance(&self, host: &str) -> Result<String, StateError> {
        self.folder.instance(host, self.entropy.as_ref())
    }

    /// What an earlier run noted, if one did. What cannot be used is set aside.
    pub(super) fn read(&self) -> Result<Option<Notes>, Refusal> {
        // A run that gave its lease up and was killed before it could say so to this one.
        let _ = self.folder.remove(GIVEN_UP);
        let read = self.read_back();
        if read.is_err() {
            let _ = self.folder.rename(LEDGER, ASIDE);
        }
        let notes = read.as_ref().ok().and_then(Option::as_ref);
        self.kept
            .send_replace(notes.map(|notes| notes.lease.version()));
        read
    }

    fn read_back(&self) -> Result<Option<Notes>, Refusal> {
        let Some(bytes) = self.folder.read(LEDGER)? else {
            return Ok(None);
        };
        let (header, sealed) = split(&bytes).ok_or(Refusal::Unknown)?;
        if header != self.header {
            let whose = header.trim_start_matches(FIRST_LINE).trim_end();
            return Err(Refusal::Foreign(whose.escape_default().to_string()));
        }
        let plain = self
            .ring
            .open(self.place(), sealed)
            .map_err(|_| Refusal::Sealed)?;
        notes::decode(&plain).map(Some).ok_or(Refusal::Malformed)
    }

    /// The newest version up to `followed` that this run may say it follows. Who has acknowledged
    /// a cut is held to it, so another run must not go on from what was before the cut.
    pub(super) fn acknowledgeable(&self, followed: Option<u64>) -> Option<u64> {
        let kept = self.kept.borrow().unwrap_or(u64::MAX);
        followed.map(|followed| followed.min(kept))
    }

    /// Changes when another version is acknowledgeable.
    pub(super) fn kept(&self) -> watch::Receiver<Option<u64>> {
        self.kept.subscribe()
    }

    /// Notes `plain`, the lease at `version`, sealed; durable when this returns. Where that fails,
    /// what was noted of another version is deleted, which works on a full disk too.
    fn write(&self, version: u64, plain: &[u8]) -> io::Result<()> {
        let is_closed = self.is_closed();
        if *is_closed {
            return Ok(());
        }
        let sealed = self.ring.seal(self.place(), plain, self.entropy.as_ref());
        let bytes = [self.header.as_bytes(), &sealed].concat();
        let noted = self.folder.replace(LEDGER, &bytes);
        match &noted {
            Ok(()) => {
                crash::point("ledger.noted");
                self.keeps(Some(version));
            }
            Err(_) if *self.kept.borrow() == Some(version) => {}
            Err(_) => {
                if self.folder.remove(LEDGER).is_ok() {
                    self.keeps(None);
                }
            }
        }
        noted
    }

    fn keeps(&self, version: Option<u64>) {
        self.kept.send_if_modified(|kept| {
            let differs = *kept != version;
            *kept = version;
            differs
        });
    }

    /// The lease is about to be given up: from now on no run may go on from it.
    pub(super) fn give_up(&self) -> io::Result<()> {
        let mut is_closed = self.is_closed();
        *is_closed = true;
        self.folder.rename(LEDGER, GIVEN_UP)
    }

    /// The lease could not be given up: the next run goes on from it after all.
    pub(super) fn keep_after_all(&self) -> io::Result<()> {
        self.folder.rename(GIVEN_UP, LEDGER)
    }

    /// The lease is given up.
    pub(super) fn forget(&self) -> io::Result<()> {
        self.folder.remove(GIVEN_UP)
    }

    fn place(&self) -> Place<'_> {
        Place {
            table: "ledger",
            row: self.header.as_bytes(),
            column: "lease",
        }
    }

    fn is_closed(&self) -> MutexGuard<'_, bool> {
        self.is_closed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The two lines in front, and what is sealed.
fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let rest = bytes.strip_prefix(FIRST_LINE.as_bytes())?;
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (header, sealed) = bytes.split_at(FIRST_LINE.len() + end + 1);
    Some((std::str::from_utf8(header).ok()?, sealed))
}

#[cfg(test)]
mod tests;
