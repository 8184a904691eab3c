//! How often a stream takes a new key.
//!
//! Must not know: when the next cut is; that is the schedule's.

use std::num::NonZeroU64;
use std::time::Duration;

/// A stream's rotation rule. Rotation happens only at segment boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// One key until an operator cuts.
    Never,
    /// A new key each span of programme time.
    Every(Every),
    /// A new key each `n` segments, counted by media sequence number.
    Segments(NonZeroU64),
}

/// A rotation span: at least one second, at most ten years, whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every(Duration);

/// The rule is outside its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// The span is not between one second and ten years.
    #[error("a rotation span is between 1s and 10 years")]
    Span,
    /// Zero segments a period.
    #[error("a rotation by count has at least one segment a period")]
    Count,
}

const MIN_SPAN: Duration = Duration::from_secs(1);
const MAX_SPAN: Duration = Duration::from_secs(10 * 365 * 86_400);

impl Rotation {
    /// A rotation by time.
    pub fn every(span: Duration) -> Result<Self, RotationError> {
        if !(MIN_SPAN..=MAX_SPAN).contains(&span) {
            return Err(RotationError::Span);
        }
        let whole = u64::try_from(span.as_millis()).map_err(|_| RotationError::Span)?;
        Ok(Self::Every(Every(Duration::from_millis(whole))))
    }

    /// A rotation by count.
    pub fn segments(count: u64) -> Result<Self, RotationError> {
        NonZeroU64::new(count)
            .map(Self::Segments)
            .ok_or(RotationError::Count)
    }
}

impl Every {
    /// The span.
    pub fn span(self) -> Duration {
        self.0
    }

    /// The span in milliseconds, never zero.
    pub(super) fn millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}
