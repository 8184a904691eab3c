//! The claims of a token: CWT's (RFC 8392 §3.1) and CTA-5007's.
//!
//! Must not know: keys, or the instance's settings.

mod unmet;

use std::collections::HashSet;

use super::cbor::{Item, read};
use super::network::Networks;
use super::renewal::Renewal;
use super::rule::Rule;
use super::uri::UriRule;
use crate::access::scheme::Fault;
use crate::access::scheme::request::Request;
use crate::domain::Timestamp;

/// The keys of claims that this module, and the signer, write in numbers.
pub(super) mod label {
    pub(in crate::access::scheme::cat) const ISS: i64 = 1;
    pub(in crate::access::scheme::cat) const SUB: i64 = 2;
    pub(in crate::access::scheme::cat) const AUD: i64 = 3;
    pub(in crate::access::scheme::cat) const EXP: i64 = 4;
    pub(in crate::access::scheme::cat) const NBF: i64 = 5;
    pub(in crate::access::scheme::cat) const IAT: i64 = 6;
    pub(in crate::access::scheme::cat) const CTI: i64 = 7;
    pub(in crate::access::scheme::cat) const CATREPLAY: i64 = 308;
    pub(in crate::access::scheme::cat) const CATV: i64 = 310;
    pub(in crate::access::scheme::cat) const CATNIP: i64 = 311;
    pub(in crate::access::scheme::cat) const CATU: i64 = 312;
    pub(in crate::access::scheme::cat) const CATM: i64 = 313;
    pub(in crate::access::scheme::cat) const CATALPN: i64 = 314;
    pub(in crate::access::scheme::cat) const CATH: i64 = 315;
    pub(in crate::access::scheme::cat) const CATIFDATA: i64 = 320;
    pub(in crate::access::scheme::cat) const CATIF: i64 = 322;
    pub(in crate::access::scheme::cat) const CATR: i64 = 323;
}

/// The longest subject, as JWT's, and the longest id.
const MAX_NAME: usize = 255;
const MAX_ID: usize = 64;
/// Past this many seconds (the year 5138) a time is in milliseconds.
const MAX_SECONDS: f64 = 1e11;

/// What a token says. Of what restricts it nothing is left out.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) issuer: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) audience: Option<Vec<String>>,
    pub(super) expires: Option<Timestamp>,
    pub(super) not_before: Option<Timestamp>,
    pub(super) issued: Option<Timestamp>,
    pub(super) id: Option<Vec<u8>>,
    pub(super) replay: Replay,
    pub(super) renewal: Option<Renewal>,
    pub(super) uri: Option<UriRule>,
    networks: Option<Networks>,
    methods: Option<Vec<String>>,
    protocols: Option<Vec<Vec<u8>>>,
    headers: Vec<(String, Rule)>,
}

/// The claim `catreplay`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Replay {
    /// 0: used as often as the viewer likes.
    #[default]
    Permitted,
    /// 1: used once.
    Prohibited,
    /// 2: used as often as the viewer likes, and looked at.
    Detected,
}

/// A claim's key (RFC 8392 §4).
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(untagged)]
pub enum ClaimKey {
    /// A registered number, or one for private use.
    Number(i64),
    /// A name.
    Text(String),
}

impl Claims {
    /// Reads what is signed. A claim that is not known is refused, unless it is one of `passed`: it
    /// may be a restriction, as nearly all of CTA-5007's are.
    pub(super) fn read(payload: &[u8], passed: &HashSet<ClaimKey>) -> Result<Self, Fault> {
        let item = read(payload).map_err(|_| Fault::Payload)?;
        let mut claims = Self::default();
        for (key, value) in item.map().ok_or(Fault::Payload)? {
            claims.take(key, value, passed)?;
        }
        Ok(claims)
    }

    /// One claim by itself, for whoever asks which is the bad one.
    pub(super) fn read_one(
        key: &Item<'_>,
        value: &Item<'_>,
        passed: &HashSet<ClaimKey>,
    ) -> Result<(), Fault> {
        Self::default().take(key, value, passed)
    }

    fn take(
        &mut self,
        key: &Item<'_>,
        value: &Item<'_>,
        passed: &HashSet<ClaimKey>,
    ) -> Result<(), Fault> {
        match key.int() {
            Some(label::ISS) => self.issuer = Some(text(value).ok_or(Fault::Issuer)?),
            Some(label::SUB) => self.subject = Some(name(value).ok_or(Fault::Subject)?),
            Some(label::AUD) => self.audience = Some(texts(value).ok_or(Fault::Audience)?),
            Some(label::EXP) => self.expires = Some(time(value, Fault::Expiry)?),
            Some(label::NBF) => self.not_before = Some(time(value, Fault::Times)?),
            Some(label::IAT) => self.issued = Some(time(value, Fault::Times)?),
            Some(label::CTI) => self.id = Some(id(value).ok_or(Fault::TokenId)?),
            Some(label::CATV) => check(value.int() == Some(1), Fault::Version)?,
            Some(label::CATR) => {
                self.renewal = Some(Renewal::read(value).ok_or(Fault::Renewal)?);
            }
            // How a refusal is answered; ours are answered in one way.
            Some(label::CATIF | label::CATIFDATA) => {}
            _ => return self.restrict(key, value, passed),
        }
        Ok(())
    }

