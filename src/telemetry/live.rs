//! What is measured of live sessions: who watches each stream, and who was refused.
//!
//! Streams are labels here, the one place where a label's values come from outside: they are bounded.
//! Must not know: sessions.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

/// Streams that have a label of their own, those that most watch.
const MOST_STREAMS: usize = 1_000;
/// The label of the others; no stream is called so.
const OTHERS: &str = "(other)";

/// Why a session was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Its viewer has as many as allowed.
    TooMany,
    /// A newer one has its slot.
    Displaced,
    /// It came from another address.
    Address,
    /// The store was away.
    Undecided,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// The measures of live sessions.
#[derive(Clone)]
pub struct LiveMeasures {
    refusals: Family<ReasonLabels, Counter>,
    watched: Watched,
}

/// Counts who watches, when it is asked.
#[derive(Clone)]
struct Watched(Arc<dyn Fn() -> Vec<(String, u64)> + Send + Sync>);

impl Default for LiveMeasures {
    fn default() -> Self {
        Self {
            refusals: Family::default(),
            watched: Watched(Arc::new(Vec::new)),
        }
    }
}

impl LiveMeasures {
    /// The same, where `count` says how many watch each stream.
    #[must_use]
    pub fn watching(&self, count: impl Fn() -> Vec<(String, u64)> + Send + Sync + 'static) -> Self {
        Self {
            refusals: self.refusals.clone(),
            watched: Watched(Arc::new(count)),
        }
    }

    /// Counts a refusal.
    pub fn count(&self, why: Refused) {
        let reason = match why {
            Refused::TooMany => "too_many",
            Refused::Displaced => "displaced",
            Refused::Address => "address",
            Refused::Undecided => "undecided",
        };
        self.refusals.get_or_create(&ReasonLabels { reason }).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "session_refusals",
            "Sessions that were refused, by reason",
            self.refusals.clone(),
        );
        registry.register_collector(Box::new(self.watched.clone()));
    }
}

impl Collector for Watched {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut family = encoder.encode_descriptor(
            "live_viewers",
            "Live sessions at this server, by stream",
            None,
            MetricType::Gauge,
        )?;
        for (stream, count) in bounded((self.0)()) {
            let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            let labels = [("stream", stream.as_str())];
            gauge.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl fmt::Debug for LiveMeasures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveMeasures").finish_non_exhaustive()
    }
}

/// The streams that most watch, and the rest as one.
fn bounded(mut counts: Vec<(String, u64)>) -> Vec<(String, u64)> {
    counts.sort_by(|(a, one), (b, other)| other.cmp(one).then_with(|| a.cmp(b)));
    let rest: u64 = counts
        .iter()
        .skip(MOST_STREAMS)
        .map(|(_, count)| count)
        .sum();
    counts.truncate(MOST_STREAMS);
    if rest > 0 {
        counts.push((OTHERS.to_owned(), rest));
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn streams_are_bounded_and_the_rest_is_one() {
        let counts = (0..1_500).map(|n| (format!("live/{n:04}"), 2_000 - n));
        let counts: Vec<_> = counts.collect();
        let live = LiveMeasures::default().watching(move || counts.clone());
        live.count(Refused::TooMany);
        let text = Metrics::default().with_live(&live).render();
        for line in [
            "hlskey_live_viewers{stream=\"live/0000\"} 2000",
            "hlskey_live_viewers{stream=\"live/0999\"} 1001",
            "hlskey_live_viewers{stream=\"(other)\"} 375250",
            "hlskey_session_refusals_total{reason=\"too_many\"} 1",
        ] {
            assert!(text.contains(line), "{line}");
        }
        assert!(!text.contains("live/1000"));
        assert_eq!(text.matches("hlskey_live_viewers{").count(), 1_001);
    }
}
