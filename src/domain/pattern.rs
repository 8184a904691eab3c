//! Stream patterns: `*` is one part, `**` any number of parts.
//!
//! Must not know: who holds a pattern, or what it allows.

use std::fmt;
use std::str::{FromStr, Split};

use super::StreamId;
use super::id::is_part;

/// Which streams something applies to, such as `live/*` or `demo/**`.
///
/// `*` stands for exactly one part, `**` for any number of parts, none included.
/// A wildcard is a whole part: `live*` is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StreamPattern(Box<str>);

/// The pattern has an empty part, a partial wildcard or a character no stream id can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a stream pattern: parts are '*', '**' or as in a stream id")]
pub struct PatternError(String);

impl StreamPattern {
    /// Every stream: `**`.
    pub fn any() -> Self {
        Self("**".into())
    }

    /// Whether `stream` is one of the streams meant.
    pub fn matches(&self, stream: &StreamId) -> bool {
        takes_in(self.0.split('/'), stream.as_str().split('/'))
    }

    /// Whether every stream that `other` means is also one of these. It may say no where two
    /// wildcards stand in another order (`*/**` and `**/*`), never yes where a stream is left out.
    pub fn contains(&self, other: &Self) -> bool {
        takes_in(self.0.split('/'), other.0.split('/'))
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `parts`, of a stream id or of a narrower pattern, fall under `pattern`. Either has at
/// most 8 parts, so the recursion is shallow.
fn takes_in(mut pattern: Split<'_, char>, mut parts: Split<'_, char>) -> bool {
    match pattern.next() {
        None => parts.next().is_none(),
        Some("**") => loop {
            if takes_in(pattern.clone(), parts.clone()) {
                return true;
            }
            if parts.next().is_none() {
                return false;
            }
        },
        Some(head) => match parts.next() {
            Some(part) if head == part || (head == "*" && part != "**") => takes_in(pattern, parts),
            _ => false,
        },
    }
}

impl From<&StreamId> for StreamPattern {
    /// The pattern that means this stream alone; no stream id has a wildcard.
    fn from(stream: &StreamId) -> Self {
        Self(stream.as_str().into())
    }
}

impl FromStr for StreamPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let valid = |part: &str| part == "*" || part == "**" || is_part(part);
        if text.split('/').count() > 8 || !text.split('/').all(valid) {
            return Err(PatternError(text.to_owned()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for StreamPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for StreamPattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_whole_parts() {
        let cases = [
            ("live/*", "live/a", true),
            ("live/*", "live8/a", false),
            ("live/*", "live", false),
            ("live/*", "live/a/b", false),
            ("demo/**", "demo", true),
            ("demo/**", "demo/a/b/c", true),
            ("demo/**", "demo2/a", false),
            ("**", "anything/at/all", true),
            ("**/hd", "a/b/hd", true),
            ("**/hd", "a/b/sd", false),
            ("a/**/z", "a/z", true),
            ("a/b", "a/b", true),
        ];
        for (pattern, stream, expected) in cases {
            let pattern: StreamPattern = pattern.parse().unwrap();
            assert_eq!(
                pattern.matches(&stream.parse().unwrap()),
                expected,
                "{pattern} {stream}"
            );
        }
    }

    #[test]
    fn a_pattern_contains_only_what_it_wholly_means() {
        let cases = [
            ("**", "a/*/c", true),
            ("**", "**", true),
            ("a/**", "a/b/**", true),
            ("a/**", "a", true),
            ("a/**", "a/**", true),
            ("a/*", "a/*", true),
            ("a/*", "a/b", true),
            ("**/z", "**/y/z", true),
            ("a/*", "a/**", false),
            ("a/*", "*/a", false),
            ("a/**", "**", false),
            ("a/**", "b/**", false),
            ("a/b", "a/*", false),
        ];
        for (wide, narrow, expected) in cases {
            let pattern = |text: &str| text.parse::<StreamPattern>().unwrap();
            let found = pattern(wide).contains(&pattern(narrow));
            assert_eq!(found, expected, "{wide} {narrow}");
        }
    }

    #[test]
    fn partial_wildcards_are_refused() {
        for bad in ["", "live*", "a/***", "a//b", "a/../b", "/a", "a/"] {
            assert!(bad.parse::<StreamPattern>().is_err(), "{bad:?}");
        }
    }
}
