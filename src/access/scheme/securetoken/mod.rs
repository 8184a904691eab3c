//! The scheme `securetoken`: Wowza's SecureToken version 2 (research: the published examples and
//! the generators in use).
//!
//! Legacy: a hash keyed by concatenation, whose text has no room for what is not in the URL. Where
//! a choice is free, `jwt` or `edgeauth` is the better one.
//!
//! The token is judged as a whole on every request, so a pause inside its life changes nothing, and
//! no session can be lost. Must not know: the other schemes, or the clock; the caller checks the
//! time.

mod canonical;
mod chunklist;
mod config;
mod explain;
mod hash;
mod sign;

use std::borrow::Cow;
use std::iter;
use std::time::Duration;

use super::Fault;
use super::groups::Groups;
use super::request::{Request, is_plain_path, pairs};
use super::seconds::{SecondsFault, seconds};
use super::vouched::{Vouched, name_of};
use crate::crypto::SecretText;
use crate::domain::Timestamp;
use canonical::{Reading, Token};
use hash::HashFault;

pub use config::SecureTokenConfig;
pub(super) use explain::explain;
pub use hash::HashAlgorithm;
pub(super) use sign::sign;

/// The most that is hashed of a token's parameters, in bytes, for each way to read them.
const LONGEST: usize = 4096;

/// One instance.
pub(in crate::access) struct SecureToken {
    groups: Groups,
    secrets: Vec<SecretText>,
    prefix: String,
    hash: HashAlgorithm,
    include_ip: bool,
    require_end: bool,
    max_life: Option<Duration>,
    subject_parameter: Option<String>,
}

/// When a token is good, both ends included.
struct Span {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl SecureToken {
    /// Whether its tokens say for whom they are.
    pub(super) fn names_subjects(&self) -> bool {
        self.subject_parameter.is_some()
    }

    pub(super) fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Whether the request has a parameter with the prefix, in either place.
    pub(super) fn is_shown(&self, request: &Request<'_>) -> bool {
        let query = self.query(request);
        query.is_some_and(|query| pairs(&query).any(|(name, _)| name.starts_with(&self.prefix)))
    }

    /// `None` if the request has no parameter with the prefix, neither in its query nor in a
    /// chunklist's name.
    pub(super) fn verify(&self, request: &Request<'_>) -> Option<Result<Vouched, Fault>> {
        let query = self.query(request)?;
        match Token::find(&query, &self.prefix) {
            Ok(token) => token.map(|token| self.judge(request, &token)),
            Err(canonical::Twice) => Some(Err(Fault::Twice)),
        }
    }

