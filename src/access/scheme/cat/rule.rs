//! What a claim demands of a text, such as a part of the URL or a header's value.
//!
//! Must not know: which text.

use regex::bytes::{Regex, RegexBuilder};
use subtle::ConstantTimeEq as _;

use super::cbor::Item;
use crate::crypto::{sha256, sha512_256};

/// The longest regular expression, in bytes.
const LONGEST_PATTERN: usize = 512;
/// What one may take when it is compiled, and what its automaton may take while it runs, in bytes.
const PATTERN_BYTES: usize = 32 << 10;

/// Conditions, at least one; each must hold.
#[derive(Debug)]
pub(super) struct Rule(Vec<Condition>);

#[derive(Debug)]
enum Condition {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Contains(String),
    Matches(Pattern),
    Sha256(Vec<u8>),
    Sha512_256(Vec<u8>),
}

/// A regular expression, found anywhere in the text, and what its groups must then have caught.
#[derive(Debug)]
struct Pattern {
    regex: Regex,
    groups: Vec<Option<String>>,
}

impl Rule {
    /// `None` if there is no condition, one that is not known, or one of the wrong type: what
    /// restricts and is not understood would else let everybody in.
    pub(super) fn read(item: &Item<'_>) -> Option<Self> {
        let conditions: Option<Vec<_>> = item.map()?.iter().map(condition).collect();
        conditions.filter(|some| !some.is_empty()).map(Self)
    }

    /// Whether `text` is as demanded.
    pub(super) fn takes(&self, text: &str) -> bool {
        self.0.iter().all(|condition| condition.holds(text))
    }

    /// What the first condition demands that `text` does not meet, without the text that it compares with.
    pub(super) fn unmet(&self, text: &str) -> Option<&'static str> {
        let found = self.0.iter().find(|condition| !condition.holds(text));
        found.map(|condition| condition.demand().0)
    }

    /// The same with that text.
    pub(super) fn unmet_in_full(&self, text: &str) -> Option<String> {
        let found = self.0.iter().find(|condition| !condition.holds(text));
        found.map(|condition| match condition.demand() {
            (demand, Some(other)) => format!("{demand} \"{other}\""),
            (demand, None) => demand.to_owned(),
        })
    }

    /// The same for a text that is in lower case whoever writes it. Expressions and digests are as the
    /// issuer made them.
    pub(super) fn in_lower_case(self) -> Self {
        let lower = |condition| match condition {
            Condition::Exact(text) => Condition::Exact(text.to_ascii_lowercase()),
            Condition::Prefix(text) => Condition::Prefix(text.to_ascii_lowercase()),
            Condition::Suffix(text) => Condition::Suffix(text.to_ascii_lowercase()),
            Condition::Contains(text) => Condition::Contains(text.to_ascii_lowercase()),
            other => other,
        };
        Self(self.0.into_iter().map(lower).collect())
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        let is_pattern = |it: &&Condition| matches!(it, Condition::Matches(_));
        self.0.iter().filter(is_pattern).count() * 2 * PATTERN_BYTES
    }
}

fn condition((kind, value): &(Item<'_>, Item<'_>)) -> Option<Condition> {
    let text = || value.text().map(str::to_owned);
    let digest = || {
        let bytes = value.bytes().filter(|bytes| bytes.len() == 32);
        bytes.map(<[u8]>::to_vec)
    };
    match kind.int()? {
        0 => text().map(Condition::Exact),
        1 => text().map(Condition::Prefix),
        2 => text().map(Condition::Suffix),
        3 => text().map(Condition::Contains),
        4 => pattern(value).map(Condition::Matches),
        -1 => digest().map(Condition::Sha256),
        -2 => digest().map(Condition::Sha512_256),
        _ => None,
    }
}

/// An array: the expression, then a text for each group from the first on, or null for one that
/// takes no part.
fn pattern(value: &Item<'_>) -> Option<Pattern> {
    let (expression, groups) = value.array()?.split_first()?;
    let expression = expression.text().filter(|it| it.len() <= LONGEST_PATTERN)?;
    // By bytes: URLs and headers are ASCII, and what `\d` is must not depend on Unicode.
    let regex = RegexBuilder::new(expression)
        .unicode(false)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .build()
        .ok()?;
    let group = |item: &Item<'_>| match item {
        Item::Text(text) => Some(Some((*text).to_owned())),
        Item::Null => Some(None),
        _ => None,
    };
    let groups: Option<Vec<_>> = groups.iter().map(group).collect();
    let groups = groups.filter(|groups| groups.len() < regex.captures_len())?;
    Some(Pattern { regex, groups })
}

impl Condition {
    /// What it demands, and the text that it compares with where that is one.
    fn demand(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Exact(text) => ("be", Some(text)),
            Self::Prefix(text) => ("begin with", Some(text)),
            Self::Suffix(text) => ("end in", Some(text)),
            Self::Contains(text) => ("contain", Some(text)),
            Self::Matches(_) => ("match the claim's expression", None),
            Self::Sha256(_) => ("have the claim's SHA-256", None),
            Self::Sha512_256(_) => ("have the claim's SHA-512/256", None),
        }
    }

    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Exact(other) => text == other,
            Self::Prefix(start) => text.starts_with(start),
            Self::Suffix(end) => text.ends_with(end),
            Self::Contains(part) => text.contains(part),
            Self::Matches(pattern) => pattern.matches(text),
            Self::Sha256(digest) => sha256(text.as_bytes()).as_slice().ct_eq(digest).into(),
            Self::Sha512_256(digest) => {
                let found = sha512_256(text.as_bytes());
                found.as_slice().ct_eq(digest).into()
            }
        }
    }
}

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        if self.groups.is_empty() {
            return self.regex.is_match(text.as_bytes());
        }
        let Some(caught) = self.regex.captures(text.as_bytes()) else {
            return false;
        };
        let mut groups = self.groups.iter().zip(1..);
        groups.all(|(expected, index)| {
            let found = caught.get(index).map(|it| it.as_bytes());
            found == expected.as_deref().map(str::as_bytes)
        })
    }
}
