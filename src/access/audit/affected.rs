//! What a change is about, beside what the request's path says.
//!
//! Names alone, bounded; nothing that opens anything. Must not know: what was done to it.

use serde_json::{Map, Value, json};

use super::entry::bounded;
use crate::domain::{Kid, Revoked, StreamId, StreamPattern, Timestamp};

/// The most names of a list.
const MOST: usize = 8;
/// The longest name of a token, in bytes: room for a UUID or a hash, and for no token.
const LONGEST_TOKEN: usize = 64;

/// Who or what was changed.
#[derive(Debug, Clone, Default)]
pub struct Affected {
    /// The stream, where the path has none.
    pub(super) stream: Option<StreamId>,
    /// The key, where the path has none.
    pub(super) kid: Option<Kid>,
    names: Map<String, Value>,
}

impl Affected {
    /// A key, and its stream where it is known.
    pub fn key(kid: Kid, stream: Option<StreamId>) -> Self {
        Self {
            kid: Some(kid),
            ..Self::default().at(stream)
        }
    }

    /// Whoever is revoked, of which scheme and until when.
    pub fn revoked(revoked: &Revoked, scheme: Option<&str>, until: Option<Timestamp>) -> Self {
        let affected = match revoked {
            Revoked::Viewer(name) => Self::default().with("viewer", name),
            Revoked::Session(name) => Self::default().with("session", name),
            Revoked::Token(name) => {
                let end = name.floor_char_boundary(LONGEST_TOKEN);
                Self::default().with("token", &name[..end])
            }
            Revoked::Before(moment) => Self::default().with("before", &moment.to_string()),
        };
        let until = until.map(|until| until.to_string());
        let terms = [("scheme", scheme), ("until", until.as_deref())];
        terms.into_iter().fold(affected, |affected, (what, term)| {
            affected.with(what, term.unwrap_or_default())
        })
    }

    /// The same at a stream.
    #[must_use]
    pub fn at(self, stream: Option<StreamId>) -> Self {
        Self { stream, ..self }
    }

    /// The same with a name more; an empty one is left out.
    #[must_use]
    pub fn with(mut self, what: &str, name: &str) -> Self {
        if !name.is_empty() {
            self.names.insert(what.to_owned(), bounded(name).into());
        }
        self
    }

    /// The same with streams: the first few, and how many more.
    #[must_use]
    pub fn with_streams<'a>(
        mut self,
        patterns: impl ExactSizeIterator<Item = &'a StreamPattern>,
    ) -> Self {
        let more = patterns.len().saturating_sub(MOST);
        let first = patterns.take(MOST).map(|pattern| bounded(pattern.as_str()));
        let first: Vec<String> = first.collect();
        if !first.is_empty() {
            self.names.insert("streams".to_owned(), first.into());
        }
        if more > 0 {
            self.names.insert("more_streams".to_owned(), more.into());
        }
        self
    }

    /// `detail` with the names.
    pub(super) fn told(&self, detail: Option<&Value>) -> Option<Value> {
        if self.names.is_empty() {
            return detail.cloned();
        }
        let mut told = detail.cloned().unwrap_or_else(|| json!({}));
        told["target"] = self.names.clone().into();
        Some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_and_bounded() {
        let until = Some(Timestamp::from_millis(0));
        let viewer = Revoked::Viewer("a\nb".to_owned());
        let told = |affected: Affected| affected.told(Some(&json!({"method": "PUT"})));
        assert_eq!(
            told(Affected::revoked(&viewer, Some("viewers"), until)),
            Some(json!({"method": "PUT", "target": {
                "viewer": "a\u{fffd}b", "scheme": "viewers", "until": "1970-01-01T00:00:00.000Z",
            }}))
        );
        let long = Revoked::Token("t".repeat(8000));
        let token = told(Affected::revoked(&long, None, None)).unwrap();
        assert_eq!(token["target"], json!({"token": "t".repeat(64)}));
        assert_eq!(
            told(Affected::default()),
            Some(json!({"method": "PUT"})),
            "nothing is known"
        );
    }

    #[test]
    fn of_many_streams_the_first_are_told() {
        let patterns: Vec<StreamPattern> = (0..10)
            .map(|n| format!("live/{n}").parse().unwrap())
            .collect();
        let affected = Affected::default().with_streams(patterns.iter());
        let told = affected.told(None).unwrap();
        assert_eq!(told["target"]["streams"].as_array().unwrap().len(), MOST);
        assert_eq!(told["target"]["more_streams"], 2);
    }
}
