//! What an instance's tokens may open at most, whatever they say.
//!
//! Must not know: any scheme.

use std::sync::Arc;

use super::verified::{Standing, Verified};
use super::vouched::Vouched;
use crate::api::Text;
use crate::domain::{Action, Principal, PrincipalKind, StreamPattern};

/// Streams and actions of one instance.
#[derive(Debug, Clone)]
pub(in crate::access) struct Scope {
    scheme: Arc<str>,
    within: Vec<StreamPattern>,
    actions: Vec<Action>,
}

impl Scope {
    /// What viewers do, with `streams`, by the instance `scheme`.
    pub(super) fn viewers(scheme: &str, streams: &[Text<StreamPattern>]) -> Self {
        Self {
            scheme: scheme.into(),
            within: streams.iter().map(|text| text.0.clone()).collect(),
            actions: Action::VIEWER.to_vec(),
        }
    }

    /// Whether the instance vouches for `who`.
    pub(super) fn is_of(&self, who: &Principal) -> bool {
        *self.scheme == *who.scheme
    }

    /// The streams at most.
    pub(super) fn streams(&self) -> &[StreamPattern] {
        &self.within
    }

    /// The principal of a token.
    pub(super) fn admit(&self, vouched: Vouched) -> Verified {
        let principal = Principal {
            kind: PrincipalKind::Viewer,
            scheme: Arc::clone(&self.scheme),
            also: Vec::new(),
            subject: vouched.subject,
            token: vouched.session.clone(),
            session: vouched.session,
            streams: vouched.streams,
            within: self.within.clone(),
            actions: match vouched.is_for_keys_alone {
                true => vec![Action::Deliver],
                false => self.actions.clone(),
            },
            kid: None,
            issued: vouched.issued,
            address: vouched.address,
            uses: vouched.uses,
            expires: vouched.expires,
        };
        Verified {
            principal: Arc::new(principal),
            not_before: vouched.start,
            standing: Standing::default(),
        }
    }
}
