//! A period: the stretch of a stream that one key encrypts.
//!
//! Must not know: the key itself, which never leaves `crypto` types.

use super::{BroughtKid, Kid, Rendition, StreamId, Timestamp};

/// Where a period begins. It is the period's identity: one (stream, scope, boundary), one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Boundary {
    /// At the segment with this media sequence number.
    Segment(u64),
    /// At the first segment that begins at or after this programme time.
    Time(Timestamp),
}

/// Where a segment stands in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Its media sequence number.
    pub segment: u64,
    /// Its programme time: `EXT-X-PROGRAM-DATE-TIME`, summed `EXTINF` of a finished asset, or
    /// the time the server assigned by a claim. `None` while nobody has said.
    pub time: Option<Timestamp>,
}

/// Whose key it is: all renditions' of the stream, one rendition's, or whatever its packager encrypts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Every rendition shares the key.
    Stream,
    /// This rendition has its own.
    Rendition(Rendition),
    /// A packager brought a kid and asked for its key: only it knows what is encrypted under it.
    Brought(BroughtKid),
}

/// A key's life as far as delivery is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeriodState {
    /// Issued, no segment published under it yet. Delivered like `Active`: players prefetch.
    Pending,
    /// At least one published segment uses it.
    Active,
    /// Past its retention; no longer delivered, the row remains.
    Retired,
    /// Withdrawn by an operator; no longer delivered.
    Revoked,
    /// The sealed key is gone.
    Destroyed,
}

impl PeriodState {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Revoked => "revoked",
            Self::Destroyed => "destroyed",
        }
    }

    /// Whether a permit may still be answered with the key.
    pub fn is_delivered(self) -> bool {
        matches!(self, Self::Pending | Self::Active)
    }

    /// Whether a key may go from this state to `next`. A key never comes back.
    pub fn may_become(self, next: Self) -> bool {
        use PeriodState::{Active, Destroyed, Pending, Retired, Revoked};
        matches!(
            (self, next),
            (Pending, Active | Retired | Revoked)
                | (Active, Retired | Revoked)
                | (Retired, Revoked | Destroyed)
                | (Revoked, Destroyed)
        )
    }
}

/// One period of a stream, without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// Its place in the schedule; counts from the stream's registration, before that negative.
    pub index: i64,
    /// Where it begins.
    pub boundary: Boundary,
    /// The public name of its key.
    pub kid: Kid,
    /// Whose key it is.
    pub scope: Scope,
    /// How far its key's life has come.
    pub state: PeriodState,
}

/// What the gate must know of a key to decide: whose it is and whether it still lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// The key's public name.
    pub kid: Kid,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// How far its life has come.
    pub state: PeriodState,
}

#[cfg(test)]
mod tests {
    use super::PeriodState::{self, Active, Destroyed, Pending, Retired, Revoked};

    #[test]
    fn a_key_never_comes_back() {
        let order = |state: PeriodState| match state {
            Pending => 0,
            Active => 1,
            Retired => 2,
            Revoked => 3,
            Destroyed => 4,
        };
        for from in [Pending, Active, Retired, Revoked, Destroyed] {
            for to in [Pending, Active, Retired, Revoked, Destroyed] {
                assert!(
                    !from.may_become(to) || order(from) < order(to),
                    "{from:?} {to:?}"
                );
            }
        }
    }
}
