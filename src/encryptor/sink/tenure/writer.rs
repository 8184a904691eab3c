//! The writer's note: whose it is, and whether it still changes.
//!
//! No wall clock decides: machines may differ by hours. Must not know: when it is asked for.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::Text;
use crate::crypto::{hex_of, sha256};
use crate::domain::Timestamp;

/// The note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Writer {
    /// The encryptor's name.
    pub(super) instance: String,
    /// Tells state folders apart.
    pub(super) token: String,
    /// Tells copies of a state folder apart; a note of an earlier version has none.
    #[serde(default)]
    pub(super) seat: String,
    /// Another one each time it is written, so that each renewal shows.
    #[serde(default)]
    pub(super) beat: String,
    /// Until when it holds unless it is renewed, by the writer's clock: for who looks, and for
    /// earlier versions of this program.
    pub(super) until: Text<Timestamp>,
}

/// Who claims a place.
#[derive(Debug, Clone)]
pub(in crate::encryptor) struct Claimant {
    /// The encryptor's name.
    pub(in crate::encryptor) instance: String,
    /// What its state folder is called at this place.
    pub(in crate::encryptor) token: String,
    /// Where that folder lies, as [`seat`] tells.
    pub(in crate::encryptor) seat: String,
}

/// What this process has seen of a note.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The texts that this process wrote, or may have written: the last that is certain first.
    written: Vec<Vec<u8>>,
    /// The note that an earlier process of this state folder left.
    left: Option<Vec<u8>>,
    /// Another's, and since when by the steady clock it has been the same.
    other: Option<(Vec<u8>, Duration)>,
    /// Whether another's was seen to change.
    pub(super) is_renewed: bool,
}

/// For how long a note holds.
pub(super) const SPAN: Duration = Duration::from_secs(30);
/// What is added to that before another takes it.
pub(super) const SKEW: Duration = Duration::from_secs(5);

/// Names a state folder on a machine that runs: its inode, and the kernel's start. Whoever holds
/// the folder's lock knows that no other process of the same seat is left. Empty if that cannot be
/// told.
pub(in crate::encryptor) fn seat(state: &Path) -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let (Ok(boot), Ok(about)) = (boot, std::fs::metadata(state)) else {
        return String::new();
    };
    let whole = format!("{} {} {}", boot.trim(), about.dev(), about.ino());
    hex_of(&sha256(whole.as_bytes())[..8])
}

impl Seen {
    /// This process is about to write `text`.
    pub(super) fn writes(&mut self, text: &[u8]) {
        self.written.push(text.to_owned());
    }

    /// `text` is there.
    pub(super) fn wrote(&mut self, text: &[u8]) {
        self.written.retain(|written| written == text);
        (self.other, self.is_renewed) = (None, false);
    }

    /// Whether this process wrote it.
    pub(super) fn is_own(&self, text: &[u8]) -> bool {
        self.written.iter().any(|written| written == text)
    }

    /// Who holds the note `text`, if it is not `who` and is not lost: nobody has renewed it for as
    /// long as it holds, by the steady clock of who looks.
    pub(super) fn holder(
        &mut self,
        text: &[u8],
        who: &Claimant,
        steady: Duration,
    ) -> Option<String> {
        let note = read(text).filter(|note| !self.is_free(text, note, who));
        let Some(note) = note else {
            (self.other, self.is_renewed) = (None, false);
            return None;
        };
        let since = match self.other.take() {
            Some((same, since)) if same == text => since,
            Some(_) => {
                self.is_renewed = true;
                steady
            }
            None => steady,
        };
        self.other = Some((text.to_owned(), since));
        let is_silent = steady.saturating_sub(since) >= SPAN + SKEW;
        (!is_silent).then(|| name(note, who))
    }

    /// Written by this process, or by one before it that is gone for sure.
    fn is_free(&mut self, text: &[u8], note: &Writer, who: &Claimant) -> bool {
        let is_same = note.token == who.token && note.seat == who.seat && !who.seat.is_empty();
        // What appears after this process has written is from a copy, whatever it says.
        if is_same && self.written.is_empty() {
            self.left = Some(text.to_owned());
        }
        self.is_own(text) || self.left.as_deref() == Some(text)
    }
}

fn name(note: Writer, who: &Claimant) -> String {
    match note.token == who.token {
        true => format!("{}, on a copy of this state folder", note.instance),
        false => note.instance,
    }
}

/// What no encryptor wrote holds nobody off.
fn read(text: &[u8]) -> Option<Writer> {
    serde_json::from_slice(text).ok()
}
