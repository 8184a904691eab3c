//! When a segment's file is complete.
//!
//! A file is settled when two looks at least a quarter of a second apart find it unchanged, or it
//! is older than two seconds. Must not know: playlists, what is in the file.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::Timestamp;
use crate::encryptor::path::Beneath;
use crate::encryptor::root::Stamp;

/// What was seen of files that are waited for.
#[derive(Default)]
pub(super) struct Looks(HashMap<Beneath, (Stamp, Timestamp)>);

/// Looks this far apart must agree.
pub(super) const APART: Duration = Duration::from_millis(250);
/// A file this old needs no second look.
const OLD: Duration = Duration::from_secs(2);

impl Looks {
    /// Takes a look at `path` at `now`; says whether the file is settled.
    pub(super) fn settled(&mut self, path: &Beneath, stamp: Stamp, now: Timestamp) -> bool {
        if now.since(Timestamp::from_millis(stamp.modified)) >= OLD {
            return true;
        }
        match self.0.get(path) {
            Some((seen, since)) if *seen == stamp => now.since(*since) >= APART,
            _ => {
                self.0.insert(path.clone(), (stamp, now));
                false
            }
        }
    }

    /// Forgets looks that nothing came of for a minute.
    pub(super) fn forget(&mut self, now: Timestamp) {
        self.0
            .retain(|_, (_, since)| now.since(*since) < Duration::from_secs(60));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::domain::{Clock as _, SystemClock};
    use crate::encryptor::root::Root;

    #[test]
    fn two_looks_or_age_settle_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = Beneath::found("a.aac").unwrap();
        fs::write(dir.path().join("a.aac"), "one").unwrap();
        let root = Root::open(dir.path()).unwrap();
        let stamp = root.stamp(&path).unwrap().unwrap();
        let now = Timestamp::from_millis(stamp.modified);
        let mut looks = Looks::default();
        assert!(!looks.settled(&path, stamp, now));
        assert!(!looks.settled(&path, stamp, now.plus(APART / 2)));
        assert!(looks.settled(&path, stamp, now.plus(APART)));
        fs::write(dir.path().join("a.aac"), "longer").unwrap();
        let grown = root.stamp(&path).unwrap().unwrap();
        assert!(!looks.settled(&path, grown, now.plus(APART)));
        assert!(looks.settled(&path, grown, SystemClock.now().plus(OLD)));
    }
}
