//! Moves a piece of media in time, so that a clip can be repeated without a seam.
//!
//! An MPEG transport stream carries its times three times over (PTS and DTS in PES headers, PCR
//! in adaptation fields) and counts its packets; packed audio carries one time in an ID3 tag.
//! All of them must go on evenly from one round of the clip to the next.
//!
//! Must not know: files, the clip, the time of day.

use std::collections::BTreeMap;

/// The length of a transport stream packet (ISO/IEC 13818-1 §2.4.3.2).
pub(super) const PACKET: usize = 188;

/// The rate of PTS, DTS and the PCR base, in Hz.
pub(super) const TICK_RATE: u64 = 90_000;

/// The owner of the ID3 frame that times packed audio (RFC 8216 §3.4).
const ID3_OWNER: &[u8] = b"com.apple.streaming.transportStreamTimestamp\0";

/// A time, or a span of it, in 90 kHz ticks; it wraps at 33 bits as the format does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticks(u64);

impl Ticks {
    const MASK: u64 = (1 << 33) - 1;

    /// The low 33 bits of `ticks`.
    pub(super) const fn new(ticks: u64) -> Self {
        Self(ticks & Self::MASK)
    }

    /// The sum, wrapped.
    pub(super) const fn plus(self, more: Self) -> Self {
        Self::new(self.0 + more.0)
    }
}

/// How many packets with a payload each PID has in one round of a clip. A repeated clip must go
/// on counting from there, or receivers see lost packets at the seam.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PacketCounts(BTreeMap<u16, u64>);

impl PacketCounts {
    /// Counts a whole clip.
    pub(super) fn of(stream: &[u8]) -> Self {
        let mut counts = BTreeMap::new();
        for packet in stream.chunks_exact(PACKET).filter(|p| has_payload(p)) {
            *counts.entry(pid(packet)).or_default() += 1;
        }
        Self(counts)
    }

    /// What must be added to a continuity counter of `pid` after `rounds` rounds.
    fn shift(&self, pid: u16, rounds: u64) -> u8 {
        let count = self.0.get(&pid).copied().unwrap_or(0);
        // Only the low four bits count, and they survive a wrapping product.
        (count.wrapping_mul(rounds) & 0x0f) as u8
    }
}

/// Moves a piece of a transport stream: every time `by` later, every continuity counter on by
/// `rounds` rounds of the clip that `counts` was taken of.
pub(super) fn restamp(stream: &mut [u8], by: Ticks, counts: &PacketCounts, rounds: u64) {
    for packet in stream.chunks_exact_mut(PACKET) {
        let counter = packet[3].wrapping_add(counts.shift(pid(packet), rounds)) & 0x0f;
        packet[3] = packet[3] & 0xf0 | counter;
        if let Some(pcr) = pcr_mut(packet) {
            shift_pcr(pcr, by);
        }
        for stamp in pes_stamps(packet).into_iter().flatten() {
            shift_stamp(&mut packet[stamp..stamp + 5], by);
        }
    }
}

/// The PID of a packet: which of the multiplexed streams it belongs to.
pub(super) fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]])
}

/// The ID3 tag that begins a segment of packed audio whose first sample is at `at`.
pub(super) fn id3_timestamp(at: Ticks) -> Vec<u8> {
    let body = [ID3_OWNER, &at.0.to_be_bytes()].concat();
    let frame = [b"PRIV", &synchsafe(body.len())[..], &[0, 0], &body].concat();
    let header = [b"ID3\x04\x00\x00", &synchsafe(frame.len())[..]].concat();
    [header, frame].concat()
}

/// A length as ID3 version 2.4 writes it: seven bits a byte.
fn synchsafe(length: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (length >> shift & 0x7f) as u8)
}

fn has_payload(packet: &[u8]) -> bool {
    packet[3] & 0x10 != 0
}

fn has_adaptation(packet: &[u8]) -> bool {
    packet[3] & 0x20 != 0
}

/// The six bytes of the packet's PCR, if it has one (§2.4.3.4).
fn pcr_mut(packet: &mut [u8]) -> Option<&mut [u8]> {
    let present = has_adaptation(packet) && packet[4] >= 7 && packet[5] & 0x10 != 0;
    present.then(|| &mut packet[6..12])
}

/// Where the PTS and the DTS stand, if a PES header begins in this packet (§2.4.3.6).
fn pes_stamps(packet: &[u8]) -> [Option<usize>; 2] {
    let begins = packet[1] & 0x40 != 0 && has_payload(packet);
    let skipped = if has_adaptation(packet) {
        1 + usize::from(packet[4])
    } else {
        0
    };
    let start = 4 + skipped;
    let pes = match packet.get(start..) {
        Some(pes) if begins && pes.len() >= 19 && pes.starts_with(&[0, 0, 1]) => pes,
        _ => return [None; 2],
    };
    let timed = matches!(pes[3], 0xbd | 0xc0..=0xef);
    [
        (timed && pes[7] & 0x80 != 0).then_some(start + 9),
        (timed && pes[7] & 0xc0 == 0xc0).then_some(start + 14),
    ]
}

