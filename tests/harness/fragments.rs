//! Made-up fragmented MP4, whole in its boxes; every media byte says in clear text what it is.
//!
//! Must not know: encryption.

use std::ops::Range;

use super::packager::MARK;

/// One ISO box.
pub(crate) fn boxed(kind: &str, body: &[u8]) -> Vec<u8> {
    let size = body.len() as u32 + 8;
    [&size.to_be_bytes(), kind.as_bytes(), body].concat()
}

/// An initialisation section, another one for each `what`.
pub(crate) fn section(what: &str) -> Vec<u8> {
    [boxed("ftyp", b"iso6"), boxed("moov", what.as_bytes())].concat()
}

/// The clear bytes of a segment, of another length for each number.
pub(crate) fn fragment(rendition: &str, msn: u64) -> Vec<u8> {
    let text = format!("{MARK} {rendition} {msn} ").repeat(20 + msn as usize % 7);
    let moof = boxed("moof", &msn.to_be_bytes());
    [moof, boxed("mdat", text.as_bytes())].concat()
}

/// What stands before a segment in its playlist, and its URI.
pub(crate) type Lines<'a> = &'a dyn Fn(u64) -> (String, String);

/// A playlist of one-second segments.
pub(crate) fn listing(numbers: Range<u64>, head: &str, lines: Lines<'_>, end: &str) -> String {
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:{}\n{head}",
        numbers.start
    );
    for msn in numbers {
        let (before, uri) = lines(msn);
        text += &format!("{before}#EXTINF:1.000,\n{uri}\n");
    }
    text + end
}
