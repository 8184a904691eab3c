//! EXT-X-KEY (§4.4.4.4): what the source says, and the tag that we write.
//!
//! Must not know: keys and how IVs are made; both come as text.

use super::PlaylistError;
use super::attribute;
use super::tag::Tag;
use super::text::{Line, Text};

/// FFmpeg's bound on a URL, its closing zero included.
const MAX_URI: usize = 4096;

/// Whether the tag says that what follows is clear: METHOD=NONE. Any other METHOD, known or not,
/// is encryption.
pub(super) fn is_clear(text: &Text, line: &Line) -> Result<bool, PlaylistError> {
    let malformed = |_| PlaylistError::Attributes {
        tag: Tag::Key.name(),
        line: line.number,
    };
    let list = text.attributes(line).map_err(malformed)?;
    Ok(attribute::value(&list, "METHOD") == Some("NONE"))
}

/// The tag line for one segment, without its line end: METHOD, URI and IV and no more. KEYFORMAT
/// would ask for version 5 and says nothing new.
pub(super) fn tag(uri: &str, iv: Option<&str>) -> String {
    let name = Tag::Key.name();
    match iv {
        Some(iv) => format!("#{name}:METHOD=AES-128,URI=\"{uri}\",IV={iv}"),
        None => format!("#{name}:METHOD=AES-128,URI=\"{uri}\""),
    }
}

/// Whether every player reads this URI as it is meant: visible ASCII without a quote or a comma,
/// no variable reference, and no text that looks like another attribute, which media3 would find
/// inside the URI.
pub(super) fn is_safe_uri(uri: &str) -> bool {
    let visible = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b',');
    let traps = ["{$", "IV=", "METHOD=", "KEYFORMAT="];
    (1..MAX_URI).contains(&uri.len())
        && uri.bytes().all(visible)
        && !traps.iter().any(|trap| uri.contains(trap))
}

/// `0x` and exactly 32 lower-case hex digits: Shaka refuses fewer, GStreamer would ignore them,
/// and one IV has one spelling.
pub(super) fn is_iv(iv: &str) -> bool {
    let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    iv.strip_prefix("0x")
        .is_some_and(|digits| digits.len() == 32 && digits.bytes().all(hex))
}
