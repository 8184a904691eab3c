//! The series of the entitlement source. The gate counts, and the registry has clones.
//!
//! Must not know: viewers, streams, or which source it is.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::Latency;

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabels {
    /// `allow`, `deny`, `failed`, `late`; `paused` and `crowded` did not reach the source.
    pub outcome: &'static str,
}

/// Everything that is counted of the entitlement source.
#[derive(Debug, Clone, Default)]
pub struct EntitlementMeasures {
    /// Questions put to the source.
    pub lookups: Counter,
    /// What came of questions, by outcome.
    pub outcomes: Family<OutcomeLabels, Counter>,
    /// Time from a question's turn to its answer, in seconds.
    pub latency: Latency,
    /// Answers out of memory.
    pub remembered: Counter,
    /// Those among them that had ended, and stood in for a source that fails.
    pub stale: Counter,
    /// 1 while the source is left alone or on trial, since it failed too often.
    pub breaker_open: Gauge,
}

impl EntitlementMeasures {
    pub(super) fn register(&self, registry: &mut Registry) {
        let mut counter = |name, help, counter: &Counter| {
            registry.register(name, help, counter.clone());
        };
        counter(
            "entitlement_lookups",
            "Questions put to the entitlement source",
            &self.lookups,
        );
        counter(
            "entitlement_remembered",
            "Entitlement answers out of memory",
            &self.remembered,
        );
        counter(
            "entitlement_stale",
            "Entitlement answers that stood in for a source that fails",
            &self.stale,
        );
        registry.register(
            "entitlement_outcomes",
            "Entitlement questions by what came of them",
            self.outcomes.clone(),
        );
        registry.register_with_unit(
            "entitlement_lookup_duration",
            "Time that the entitlement source took to answer",
            Unit::Seconds,
            self.latency.clone(),
        );
        registry.register(
            "entitlement_breaker_open",
            "Whether the entitlement source is left alone since it fails",
            self.breaker_open.clone(),
        );
    }
}
