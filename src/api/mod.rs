//! Wire types shared by the server, the encryptor's client and the command line.
//!
//! JSON is snake_case, times are RFC 3339 UTC. Unknown fields are refused in requests and passed
//! over in answers, so that a server may be newer than who asks it. Must not know: HTTP, the
//! store, or who may ask.

mod audit;
mod credential;
mod entitlement;
mod key;
mod live;
mod problem;
mod progress;
mod revocation;
mod runs;
mod schedule;
mod session;
mod stream;
mod text;

pub use audit::{AuditList, AuditView, DifferenceView, ExplanationView, HintView, TriedView};
pub use credential::{CredentialList, CredentialRequest, CredentialView};
pub use entitlement::{
    EntitledStreams, EntitlementList, EntitlementRequest, EntitlementView, InvalidationRequest,
};
pub use key::WireKey;
pub use live::{LiveSession, LiveSessions, StreamViewers, Viewers};
pub use problem::Problem;
pub use progress::{
    Claim, PeriodUse, ProgressReply, ProgressReport, RenditionProgress, UndatedSegments,
};
pub use revocation::{
    Because, RevocationError, RevocationList, RevocationReply, RevocationRequest, RevocationView,
    Withdrawn,
};
pub use runs::{Mark, Restart, RunMarks, RunView};
pub use schedule::{
    BoundarySpec, EraView, PeriodView, RotateReply, RotateRequest, ScheduleView, StateName,
    Unreachable,
};
pub use session::{CurrentSessionView, SessionRequest, SessionView};
pub use stream::{
    IvSpec, KeyScopeSpec, RegistrationError, RotationSpec, StreamList, StreamRegistration,
    StreamView,
};
pub use text::Text;
