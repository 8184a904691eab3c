//! What a stream asks of a session: a limit for its viewer, and where it may come from.
//!
//! Must not know: which sessions there are.

use std::net::IpAddr;

use crate::access::policy::{BindIp, LimitKind, SessionLimit};
use crate::store::Slots;

/// What is asked of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::access) struct SessionRules {
    /// The limit of its viewer's sessions, if there is one.
    pub(in crate::access) limit: Option<SessionLimit>,
    /// How it is bound to the first address that it came from.
    pub(in crate::access) bind: BindIp,
}

impl SessionRules {
    /// Whether nothing is asked.
    pub(super) fn is_empty(self) -> bool {
        self.limit.is_none() && !self.is_binding()
    }

    /// Whether it may not come from anywhere.
    pub(super) fn is_binding(self) -> bool {
        self.bind != BindIp::Off
    }

    /// Whether a session of `home` may come from `ip`; where that is not known, only an unbound one
    /// may.
    pub(super) fn is_near(self, home: IpAddr, ip: Option<IpAddr>) -> bool {
        let is_near = ip.is_some_and(|ip| self.bind.is_near(home, ip));
        is_near || !self.is_binding()
    }

    /// As the store has it.
    pub(super) fn slots(self) -> Option<Slots> {
        let limit = self.limit?;
        let grace = match limit.kind {
            LimitKind::Soft => Some(limit.grace),
            LimitKind::Hard => None,
        };
        let max = limit.max;
        Some(Slots { max, grace })
    }
}
