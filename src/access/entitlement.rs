//! Whether a viewer has the right to a stream: paid, subscribed, invited.
//!
//! Every source answers through [`Entitlement::check`], which may wait: a table in the store, an
//! HTTP service or a customer's database comes in as one more variant.
//!
//! Must not know: credentials, keys, or why it is asked.

use std::collections::HashMap;

use super::config::{AccessConfigError, EntitlementConfig, EntitlementSource};
use crate::domain::{Denied, StreamId, StreamPattern};

/// Where the answer comes from.
#[derive(Debug)]
pub(super) enum Entitlement {
    /// Whoever holds a good credential.
    Allow,
    /// Viewers by name, each with patterns, from the configuration.
    Static(HashMap<String, Vec<StreamPattern>>),
}

impl Entitlement {
    pub(super) fn new(config: &EntitlementConfig) -> Result<Self, AccessConfigError> {
        if config.source == EntitlementSource::Allow {
            return match config.viewers.as_slice() {
                [] => Ok(Self::Allow),
                _ => Err(AccessConfigError::StrayViewers),
            };
        }
        let mut viewers: HashMap<_, Vec<_>> = HashMap::new();
        for viewer in &config.viewers {
            let patterns = viewers.entry(viewer.subject.clone()).or_default();
            patterns.extend(viewer.streams.iter().map(|pattern| pattern.0.clone()));
        }
        Ok(Self::Static(viewers))
    }

    /// Refuses with [`Denied::NotEntitled`], or [`Denied::Undecided`] if its source is away.
    pub(super) async fn check(&self, subject: &str, stream: &StreamId) -> Result<(), Denied> {
        let entitled = match self {
            Self::Allow => true,
            Self::Static(viewers) => viewers
                .get(subject)
                .is_some_and(|patterns| patterns.iter().any(|p| p.matches(stream))),
        };
        entitled.then_some(()).ok_or(Denied::NotEntitled)
    }
}
