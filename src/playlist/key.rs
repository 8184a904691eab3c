//! EXT-X-KEY (§4.4.4.4): what the source says, and the tag that we write.
//!
//! Must not know: keys and how IVs are made; both come as text.

use super::PlaylistError;
use super::attribute;
use super::tag::Tag;
use super::text::{Line, Text};

/// FFmpeg's bound on a URL, its closing zero included.
const MAX_URI: usize = 4096;

/// What an EXT-X-KEY says of the segments in its scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyTag {
    /// Its URI as written; empty if it has none.
    pub uri: String,
    /// Its IV as written; `None` for the sequence number.
    pub iv: Option<String>,
}

/// What the tag says; `None` if that is that what follows is clear: METHOD=NONE. Any other
/// METHOD, known or not, is encryption.
pub(super) fn read(text: &Text, line: &Line) -> Result<Option<KeyTag>, PlaylistError> {
    let malformed = |_| PlaylistError::Attributes {
        tag: Tag::Key.name(),
        line: line.number,
    };
    let list = text.attributes(line).map_err(malformed)?;
    let is_clear = attribute::value(&list, "METHOD") == Some("NONE");
    Ok((!is_clear).then(|| KeyTag {
        uri: attribute::quoted(&list, "URI")
            .unwrap_or_default()
            .to_owned(),
        iv: attribute::value(&list, "IV").map(str::to_owned),
    }))
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

/// The tag of a multivariant playlist that has a player fetch a key early (§4.4.6.5).
pub(super) fn session(uri: &str) -> String {
    format!("#{}:METHOD=AES-128,URI=\"{uri}\"", Tag::SessionKey.name())
}

/// The tag line after which nothing is encrypted: METHOD alone (§4.4.4.4).
pub(super) fn none() -> String {
    format!("#{}:METHOD=NONE", Tag::Key.name())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playlist::Playlist;

    #[test]
    fn a_published_list_tells_each_segments_key() {
        let text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n\
            #EXT-X-KEY:METHOD=AES-128,URI=\"https://k/1\",IV=0x01\n#EXTINF:2,\na.ts\n\
            #EXTINF:2,\nb.ts\n#EXT-X-KEY:METHOD=AES-128,URI=\"https://k/2\"\n#EXTINF:2,\nc.ts\n\
            #EXT-X-KEY:METHOD=NONE\n#EXTINF:2,\nd.ts\n";
        let Ok(Playlist::Media(list)) = Playlist::parse(text) else {
            panic!("{text}")
        };
        let key = |uri: &str, iv: Option<&str>| {
            Some(KeyTag {
                uri: uri.to_owned(),
                iv: iv.map(str::to_owned),
            })
        };
        let first = key("https://k/1", Some("0x01"));
        let expected = [first.clone(), first, key("https://k/2", None), None];
        let keys = list.segments().iter().map(|s| s.key.as_deref().cloned());
        let seen: Vec<_> = keys.collect();
        assert_eq!(seen, expected);
    }
}
