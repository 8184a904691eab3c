//! The scheme `wmsauth`: `WMSAuth` of WMSPanel and Nimble Streamer (research: Softvelum's samples).
//!
//! Legacy: MD5 keyed by concatenation, without separators, and a basic token names no stream; give
//! `require_stream = true` wherever the signer can. Must not know: the other schemes, or the
//! clock; the caller checks the time.

mod ambiguity;
mod config;
mod date;
mod explain;
mod sign;
mod token;

use std::borrow::Cow;
use std::time::Duration;

use subtle::ConstantTimeEq as _;

use super::Fault;
use super::groups::Groups;
use super::request::{Repeated, Request, has, is_below, is_plain_path, only, plain, stream_path};
use super::vouched::{Vouched, name_of};
use crate::crypto::{SecretText, md5};
use crate::domain::{StreamPattern, Timestamp};
use token::{Token, TokenFault};

pub use config::WmsAuthConfig;
pub(super) use explain::explain;
pub(super) use sign::sign;

/// The query parameter.
const PARAMETER: &str = "wmsAuthSign";

/// Whether the request has the parameter.
pub(super) fn is_shown(request: &Request<'_>) -> bool {
    has(request.query, PARAMETER)
}

/// One instance.
pub(in crate::access) struct WmsAuth {
    groups: Groups,
    secrets: Vec<SecretText>,
    tolerance: Duration,
    require_stream: bool,
    /// The streams of the instance.
    within: Vec<StreamPattern>,
}

impl WmsAuth {
    pub(super) fn groups(&self) -> &Groups {
        &self.groups
    }

    /// `None` if the request has no such parameter.
    pub(super) fn verify(&self, request: &Request<'_>) -> Option<Result<Vouched, Fault>> {
        match only(request.query, PARAMETER) {
            Err(Repeated) => Some(Err(Fault::Twice)),
            Ok(received) => received.map(|received| self.judge(request, received)),
        }
    }

    fn judge(&self, request: &Request<'_>, received: &str) -> Result<Vouched, Fault> {
        let token = Token::read(received).map_err(|fault| match fault {
            TokenFault::Form => Fault::Malformed,
            TokenFault::Twice => Fault::Twice,
        })?;
        let issued = date::read(&token.server_time).ok_or(Fault::Times)?;
        let paths = self.paths(request, &token)?;
        let who = who(request, &token)?;
        if token.hash.len() != 16 {
            return Err(Fault::HashLength);
        }
        let is_signed = |path: &Cow<'_, str>| {
            let all = self.secrets.iter();
            all.fold(false, |found, secret| {
                found | is_of(&token, &who, secret, path)
            })
        };
        let signed = paths.into_iter().find(is_signed);
        let signed = signed.ok_or(Fault::Hash)?;
        Ok(self.vouched(request, &token, issued, &signed))
    }

    /// What the token may name: so much of the path, as received or decoded, or a group of that length
    /// that the stream is in. Empty if it names nothing.
    fn paths<'a>(
        &'a self,
        request: &Request<'a>,
        token: &Token,
    ) -> Result<Vec<Cow<'a, str>>, Fault> {
        if !is_plain_path(request.content) {
            return Err(Fault::Path);
        }
        if token.signed_length == 0 && self.require_stream {
            return Err(Fault::NoStream);
        }
        let length = token.signed_length;
        let own = whole_parts(request.content, length).map(Cow::Borrowed);
        let decoded = plain(request.content);
        let decoded = whole_parts(&decoded, length).map(str::to_owned);
        let decoded = decoded.filter(|it| own.as_ref().is_none_or(|own| **own != **it));
        let groups = self.groups.of(request.stream());
        let groups = groups
            .filter(|name| name.len() == length)
            .map(Cow::Borrowed);
        let own = own.into_iter().chain(decoded.map(Cow::Owned));
        let named: Vec<Cow<'a, str>> = own.chain(groups).collect();
        if named.is_empty() {
            return Err(Fault::Path);
        }
        let is_apart =
            |path: &Cow<'a, str>| ambiguity::is_apart(path, &token.minutes, &self.within);
        let apart: Vec<_> = named.into_iter().filter(is_apart).collect();
        (!apart.is_empty()).then_some(apart).ok_or(Fault::Ambiguous)
    }

    /// Good from the time of the issuer's clock on, which may be `tolerance` ahead of ours, and
    /// for the minutes that it names, the last one included.
    fn vouched(
        &self,
        request: &Request<'_>,
        token: &Token,
        issued: Timestamp,
        signed: &str,
    ) -> Vouched {
        let session = name_of(&token.text());
        let vouched = match signed.strip_suffix('/') {
            Some(folder) => Vouched::for_streams(below(folder), session),
            None if signed.is_empty() => self.groups.vouch(request.stream(), session),
            None => self.groups.vouch(stream_of(request, signed), session),
        };
        let viewer = token.viewer.as_ref().map(|viewer| viewer.id.as_str());
        let (start, end) = (issued.minus(self.tolerance), issued.plus(token.life()));
        let is_bound = token.viewer.as_ref().is_none_or(|viewer| viewer.check_ip);
        vouched
            .speaking_for(viewer)
            .bound_to(request.ip.filter(|_| is_bound))
            .issued(Some(issued))
            .between(Some(start), Some(end))
    }
}

/// The stream that a signed path names: the one asked for, where the path goes on below it.
fn stream_of<'a>(request: &Request<'a>, signed: &'a str) -> &'a str {
    let is_in = |stream: &&str| is_below(&plain(signed), &plain(stream));
    let asked = request.stream.filter(is_in);
    asked.unwrap_or_else(|| stream_path(signed))
}

/// The first `length` bytes of `path`, if that is nothing, a folder, or whole parts.
fn whole_parts(path: &str, length: usize) -> Option<&str> {
    let (signed, rest) = path.split_at_checked(length)?;
    let is_folder = signed.is_empty() || signed.ends_with('/');
    (is_folder || rest.is_empty() || rest.starts_with('/')).then_some(signed)
}

/// Every stream in a folder.
fn below(folder: &str) -> Vec<StreamPattern> {
    format!("{folder}/**").parse().into_iter().collect()
}

/// The address, the id, or both, as they are hashed.
fn who(request: &Request<'_>, token: &Token) -> Result<String, Fault> {
    let address = request.ip.map(|ip| ip.to_canonical().to_string());
    let Some(viewer) = &token.viewer else {
        return address.ok_or(Fault::Address);
    };
    let address = match viewer.check_ip {
        true => Some(address.ok_or(Fault::Address)?),
        false => None,
    };
    let names_stream = token.signed_length > 0;
    if !ambiguity::is_certain(viewer, address.as_deref(), names_stream) {
        return Err(Fault::Ambiguous);
    }
    Ok(format!("{}{}", address.unwrap_or_default(), viewer.id))
}

fn is_of(token: &Token, who: &str, secret: &SecretText, signed: &str) -> bool {
    let parts = [
        who,
        secret.expose(),
        &token.server_time,
        &token.minutes,
        signed,
    ];
    md5(&parts.map(str::as_bytes)).ct_eq(&token.hash).into()
}