    /// The query that holds the token. Wowza writes it into the names of its chunklists, where it
    /// stands even if a player drops the query.
    fn query<'a>(&self, request: &Request<'a>) -> Option<Cow<'a, str>> {
        if pairs(request.query).any(|(name, _)| name.starts_with(&self.prefix)) {
            return Some(Cow::Borrowed(request.query));
        }
        chunklist::query_in(request.content).map(Cow::Owned)
    }

    fn judge(&self, request: &Request<'_>, token: &Token<'_>) -> Result<Vouched, Fault> {
        if !is_plain_path(request.content) {
            return Err(Fault::Path);
        }
        let sizes = token.parameters.iter();
        let size: usize = sizes.map(|(name, value)| name.len() + value.len()).sum();
        if size > LONGEST {
            return Err(Fault::TooLong);
        }
        let span = self.span(token)?;
        let hash = self.hash_of(token)?;
        let (signed, reading) = self.signed(request, token, &hash)?;
        let named = self.subject_parameter.as_deref();
        let subject = named.map(|name| reading.value(&self.prefix, name).unwrap_or_default());
        if subject == Some("") {
            return Err(Fault::Subject);
        }
        Ok(self
            .groups
            .vouch(signed, name_of(&hash::written(&hash)))
            .speaking_for(subject)
            .bound_to(request.ip.filter(|_| self.include_ip))
            .between(span.start, span.end))
    }

    /// The times of a token, and whether the instance allows such.
    fn span(&self, token: &Token<'_>) -> Result<Span, Fault> {
        let has_strange = token
            .parameters
            .iter()
            .any(|(name, _)| self.is_strange_time(name));
        if has_strange {
            return Err(Fault::UnknownTime);
        }
        let time = |name| match token.value(&self.prefix, name) {
            None | Some("0") => Ok(None),
            Some(text) => seconds(text).map(Some).map_err(|fault| match fault {
                SecondsFault::Milliseconds => Fault::Milliseconds,
                SecondsFault::Form => Fault::Times,
            }),
        };
        let span = Span {
            start: time("starttime")?,
            end: time("endtime")?,
        };
        if self.require_end && span.end.is_none() {
            return Err(Fault::Expiry);
        }
        let life = match (span.start, span.end) {
            (Some(start), Some(end)) => Some(end.since(start)),
            _ => None,
        };
        match (self.max_life, life) {
            (Some(_), None) => Err(Fault::Life),
            (Some(most), Some(life)) if life > most => Err(Fault::Life),
            _ => Ok(span),
        }
    }

    /// `start_time`, `endTime` and the like: a generator's own names, which Wowza does not know, so
    /// that its tokens never end.
    fn is_strange_time(&self, name: &str) -> bool {
        let own = &name[self.prefix.len()..];
        let letters = own.chars().filter(char::is_ascii_alphabetic);
        let plain: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
        let is_time = ["starttime", "endtime"].contains(&plain.as_str());
        is_time && own != plain
    }

    fn hash_of(&self, token: &Token<'_>) -> Result<Vec<u8>, Fault> {
        self.hash.read(token.hash).map_err(|fault| match fault {
            HashFault::Hex => Fault::HashHex,
            HashFault::HexInside => Fault::HashNotRaw,
            HashFault::Alphabet => Fault::HashAlphabet,
            HashFault::Length => Fault::HashLength,
        })
    }

    /// What the token is for, the stream asked for or a group that it is in; and what was hashed of its
    /// parameters. A viewer is called by that and not by what was received, which whoever holds the token
    /// can spell in many ways, to be as many viewers.
    fn signed<'a, 't>(
        &'a self,
        request: &Request<'a>,
        token: &Token<'t>,
        hash: &[u8],
    ) -> Result<(&'a str, Reading<'t>), Fault> {
        let address = request.ip.map(|ip| ip.to_canonical().to_string());
        let address = match (self.include_ip, address.as_deref()) {
            (true, None) => return Err(Fault::Address),
            (true, known) => known,
            (false, _) => None,
        };
        let mut readings = canonical::readings(&token.parameters);
        for name in self.names(request) {
            let is_signed = |reading: &Reading<'_>| self.is_signed(name, reading, hash, address);
            if let Some(at) = readings.iter().position(is_signed) {
                return Ok((name, readings.swap_remove(at)));
            }
        }
        Err(match canonical::hides_separator(&token.parameters) {
            true => Fault::Separator,
            false => Fault::Hash,
        })
    }

    /// Every name under which the content may be signed.
    fn names<'a>(&'a self, request: &Request<'a>) -> impl Iterator<Item = &'a str> {
        let stream = request.stream();
        iter::once(stream).chain(self.groups.of(stream))
    }

    /// Whether a token of another hash would verify if the address were hashed on both sides, or on
    /// neither: said to whoever changed the switch on one side only. Takes a verification.
    pub(super) fn is_other_switch(&self, request: &Request<'_>) -> bool {
        let query = self.query(request);
        let token = query
            .as_deref()
            .and_then(|query| Token::find(query, &self.prefix).ok().flatten());
        let hash = token.as_ref().and_then(|it| self.hash.read(it.hash).ok());
        let (Some(token), Some(hash)) = (token, hash) else {
            return false;
        };
        let address = request.ip.map(|ip| ip.to_canonical().to_string());
        let other = address.as_deref().filter(|_| !self.include_ip);
        let readings = canonical::readings(&token.parameters);
        self.names(request).any(|name| {
            let mut all = readings.iter();
            all.any(|reading| self.is_signed(name, reading, &hash, other))
        })
    }

    /// Whether one of the secrets made the hash of this reading. All are tried, whichever fits, so
    /// that the time tells nothing about the secrets.
    fn is_signed(
        &self,
        name: &str,
        reading: &Reading<'_>,
        hash: &[u8],
        address: Option<&str>,
    ) -> bool {
        let of_secret = |secret: &SecretText| {
            let bare: Vec<&str> = [Some(secret.expose()), address]
                .into_iter()
                .flatten()
                .collect();
            let texts = canonical::texts(name, &bare, reading);
            texts.fold(false, |found, text| {
                found | self.hash.is_of(&text.joined(), hash)
            })
        };
        self.secrets
            .iter()
            .fold(false, |found, secret| found | of_secret(secret))
    }
}

#[cfg(test)]
mod tests;