    fn restrict(
        &mut self,
        key: &Item<'_>,
        value: &Item<'_>,
        passed: &HashSet<ClaimKey>,
    ) -> Result<(), Fault> {
        match key.int() {
            Some(label::CATREPLAY) => self.replay = replay(value).ok_or(Fault::Replay)?,
            Some(label::CATNIP) => {
                self.networks = Some(Networks::read(value).ok_or(Fault::Network)?);
            }
            Some(label::CATU) => self.uri = Some(UriRule::read(value).ok_or(Fault::Uri)?),
            Some(label::CATM) => self.methods = Some(texts(value).ok_or(Fault::Method)?),
            Some(label::CATALPN) => {
                self.protocols = Some(protocols(value).ok_or(Fault::Protocol)?);
            }
            Some(label::CATH) => self.headers = headers(value).ok_or(Fault::RequestHeader)?,
            _ => check(may_pass(key, passed), Fault::CriticalClaim)?,
        }
        Ok(())
    }

    /// Whether the token is for `request`; its time is looked at elsewhere.
    pub(super) fn check(&self, request: &Request<'_>) -> Result<(), Fault> {
        let lists = |methods: &Vec<String>| methods.iter().any(|it| it == request.method);
        check(self.methods.as_ref().is_none_or(lists), Fault::Method)?;
        let takes = |uri: &UriRule| uri.takes(request);
        check(self.uri.as_ref().is_none_or(takes), Fault::Uri)?;
        let speaks = |some: &Vec<Vec<u8>>| {
            let spoken = request.alpn.map(str::as_bytes);
            spoken.is_some_and(|spoken| some.iter().any(|it| it == spoken))
        };
        check(self.protocols.as_ref().is_none_or(speaks), Fault::Protocol)?;
        let mut headers = self.headers.iter();
        let sends = |(name, rule): &(String, Rule)| is_sent(request, name, rule);
        check(headers.all(sends), Fault::RequestHeader)?;
        let holds = |networks: &Networks| networks.hold(request.ip);
        check(self.networks.as_ref().is_none_or(holds), Fault::Network)
    }

    /// Whether it may be shown from some networks alone.
    pub(super) fn names_networks(&self) -> bool {
        self.networks.is_some()
    }

    /// Whether it demands headers.
    pub(super) fn names_headers(&self) -> bool {
        !self.headers.is_empty()
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        let headers = self.headers.iter().map(|(_, rule)| rule.weight());
        self.uri.as_ref().map_or(0, UriRule::weight) + headers.sum::<usize>()
    }
}

/// The header must be there, and each of its lines as demanded.
fn is_sent(request: &Request<'_>, name: &str, rule: &Rule) -> bool {
    let mut values = request.headers.values(name).peekable();
    values.peek().is_some() && values.all(|value| rule.takes(value))
}

fn check(holds: bool, fault: Fault) -> Result<(), Fault> {
    holds.then_some(()).ok_or(fault)
}

fn may_pass(key: &Item<'_>, passed: &HashSet<ClaimKey>) -> bool {
    let label = match key {
        Item::Text(text) => Some(ClaimKey::Text((*text).to_owned())),
        other => other.int().map(ClaimKey::Number),
    };
    label.is_some_and(|label| passed.contains(&label))
}

fn text(value: &Item<'_>) -> Option<String> {
    value.text().map(str::to_owned)
}

fn name(value: &Item<'_>) -> Option<String> {
    let is_fit = |text: &&str| (1..=MAX_NAME).contains(&text.len());
    let text = value.text().filter(is_fit)?;
    (!text.chars().any(char::is_control)).then(|| text.to_owned())
}

fn id(value: &Item<'_>) -> Option<Vec<u8>> {
    let bytes = value.bytes()?;
    (1..=MAX_ID).contains(&bytes.len()).then(|| bytes.to_vec())
}

/// One text, or an array of them.
fn texts(value: &Item<'_>) -> Option<Vec<String>> {
    match value {
        Item::Text(one) => Some(vec![(*one).to_owned()]),
        Item::Array(some) => some.iter().map(text).collect(),
        _ => None,
    }
}

/// The names as they stand in the handshake (RFC 7301 §3.1); some signers write them as text.
fn protocols(value: &Item<'_>) -> Option<Vec<Vec<u8>>> {
    let protocol = |item: &Item<'_>| match item {
        Item::Bytes(bytes) => Some(bytes.to_vec()),
        Item::Text(text) => Some(text.as_bytes().to_vec()),
        _ => None,
    };
    value.array()?.iter().map(protocol).collect()
}

/// Names of headers, in lower case, and what each must be like.
fn headers(value: &Item<'_>) -> Option<Vec<(String, Rule)>> {
    let header = |(name, rule): &(Item<'_>, Item<'_>)| {
        let name = name.text()?.to_ascii_lowercase();
        Some((name, Rule::read(rule)?))
    };
    let headers: Option<Vec<_>> = value.map()?.iter().map(header).collect();
    headers.filter(|some| !some.is_empty())
}

fn replay(value: &Item<'_>) -> Option<Replay> {
    match value.int()? {
        0 => Some(Replay::Permitted),
        1 => Some(Replay::Prohibited),
        2 => Some(Replay::Detected),
        _ => None,
    }
}

/// A NumericDate: seconds since the epoch, whole or not, without CBOR's tag (RFC 8392 §2); else why it
/// is none.
fn time(value: &Item<'_>, fault: Fault) -> Result<Timestamp, Fault> {
    let seconds = match value {
        Item::Float(seconds) => *seconds,
        other => other.int().ok_or(fault)? as f64,
    };
    match seconds {
        late if late.is_finite() && late > MAX_SECONDS => Err(Fault::Milliseconds),
        some if some.abs() <= MAX_SECONDS => {
            Ok(Timestamp::from_millis((some * 1000.0).floor() as i64))
        }
        _ => Err(fault),
    }
}
