//! Reads the lease's JSON: which key a segment must be under.
//!
//! Must not know: how the server came to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::cipher::Block;
use super::playlist::millis;

/// A period's edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Edge {
    Segment(u64),
    /// Milliseconds since the epoch.
    Time(i64),
}

/// One leased period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) index: i64,
    pub(crate) kid: String,
    pub(crate) begin: Edge,
    pub(crate) end: Option<Edge>,
    pub(crate) uri: String,
    pub(crate) key: Block,
}

/// The leased periods, in order.
pub(crate) fn periods(lease: &Value) -> Result<Vec<Period>, String> {
    let list = lease["periods"].as_array().ok_or("no periods")?;
    list.iter()
        .map(|view| period(view).ok_or_else(|| format!("not a period: {}", without_key(view))))
        .collect()
}

fn period(view: &Value) -> Option<Period> {
    let text = |name: &str| view[name].as_str().map(str::to_owned);
    let key = STANDARD.decode(view["key"].as_str()?).ok()?;
    let end = match view.get("end") {
        None | Some(Value::Null) => None,
        Some(end) => Some(edge(end)?),
    };
    Some(Period {
        index: view["index"].as_i64()?,
        kid: text("kid")?,
        begin: edge(&view["boundary"])?,
        end,
        uri: text("uri")?,
        key: key.try_into().ok()?,
    })
}

fn edge(value: &Value) -> Option<Edge> {
    match (value["segment"].as_u64(), value["time"].as_str()) {
        (Some(number), None) => Some(Edge::Segment(number)),
        (None, Some(time)) => millis(time).ok().map(Edge::Time),
        _ => None,
    }
}

fn without_key(view: &Value) -> Value {
    let mut view = view.clone();
    view["key"] = Value::Null;
    view
}

impl Period {
    /// Whether a segment with this number and time belongs here; `None` if its time is needed.
    pub(crate) fn holds(&self, msn: u64, time: Option<i64>) -> Option<bool> {
        let reached = |edge: Edge| match edge {
            Edge::Segment(first) => Some(msn >= first),
            Edge::Time(first) => time.map(|time| time >= first),
        };
        let ended = self.end.map_or(Some(false), reached)?;
        Some((reached(self.begin)? || self.index <= 0) && !ended)
    }
}

#[test]
fn a_lease_is_read_and_places_segments() {
    let lease = serde_json::json!({"periods": [{
        "index": 3, "kid": "k", "uri": "https://h/v1/keys/k",
        "boundary": {"time": "1970-01-01T00:00:10.000Z"}, "end": {"segment": 9},
        "key": STANDARD.encode(b"obviously-a-fake"),
    }]});
    let periods = periods(&lease).unwrap();
    assert_eq!(periods[0].key, *b"obviously-a-fake");
    assert_eq!(periods[0].holds(8, Some(10_000)), Some(true));
    assert_eq!(periods[0].holds(8, Some(9_999)), Some(false));
    assert_eq!(periods[0].holds(9, Some(10_000)), Some(false));
    assert_eq!(periods[0].holds(8, None), None);
    assert!(self::periods(&serde_json::json!({"periods": [{}]})).is_err());
}
