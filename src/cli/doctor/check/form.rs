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
        return transport_fault(bytes);
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let is_audio = bytes.starts_with(b"ID3") || is_frame(bytes);
    (!text.starts_with(b"WEBVTT") && !is_audio)
        .then(|| "no MPEG-TS, no MP4 boxes, no packed audio, no WebVTT".to_owned())
}

fn transport_fault(bytes: &[u8]) -> Option<String> {
    let is_lost = |packet: &[u8]| packet[0] != SYNC || packet.len() < PACKET;
    if let Some(at) = bytes.chunks(PACKET).position(is_lost) {
        return Some(format!("MPEG-TS loses its sync byte at packet {at}"));
    }
    let table = section(&bytes[..PACKET])?;
    (crc(table) != 0).then(|| "its first table does not fit its checksum".to_owned())
}

/// The PAT or SDT that begins in a packet, its checksum included (ISO/IEC 13818-1 §2.4.4). A wrong IV may
/// spoil no more than a byte of it.
fn section(packet: &[u8]) -> Option<&[u8]> {
    let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
    let is_table = matches!(pid, 0 | 0x11) && packet[1] & 0x40 != 0 && packet[3] & 0x30 == 0x10;
    let table = packet
        .get(5 + usize::from(packet[4])..)
        .filter(|_| is_table)?;
    let has_syntax = matches!(table, [0 | 0x42, second, ..] if second & 0x80 != 0);
    let len = usize::from(u16::from_be_bytes([*table.get(1)? & 0x0f, *table.get(2)?]));
    table.get(..3 + len).filter(|_| has_syntax && len > 9)
}

/// CRC-32 of MPEG-2 (ISO/IEC 13818-1 Annex A): 0 over a whole section.
fn crc(section: &[u8]) -> u32 {
    section.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |crc, _| match crc >> 31 {
            0 => crc << 1,
            _ => (crc << 1) ^ 0x04c1_1db7,
        })
    })
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

    /// As FFmpeg writes it: program 1, its map at PID 0x1000.
    #[test]
    fn a_spoilt_table_is_seen() {
        let mut ts = vec![0xff; 2 * PACKET];
        let pat = [
            0x47, 0x40, 0, 0x10, 0, 0, 0xb0, 0x0d, 0, 1, 0xc1, 0, 0, 0, 1, 0xf0, 0, 0x2a, 0xb1,
            0x04, 0xb2,
        ];
        ts[..pat.len()].copy_from_slice(&pat);
        ts[PACKET] = SYNC;
        assert_eq!(fault(&ts), None);
        ts[15] ^= 1;
        assert!(fault(&ts).is_some() && goes_on(&ts));
    }
}
