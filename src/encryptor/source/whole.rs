//! When a segment's file is complete.
//!
//! A file is settled when two looks at least a quarter of a second apart find it unchanged, or it
//! is older than two seconds; a transport stream must besides be whole packets. Must not know:
//! playlists.

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
const PACKET: usize = 188;
const SYNC: u8 = 0x47;

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

/// Why `bytes` is not a complete transport stream (ISO/IEC 13818-1 §2.4.3); `None` if it is one,
/// or no transport stream at all.
pub(super) fn packet_fault(path: &Beneath, bytes: &[u8]) -> Option<String> {
    let named = path.extension().eq_ignore_ascii_case("ts");
    let synced = |at: usize| bytes.get(at).is_some_and(|byte| *byte == SYNC);
    let is_stream = named || synced(0) && synced(PACKET);
    if !is_stream {
        return None;
    }
    let lost = (0..bytes.len()).step_by(PACKET).find(|at| !synced(*at));
    match lost {
        Some(at) => Some(format!("{path} has no MPEG-TS packet at byte {at}")),
        None if !bytes.len().is_multiple_of(PACKET) => Some(format!(
            "{path} ends within an MPEG-TS packet, at byte {}",
            bytes.len()
        )),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::domain::{Clock as _, SystemClock};
    use crate::encryptor::root::Root;

    fn packets(count: usize) -> Vec<u8> {
        let mut packet = [0; PACKET];
        packet[0] = SYNC;
        packet.repeat(count)
    }

    #[test]
    fn a_transport_stream_is_whole_packets() {
        let ts = Beneath::found("a.ts").unwrap();
        let other = Beneath::found("a.bin").unwrap();
        assert_eq!(packet_fault(&ts, &packets(3)), None);
        assert_eq!(packet_fault(&other, &packets(3)), None);
        assert_eq!(packet_fault(&other, b"ID3 and packed audio"), None);
        assert!(packet_fault(&ts, b"ID3 and packed audio").is_some());
        let mut torn = packets(3);
        torn.truncate(2 * PACKET + 1);
        let said = packet_fault(&other, &torn).unwrap();
        assert_eq!(said, "a.bin ends within an MPEG-TS packet, at byte 377");
        torn[PACKET] = 0;
        let said = packet_fault(&ts, &torn).unwrap();
        assert_eq!(said, "a.ts has no MPEG-TS packet at byte 188");
    }

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
