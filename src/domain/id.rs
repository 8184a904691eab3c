//! Identifiers, parsed once at the edge and trusted from there on.
//!
//! Must not know: whether a stream or a key exists.

use std::fmt;
use std::str::FromStr;

use super::Entropy;

/// Why a text is not an identifier. The message may be shown to the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A stream id has 1 to 8 parts.
    #[error("a stream id has 1 to 8 parts separated by '/', this has {0}")]
    Parts(usize),
    /// One part is empty, too long, `.`/`..`, or holds a character outside `[A-Za-z0-9._~:@-]`.
    #[error(
        "part {0} of the stream id must be 1 to 64 of A-Z a-z 0-9 . _ ~ : @ - and not '.' or '..'"
    )]
    Part(usize),
    /// The last part is the name of a sub-resource, so a route could not tell them apart.
    #[error("a stream id must not end in '{0}', which names a sub-resource")]
    Reserved(&'static str),
    /// Not a lower-case hyphenated UUID.
    #[error("a key id is a UUID in lower-case hyphenated form")]
    Kid,
    /// Not a hyphenated UUID.
    #[error("a packager's kid is a UUID in hyphenated form")]
    Brought,
    /// A rendition is a relative path without empty, `.` or `..` parts.
    #[error("a rendition is a relative path without empty, '.' or '..' parts, at most 512 bytes")]
    Rendition,
}

/// The most parts a stream id may have.
const MAX_PARTS: usize = 8;
/// The longest part of a stream id, in bytes.
const MAX_PART: usize = 64;
/// Sub-resources of `/v1/streams/{stream}`: a stream's last part may be none of them.
const RESERVED: [&str; 14] = [
    "schedule",
    "rotate",
    "progress",
    "ffmpeg.keyinfo",
    "key",
    "wowza.key",
    "shaka",
    "nginx-vod.json",
    "cpix",
    "keys",
    "bento4",
    "google.json",
    "gpac.xml",
    "flussonic.key",
];

/// A stream's name: a path such as `live/news` or `live/_definst_/mp4:match`.
///
/// 1–8 parts of `[A-Za-z0-9._~:@-]{1,64}`, none of them `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(Box<str>);

impl StreamId {
    /// The id as it stands in paths.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts, first to last.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Whether one of the two is a path prefix of the other (equal ids are not).
    pub fn nests_with(&self, other: &Self) -> bool {
        is_below(&self.0, &other.0) || is_below(&other.0, &self.0)
    }

    /// Every proper path prefix, longest first: `a/b/c` gives `a/b`, `a`.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        let mut rest: &str = &self.0;
        std::iter::from_fn(move || {
            rest = &rest[..rest.rfind('/')?];
            Some(Self(rest.into()))
        })
    }
}

fn is_below(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor)
        .is_some_and(|rest| rest.starts_with('/'))
}

impl FromStr for StreamId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let count = text.split('/').count();
        if count > MAX_PARTS {
            return Err(IdError::Parts(count));
        }
        if let Some(bad) = text.split('/').position(|part| !is_part(part)) {
            return Err(IdError::Part(bad + 1));
        }
        let last = text.rsplit('/').next().unwrap_or_default();
        match RESERVED.iter().find(|name| **name == last) {
            Some(name) => Err(IdError::Reserved(name)),
            None => Ok(Self(text.into())),
        }
    }
}

/// Whether `part` may stand between two slashes of a stream id.
pub(super) fn is_part(part: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._~:@-".contains(&b);
    (1..=MAX_PART).contains(&part.len()) && part.bytes().all(allowed) && part != "." && part != ".."
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key's public name: a random UUID, version 4. One kid, one key, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kid(uuid::Uuid);

impl Kid {
    /// Draws a new one (RFC 9562 §5.4).
    pub fn random(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes);
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// The 16 bytes, as the store and grants hold them.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// From the 16 bytes that [`Self::as_bytes`] gave.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }
}

impl FromStr for Kid {
    type Err = IdError;

    /// Only the canonical text is accepted, so that one key has one URI.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let kid = uuid::Uuid::try_parse(text).map_err(|_| IdError::Kid)?;
        (kid.hyphenated().to_string() == text)
            .then_some(Self(kid))
            .ok_or(IdError::Kid)
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// The name that a packager has for a key, a UUID. It is known only inside its stream: two streams
/// may bring the same one, and no player ever sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BroughtKid(uuid::Uuid);

impl BroughtKid {
    /// A name made of a digest, of its first sixteen bytes (RFC 9562 §5.8: version 8).
    #[must_use]
    pub fn of_digest(digest: [u8; 32]) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl FromStr for BroughtKid {
    type Err = IdError;

    /// Upper-case digits are the same as lower-case ones (RFC 9562 §4).
    fn from_str(text: &str) -> Result<Self, IdError> {
        let kid = uuid::Uuid::try_parse(text).map_err(|_| IdError::Brought)?;
        (kid.hyphenated().to_string() == text.to_ascii_lowercase())
            .then_some(Self(kid))
            .ok_or(IdError::Brought)
    }
}

impl fmt::Display for BroughtKid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// A media playlist's path relative to the source's root, such as `v0/index.m3u8`, with `/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rendition(Box<str>);

impl Rendition {
    /// The path, UTF-8, as it enters the IV derivation.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Rendition {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = |part: &str| part.is_empty() || part == "." || part == "..";
        if text.len() > 512 || text.split('/').any(bad) || text.contains(['\0', '\\']) {
            return Err(IdError::Rendition);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Rendition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one request in logs and problem documents: 16 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId(u64);

impl RequestId {
    /// Draws a new one.
    pub fn random(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes);
        Self(u64::from_be_bytes(bytes))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_ids_hold_to_the_grammar() {
        for good in [
            "a",
            "live/news",
            "live/_definst_/mp4:match",
            "a/b/c/d/e/f/g/h",
            "x~@-.y",
        ] {
            assert_eq!(good.parse::<StreamId>().unwrap().as_str(), good);
        }
        let long = "a".repeat(65);
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            ".",
            "a/..",
            "a b",
            "ä",
            "a%2fb",
            long.as_str(),
        ] {
            assert!(bad.parse::<StreamId>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "1/2/3/4/5/6/7/8/9".parse::<StreamId>(),
            Err(IdError::Parts(9))
        );
        assert_eq!(
            "live/rotate".parse::<StreamId>(),
            Err(IdError::Reserved("rotate"))
        );
        assert!("rotate/live".parse::<StreamId>().is_ok());
    }

    #[test]
    fn nesting_is_by_whole_parts() {
        let id = |text: &str| text.parse::<StreamId>().unwrap();
        assert!(id("a/b").nests_with(&id("a")) && id("a").nests_with(&id("a/b")));
        assert!(!id("a/b").nests_with(&id("a/bc")) && !id("a").nests_with(&id("a")));
        let ancestors: Vec<_> = id("a/b/c").ancestors().map(|a| a.to_string()).collect();
        assert_eq!(ancestors, ["a/b", "a"]);
    }

    #[test]
    fn a_kid_has_one_spelling() {
        let text = "0b5f3f0e-1c9c-4f7e-9d3a-000000000001";
        assert_eq!(text.parse::<Kid>().unwrap().to_string(), text);
        for other in [
            text.to_uppercase(),
            text.replace('-', ""),
            format!("{{{text}}}"),
        ] {
            assert_eq!(other.parse::<Kid>(), Err(IdError::Kid), "{other}");
        }
    }
}
