//! The scheme `edgeauth`: Akamai's EdgeAuth 2.0 (its published generators), and the long-lived
//! `hdntl` token that a short one is exchanged for.
//!
//! Must not know: the other schemes, or the clock; the caller checks the time.

mod acl;
mod config;
mod escape;
mod exchange;
mod explain;
mod sign;

use std::borrow::Cow;
use std::time::Duration;

use super::Fault;
use super::hdnts::{check_address, time};
use super::path_token::of_name;
use super::request::{Repeated, Request, decoded, has, is_plain_path, only};
use super::tilde::{Fields, Token, judged};
use super::vouched::{Vouched, is_digest_name, name_of};
use crate::crypto::{LegacyHash, LegacyMac};

pub use config::{EdgeAuthConfig, EdgeAuthFault, MacAlgorithm};
pub use exchange::LongLived;
pub(super) use explain::explain;
pub(super) use sign::sign;

/// The fields, in the order in which both generators write them. One of them leaves `~` in the data.
const FIELDS: Fields<'_> = Fields {
    known: &["ip", "st", "exp", "acl", "id", "data"],
    loose: Some("data"),
};
/// Where players show the long-lived token.
const LONG_LIVED: &str = "hdntl";
/// What stands before the short token's name in the data of one that was exchanged.
const EXCHANGED: &str = "hdntl,";

/// The longest query that a URL may be signed with, in bytes.
const MOST_QUERY: usize = 2048;
/// The most cookies of one name that are tried.
const MOST: usize = 8;

/// One instance.
pub(in crate::access) struct EdgeAuth {
    keys: Vec<LegacyMac>,
    /// The same as they are configured, and their hash: for who explains.
    secrets: Vec<crate::crypto::SecretText>,
    hash: LegacyHash,
    salt: Option<crate::crypto::SecretText>,
    escape_early: bool,
    /// The parameter and cookie names that are looked at; the first is written.
    names: Vec<String>,
    /// How long what a short token is exchanged for lasts.
    long_life: Duration,
}

impl EdgeAuth {
    /// Whether the request has a parameter, a part of its path or a cookie of such a name.
    pub(super) fn is_shown(&self, request: &Request<'_>) -> bool {
        let mut names = self.read_names();
        names.any(|name| has(request.query, name) || outside_query(request, name).next().is_some())
    }

    fn read_names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str).chain([LONG_LIVED])
    }

    /// Gives what is said of every one of them, in that order: what is good in one place is hidden by
    /// nothing in another. A player that asks by a URL with its short
    /// token goes on by the long-lived one when that is over.
    pub(super) fn verify_each(
        &self,
        request: &Request<'_>,
        take: &mut dyn FnMut(Result<Vouched, Fault>),
    ) {
        for name in self.read_names() {
            let in_query = only(request.query, name).unwrap_or_else(|Repeated| {
                take(Err(Fault::Twice));
                None
            });
            for received in in_query.into_iter().chain(outside_query(request, name)) {
                take(self.judge(request, received));
            }
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
        let acl = token.field("acl");
        if !self.is_signed(request, &token, acl.is_none()) {
            return Err(Fault::Hash);
        }
        if acl.is_some_and(|acl| !acl::covers(acl, request.content)) {
            return Err(Fault::Path);
        }
        check_address(request, token.field("ip").map(plain).as_deref())?;
        let start = token.field("st").map(time).transpose()?;
        let end = time(token.field("exp").ok_or(Fault::Expiry)?)?;
        let id = token.field("id").map(|id| self.name(id));
        // They separate fields and the lists' paths: a viewer that is called so means something else.
        if id.as_deref().is_some_and(|id| id.contains(['~', '!'])) {
            return Err(Fault::Subject);
        }
        // What was exchanged is called as what it was exchanged for, so that it falls with that.
        let short = token
            .field("data")
            .and_then(|data| data.strip_prefix(EXCHANGED));
        let short = short.filter(|name| is_digest_name(name));
        let name = short.map_or_else(|| name_of(&token.text()), str::to_owned);
        let vouched = Vouched::for_content(request.stream(), name);
        Ok(vouched
            .speaking_for(id.as_deref())
            .bound_to(request.ip.filter(|_| token.field("ip").is_some()))
            .between(start, Some(end)))
    }

    /// A viewer's name as it was before it was signed: one of the libraries writes a plus for a space.
    fn name<'t>(&self, id: &'t str) -> Cow<'t, str> {
        match self.escape_early && id.contains('+') {
            true => plain(&id.replace('+', " ")).into_owned().into(),
            false => plain(id),
        }
    }

    /// The query as it was before the token was put there.
    fn rest_of(&self, query: &str) -> String {
        let is_token = |pair: &&str| {
            let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
            self.read_names().any(|own| own == name)
        };
        let rest: Vec<_> = query.split('&').filter(|pair| !is_token(pair)).collect();
        rest.join("&")
    }

    /// A token without an ACL is for one URL, with its query or without, which is hashed and does not stand in it.
    fn is_signed(&self, request: &Request<'_>, token: &Token<'_>, is_url_token: bool) -> bool {
        let salt = self.salt.as_ref().map_or("", |salt| salt.expose());
        let mut texts = Vec::new();
        if is_url_token {
            let path = format!("/{}", request.content);
            let rest = self.rest_of(request.query);
            let whole = (1..=MOST_QUERY).contains(&rest.len());
            let whole = whole.then(|| format!("{path}?{rest}"));
            for url in [Some(path), whole].into_iter().flatten() {
                for url in escape::urls(&url) {
                    texts.push(format!("{}~url={url}", token.signed));
                }
            }
        } else {
            texts.push(token.signed.to_owned());
        }
        let mut found = false;
        for text in &mut texts {
            if !salt.is_empty() {
                text.push_str("~salt=");
                text.push_str(salt);
            }
            for key in &self.keys {
                found |= key.verify(text.as_bytes(), &token.hmac);
            }
        }
        found
    }
}

/// What stands in the path and in cookies under that name.
fn outside_query<'a>(request: &'a Request<'a>, name: &'a str) -> impl Iterator<Item = &'a str> {
    let in_path = of_name(request.target.token, name);
    in_path.into_iter().chain(request.cookies(name).take(MOST))
}

/// A value that may have been escaped before it was signed.
fn plain(value: &str) -> Cow<'_, str> {
    decoded(value).unwrap_or(Cow::Borrowed(value))
}
