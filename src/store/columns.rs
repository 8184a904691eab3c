//! How domain values stand in columns: fixed texts, milliseconds, counts up to 2^63 - 1.
//!
//! Must not know: which table asks; the caller names the row that could not be read.

use std::borrow::Cow;
use std::time::Duration;

use super::StoreError;
use crate::domain::{Boundary, IvRule, KeyScope, PeriodState, Rotation, Scope, Timestamp};

/// A count as a column holds it.
pub(super) fn stored(count: u64, what: &'static str) -> Result<i64, StoreError> {
    i64::try_from(count).map_err(|_| StoreError::TooLarge(what))
}

/// A count that a column held; the schema keeps it from being negative.
pub(super) fn loaded(column: i64) -> u64 {
    u64::try_from(column).unwrap_or(0)
}

/// A boundary's kind and number.
pub(super) fn boundary_columns(boundary: Boundary) -> Result<(&'static str, i64), StoreError> {
    match boundary {
        Boundary::Segment(segment) => Ok(("segment", stored(segment, "a segment number")?)),
        Boundary::Time(time) => Ok(("time", time.millis())),
    }
}

/// The boundary of a kind and a number.
pub(super) fn boundary(kind: &str, at: i64) -> Option<Boundary> {
    match kind {
        "segment" => u64::try_from(at).ok().map(Boundary::Segment),
        "time" => Some(Boundary::Time(Timestamp::from_millis(at))),
        _ => None,
    }
}

/// A rule's name and span.
pub(super) fn rotation_columns(rule: Rotation) -> Result<(&'static str, Option<i64>), StoreError> {
    match rule {
        Rotation::Never => Ok(("never", None)),
        Rotation::Every(every) => {
            let millis = u64::try_from(every.span().as_millis()).unwrap_or(u64::MAX);
            Ok(("every", Some(stored(millis, "a rotation span")?)))
        }
        Rotation::Segments(count) => {
            Ok(("segments", Some(stored(count.get(), "a rotation count")?)))
        }
    }
}

/// The rule of a name and a span.
pub(super) fn rotation(rule: &str, span: Option<i64>) -> Option<Rotation> {
    let span = span.map(u64::try_from).transpose().ok()?;
    match (rule, span) {
        ("never", None) => Some(Rotation::Never),
        ("every", Some(millis)) => Rotation::every(Duration::from_millis(millis)).ok(),
        ("segments", Some(count)) => Rotation::segments(count).ok(),
        _ => None,
    }
}

/// A state's name.
pub(super) fn state_column(state: PeriodState) -> &'static str {
    state.as_str()
}

/// The state of a name.
pub(super) fn state(name: &str) -> Option<PeriodState> {
    use PeriodState::{Active, Destroyed, Pending, Retired, Revoked};
    [Pending, Active, Retired, Revoked, Destroyed]
        .into_iter()
        .find(|state| state_column(*state) == name)
}

/// A key scope's name.
pub(super) fn key_scope_column(scope: KeyScope) -> &'static str {
    match scope {
        KeyScope::Stream => "stream",
        KeyScope::Rendition => "rendition",
    }
}

/// The key scope of a name.
pub(super) fn key_scope(name: &str) -> Option<KeyScope> {
    [KeyScope::Stream, KeyScope::Rendition]
        .into_iter()
        .find(|scope| key_scope_column(*scope) == name)
}

/// An IV rule's name.
pub(super) fn iv_column(rule: IvRule) -> &'static str {
    match rule {
        IvRule::Explicit => "explicit",
        IvRule::Sequence => "sequence",
    }
}

/// The IV rule of a name.
pub(super) fn iv(name: &str) -> Option<IvRule> {
    [IvRule::Explicit, IvRule::Sequence]
        .into_iter()
        .find(|rule| iv_column(*rule) == name)
}

/// What begins the column of a key whose packager brought a kid.
pub(super) const BROUGHT: &str = "//";

/// A rendition is never the empty text, which stands for the whole stream, nor begins with a slash.
pub(super) fn rendition_column(scope: &Scope) -> Cow<'_, str> {
    match scope {
        Scope::Stream => Cow::Borrowed(""),
        Scope::Rendition(rendition) => Cow::Borrowed(rendition.as_str()),
        Scope::Brought(kid) => Cow::Owned(format!("{BROUGHT}{kid}")),
    }
}

/// Whose keys a rendition column says.
pub(super) fn scope(column: &str) -> Option<Scope> {
    match (column, column.strip_prefix(BROUGHT)) {
        ("", _) => Some(Scope::Stream),
        (_, Some(kid)) => Some(Scope::Brought(kid.parse().ok()?)),
        (path, None) => Some(Scope::Rendition(path.parse().ok()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_boundaries_come_back() {
        let every = Rotation::every(Duration::from_millis(1500)).unwrap();
        for rule in [Rotation::Never, every, Rotation::segments(7).unwrap()] {
            let (name, span) = rotation_columns(rule).unwrap();
            assert_eq!(rotation(name, span), Some(rule));
        }
        for start in [
            Boundary::Segment(9),
            Boundary::Time(Timestamp::from_millis(-1)),
        ] {
            let (kind, at) = boundary_columns(start).unwrap();
            assert_eq!(boundary(kind, at), Some(start));
        }
        assert!(boundary_columns(Boundary::Segment(u64::MAX)).is_err());
    }

    #[test]
    fn what_is_out_of_bounds_is_no_rule() {
        for (name, span) in [
            ("never", Some(1)),
            ("every", None),
            ("every", Some(0)),
            ("every", Some(-1)),
            ("segments", Some(0)),
            ("sometimes", None),
        ] {
            assert_eq!(rotation(name, span), None, "{name} {span:?}");
        }
        assert_eq!(boundary("segment", -1), None);
    }
}
