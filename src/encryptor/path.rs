//! File names as playlists give them: URIs resolved to paths beneath a root.
//!
//! Must not know: which root, or whether the file exists.

use std::fmt;

/// A file beneath a root: `/` between its parts, none of them empty, `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Beneath(Box<str>);

/// Why a URI names no file that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PathError {
    /// It has a scheme, a host or a leading slash.
    #[error("it is not relative to its playlist")]
    Absolute,
    /// It climbs above the root.
    #[error("it leads out of the source")]
    Escapes,
    /// It is empty, badly encoded, or holds a control character or a backslash.
    #[error("it is not a well-formed relative URI")]
    Malformed,
    /// It uses a variable of `EXT-X-DEFINE`.
    #[error("it uses a variable")]
    Variable,
    /// Its name is one that this program uses itself.
    #[error("its name is kept for playlists, or for files of hlskey's own")]
    Reserved,
    /// More than 512 bytes.
    #[error("it is longer than 512 bytes")]
    Long,
}

const MAX_LEN: usize = 512;
/// Unfinished files, and what is written down in a sink, begin so.
const OWN: &str = ".hlskey-";

impl Beneath {
    /// A path that a directory walk found; `None` if a playlist could not name it.
    pub(super) fn found(text: &str) -> Option<Self> {
        let bad = |part: &str| part.is_empty() || part == "." || part == "..";
        let odd = |c: char| c.is_control() || c == '\\';
        let good = text.len() <= MAX_LEN && !text.contains(odd) && !text.split('/').any(bad);
        good.then(|| Self(text.into()))
    }

    /// What `uri`, written in the playlist at `self`, names. Its query and fragment are no part
    /// of the name.
    pub(super) fn resolve(&self, uri: &str) -> Result<Self, PathError> {
        if uri.contains("{$") {
            return Err(PathError::Variable);
        }
        let name = name_part(uri);
        if name.starts_with('/') || has_scheme(name) {
            return Err(PathError::Absolute);
        }
        let name = decode(name).ok_or(PathError::Malformed)?;
        let mut parts: Vec<&str> = self.0.split('/').collect();
        parts.pop();
        for part in name.split('/') {
            match part {
                "" => return Err(PathError::Malformed),
                "." => {}
                ".." => drop(parts.pop().ok_or(PathError::Escapes)?),
                _ => parts.push(part),
            }
        }
        let path = parts.join("/");
        if path.len() > MAX_LEN {
            return Err(PathError::Long);
        }
        Self::found(&path).ok_or(PathError::Malformed)
    }

    /// Like [`Self::resolve`], for a segment: never a playlist's or a temporary file's name.
    pub(super) fn resolve_segment(&self, uri: &str) -> Result<Self, PathError> {
        let path = self.resolve(uri)?;
        if path.is_playlist() || path.file_name().starts_with(OWN) {
            Err(PathError::Reserved)
        } else {
            Ok(path)
        }
    }

    /// The whole path.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part.
    pub(super) fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The parts before the last, first to last.
    pub(super) fn folders(&self) -> impl Iterator<Item = &str> {
        let folder = self.folder();
        folder.split('/').filter(|part| !part.is_empty())
    }

    /// Everything before the last slash, or nothing.
    pub(super) fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// What stands after the name's last dot.
    pub(super) fn extension(&self) -> &str {
        self.file_name().rsplit_once('.').map_or("", |(_, end)| end)
    }

    /// What the name says that it is: `playlist` or `segment`.
    pub(super) fn kind(&self) -> &'static str {
        if self.is_playlist() {
            "playlist"
        } else {
            "segment"
        }
    }

    /// Whether the name says that it is a playlist.
    pub(super) fn is_playlist(&self) -> bool {
        is_playlist(self.file_name())
    }
}

impl fmt::Display for Beneath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a file of this name is a playlist (RFC 8216 §4).
pub(super) fn is_playlist(name: &str) -> bool {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    end.eq_ignore_ascii_case("m3u8") || end.eq_ignore_ascii_case("m3u")
}

