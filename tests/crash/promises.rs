//! What a server has answered, and may never take back, whenever it is killed.
//!
//! Must not know: how a request is made, or when the server was killed.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Every promise so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Promises {
    /// Stream and boundary: the kid.
    pub(super) periods: BTreeMap<(String, String), String>,
    /// By kid: the URI and the key.
    pub(super) keys: BTreeMap<String, (String, Vec<u8>)>,
    /// Stream and segment: the time.
    pub(super) claims: BTreeMap<(String, u64), String>,
    /// Streams and their cuts' boundaries.
    pub(super) cuts: BTreeSet<(String, String)>,
    /// Keys that somebody tried to revoke, and whether that was answered.
    pub(super) revoked: BTreeMap<String, bool>,
    /// Stream: the document with the key of the kid that its packager brought.
    pub(super) brought: BTreeMap<String, String>,
}

impl Promises {
    /// A lease: one boundary, one kid, one key, for ever; and the cuts are in its schedule.
    pub(super) fn leased(&mut self, stream: &str, lease: &Value) -> Result<(), String> {
        for period in lease["periods"].as_array().ok_or("no periods")? {
            let boundary = period["boundary"].to_string();
            let kid = period["kid"].as_str().ok_or("no kid")?.to_owned();
            let uri = period["uri"].as_str().ok_or("no uri")?.to_owned();
            let key = STANDARD.decode(period["key"].as_str().ok_or("no key")?);
            let key = (uri, key.map_err(|_| "a key that is not base64")?);
            let place = (stream.to_owned(), boundary);
            let known = self.periods.entry(place.clone()).or_insert(kid.clone());
            // A revoked key is forgotten in the end, and then its period is as if it never was.
            if self.revoked.contains_key(known) {
                known.clone_from(&kid);
            }
            if *known != kid {
                return Err(format!("{place:?} has another key than before"));
            }
            if *self.keys.entry(kid.clone()).or_insert(key.clone()) != key {
                return Err(format!("{kid} has other bytes than before"));
            }
        }
        let places: BTreeSet<&String> = self.periods.values().collect();
        if places.len() != self.periods.len() {
            return Err("one kid for two periods".to_owned());
        }
        self.holds_cuts(stream, lease)
    }

    /// What a packager's document was filled with is the same whenever it asks.
    pub(super) fn brought(&mut self, stream: &str, document: &str) -> Result<(), String> {
        let known = self.brought.entry(stream.to_owned());
        match known.or_insert_with(|| document.to_owned()) == document {
            true => Ok(()),
            false => Err(format!(
                "{stream}: the kid that was brought has another key"
            )),
        }
    }

    fn holds_cuts(&self, stream: &str, lease: &Value) -> Result<(), String> {
        let eras = lease["eras"].as_array().ok_or("no eras")?;
        let starts: BTreeSet<String> = eras.iter().map(|era| era["start"].to_string()).collect();
        let mut cuts = self.cuts.iter().filter(|(of, _)| of == stream);
        match cuts.find(|(_, boundary)| !starts.contains(boundary)) {
            Some(lost) => Err(format!("the cut {lost:?} is lost")),
            None => Ok(()),
        }
    }

    /// Claims: times never change, and follow the numbers.
    pub(super) fn claimed(&mut self, stream: &str, reply: &Value) -> Result<(), String> {
        for claim in reply["claims"].as_array().ok_or("no claims")? {
            let segment = claim["segment"].as_u64().ok_or("no segment")?;
            let time = claim["time"].as_str().ok_or("no time")?.to_owned();
            let place = (stream.to_owned(), segment);
            let known = self.claims.entry(place.clone()).or_insert(time.clone());
            if *known != time {
                return Err(format!("{place:?} has another time than before"));
            }
        }
        let own = self.claims.iter().filter(|((of, _), _)| of == stream);
        match own.map(|(_, time)| time).is_sorted() {
            true => Ok(()),
            false => Err(format!("times of {stream} go back")),
        }
    }

    /// A cut that was answered.
    pub(super) fn cut(&mut self, stream: &str, reply: &Value) {
        let boundary = reply["boundary"].to_string();
        self.cuts.insert((stream.to_owned(), boundary));
    }

    /// What a key's URI answered a viewer: the key and nothing else, or that it is revoked.
    pub(super) fn served(&self, kid: &str, status: u16, body: &[u8]) -> Result<(), String> {
        let (_, key) = self.keys.get(kid).ok_or("a key that nobody leased")?;
        match (status, self.revoked.get(kid)) {
            (200, _) if body.len() != 16 => Err(format!("{kid}: 200 with {} bytes", body.len())),
            (200, _) if body != key => Err(format!("{kid} is served with other bytes")),
            (200, Some(true)) => Err(format!("{kid} is served and revoked")),
            (200, _) | (404 | 410, Some(_)) => Ok(()), // revoked, and in the end forgotten
            _ => Err(format!("{kid} is answered with {status}")),
        }
    }
}

#[test]
fn broken_promises_are_seen() {
    let text = |key: &str| STANDARD.encode(key);
    let lease = |at: u64, kid: &str, key: &str| {
        serde_json::json!({
            "eras": [{"start": {"segment": 0}}],
            "periods": [{"boundary": {"segment": at}, "kid": kid, "uri": "u", "key": text(key)}],
        })
    };
    let claims = |segment: u64, time: &str| serde_json::json!({"claims": [{"segment": segment, "time": time}]});
    let (key, other) = ("obviously-a-fake", "another-fake-key");
    let mut good = Promises::default();
    good.leased("s", &lease(0, "k", key)).unwrap();
    good.leased("s", &lease(0, "k", key)).unwrap();
    good.claimed("s", &claims(5, "2026-01-01T00:00:05Z"))
        .unwrap();
    good.served("k", 200, key.as_bytes()).unwrap();
    let broken = |broken: &dyn Fn(&mut Promises) -> Result<(), String>, fault: &str| {
        let said = broken(&mut good.clone()).unwrap_err();
        assert!(said.contains(fault), "{said}");
    };
    broken(&|p| p.leased("s", &lease(0, "l", key)), "another key");
    broken(&|p| p.leased("s", &lease(0, "k", other)), "other bytes");
    broken(&|p| p.leased("s", &lease(9, "k", key)), "one kid");
    let cut = serde_json::json!({"boundary": {"segment": 7}});
    let lost = |p: &mut Promises| {
        p.cut("s", &cut);
        p.leased("s", &lease(0, "k", key))
    };
    broken(&lost, "is lost");
    broken(
        &|p| p.claimed("s", &claims(5, "2026-01-01T00:00:06Z")),
        "another time",
    );
    broken(
        &|p| p.claimed("s", &claims(6, "2026-01-01T00:00:04Z")),
        "go back",
    );
    broken(&|p| p.served("k", 200, b"short"), "5 bytes");
    broken(&|p| p.served("k", 200, other.as_bytes()), "other bytes");
    broken(&|p| p.served("k", 404, b""), "404");
    broken(&|p| p.served("l", 200, key.as_bytes()), "nobody leased");
    let revoked = |p: &mut Promises| {
        p.revoked.insert("k".to_owned(), true);
        p.served("k", 200, key.as_bytes())
    };
    broken(&revoked, "revoked");
}