/// A PCR is 33 bits of ticks, six reserved bits and nine bits of a finer count.
fn shift_pcr(pcr: &mut [u8], by: Ticks) {
    let high = u32::from_be_bytes([pcr[0], pcr[1], pcr[2], pcr[3]]);
    let base = u64::from(high) << 1 | u64::from(pcr[4] >> 7);
    let moved = Ticks::new(base).plus(by).0;
    pcr[..4].copy_from_slice(&((moved >> 1) as u32).to_be_bytes());
    pcr[4] = pcr[4] & 0x7f | ((moved & 1) as u8) << 7;
}

/// A PTS or DTS is 33 bits in three groups, each closed by a marker bit.
fn shift_stamp(stamp: &mut [u8], by: Ticks) {
    let bits = |byte: u8, shift: u32| u64::from(byte >> 1) << shift;
    let ticks = u64::from(stamp[0] >> 1 & 0x07) << 30
        | u64::from(stamp[1]) << 22
        | bits(stamp[2], 15)
        | u64::from(stamp[3]) << 7
        | bits(stamp[4], 0);
    let moved = Ticks::new(ticks).plus(by).0;
    stamp[0] = stamp[0] & 0xf1 | (moved >> 29) as u8 & 0x0e;
    stamp[1] = (moved >> 22) as u8;
    stamp[2] = (moved >> 14) as u8 | 1;
    stamp[3] = (moved >> 7) as u8;
    stamp[4] = (moved << 1) as u8 | 1;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VIDEO: u16 = 0x100;

    /// A packet with a PCR and a PES header that has both stamps.
    fn packet(counter: u8, ticks: u64) -> Vec<u8> {
        let mut packet = vec![0x47, 0x41, 0x00, 0x30 | counter];
        packet.extend([7, 0x50, 0, 0, 0, 0, 0x7e, 0x05]);
        packet.extend([0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10]);
        packet.extend([0x31, 0, 1, 0, 1]);
        packet.extend([0x11, 0, 1, 0, 1]);
        packet.resize(PACKET, 0xff);
        restamp(&mut packet, Ticks::new(ticks), &PacketCounts::default(), 0);
        packet
    }

    #[test]
    fn stamps_are_written_as_the_standard_has_them() {
        let packet = packet(0, 0x1_2345_6789);
        // Base 0x1_2345_6789, reserved bits set, extension 5.
        assert_eq!(packet[6..12], [0x91, 0xa2, 0xb3, 0xc4, 0xfe, 0x05]);
        assert_eq!(packet[21..26], [0x39, 0x8d, 0x15, 0xcf, 0x13]);
        assert_eq!(packet[26..31], [0x19, 0x8d, 0x15, 0xcf, 0x13]);
    }

    #[test]
    fn times_wrap_at_33_bits() {
        let mut late = packet(0, (1 << 33) - 10);
        let counts = PacketCounts::default();
        restamp(&mut late, Ticks::new(25), &counts, 0);
        assert_eq!(late, packet(0, 15));
    }

    #[test]
    fn counters_go_on_from_round_to_round() {
        let round = [packet(0, 0), packet(1, 0), packet(2, 0)].concat();
        let counts = PacketCounts::of(&round);
        assert_eq!(counts.0, BTreeMap::from([(VIDEO, 3)]));
        let counter = |rounds| {
            let mut again = round.clone();
            restamp(&mut again, Ticks::new(0), &counts, rounds);
            again[3] & 0x0f
        };
        assert_eq!([1, 5, 6].map(counter), [3, 15, 2]);
    }

    #[test]
    fn an_id3_tag_holds_its_lengths_and_its_time() {
        let tag = id3_timestamp(Ticks::new(0x1_0203_0405));
        assert_eq!(tag.len(), 73);
        assert_eq!(tag[..10], *b"ID3\x04\0\0\0\0\0\x3f");
        assert_eq!(tag[10..20], *b"PRIV\0\0\0\x35\0\0");
        assert_eq!(tag[65..], [0, 0, 0, 1, 2, 3, 4, 5]);
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(mut stream in proptest::collection::vec(any::<u8>(), 0..600)) {
            let counts = PacketCounts::of(&stream);
            restamp(&mut stream, Ticks::new(1), &counts, 3);
        }

        #[test]
        fn moving_there_and_back_changes_nothing(start: u64, by: u64) {
            let before = packet(7, start);
            let mut after = before.clone();
            let counts = PacketCounts::of(&before);
            restamp(&mut after, Ticks::new(by), &counts, 1);
            restamp(&mut after, Ticks::new(0u64.wrapping_sub(by)), &counts, 15);
            prop_assert_eq!(after, before);
        }
    }
}
