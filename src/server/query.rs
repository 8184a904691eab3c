//! A query's parameters by name. Names that nobody asks for are left alone: a credential may be
//! among them.
//!
//! Must not know: what a parameter means.

use std::fmt;
use std::str::FromStr;

use actix_web::web::Query;

use super::error::Failure;

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
