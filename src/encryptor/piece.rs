//! Which bytes of the source a segment is, and what they must look like.
//!
//! Must not know: how far they have been written.

use std::fmt;

use super::boxes;
use super::path::{Beneath, PathError};
use super::section;
use super::tables::{PACKET, SYNC};
use crate::playlist::{ByteRange, Map, PartialSegment, Segment};

/// A file of the source, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Piece {
    pub(super) path: Beneath,
    /// `None` for the whole file.
    pub(super) range: Option<ByteRange>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Segment,
    /// An I-frame, which may end anywhere within a packet or a box.
    Frame,
    Section,
}

impl Piece {
    /// What `segment` of the playlist at `at` names, which is an I-frame if that `is_iframes`.
    pub(super) fn of(at: &Beneath, is_iframes: bool, segment: &Segment) -> Result<Self, PathError> {
        let kind = match is_iframes {
            true => Kind::Frame,
            false => Kind::Segment,
        };
        Ok(Self {
            path: at.resolve_segment(&segment.uri)?,
            range: segment.range,
            kind,
        })
    }

    /// A part of a segment of the playlist at `at`.
    pub(super) fn part(at: &Beneath, part: &PartialSegment) -> Result<Self, PathError> {
        Ok(Self {
            path: at.resolve_segment(&part.uri)?,
            range: part.range,
            kind: Kind::Segment,
        })
    }

    /// The initialisation section that `map` of the playlist at `at` names.
    pub(super) fn section(at: &Beneath, map: &Map) -> Result<Self, PathError> {
        Ok(Self {
            path: at.resolve_segment(&map.uri)?,
            range: map.range,
            kind: Kind::Section,
        })
    }

    /// A whole file that is a segment.
    #[cfg(test)]
    pub(super) fn whole(path: Beneath) -> Self {
        Self {
            path,
            range: None,
            kind: Kind::Segment,
        }
    }

    /// How many bytes of a file of `len` bytes.
    pub(super) fn len_in(&self, len: u64) -> u64 {
        self.range.map_or(len, ByteRange::len)
    }

    /// Why `bytes` is not complete; `None` if it is, or nothing can be said of it.
    pub(super) fn fault(&self, bytes: &[u8]) -> Option<String> {
        let extension = self.path.extension();
        let how = match self.kind {
            Kind::Frame => None,
            Kind::Section => section::fault(bytes),
            Kind::Segment if boxes::is_extension(extension) || boxes::begins_segment(bytes) => {
                boxes::segment_fault(bytes)
            }
            Kind::Segment => packet_fault(extension, bytes),
        };
        how.map(|how| format!("{self} {how}"))
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.range {
            Some(range) => write!(f, "{} ({range})", self.path),
            None => self.path.fmt(f),
        }
    }
}

/// Why `bytes` is not a complete transport stream (ISO/IEC 13818-1 §2.4.3); `None` if it is one,
/// or no transport stream at all.
fn packet_fault(extension: &str, bytes: &[u8]) -> Option<String> {
    let named = extension.eq_ignore_ascii_case("ts");
    let synced = |at: usize| bytes.get(at).is_some_and(|byte| *byte == SYNC);
    let is_stream = named || synced(0) && synced(PACKET);
    if !is_stream {
        return None;
    }
    let lost = (0..bytes.len()).step_by(PACKET).find(|at| !synced(*at));
    match lost {
        Some(at) => Some(format!("has no MPEG-TS packet at byte {at}")),
        None if !bytes.len().is_multiple_of(PACKET) => Some(format!(
            "ends within an MPEG-TS packet, at byte {}",
            bytes.len()
        )),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(count: usize) -> Vec<u8> {
        let mut packet = [0; PACKET];
        packet[0] = SYNC;
        packet.repeat(count)
    }

    fn fault(path: &str, bytes: &[u8]) -> Option<String> {
        Piece::whole(Beneath::found(path).unwrap()).fault(bytes)
    }

    #[test]
    fn a_transport_stream_is_whole_packets() {
        assert_eq!(fault("a.ts", &packets(3)), None);
        assert_eq!(fault("a.bin", &packets(3)), None);
        assert_eq!(fault("a.bin", b"ID3 and packed audio"), None);
        assert!(fault("a.ts", b"ID3 and packed audio").is_some());
        let mut torn = packets(3);
        torn.truncate(2 * PACKET + 1);
        let said = fault("a.bin", &torn).unwrap();
        assert_eq!(said, "a.bin ends within an MPEG-TS packet, at byte 377");
        torn[PACKET] = 0;
        let said = fault("a.ts", &torn).unwrap();
        assert_eq!(said, "a.ts has no MPEG-TS packet at byte 188");
    }

    #[test]
    fn what_is_named_or_looks_like_mp4_is_whole_boxes() {
        let moof = [0, 0, 0, 8, b'm', b'o', b'o', b'f'];
        assert!(fault("a.m4s", b"ID3 and packed audio").is_some());
        let said = fault("a.bin", &moof[..7]);
        assert_eq!(said, None, "nothing can be said of it");
        let said = fault("a.bin", &moof).unwrap();
        assert_eq!(said, "a.bin ends before the media of its last fragment");
        assert!(fault("a.CMFV", &moof[..7]).is_some());
    }
}
