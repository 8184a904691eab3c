//! An initialisation section of MPEG-TS: a PAT and PMTs, and no media (RFC 8216 §3.2).
//!
//! Must not know: playlists, what the programs are.

use std::collections::BTreeSet;

/// How long each packet is.
pub(super) const PACKET: usize = 188;
/// What each packet begins with.
pub(super) const SYNC: u8 = 0x47;
/// The program association table (ISO/IEC 13818-1 §2.4.4.3), the service description (EN 300 468
/// §5.1.3), and packets that fill up.
const PAT: u16 = 0;
const SDT: u16 = 0x11;
const NULL: u16 = 0x1fff;

/// Why `bytes` is no such section.
pub(super) fn fault(bytes: &[u8]) -> Option<String> {
    let (packets, rest) = bytes.as_chunks::<PACKET>();
    if packets.is_empty() || !rest.is_empty() || packets.iter().any(|packet| packet[0] != SYNC) {
        return Some("is not whole MPEG-TS packets".to_owned());
    }
    let of_pat = packets.iter().filter(|packet| pid(packet) == PAT);
    let maps: BTreeSet<u16> = of_pat.flat_map(programs).collect();
    let is_table = |pid: u16| [PAT, SDT, NULL].contains(&pid) || maps.contains(&pid);
    let other = packets.iter().map(pid).find(|pid| !is_table(*pid));
    match other {
        Some(pid) => Some(format!("holds packets of PID {pid}, which is no table's")),
        None if maps.is_empty() => Some("has no program association table".to_owned()),
        None => None,
    }
}

fn pid(packet: &[u8; PACKET]) -> u16 {
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]])
}

/// The PIDs of the program maps that the association table in `packet` lists.
fn programs(packet: &[u8; PACKET]) -> Vec<u16> {
    let table = section(packet).unwrap_or_default();
    let (entries, _) = table.as_chunks::<4>();
    let programs = entries.iter().filter(|entry| entry[..2] != [0, 0]);
    programs
        .map(|entry| u16::from_be_bytes([entry[2] & 0x1f, entry[3]]))
        .collect()
}

/// The entries of the table that begins in `packet`: what lies between its head and its CRC.
fn section(packet: &[u8; PACKET]) -> Option<&[u8]> {
    let begins = packet[1] & 0x40 != 0;
    let has_field = packet[3] & 0x20 != 0;
    let field = if has_field {
        1 + usize::from(packet[4])
    } else {
        0
    };
    let payload = packet.get(4 + field..).filter(|_| begins)?;
    let table = payload.get(1 + usize::from(*payload.first()?)..)?;
    let is_pat = *table.first()? == 0;
    let len = usize::from(u16::from_be_bytes([table.get(1)? & 0x0f, *table.get(2)?]));
    let end = (3 + len).checked_sub(4)?;
    table.get(8..end).filter(|_| is_pat)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(pid: u16, payload: &[u8]) -> Vec<u8> {
        let [high, low] = pid.to_be_bytes();
        let mut packet = vec![SYNC, 0x40 | high, low, 0x10, 0];
        packet.extend_from_slice(payload);
        packet.resize(PACKET, 0xff);
        packet
    }

    #[test]
    fn tables_are_a_section_and_media_is_none() {
        // program 0 is the network's, program 1 has its map at PID 0x1000
        let pat = [
            0, 0xb0, 17, 0, 1, 0xc1, 0, 0, 0, 0, 0xe0, 0x10, 0, 1, 0xf0, 0, 9, 9, 9, 9,
        ];
        let (pat, pmt) = (packet(0, &pat), packet(0x1000, &[2]));
        assert_eq!(fault(&[&pat[..], &pmt].concat()), None);
        assert_eq!(fault(&[&pat[..], &pmt, &packet(NULL, &[])].concat()), None);
        let media = packet(0x100, &[0, 0, 1, 0xe0]);
        let why = fault(&[&pat[..], &pmt, &media].concat()).unwrap();
        assert!(why.contains("PID 256"), "{why}");
        assert!(fault(&pmt).is_some(), "of no program");
        assert!(
            fault(&[&pat[..], &packet(0x10, &[2])].concat()).is_some(),
            "the network's"
        );
        assert!(fault(&pat[..187]).is_some() && fault(&[]).is_some());
        assert!(fault(&[SYNC; PACKET]).is_some());
    }
}
