//! What is measured of a TLS listener: its certificate, its connections, who was turned away.
//!
//! Must not know: TLS.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Why a connection ended before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// Its address had as many as one may have.
    Address,
    /// A trusted proxy did not say who its client is.
    ProxyHeader,
    /// No TLS came about.
    Handshake,
    /// The client was waited for too long.
    Slow,
    /// A request's head was too long.
    Head,
}

impl Turned {
    const ALL: [Self; 5] = [
        Self::Address,
        Self::ProxyHeader,
        Self::Handshake,
        Self::Slow,
        Self::Head,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::ProxyHeader => "proxy_header",
            Self::Handshake => "handshake",
            Self::Slow => "slow",
            Self::Head => "head",
        }
    }
}

/// A TLS listener.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListenerLabels {
    listener: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    listener: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    listener: &'static str,
    reason: &'static str,
}

/// The families of all listeners.
#[derive(Debug, Default)]
pub(super) struct ListenerFamilies {
    not_after: Family<ListenerLabels, Gauge>,
    renewals: Family<OutcomeLabels, Counter>,
    good: Family<ListenerLabels, Gauge>,
    open: Family<ListenerLabels, Gauge>,
    most: Family<ListenerLabels, Gauge>,
    turned: Family<ReasonLabels, Counter>,
}

impl ListenerFamilies {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "certificate_not_after",
            "When the listener's certificate ends, since the epoch",
            Unit::Seconds,
            self.not_after.clone(),
        );
        registry.register(
            "certificate_renewals",
            "Changed certificate files: taken, or the ones before kept since these are not good",
            self.renewals.clone(),
        );
        registry.register(
            "certificate_files_good",
            "1 if the certificate files are those in force, 0 while they are not good",
            self.good.clone(),
        );
        registry.register("connections", "Open connections", self.open.clone());
        registry.register(
            "connections_limit",
            "The most connections that are accepted",
            self.most.clone(),
        );
        registry.register(
            "connections_turned_away",
            "Connections that ended before they were done",
            self.turned.clone(),
        );
    }

    /// The series of one listener; each stands in the first scrape.
    pub(super) fn of(&self, listener: &'static str) -> ListenerMeasures {
        let labels = ListenerLabels { listener };
        let renewals = |outcome| {
            let labels = OutcomeLabels { listener, outcome };
            self.renewals.get_or_create_owned(&labels)
        };
        let turned = |why: Turned| {
            let reason = why.as_str();
            let labels = ReasonLabels { listener, reason };
            self.turned.get_or_create_owned(&labels)
        };
        ListenerMeasures {
            listener,
            not_after: self.not_after.get_or_create_owned(&labels),
            taken: renewals("taken"),
            kept: renewals("kept"),
            good: self.good.get_or_create_owned(&labels),
            open: self.open.get_or_create_owned(&labels),
            most: self.most.get_or_create_owned(&labels),
            turned: Turned::ALL.map(turned),
        }
    }
}

/// The series of one TLS listener.
#[derive(Debug, Clone)]
pub struct ListenerMeasures {
    /// Its name.
    pub listener: &'static str,
    /// When its certificate ends, in seconds since the epoch.
    pub not_after: Gauge,
    /// Changed files that came into force.
    pub taken: Counter,
    /// Changed files that did not.
    pub kept: Counter,
    /// 1 while the files are those in force.
    pub good: Gauge,
    /// Connections, from their acceptance on.
    pub open: Gauge,
    /// The most connections that are accepted, those that shake hands included.
    pub most: Gauge,
    turned: [Counter; 5],
}

impl ListenerMeasures {
    /// Connections that ended for this reason.
    pub fn turned(&self, why: Turned) -> &Counter {
        &self.turned[why as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn each_reason_has_its_own_series() {
        let metrics = Metrics::default();
        let measures = metrics.of_listener("players");
        for (count, why) in Turned::ALL.into_iter().enumerate() {
            measures.turned(why).inc_by(count as u64 + 1);
        }
        measures.not_after.set(7);
        let text = metrics.render();
        for line in [
            "hlskey_connections_turned_away_total{listener=\"players\",reason=\"address\"} 1",
            "hlskey_connections_turned_away_total{listener=\"players\",reason=\"proxy_header\"} 2",
            "hlskey_connections_turned_away_total{listener=\"players\",reason=\"handshake\"} 3",
            "hlskey_connections_turned_away_total{listener=\"players\",reason=\"slow\"} 4",
            "hlskey_connections_turned_away_total{listener=\"players\",reason=\"head\"} 5",
            "hlskey_certificate_renewals_total{listener=\"players\",outcome=\"kept\"} 0",
            "hlskey_certificate_not_after_seconds{listener=\"players\"} 7",
            "hlskey_connections{listener=\"players\"} 0",
            "hlskey_connections_limit{listener=\"players\"} 0",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
