//! A file's path as it came in a URL, decoded once and safe to join to a root.
//!
//! Must not know: the root, or which files exist.

/// A relative path of plain parts: none empty, none beginning with `.`, no separator or control
/// character in any. So it holds no `..`, no dotfile and no encoder's temporary file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FilePath(String);

impl FilePath {
    /// From a URL's path behind its prefix, percent-encoding included (RFC 3986 §2.1).
    pub(crate) fn decode(raw: &str) -> Option<Self> {
        let parts: Option<Vec<String>> = raw.split('/').map(decode_part).collect();
        parts.map(|parts| Self(parts.join("/")))
    }

    /// The path, parts joined by `/`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the last dot of the last part, `""` if there is none.
    pub(crate) fn extension(&self) -> &str {
        let name = self.0.rsplit('/').next().unwrap_or_default();
        name.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The file that a relative URI in this one names, if it is one in the same folder or beneath.
    pub(crate) fn beside(&self, uri: &str) -> Option<Self> {
        let raw = uri.split(['?', '#']).next().unwrap_or_default();
        let Self(below) = Self::decode(raw)?;
        let folder = parent(&self.0).map_or(String::new(), |folder| format!("{folder}/"));
        Some(Self(folder + &below))
    }

    /// The folders above the file, longest first: `a/b/c.ts` gives `a/b`, `a`.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(parent(&self.0), |folder| parent(folder))
    }
}

/// Whether a URL's path hides a separator: `%2F`, `%5C`, `\` or a NUL. No path to a file or stream has one.
pub(crate) fn has_encoded_separator(path: &str) -> bool {
    let hidden = |at: usize| {
        let code = path.as_bytes().get(at + 1..at + 3).unwrap_or_default();
        [b"2f", b"5c", b"00"]
            .iter()
            .any(|sep| code.eq_ignore_ascii_case(*sep))
    };
    path.contains('\\') || path.match_indices('%').any(|(at, _)| hidden(at))
}

fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(folder, _)| folder)
}

fn decode_part(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            plain => plain,
        });
    }
    let part = String::from_utf8(bytes).ok()?;
    let plain = !part.is_empty() && !part.starts_with('.');
    let bad = |c: char| c.is_control() || c == '/' || c == '\\';
    (plain && !part.contains(bad)).then_some(part)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_decode() {
        let path = FilePath::decode("live/news/v0/seg%20%31.ts").unwrap();
        assert_eq!(path.as_str(), "live/news/v0/seg 1.ts");
        assert_eq!(path.extension(), "ts");
        let folders: Vec<_> = path.folders().collect();
        assert_eq!(folders, ["live/news/v0", "live/news", "live"]);
        assert_eq!(FilePath::decode("bare").unwrap().extension(), "");
    }

    #[test]
    fn a_uri_in_a_file_names_another_one() {
        let beside = |at: &str, uri: &str| Some(FilePath::decode(at)?.beside(uri)?.0);
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(beside("live/i.m3u8", "p%201.m4s?a=b#c"), is("live/p 1.m4s"));
        assert_eq!(beside("i.m3u8", "v0/p.m4s"), is("v0/p.m4s"));
        for elsewhere in ["../p.m4s", "/p.m4s", "https://cdn/p.m4s", ""] {
            assert_eq!(beside("live/i.m3u8", elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn paths_that_climb_or_hide_are_refused() {
        let bad = [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "..",
            "a/../b",
            "a/%2e%2e/b",
            "a/%2E./b",
            "a/.x.ts",
            "a/%2fetc",
            "a/b%5cc",
            "a\\b",
            "a/%00.ts",
            "a/%zz",
            "a/%2",
            "a/%",
            "a/%ff.ts",
            "a/%0a",
        ];
        for raw in bad {
            assert_eq!(FilePath::decode(raw), None, "{raw:?}");
        }
    }

    #[test]
    fn hidden_separators_are_seen_anywhere() {
        for bad in [
            "/hls/a%2Fb",
            "/hls/a%2fb",
            "/x%5Cy",
            "/x\\y",
            "/%00",
            "/ä%2f",
        ] {
            assert!(has_encoded_separator(bad), "{bad}");
        }
        for good in ["/hls/a/b", "/%20", "/%", "/%2", "/2f", "/ä"] {
            assert!(!has_encoded_separator(good), "{good}");
        }
    }
}
