//! The section `[audit]`.
//!
//! Must not know: how the trail is kept.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::api::Text;

/// The section `[audit]`: what is written down of decisions, and for how long.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfig {
    /// What happens while rows come faster than the store takes them, or it is away: `"drop"`
    /// goes on, and a row says later how many are lost; `"refuse"` answers 503 until there is
    /// room. Default `"drop"`.
    pub on_overflow: OnOverflow,
    /// How many rows may wait in memory. Default 262144.
    pub queue: NonZeroUsize,
    /// How long rows are kept, at least a day. Default `"90days"`.
    #[serde(deserialize_with = "retention")]
    pub retention: Text<humantime::Duration>,
    /// Whether keys that are handed out are written down, a row for each session, key and minute, and
    /// for each packager, stream and minute. Refusals and changes always are. Default true.
    pub deliveries: bool,
}

/// What happens while the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnOverflow {
    /// The rows are lost, and counted.
    #[default]
    Drop,
    /// Nothing is decided that could not be written down.
    Refuse,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self {
            on_overflow: OnOverflow::default(),
            queue: NonZeroUsize::MIN.saturating_add(0x3_ffff),
            retention: Text(Duration::from_secs(90 * 24 * 3600).into()),
            deliveries: true,
        }
    }
}

/// A shorter one would take rows away while an operator reads them.
fn retention<'de, D: Deserializer<'de>>(from: D) -> Result<Text<humantime::Duration>, D::Error> {
    let span = Text::<humantime::Duration>::deserialize(from)?;
    match Duration::from(span.0).as_secs() {
        86_400.. => Ok(span),
        _ => Err(de::Error::custom("retention is at least 1day")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_is_kept_for_a_day_at_least() {
        let read = |text: &str| toml::from_str::<AuditConfig>(text);
        let usual = read("").unwrap();
        assert_eq!((usual.queue.get(), usual.deliveries), (262_144, true));
        assert_eq!(usual.on_overflow, OnOverflow::Drop);
        for (span, is_good) in [("1day", true), ("23h", false)] {
            let found = read(&format!("retention = '{span}'"));
            assert_eq!(found.is_ok(), is_good, "{span}");
        }
        for bad in ["queue = 0", "on_overflow = 'wait'", "keep = '1day'"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