/// The name of the sink's unfinished file with this serial number.
pub(super) fn temporary(serial: u64) -> String {
    format!("{OWN}{serial}.tmp")
}

/// Whether a file of this name is one of the sink's unfinished ones.
pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with(OWN) && name.ends_with(".tmp")
}

/// `uri` with `-{number}` before its extension: the name of a segment whose own name is taken.
pub(super) fn numbered(uri: &str, number: u64) -> String {
    tagged(uri, &number.to_string())
}

/// `uri` with `-{tag}` before its extension. A space, which packagers write as it is, is encoded: a
/// name that is made up is a URI.
pub(super) fn tagged(uri: &str, tag: &str) -> String {
    let name = name_part(uri);
    let file_at = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name[file_at..].rfind('.').filter(|at| *at > 0);
    let at = dot.map_or(name.len(), |dot| file_at + dot);
    format!("{}-{tag}{}", &uri[..at], &uri[at..]).replace(' ', "%20")
}

fn name_part(uri: &str) -> &str {
    uri.split(['?', '#']).next().unwrap_or(uri)
}

/// RFC 3986 §3.1: a letter, then letters, digits, `+`, `-`, `.`, up to a colon.
fn has_scheme(name: &str) -> bool {
    let Some((scheme, _)) = name.split_once(':') else {
        return false;
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// Percent-decoding (RFC 3986 §2.1). An encoded slash is refused: it would be another path.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            let plain = digits.bytes().all(|b| b.is_ascii_hexdigit());
            let byte = u8::from_str_radix(digits, 16).ok()?;
            if !plain || byte == b'/' {
                return None;
            }
            bytes.push(byte);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_v0(uri: &str) -> Result<String, PathError> {
        let playlist = Beneath::found("v0/index.m3u8").unwrap();
        playlist.resolve_segment(uri).map(|path| path.to_string())
    }

    #[test]
    fn uris_resolve_beneath_the_root() {
        let same = |uri: &str, path: &str| assert_eq!(in_v0(uri).as_deref(), Ok(path), "{uri}");
        same("seg1.ts", "v0/seg1.ts");
        same("./a/seg1.ts?x=../y#z", "v0/a/seg1.ts");
        same("../v1/s.ts", "v1/s.ts");
        same("a%20b%2Ets", "v0/a b.ts");
        same("12:30:00.ts", "v0/12:30:00.ts");
        same("é.ts", "v0/é.ts");
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        let refused = |uri: &str, why| assert_eq!(in_v0(uri), Err(why), "{uri}");
        refused("/etc/passwd", PathError::Absolute);
        refused("https://a/b.ts", PathError::Absolute);
        refused("file:x.ts", PathError::Absolute);
        refused("//host/x.ts", PathError::Absolute);
        refused("../../x.ts", PathError::Escapes);
        refused("%2e%2e/../x.ts", PathError::Escapes);
        refused("..%2f..%2fx.ts", PathError::Malformed);
        for uri in ["", "?x", "a//b.ts", "a%zz", "a%+1", "a%", "a\\b.ts", "a%00"] {
            refused(uri, PathError::Malformed);
        }
        refused("{$x}.ts", PathError::Variable);
        refused("index.m3u8", PathError::Reserved);
        refused("LIST.M3U", PathError::Reserved);
        refused(&temporary(7), PathError::Reserved);
        refused(".hlskey-writer.json", PathError::Reserved);
        refused(&"a".repeat(600), PathError::Long);
    }

    #[test]
    fn numbers_go_before_the_extension() {
        for (uri, expected) in [
            ("a.ts", "a-7.ts"),
            ("x.d/a", "x.d/a-7"),
            ("x/.a", "x/.a-7"),
            ("a.b.ts?q=1.2#f", "a.b-7.ts?q=1.2#f"),
            ("my a.ts", "my%20a-7.ts"),
        ] {
            assert_eq!(numbered(uri, 7), expected);
        }
    }
}
