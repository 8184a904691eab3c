//! The scheme `hdnts`: tokens of Wowza's CDN on Fastly (its published generators).
//!
//! Not Akamai's scheme of the same parameter name, which is `edgeauth`: here the secret is taken as
//! text, and the stream's id is hashed without standing in the token. Must not know: the other
//! schemes, or the clock; the caller checks the time.

mod explain;

use crate::crypto::hex_of;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;
use subtle::ConstantTimeEq as _;

use super::Fault;
use super::order::Order;
use super::request::{Repeated, Request, has, is_plain_path, only, stream_path};
use super::scope::Scope;
use super::seconds::{SecondsFault, seconds};
use super::secrets::{SecretsFault, secrets};
use super::tilde::{Fields, Token, judged};
use super::vouched::{Vouched, name_of};
use crate::api::Text;
use crate::crypto::{SecretText, hmac_sha256};
use crate::domain::{StreamPattern, Timestamp};

pub(super) use explain::explain;

/// The query parameter.
const PARAMETER: &str = "hdnts";
/// The fields, in the order in which the generators sign them.
const FIELDS: Fields<'_> = Fields {
    known: &["ip", "st", "vod", "exp"],
    loose: None,
};

/// The section `[schemes.NAME]` of an instance.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HdntsConfig {
    /// `"hdnts"`; not needed where the instance has that name.
    pub kind: Option<IgnoredAny>,
    /// The streams it may speak for, whatever its tokens name. Default `["**"]`.
    pub streams: Vec<Text<StreamPattern>>,
    /// The shared secrets, as text; any of them verifies, the first signs.
    pub secrets: Vec<SecretText>,
    /// A file with more of them, one in a line, mode 0600.
    pub secrets_file: Option<PathBuf>,
}

impl Default for HdntsConfig {
    fn default() -> Self {
        Self {
            kind: None,
            streams: vec![Text(StreamPattern::any())],
            secrets: Vec::new(),
            secrets_file: None,
        }
    }
}

impl HdntsConfig {
    pub(in crate::access) fn load(&self, name: &str) -> Result<(Hdnts, Scope), SecretsFault> {
        let scheme = Hdnts {
            secrets: secrets(&self.secrets, self.secrets_file.as_deref())?,
        };
        Ok((scheme, Scope::viewers(name, &self.streams)))
    }
}

/// One instance.
pub(in crate::access) struct Hdnts {
    secrets: Vec<SecretText>,
}

/// Whether the request has the parameter.
pub(super) fn is_shown(request: &Request<'_>) -> bool {
    has(request.query, PARAMETER)
}

impl Hdnts {
    /// `None` if the request has no such parameter.
    pub(super) fn verify(&self, request: &Request<'_>) -> Option<Result<Vouched, Fault>> {
        match only(request.query, PARAMETER) {
            Err(Repeated) => Some(Err(Fault::Twice)),
            Ok(received) => received.map(|received| self.judge(request, received)),
        }
    }

    fn judge(&self, request: &Request<'_>, received: &str) -> Result<Vouched, Fault> {
        if !is_plain_path(request.content) {
            return Err(Fault::Path);
        }
        judged(received, |text| self.judge_reading(request, text))
    }

    fn judge_reading(&self, request: &Request<'_>, text: &str) -> Result<Vouched, Fault> {
        let token = Token::read(text, &FIELDS)?;
        let stream = stream_id(request.content).ok_or(Fault::Path)?;
        let signed = format!("{}~stream_id={stream}", token.signed);
        if !self.is_signed(&signed, &token.hmac) {
            return Err(Fault::Hash);
        }
        check_address(request, token.field("ip"))?;
        let video = token.field("vod");
        if video.is_some_and(|video| !is_of_video(request.content, video)) {
            return Err(Fault::Path);
        }
        let start = token.field("st").map(time).transpose()?;
        let end = time(token.field("exp").ok_or(Fault::Expiry)?)?;
        let vouched = Vouched::for_content(request.stream(), name_of(&token.text()));
        let is_bound = token.field("ip").is_some();
        Ok(vouched
            .bound_to(request.ip.filter(|_| is_bound))
            .between(start, Some(end)))
    }

    fn is_signed(&self, text: &str, hmac: &[u8]) -> bool {
        let is_of = |secret: &SecretText| -> bool {
            let key = secret.expose().as_bytes();
            hmac_sha256(key, &[text.as_bytes()]).ct_eq(hmac).into()
        };
        self.secrets
            .iter()
            .fold(false, |found, secret| found | is_of(secret))
    }
}

/// The id that the CDN gives a stream: the second part of its path. A media server's application
/// instance stands there for any number of streams, and is none: that of the name that it has unless
/// somebody gives it another.
fn stream_id(content: &str) -> Option<&str> {
    let id = content.split('/').nth(1);
    id.filter(|id| *id != "_definst_")
}

/// Whether the content is of the video, whose id is the third part from the end of a playlist's path. A
/// key is asked for by its stream's path, right below which a playlist lies, or the folder of one.
fn is_of_video(content: &str, video: &str) -> bool {
    let mut parts = content.rsplit('/');
    match stream_path(content) == content {
        true => parts.take(2).any(|part| part == video),
        false => parts.nth(2) == Some(video),
    }
}

/// The address that the token names, if it names one: whichever way it is spelt.
pub(super) fn check_address(request: &Request<'_>, named: Option<&str>) -> Result<(), Fault> {
    let Some(named) = named else { return Ok(()) };
    let named = named.parse::<IpAddr>().map(|ip| ip.to_canonical());
    let known = request.ip.map(|ip| ip.to_canonical());
    let is_it = known.is_some() && known == named.ok();
    is_it.then_some(()).ok_or(Fault::Address)
}

pub(super) fn time(text: &str) -> Result<Timestamp, Fault> {
    seconds(text).map_err(|fault| match fault {
        SecondsFault::Milliseconds => Fault::Milliseconds,
        SecondsFault::Form => Fault::Times,
    })
}

/// The query to put behind the URL, without `?`.
pub(super) fn sign(scheme: &Hdnts, order: Order<'_>) -> Option<String> {
    let secret = scheme.secrets.first()?.expose();
    let ip = order.address().map(|ip| format!("ip={ip}~"));
    let signed = format!(
        "{}st={}~exp={}",
        ip.unwrap_or_default(),
        order.start.seconds(),
        order.end.seconds()
    );
    let text = format!("{signed}~stream_id={}", stream_id(order.stream)?);
    let hmac = hex_of(&hmac_sha256(secret.as_bytes(), &[text.as_bytes()]));
    Some(format!("{PARAMETER}={signed}~hmac={hmac}"))
}
