//! EXT-X-DEFINE (§4.4.2.3) and the variables in URIs (§4.3).
//!
//! Must not know: which URI names what.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::PlaylistError;
use super::attribute;
use super::tag::Tag;
use super::text::{Line, Text};

/// What a multivariant playlist defines for its children, by name.
pub type Definitions = BTreeMap<String, String>;

/// The variables that lines further down may use.
#[derive(Debug)]
pub(super) struct Variables<'a> {
    /// What EXT-X-DEFINE with IMPORT may name.
    imports: &'a Definitions,
    known: HashMap<String, Value>,
    has_imports: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Said(String),
    Imported(String),
    /// Only the player knows it: a query parameter, or no multivariant playlist defines it.
    Unknown,
}

/// Where the values that were put into a text come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct From {
    /// From the multivariant playlist.
    pub(super) imports: bool,
    /// One is missing.
    pub(super) unknown: bool,
}

impl<'a> Variables<'a> {
    pub(super) fn new(imports: &'a Definitions) -> Self {
        Self {
            imports,
            known: HashMap::new(),
            has_imports: false,
        }
    }

    /// Reads an EXT-X-DEFINE: exactly one of NAME with VALUE, IMPORT, QUERYPARAM, and no name
    /// twice.
    pub(super) fn read(&mut self, text: &Text, line: &Line) -> Result<(), PlaylistError> {
        let malformed = || PlaylistError::Attributes {
            tag: Tag::Define.name(),
            line: line.number,
        };
        let list = text.attributes(line).map_err(|_| malformed())?;
        let quoted = |name| attribute::quoted(&list, name);
        let (name, value) = match (quoted("NAME"), quoted("IMPORT"), quoted("QUERYPARAM")) {
            (Some(name), None, None) => {
                let value = quoted("VALUE").ok_or_else(malformed)?;
                (name, Value::Said(value.to_owned()))
            }
            (None, Some(name), None) => {
                self.has_imports = true;
                let value = self.imports.get(name).cloned();
                (name, value.map_or(Value::Unknown, Value::Imported))
            }
            (None, None, Some(name)) => (name, Value::Unknown),
            _ => return Err(malformed()),
        };
        let is_new = self.known.insert(name.to_owned(), value).is_none();
        (is_new && is_name(name))
            .then_some(())
            .ok_or_else(malformed)
    }

    /// Whether an EXT-X-DEFINE with IMPORT was met.
    pub(super) fn has_imports(&self) -> bool {
        self.has_imports
    }

    /// `text` with the values of its variables, each put in once, and where they come from.
    pub(super) fn put_in<'t>(&self, text: &'t str) -> (Cow<'t, str>, From) {
        let mut from = From::default();
        if !text.contains("{$") {
            return (Cow::Borrowed(text), from);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("{$") {
            let (before, reference) = rest.split_at(at);
            out.push_str(before);
            match reference[2..].split_once('}') {
                Some((name, after)) if is_name(name) => {
                    out.push_str(self.value(name, &mut from));
                    rest = after;
                }
                _ => {
                    out.push_str("{$");
                    rest = &reference[2..];
                }
            }
        }
        out.push_str(rest);
        (Cow::Owned(out), from)
    }

    /// What a multivariant playlist says for its children.
    pub(super) fn into_definitions(self) -> Definitions {
        let said = self.known.into_iter().filter_map(|(name, value)| {
            let Value::Said(value) = value else {
                return None;
            };
            Some((name, value))
        });
        said.collect()
    }

    fn value(&self, name: &str, from: &mut From) -> &str {
        match self.known.get(name) {
            Some(Value::Said(value)) => value,
            Some(Value::Imported(value)) => {
                from.imports = true;
                value
            }
            Some(Value::Unknown) | None => {
                from.unknown = true;
                ""
            }
        }
    }
}

/// §4.4.2.3: letters, digits, `-` and `_`.
fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    !name.is_empty() && name.bytes().all(allowed)
}
