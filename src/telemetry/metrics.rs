//! The metrics registry: every family is made, named and registered in one place.
//!
//! Must not know: streams, kids or viewers; labels are closed sets, so they stay few and hold
//! no secret.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::audit::AuditMeasures;
use super::listener::{ListenerFamilies, ListenerMeasures};
use super::{EntitlementMeasures, Latency, LiveMeasures, StoreMeasures};

/// A request's route template and answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The template, such as `/v1/keys/{kid}`.
    pub route: &'static str,
    /// The status, such as `200`.
    pub status: u16,
}

/// A route template alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RouteLabels {
    /// The template.
    pub route: &'static str,
}

/// A refusal's public code.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DenialLabels {
    /// The `code` of the problem document.
    pub code: &'static str,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Answered requests.
    pub requests: Family<RequestLabels, Counter>,
    /// Time from the request's head to its answer, in seconds.
    pub latency: Family<RouteLabels, Latency>,
    /// Keys handed to viewers.
    pub deliveries: Counter,
    /// Questions to the entitlement source. The gate asks them, and has a clone.
    pub entitlement: EntitlementMeasures,
    /// Refusals by public code.
    pub denials: Family<DenialLabels, Counter>,
    listeners: ListenerFamilies,
    /// Seconds since the store told its news, revocations among them.
    pub news_age: Gauge<f64, AtomicU64>,
}

/// The series of one route, looked up once: what is answered well is counted without a lock.
#[derive(Debug, Clone)]
pub struct RouteMeasures {
    /// The template, such as `/v1/keys/{kid}`.
    pub route: &'static str,
    /// Answers with status 200.
    pub good: Counter,
    /// Times of all answers.
    pub latency: Latency,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::with(EntitlementMeasures::default())
    }
}

impl Metrics {
    /// With what another part counts by.
    pub fn with(entitlement: EntitlementMeasures) -> Self {
        let mut registry = Registry::with_prefix("hlskey");
        let requests = Family::default();
        let latency = Family::default();
        let deliveries = Counter::default();
        let denials = Family::default();
        let news_age = Gauge::default();
        registry.register("http_requests", "Answered requests", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from the request's head to its answer",
            Unit::Seconds,
            latency.clone(),
        );
        registry.register(
            "key_deliveries",
            "Keys handed to viewers",
            deliveries.clone(),
        );
        entitlement.register(&mut registry);
        registry.register(
            "denials",
            "Refused requests by public code",
            denials.clone(),
        );
        let listeners = ListenerFamilies::default();
        listeners.register(&mut registry);
        registry.register_with_unit(
            "store_news_age",
            "Time since the store told its news, revocations among them",
            Unit::Seconds,
            news_age.clone(),
        );
        Self {
            registry,
            requests,
            latency,
            deliveries,
            entitlement,
            denials,
            listeners,
            news_age,
        }
    }

    /// With what the audit trail counts.
    #[must_use]
    pub fn with_audit(mut self, measures: &AuditMeasures) -> Self {
        measures.register(&mut self.registry);
        self
    }

    /// With the measures of live sessions, which the gate counts by.
    #[must_use]
    pub fn with_live(mut self, live: &LiveMeasures) -> Self {
        live.register(&mut self.registry);
        self
    }

    /// With how often the store is turned to.
    #[must_use]
    pub fn with_store(mut self, measures: &StoreMeasures) -> Self {
        measures.register(&mut self.registry);
        self
    }

    /// The series of the TLS listener `listener`.
    pub fn of_listener(&self, listener: &'static str) -> ListenerMeasures {
        self.listeners.of(listener)
    }

    /// The series of `route`.
    pub fn of_route(&self, route: &'static str) -> RouteMeasures {
        let good = RequestLabels { route, status: 200 };
        RouteMeasures {
            route,
            good: self.requests.get_or_create_owned(&good),
            latency: self.latency.get_or_create_owned(&RouteLabels { route }),
        }
    }

    /// Everything in the OpenMetrics text form.
    pub fn render(&self) -> String {
        let mut out = String::new();
        match text::encode(&mut out, &self.registry) {
            Ok(()) => out,
            Err(std::fmt::Error) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_rendered() {
        let metrics = Metrics::default();
        metrics
            .requests
            .get_or_create(&RequestLabels {
                route: "/healthz",
                status: 200,
            })
            .inc();
        metrics
            .latency
            .get_or_create(&RouteLabels { route: "/healthz" })
            .observe(std::time::Duration::from_millis(2));
        metrics
            .denials
            .get_or_create(&DenialLabels {
                code: "unauthorized",
            })
            .inc();
        metrics.deliveries.inc();
        metrics.entitlement.lookups.inc();
        metrics.of_route("/healthz").good.inc();
        metrics.news_age.set(0.5);
        let text = metrics.render();
        for line in [
            "hlskey_http_requests_total{route=\"/healthz\",status=\"200\"} 2",
            "hlskey_http_request_duration_seconds_count{route=\"/healthz\"} 1",
            "hlskey_denials_total{code=\"unauthorized\"} 1",
            "hlskey_key_deliveries_total 1",
            "hlskey_entitlement_lookups_total 1",
            "hlskey_store_news_age_seconds 0.5",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
