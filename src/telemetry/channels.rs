//! What is measured of an encryptor's channels, read from them whenever somebody asks.
//!
//! Must not know: how a channel works.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

/// One channel at this moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelSample {
    /// The protected stream.
    pub stream: String,
    /// The encryptor's name, where several channels of this process protect the stream.
    pub encryptor: Option<String>,
    /// Seconds of the source that are not published yet.
    pub lag: f64,
    /// Seconds until the lease ends; `None` before there is one.
    pub lease_left: Option<f64>,
    /// The period that its playlists are in, the latest of them.
    pub period: Option<i64>,
    /// Playlists and sinks that do not go on.
    pub stalled: u64,
    /// What went wrong last, as a word, and when, in seconds since the Unix epoch.
    pub last_error: Option<(String, f64)>,
    /// Segments that were encrypted.
    pub segments: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// The channels as OpenMetrics text.
pub fn render_channels(samples: Vec<ChannelSample>) -> String {
    let mut registry = Registry::with_prefix("hlskey_encrypt");
    registry.register_collector(Box::new(Samples(samples)));
    let mut out = String::new();
    match text::encode(&mut out, &registry) {
        Ok(()) => out,
        Err(fmt::Error) => String::new(), // writing to a String does not fail
    }
}

#[derive(Debug)]
struct Samples(Vec<ChannelSample>);

type Gauge = fn(&ChannelSample) -> Option<f64>;
type Counter = fn(&ChannelSample) -> u64;

#[expect(
    clippy::cast_precision_loss,
    reason = "periods and stalls are small numbers"
)]
const GAUGES: [(&str, &str, Option<Unit>, Gauge); 4] = [
    (
        "lag",
        "What the source lists and is not published yet",
        Some(Unit::Seconds),
        |one| Some(one.lag),
    ),
    (
        "lease_left",
        "Time until the lease ends",
        Some(Unit::Seconds),
        |one| one.lease_left,
    ),
    (
        "period",
        "The period that the playlists are in",
        None,
        |one| one.period.map(|period| period as f64),
    ),
    (
        "stalled",
        "Playlists and sinks that do not go on",
        None,
        |one| Some(one.stalled as f64),
    ),
];
const COUNTERS: [(&str, &str, Option<Unit>, Counter); 2] = [
    ("segments", "Segments encrypted", None, |one| one.segments),
    ("media", "Clear media encrypted", Some(Unit::Bytes), |one| {
        one.bytes
    }),
];

/// One series for each channel: its label changes with what goes wrong.
const LAST_ERROR: (&str, &str) = (
    "last_error_timestamp",
    "When something went wrong last, whether it is over or not, and what",
);

type Labels<'a> = Vec<(&'static str, &'a str)>;

impl ChannelSample {
    fn labels<'a>(&'a self, reason: Option<&'a String>) -> Labels<'a> {
        let mut labels = vec![("stream", self.stream.as_str())];
        labels.extend(
            self.encryptor
                .iter()
                .map(|name| ("encryptor", name.as_str())),
        );
        labels.extend(reason.map(|reason| ("reason", reason.as_str())));
        labels
    }
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, help, unit, value) in &GAUGES {
            let kind = MetricType::Gauge;
            let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
            for one in &self.0 {
                if let Some(value) = value(one) {
                    let labels = one.labels(None);
                    ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        let (name, help) = LAST_ERROR;
        let unit = Some(&Unit::Seconds);
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for one in &self.0 {
            if let Some((reason, at)) = &one.last_error {
                let labels = one.labels(Some(reason));
                ConstGauge::new(*at).encode(family.encode_family(&labels)?)?;
            }
        }
        for (name, help, unit, value) in &COUNTERS {
            let kind = MetricType::Counter;
            let mut family = encoder.encode_descriptor(name, help, unit.as_ref(), kind)?;
            for one in &self.0 {
                let labels = one.labels(None);
                ConstCounter::new(value(one)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_a_label_and_what_is_not_known_is_left_out() {
        let one = ChannelSample {
            stream: "live/a".to_owned(),
            encryptor: None,
            lag: 1.5,
            lease_left: None,
            period: Some(-3),
            stalled: 0,
            last_error: None,
            segments: 7,
            bytes: 9,
        };
        let other = ChannelSample {
            encryptor: Some("w-2".to_owned()),
            last_error: Some(("no_key".to_owned(), 17.5)),
            ..one.clone()
        };
        let text = render_channels(vec![one, other]);
        for line in [
            "hlskey_encrypt_lag_seconds{stream=\"live/a\"} 1.5",
            "hlskey_encrypt_period{stream=\"live/a\"} -3.0",
            "hlskey_encrypt_stalled{stream=\"live/a\"} 0.0",
            "hlskey_encrypt_segments_total{stream=\"live/a\"} 7",
            "hlskey_encrypt_media_bytes_total{stream=\"live/a\"} 9",
            "hlskey_encrypt_segments_total{stream=\"live/a\",encryptor=\"w-2\"} 7",
            "hlskey_encrypt_last_error_timestamp_seconds{stream=\"live/a\",encryptor=\"w-2\",reason=\"no_key\"} 17.5",
        ] {
            assert!(text.lines().any(|has| has == line), "{line}\n{text}");
        }
        assert!(!text.contains("lease_left_seconds{"), "{text}");
        assert_eq!(text.matches("last_error_timestamp_seconds{").count(), 1);
    }
}
