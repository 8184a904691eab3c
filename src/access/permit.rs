//! Permits: proof, in a type, that the gate allowed one thing to one caller.
//!
//! A permit cannot be made, copied or widened outside the gate:
//!
//! ```compile_fail,E0451
//! use hlskey::access::{Lease, Permit};
//! fn forge(stream: hlskey::domain::StreamId, honest: Permit<Lease>) -> Permit<Lease> {
//!     Permit { object: stream, ..honest }
//! }
//! ```
//!
//! ```compile_fail,E0277
//! use hlskey::access::{Lease, Permit};
//! fn keep(honest: &Permit<Lease>) -> Permit<Lease> {
//!     Permit::clone(honest)
//! }
//! ```
//!
//! ```compile_fail,E0308
//! use hlskey::access::{Lease, Permit, Rotate};
//! fn widen(honest: Permit<Rotate>) -> Permit<Lease> {
//!     honest
//! }
//! ```
//!
//! Must not know: how the decision was made.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::gate::Seal;
use crate::domain::{Action, KeyFacts, Kid, Principal, StreamId, Timestamp};

/// A verified caller. Only [`super::Gate::admit`] makes one; what it may do is another question.
#[derive(Debug, Clone)]
pub struct Admitted {
    principal: Arc<Principal>,
}

impl Admitted {
    pub(super) fn new(_: Seal, principal: Arc<Principal>) -> Self {
        Self { principal }
    }

    /// Who it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The same, to be kept.
    pub fn share(&self) -> Arc<Principal> {
        Arc::clone(&self.principal)
    }
}

/// Leave to do `A`, as just decided, for the request at hand.
pub struct Permit<A: Act> {
    principal: Arc<Principal>,
    object: A::Object,
}

/// A stream to be played, and for how long the grants written into its playlists last.
#[derive(Debug)]
pub struct Viewing {
    pub(super) stream: StreamId,
    pub(super) grants_end: Timestamp,
    /// The only address that grants shall be good for.
    pub(super) bound_to: Option<IpAddr>,
}

/// Something a permit may allow. The implementations are the marker types of this module.
pub trait Act: sealed::Sealed {
    /// The action that a credential must hold.
    const ACTION: Action;
    /// What it is done to.
    type Object: fmt::Debug;
}

/// An act on one stream that needs no entitlement: what packagers do.
pub trait StreamAction: Act<Object = StreamId> {}

mod sealed {
    pub trait Sealed {}
}

/// Declares a marker type that no value can have.
macro_rules! act {
    ($name:ident, $object:ty, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Act for $name {
            const ACTION: Action = Action::$name;
            type Object = $object;
        }
    };
}

act!(Deliver, KeyFacts, "Hand one key to a viewer.");
act!(Play, Viewing, "Hand a viewer a stream's playlists.");
act!(Register, StreamId, "Register, change or remove a stream.");
act!(Read, StreamId, "Read a stream's registration.");
act!(
    Lease,
    StreamId,
    "Lease a stream's coming periods with their keys."
);
act!(Rotate, StreamId, "Cut a stream to a new key.");
act!(
    Progress,
    StreamId,
    "Report a stream's progress and make claims."
);
act!(Publish, StreamId, "Send a stream to a media server.");
act!(Operate, KeyFacts, "Revoke one key.");

/// Act upon every viewer, whichever streams they watch.
#[derive(Debug)]
pub enum Oversee {}
impl sealed::Sealed for Oversee {}
impl Act for Oversee {
    const ACTION: Action = Action::Operate;
    type Object = ();
}

/// Look a key up that a media server has made, for a viewer of its stream: which key it is, is not known before.
#[derive(Debug)]
pub enum Seek {}
impl sealed::Sealed for Seek {}
impl Act for Seek {
    const ACTION: Action = Action::Deliver;
    type Object = StreamId;
}

impl StreamAction for Register {}
impl StreamAction for Read {}
impl StreamAction for Lease {}
impl StreamAction for Rotate {}
impl StreamAction for Progress {}
impl StreamAction for Publish {}

impl<A: Act> Permit<A> {
    pub(super) fn new(_: Seal, principal: Arc<Principal>, object: A::Object) -> Self {
        Self { principal, object }
    }

    /// Who was permitted.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Who was permitted: a viewer's id, or a credential's name.
    pub fn subject(&self) -> &str {
        &self.principal.subject
    }

    /// The viewing session it belongs to, by a name that is no secret.
    pub fn session(&self) -> &str {
        &self.principal.session
    }
}

impl<A: Act<Object = StreamId>> Permit<A> {
    /// The stream it is for.
    pub fn stream(&self) -> &StreamId {
        &self.object
    }
}

impl Permit<Deliver> {
    /// The one key it is for.
    pub fn kid(&self) -> Kid {
        self.object.kid
    }

    /// The stream whose key it is.
    pub fn stream(&self) -> &StreamId {
        &self.object.stream
    }

    /// When the credential behind it ends; `None`: never.
    pub fn expires(&self) -> Option<Timestamp> {
        self.principal.expires
    }
}

impl Permit<Operate> {
    /// The one key it is for.
    pub fn kid(&self) -> Kid {
        self.object.kid
    }
}

impl Permit<Play> {
    /// The stream whose playlists it is for.
    pub fn stream(&self) -> &StreamId {
        &self.object.stream
    }

    pub(super) fn bound_to(&self) -> Option<IpAddr> {
        self.object.bound_to
    }

    /// When the grants made from it end.
    pub fn grants_end(&self) -> Timestamp {
        self.object.grants_end
    }
}

impl<A: Act> fmt::Debug for Permit<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("action", &A::ACTION)
            .field("object", &self.object)
            .field("subject", &self.subject())
            .finish_non_exhaustive()
    }
}
