//! Whether a viewer has the right to a stream: paid, subscribed, invited.
//!
//! Every source answers through [`Entitlement::check`], which may wait: a table in the store, an
//! HTTP service or a customer's database comes in as one more variant.
//!
//! Must not know: credentials, keys, or why it is asked.

use std::collections::HashMap;

use prometheus_client::metrics::counter::Counter;

use super::config::{AccessConfigError, EntitlementConfig, EntitlementSource};
use crate::domain::{Denied, StreamId, StreamPattern};

/// The source, and how often it was asked.
#[derive(Debug)]
pub(super) struct Entitlement {
    source: Source,
    lookups: Counter,
}

/// Where the answer comes from.
#[derive(Debug)]
enum Source {
    /// Whoever holds a good credential.
    Allow,
    /// Viewers by name, each with patterns, from the configuration.
    Static(HashMap<String, Vec<StreamPattern>>),
}

impl Entitlement {
    pub(super) fn new(config: &EntitlementConfig) -> Result<Self, AccessConfigError> {
        if config.source == EntitlementSource::Allow {
            return match config.viewers.as_slice() {
                [] => Ok(Source::Allow.into()),
                _ => Err(AccessConfigError::StrayViewers),
            };
        }
        let mut viewers: HashMap<_, Vec<_>> = HashMap::new();
        for viewer in &config.viewers {
            let patterns = viewers.entry(viewer.subject.clone()).or_default();
            patterns.extend(viewer.streams.iter().map(|pattern| pattern.0.clone()));
        }
        Ok(Source::Static(viewers).into())
    }

    /// Counts the questions put to the source; `allow` is asked nothing.
    pub(super) fn lookups(&self) -> Counter {
        self.lookups.clone()
    }

    /// Refuses with [`Denied::NotEntitled`], or [`Denied::Undecided`] if its source is away.
    pub(super) async fn check(&self, subject: &str, stream: &StreamId) -> Result<(), Denied> {
        let entitled = match &self.source {
            Source::Allow => true,
            Source::Static(viewers) => {
                self.lookups.inc();
                viewers
                    .get(subject)
                    .is_some_and(|patterns| patterns.iter().any(|p| p.matches(stream)))
            }
        };
        entitled.then_some(()).ok_or(Denied::NotEntitled)
    }
}

impl From<Source> for Entitlement {
    fn from(source: Source) -> Self {
        Self {
            source,
            lookups: Counter::default(),
        }
    }
}
