//! A query's parameters by name. Names that nobody asks for are left alone: a credential may be
//! among them.
//!
//! Must not know: what a parameter means.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use actix_web::web::Query;

use super::error::Failure;
use crate::access::TOKEN_PARAMETER;

/// Rows of an answer that is a page of a list, unless another number is asked for.
const USUAL: NonZeroU16 = NonZeroU16::MIN.saturating_add(99);
/// At most.
const MOST: u16 = 1_000;

/// Names and values, decoded as forms are. A query that cannot be decoded has none.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn of(query: &str) -> Self {
        let pairs = Query::<Vec<(String, String)>>::from_query(query);
        Self(pairs.map_or_else(|_| Vec::new(), Query::into_inner))
    }

    /// The first of that name.
    pub(super) fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some((_, text)) = self.0.iter().find(|(key, _)| key == name) else {
            return Ok(None);
        };
        let unreadable =
            || Failure::bad_request(&format_args!("query parameter '{name}' cannot be read"));
        text.parse().map(Some).map_err(|_| unreadable())
    }

    /// How many there are of that name.
    pub(super) fn count(&self, name: &str) -> usize {
        self.0.iter().filter(|(key, _)| key == name).count()
    }

    /// The first of that name, as it is.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, text)| text.as_str())
    }

    /// All of those names, as they are.
    pub(super) fn all<'p>(&'p self, names: &'p [&str]) -> impl Iterator<Item = &'p str> {
        let found = self
            .0
            .iter()
            .filter(|(key, _)| names.contains(&key.as_str()));
        found.map(|(_, text)| text.as_str())
    }

    /// Refuses names but these and a token's. A filter that is misspelt must not pass for a wide one.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), Failure> {
        let is_asked = |key: &str| names.contains(&key) || key == TOKEN_PARAMETER;
        match self.0.iter().find(|(key, _)| !is_asked(key)) {
            None => Ok(()),
            Some(_) => Err(Failure::bad_request(&format_args!(
                "query parameters are {}",
                names.join(", ")
            ))),
        }
    }

    /// How many rows are wanted: `limit`.
    pub(super) fn limit(&self) -> Result<NonZeroU16, Failure> {
        let Some(asked) = self.value("limit")? else {
            return Ok(USUAL);
        };
        let limit = NonZeroU16::new(asked).filter(|limit| limit.get() <= MOST);
        limit.ok_or_else(|| out_of_bounds("limit", 1, MOST))
    }
}

/// The parameter has bounds, and lies outside.
pub(super) fn out_of_bounds(
    name: &str,
    least: impl fmt::Display,
    most: impl fmt::Display,
) -> Failure {
    Failure::bad_request(&format_args!(
        "query parameter '{name}' is {least} to {most}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_bounds_and_a_credential_beside_it_is_left_alone() {
        let limit = |query: &str| Parameters::of(query).limit().map(NonZeroU16::get).ok();
        let cases = [
            ("", Some(100)),
            ("token=a%2Fb&limit=1", Some(1)),
            ("limit=1000&hdnts=exp=1~hmac=0", Some(1000)),
            ("limit=0", None),
            ("limit=1001", None),
            ("limit=65537", None),
            ("limit=-1", None),
            ("limit=", None),
        ];
        for (query, expected) in cases {
            assert_eq!(limit(query), expected, "{query}");
        }
    }
}
