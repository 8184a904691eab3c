//! Nouns and pure rules: ids, streams, rotation, periods, schedule, decisions.
//!
//! Nothing here does I/O, awaits, reads the clock or draws random bytes: time and randomness
//! come in through [`Clock`] and [`Entropy`]. Secrets live one floor up, in `crypto`.

mod announce;
mod decision;
mod entropy;
mod epochs;
mod id;
mod network;
mod pattern;
mod period;
mod principal;
mod revocation;
mod rotation;
mod run;
mod schedule;
mod stream;
mod time;

pub use announce::{Announced, Holder, REFRESH, Verdict};
pub use decision::{Action, Denied, Flaw};
pub use entropy::{Entropy, SystemEntropy};
pub use epochs::Epochs;
pub use id::{BroughtKid, IdError, Kid, Rendition, RequestId, StreamId};
pub use network::{Network, NetworkError, network_of};
pub use pattern::StreamPattern;
pub use period::{Boundary, KeyFacts, Period, PeriodState, Position, Scope};
pub use principal::{Principal, PrincipalKind};
pub use revocation::Revoked;
pub use rotation::{Every, Rotation, RotationError};
pub use run::{Fingerprint, FingerprintError, Run};
pub use schedule::{CutError, Era, Schedule, Slot};
pub use stream::{IvRule, KeyScope, Stream, StreamPolicy};
pub use time::{Clock, SystemClock, TimeError, Timestamp};
