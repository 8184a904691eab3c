//! The text that Wowza's SecureToken hashes: path, `?`, and the sorted items.
//!
//! What is sorted how, and whether values are hashed as received or decoded, no publication says;
//! so the few readings that generators in use have are all tried, and none that would let one
//! parameter pass for two.
//!
//! Must not know: the clock, or which hash.

use std::borrow::Cow;

use crate::access::scheme::request::{decoded, is_plain_path, pairs};

/// One parameter of the token: the whole name, the value as received.
pub(super) type Parameter<'a> = (&'a str, &'a str);

/// The parameters as a signer may have hashed them. What a token says is what stands in the reading whose
/// hash it has: a URL has many spellings of one value, the hashed text has one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reading<'a>(Vec<(&'a str, Cow<'a, str>)>);

/// The parameters whose names begin with `prefix`, and the value of `{prefix}hash`.
#[derive(Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) parameters: Vec<Parameter<'a>>,
    pub(super) hash: &'a str,
}

/// A parameter stands there twice: nobody can say which one counts.
#[derive(Debug, PartialEq)]
pub(super) struct Twice;

impl<'a> Token<'a> {
    /// `None` if no parameter has the prefix.
    pub(super) fn find(query: &'a str, prefix: &str) -> Result<Option<Self>, Twice> {
        let mut token = Self {
            parameters: Vec::new(),
            hash: "",
        };
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in pairs(query).filter(|(name, _)| name.starts_with(prefix)) {
            if seen.contains(&name) {
                return Err(Twice);
            }
            seen.push(name);
            match &name[prefix.len()..] {
                "hash" => token.hash = value,
                _ => token.parameters.push((name, value)),
            }
        }
        Ok((!seen.is_empty()).then_some(token))
    }

    /// The value of `{prefix}{name}`.
    pub(super) fn value(&self, prefix: &str, name: &str) -> Option<&'a str> {
        let is_it = |(found, _): &&Parameter<'_>| found.strip_prefix(prefix) == Some(name);
        self.parameters.iter().find(is_it).map(|(_, value)| *value)
    }
}

impl<'a> Reading<'a> {
    /// The values as received, which is the usual one.
    pub(super) fn received(parameters: &[Parameter<'a>]) -> Self {
        let each = parameters.iter();
        Self(
            each.map(|(name, value)| (*name, Cow::Borrowed(*value)))
                .collect(),
        )
    }

    /// The value of `{prefix}{name}`.
    pub(super) fn value(&self, prefix: &str, name: &str) -> Option<&str> {
        let is_it = |(found, _): &&(&str, Cow<'_, str>)| found.strip_prefix(prefix) == Some(name);
        self.0.iter().find(is_it).map(|(_, value)| &**value)
    }
}

/// A text to be hashed, in its parts: the shared secret is one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) path: String,
    pub(super) items: Vec<String>,
}

impl Text {
    /// As it is hashed.
    pub(super) fn joined(&self) -> String {
        format!("{}?{}", self.path, self.items.join("&"))
    }
}

/// The texts that a signer may have hashed for the stream's path; the first is the usual one.
///
/// `bare` are the items without a name: the shared secret, and the client's address if it counts.
pub(super) fn texts(
    stream: &str,
    bare: &[&str],
    reading: &Reading<'_>,
) -> impl Iterator<Item = Text> + use<> {
    of_paths(&paths(stream), bare, reading)
}

/// The same for these paths, whatever they are.
pub(super) fn of_paths(
    paths: &[Cow<'_, str>],
    bare: &[&str],
    reading: &Reading<'_>,
) -> impl Iterator<Item = Text> + use<> {
    let mut texts: Vec<Text> = Vec::new();
    for items in [by_item(bare, reading), by_name(bare, reading)] {
        for path in paths {
            let text = Text {
                path: path.to_string(),
                items: items.clone(),
            };
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
    }
    texts.into_iter()
}

/// The path as received, and decoded where that hides nothing.
pub(super) fn paths(path: &str) -> Vec<Cow<'_, str>> {
    let mut paths = vec![Cow::Borrowed(path)];
    if let Some(plain) = decoded(path).filter(|plain| plain != path && is_plain_path(path)) {
        paths.push(plain);
    }
    paths
}

/// The values as received, and decoded once (with a plus as itself, and as the space of a form)
/// where that neither ends a value nor brings a second one.
pub(super) fn readings<'a>(parameters: &[Parameter<'a>]) -> Vec<Reading<'a>> {
    let mut readings = vec![Reading::received(parameters)];
    for plus in ["+", " "] {
        let reading = parameters.iter().map(|(name, value)| {
            let value = harmless(&value.replace('+', plus))?;
            Some((*name, Cow::Owned(value)))
        });
        if let Some(reading) = reading.collect::<Option<Vec<_>>>().map(Reading)
            && !readings.contains(&reading)
        {
            readings.push(reading);
        }
    }
    readings
}

fn harmless(value: &str) -> Option<String> {
    let plain = decoded(value)?;
    (!plain.contains(separates)).then(|| plain.into_owned())
}

/// Whether a name or a value holds, percent-encoded, what would make two parameters of it.
pub(super) fn hides_separator(parameters: &[Parameter<'_>]) -> bool {
    let in_value = |text: &str| decoded(text).is_some_and(|plain| plain.contains(separates));
    let in_name = |text: &str| decoded(text).is_some_and(|plain| plain.contains('='));
    let mut all = parameters.iter();
    all.any(|(name, value)| in_value(value) || in_value(name) || in_name(name))
}

fn separates(c: char) -> bool {
    c.is_control() || matches!(c, '&' | '?' | '#')
}

/// Whole items in the order of their bytes, as the Perl, Python and Ruby examples have it.
fn by_item(bare: &[&str], reading: &Reading<'_>) -> Vec<String> {
    let mut items = items(bare, reading);
    items.sort_unstable_by(|(_, a), (_, b)| a.cmp(b));
    items.into_iter().map(|(_, item)| item).collect()
}

/// In the order of the names, as PHP's `ksort` has it: another one where a name continues another
/// with a byte that sorts before `=`.
fn by_name(bare: &[&str], reading: &Reading<'_>) -> Vec<String> {
    let mut items = items(bare, reading);
    items.sort_unstable();
    items.into_iter().map(|(_, item)| item).collect()
}

/// Each with what it is sorted by; a bare item is its own name.
fn items(bare: &[&str], reading: &Reading<'_>) -> Vec<(String, String)> {
    let bare = bare
        .iter()
        .map(|item| ((*item).to_owned(), (*item).to_owned()));
    let named = reading
        .0
        .iter()
        .map(|(name, value)| ((*name).to_owned(), format!("{name}={value}")));
    bare.chain(named).collect()
}
