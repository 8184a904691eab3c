//! One request out of any bytes, judged by each scheme: what the fuzzer tries (`fuzz/`), and what a
//! test replays of its corpus.
//!
//! The first line is the URL's path and query, each further one a header, `Name: value`. Must not
//! know: what a token looks like.

use std::sync::{Arc, OnceLock};

use super::Headers;
use super::check::{Asked, Instance, Purpose, Target, Verdict};
use super::grant::Grants;
use super::ring::Ring;
use super::scheme::SchemesConfig;
use super::session::{Sessions, SessionsConfig};
use crate::crypto::MacKey;
use crate::domain::Timestamp;
use crate::outbound;

/// The target of each scheme.
pub const TARGETS: [&str; 9] = [
    "cat",
    "edgeauth",
    "grant",
    "hdnts",
    "jwt",
    "securetoken",
    "session",
    "urlparams",
    "wmsauth",
];

/// 2024-01-01, when the vectors' tokens are good.
const NOW: Timestamp = Timestamp::from_millis(1_704_067_200_000);

/// Secrets under which the corpus has good tokens, so that what is behind a signature is reached.
const KNOWN: &str = include_str!("fuzzing/known.toml");
/// Secrets that nobody has.
const FOREIGN: &str = include_str!("fuzzing/foreign.toml");

/// Judges `input` by the scheme `target`.
///
/// Panics if a token is taken that was signed by nobody, if a verdict is not the same twice, or if
/// the scheme panics.
pub fn judge(target: &str, input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match target {
        "grant" => judge_grant(&text),
        "session" => judge_session(&text),
        _ => judge_request(target, &text),
    }
}

fn judge_request(target: &str, text: &str) {
    let (first, again) = (verdicts(target, text), verdicts(target, text));
    assert!(first.eq(again), "{text:?}");
    for purpose in PURPOSES {
        let verdict = asked(text, purpose, |asked| foreign(target).verify(asked, NOW));
        let is_refused = matches!(verdict, Verdict::Deny(..));
        assert!(is_refused, "{verdict:?} {text:?}");
    }
}

const PURPOSES: [Purpose; 2] = [Purpose::Play, Purpose::Publish];

/// What the instances say that the corpus is for.
fn verdicts(target: &str, text: &str) -> impl Iterator<Item = Verdict> {
    let judged = move |instance: &'static Instance| {
        PURPOSES.map(|purpose| asked(text, purpose, |asked| instance.verify(asked, NOW)))
    };
    known(target).flat_map(judged)
}

/// Asks as the request that `text` is.
fn asked<T>(text: &str, purpose: Purpose, ask: impl FnOnce(Asked<'_>) -> T) -> T {
    let mut lines = text.lines();
    let (path, query) = url(lines.next().unwrap_or_default());
    let headers: Vec<_> = lines.filter_map(header).collect();
    ask(Asked {
        target: Target {
            scheme: "https",
            authority: "keys.example.com",
            path,
            token: None,
        },
        stream: None,
        query,
        headers: &headers as &dyn Headers,
        ip: Some([192, 0, 2, 10].into()),
        alpn: Some("http/1.1"),
        method: "GET",
        purpose,
    })
}

fn judge_grant(text: &str) {
    let grants = |fill| Grants::new(ring(fill));
    let taken = grants(KNOWN_FILL).open(text);
    // What opens is written in one way alone.
    if let Ok(grant) = taken {
        assert_eq!(grants(KNOWN_FILL).sign(&grant).expose(), text);
    }
    assert!(grants(FOREIGN_FILL).open(text).is_err(), "{text:?}");
}

fn judge_session(text: &str) {
    let sessions = |fill| Sessions::new(&SessionsConfig::default(), ring(fill));
    if let Ok(known) = sessions(KNOWN_FILL) {
        let _ = known.principal(text);
        let _ = known.renew(text, NOW);
    }
    let foreign = sessions(FOREIGN_FILL);
    assert!(
        foreign.is_ok_and(|it| it.principal(text).is_err()),
        "{text:?}"
    );
}

/// Of the key that the corpus' grants and sessions are under.
const KNOWN_FILL: u8 = 1;
const FOREIGN_FILL: u8 = 2;

fn ring(fill: u8) -> Arc<Ring> {
    match Ring::new(vec![MacKey::new(&[fill; 32])]) {
        Ok(ring) => Arc::new(ring),
        Err(error) => panic!("{error}"),
    }
}

fn url(line: &str) -> (&str, &str) {
    line.split_once('?').unwrap_or((line, ""))
}

fn header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

/// Every instance of that kind, loaded once.
fn known(target: &str) -> impl Iterator<Item = &'static Instance> {
    static LOADED: OnceLock<Vec<(String, Instance)>> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| load(KNOWN)).iter();
    let target = target.to_owned();
    let of_kind = move |name: &str| name.split('-').next() == Some(target.as_str());
    loaded.filter_map(move |(name, instance)| of_kind(name).then_some(instance))
}

fn foreign(target: &str) -> &'static Instance {
    static LOADED: OnceLock<Vec<(String, Instance)>> = OnceLock::new();
    let mut loaded = LOADED.get_or_init(|| load(FOREIGN)).iter();
    match loaded.find(|(name, _)| name == target) {
        Some((_, instance)) => instance,
        None => panic!("no target '{target}'"),
    }
}

fn load(config: &str) -> Vec<(String, Instance)> {
    let schemes: SchemesConfig = match toml::from_str(config) {
        Ok(schemes) => schemes,
        Err(error) => panic!("{error}"),
    };
    let outbound = outbound::Config::default();
    let names: Vec<_> = schemes.0.keys().cloned().collect();
    let load = |name: String| match Instance::load(&schemes, &outbound, &name) {
        Ok(instance) => (name, instance),
        Err(error) => panic!("{error}"),
    };
    names.into_iter().map(load).collect()
}

/// Whether an instance that the corpus is for takes the input's token.
#[cfg(test)]
fn is_taken(target: &str, input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    match target {
        "grant" => Grants::new(ring(KNOWN_FILL)).open(&text).is_ok(),
        "session" => {
            let sessions = Sessions::new(&SessionsConfig::default(), ring(KNOWN_FILL));
            sessions.is_ok_and(|it| it.principal(&text).is_ok())
        }
        _ => verdicts(target, &text).any(|verdict| matches!(verdict, Verdict::Allow { .. })),
    }
}

#[cfg(test)]
mod tests;
