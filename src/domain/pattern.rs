//! Stream patterns: `*` is one part, `**` any number of parts.
//!
//! Must not know: who holds a pattern, or what it allows.

use std::fmt;
use std::str::FromStr;

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
    /// Whether `stream` is one of the streams meant.
    pub fn matches(&self, stream: &StreamId) -> bool {
        let pattern: Vec<&str> = self.0.split('/').collect();
        let parts: Vec<&str> = stream.parts().collect();
        matches(&pattern, &parts)
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A stream id has at most 8 parts and a pattern as many, so the recursion is shallow.
fn matches(pattern: &[&str], parts: &[&str]) -> bool {
    match (pattern.split_first(), parts.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => {
            matches(rest, parts)
                || parts
                    .split_first()
                    .is_some_and(|(_, tail)| matches(pattern, tail))
        }
        (Some((head, rest)), Some((part, tail))) => {
            (*head == "*" || head == part) && matches(rest, tail)
        }
        _ => false,
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
    fn partial_wildcards_are_refused() {
        for bad in ["", "live*", "a/***", "a//b", "a/../b", "/a", "a/"] {
            assert!(bad.parse::<StreamPattern>().is_err(), "{bad:?}");
        }
    }
}
