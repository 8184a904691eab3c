//! ISO base media files, box by box (ISO/IEC 14496-12 §4.2): what is whole, and what holds media.
//!
//! Must not know: playlists, what is in a box.

use std::ops::ControlFlow;

/// A top-level box's type.
type Kind = [u8; 4];

/// What a media segment can begin with (ISO/IEC 14496-12 §8.16, 23000-19 §7.3.2).
const OPENINGS: [&Kind; 9] = [
    b"styp", b"moof", b"sidx", b"emsg", b"prft", b"ftyp", b"ssix", b"free", b"skip",
];
/// What an initialisation section may hold. Media lies in `mdat`, what tells where in `moof`.
const INITIAL: [&Kind; 9] = [
    b"ftyp", b"styp", b"moov", b"pdin", b"meta", b"sidx", b"free", b"skip", b"uuid",
];
const MP4: [&str; 9] = [
    "m4s", "mp4", "m4v", "m4a", "m4f", "cmfv", "cmfa", "cmft", "cmfm",
];

/// Whether a file with this extension holds ISO media.
pub(super) fn is_extension(extension: &str) -> bool {
    MP4.iter().any(|mp4| extension.eq_ignore_ascii_case(mp4))
}

/// Whether `bytes` begin like an ISO media segment.
pub fn begins_segment(bytes: &[u8]) -> bool {
    bytes
        .get(4..8)
        .is_some_and(|kind| OPENINGS.iter().any(|open| *open == kind))
}

/// Whether `bytes` begin like any ISO media file.
pub(super) fn is_box(bytes: &[u8]) -> bool {
    let kind = bytes.get(4..8);
    let mut known = OPENINGS.iter().chain(&INITIAL);
    kind == Some(b"mdat") || kind.is_some_and(|kind| known.any(|known| *known == kind))
}

/// Why `bytes` is not a whole media segment: boxes to the last byte, and the media of each `moof`.
pub fn segment_fault(bytes: &[u8]) -> Option<String> {
    if !begins_segment(bytes) {
        return Some("does not begin like fragmented MP4".to_owned());
    }
    let mut is_open = false;
    let walked = walk(bytes, |kind| {
        match kind {
            b"moof" => is_open = true,
            b"mdat" => is_open = false,
            _ => {}
        }
        ControlFlow::Continue(())
    });
    match walked {
        Err(Torn(at)) => Some(format!("ends within the MP4 box at byte {at}")),
        Ok(_) if is_open => Some("ends before the media of its last fragment".to_owned()),
        Ok(_) => None,
    }
}

/// Why `bytes` is not an initialisation section that says how to decode and holds no media
/// (RFC 8216bis §3.1): it may be published clear.
pub(super) fn section_fault(bytes: &[u8]) -> Option<String> {
    if bytes.starts_with(b"WEBVTT") {
        let cue = bytes.windows(3).any(|text| text == b"-->");
        return cue.then(|| "holds WebVTT cues".to_owned());
    }
    let mut has_moov = false;
    let walked = walk(bytes, |kind| match kind {
        _ if !INITIAL.contains(&kind) => ControlFlow::Break(*kind),
        _ => {
            has_moov |= kind == b"moov";
            ControlFlow::Continue(())
        }
    });
    match walked {
        Err(Torn(at)) => Some(format!("ends within the MP4 box at byte {at}")),
        Ok(Some(kind)) => {
            let kind = String::from_utf8_lossy(&kind).escape_debug().to_string();
            Some(format!(
                "holds a box {kind}, which is none of an initialisation section"
            ))
        }
        Ok(None) if has_moov => None,
        Ok(None) => Some("has no moov".to_owned()),
    }
}

/// The bytes end within the box that begins here.
struct Torn(usize);

/// Calls `visit` with the type of each top-level box, up to the one that it breaks with.
fn walk(
    bytes: &[u8],
    mut visit: impl FnMut(&Kind) -> ControlFlow<Kind>,
) -> Result<Option<Kind>, Torn> {
    let mut at = 0;
    while at < bytes.len() {
        let (kind, len) = header(&bytes[at..]).ok_or(Torn(at))?;
        if let ControlFlow::Break(kind) = visit(kind) {
            return Ok(Some(kind));
        }
        at = at
            .checked_add(len)
            .filter(|next| *next <= bytes.len())
            .ok_or(Torn(at))?;
    }
    Ok(None)
}

/// The first box's type and length. A length of 0 is to the end of the file.
fn header(bytes: &[u8]) -> Option<(&Kind, usize)> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let (len, least) = match u32::from_be_bytes(*size) {
        0 => (bytes.len() as u64, 8),
        1 => (u64::from_be_bytes(*rest.first_chunk::<8>()?), 16),
        size => (u64::from(size), 8),
    };
    let len = usize::try_from(len).ok().filter(|_| len >= least)?;
    Some((kind, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &str, body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes(), kind.as_bytes(), body].concat()
    }

    #[test]
    fn a_segment_is_whole_boxes_and_the_media_of_each_fragment() {
        let (moof, mdat) = (boxed("moof", &[0; 40]), boxed("mdat", b"obviously clear"));
        let whole = [boxed("styp", b"msdh"), moof.clone(), mdat.clone()].concat();
        assert_eq!(segment_fault(&whole), None);
        for cut in 1..whole.len() {
            assert!(
                segment_fault(&whole[..cut]).is_some() != (cut == 12),
                "{cut}"
            );
        }
        let twice = [whole.clone(), moof].concat();
        let said = segment_fault(&twice).unwrap();
        assert_eq!(said, "ends before the media of its last fragment");
        assert!(segment_fault(b"ID3 and packed audio").is_some());
        assert!(begins_segment(&whole) && !begins_segment(b"RIFFwave"));
        let long = [
            &[0, 0, 0, 1],
            b"mdat".as_slice(),
            &20_u64.to_be_bytes(),
            b"four",
        ]
        .concat();
        let whole = [boxed("moof", b""), long].concat();
        assert_eq!(segment_fault(&whole), None);
        assert!(segment_fault(&whole[..whole.len() - 1]).is_some());
        let short = [boxed("moof", b""), [0, 0, 0, 7].to_vec(), b"mdat".to_vec()].concat();
        let said = segment_fault(&short).unwrap();
        assert_eq!(said, "ends within the MP4 box at byte 8");
    }

    #[test]
    fn an_initialisation_section_holds_no_media() {
        let section = [boxed("ftyp", b"iso5"), boxed("moov", &[0; 30])].concat();
        assert_eq!(section_fault(&section), None);
        for kind in ["mdat", "moof", "emsg", "\u{1}\u{2}\u{3}\u{4}"] {
            let fault = section_fault(&[section.clone(), boxed(kind, b"x")].concat());
            assert!(
                fault.is_some_and(|why| why.contains("holds a box")),
                "{kind}"
            );
        }
        assert!(section_fault(&section[..section.len() - 1]).is_some());
        assert!(section_fault(b"").is_some());
        assert!(section_fault(&[0x47; 188]).is_some());
        assert_eq!(section_fault(b"WEBVTT\n\nSTYLE\n"), None);
        assert!(section_fault(b"WEBVTT\n\n0:00.0 --> 0:01.0\nhello\n").is_some());
    }
}
