//! What a clear segment is: MPEG-TS, ISO boxes, packed audio or WebVTT (RFC 8216 §3).
//!
//! Must not know: ciphers.

use crate::encryptor::{begins_segment, segment_fault};

const PACKET: usize = 188;
const SYNC: u8 = 0x47;

/// Why `bytes` is none of these; `None` if it is one.
pub(in super::super) fn fault(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        return Some("it is empty".to_owned());
    }
    if begins_segment(bytes) {
        return segment_fault(bytes);
    }
    if bytes[0] == SYNC {
        let lost = bytes
            .chunks(PACKET)
            .position(|packet| packet[0] != SYNC || packet.len() < PACKET);
        return lost.map(|at| format!("MPEG-TS loses its sync byte at packet {at}"));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let is_audio = bytes.starts_with(b"ID3") || is_frame(bytes);
    (!text.starts_with(b"WEBVTT") && !is_audio)
        .then(|| "no MPEG-TS, no MP4 boxes, no packed audio, no WebVTT".to_owned())
}

/// Whether it goes on as one of these after its first 16 bytes, which a wrong IV spoils.
pub(in super::super) fn goes_on(bytes: &[u8]) -> bool {
    let packets = bytes.chunks_exact(PACKET).skip(1);
    let is_ts = packets.len() > 0 && packets.clone().all(|packet| packet[0] == SYNC);
    // Boxes come one after another: the type of a second one is found a little later.
    let head = &bytes[16.min(bytes.len())..bytes.len().min(4096)];
    let is_boxes = [&b"moof"[..], b"mdat", b"mfhd", b"traf"]
        .iter()
        .any(|kind| head.windows(4).any(|it| it == *kind));
    is_ts || is_boxes
}

/// ADTS, MP3, AC-3: what packed audio may begin with instead of ID3.
fn is_frame(bytes: &[u8]) -> bool {
    let head = (bytes[0], bytes.get(1).copied().unwrap_or_default());
    matches!(head, (0xff, second) if second & 0xe0 == 0xe0) || head == (0x0b, 0x77)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_is_told_from_noise() {
        let mut ts = vec![0; 3 * PACKET];
        ts.iter_mut().step_by(PACKET).for_each(|byte| *byte = SYNC);
        assert_eq!(fault(&ts), None);
        assert!(goes_on(&ts));
        ts[PACKET] = 0;
        assert!(fault(&ts).is_some());
        assert_eq!(fault(b"WEBVTT\n"), None);
        assert_eq!(fault(b"ID3\x04"), None);
        assert_eq!(fault(&[0xff, 0xf1, 0]), None);
        assert!(fault(&[9; 400]).is_some() && fault(b"").is_some());
        assert!(!goes_on(&[9; 400]));
    }
}
