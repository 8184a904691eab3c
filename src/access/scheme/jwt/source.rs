//! Where an issuer's keys are asked for: at a URL, or where its OpenID configuration says.
//!
//! Must not know: when, or what becomes of them.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::algorithm::Algorithm;
use super::jwks::{self, SetFault, Use};
use super::key_set::VerifyingKey;
use crate::outbound::{Address, AddressError, Answer, Client, OutboundError};

/// The longest key set and OpenID configuration, in bytes.
const MOST_BYTES: usize = 256 << 10;
/// How long a set is fresh: as it says, within these; else for the third.
const LEAST_FRESH: Duration = Duration::from_secs(60);
const MOST_FRESH: Duration = Duration::from_secs(3600);
const USUALLY_FRESH: Duration = Duration::from_secs(600);

/// A place of keys.
#[derive(PartialEq, Eq)]
pub(super) enum Source {
    /// A key set, of whichever issuers the instance accepts.
    Set(Address),
    /// OpenID Connect Discovery 1.0 §4: the document must name one of these issuers, whose the
    /// keys then are.
    Discovery(Address, Vec<String>),
}

/// A key set as it came.
pub(super) struct Fetched {
    pub(super) keys: Vec<Arc<VerifyingKey>>,
    /// How long it need not be asked for again.
    pub(super) fresh: Duration,
}

/// Why there is none. No variant holds a part of an answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FetchFault {
    /// No answer.
    #[error("{0}: {1}")]
    Outbound(String, #[source] OutboundError),
    /// An answer that is not 200.
    #[error("{0} answered {1}")]
    Status(String, u16),
    /// A set that is none.
    #[error("{0}: the key set: {1}")]
    Set(String, #[source] SetFault),
    /// No OpenID configuration.
    #[error("{0}: not a JSON object with issuer and jwks_uri")]
    Document(String),
    /// The configuration of somebody else.
    #[error("{0}: the document's issuer is not the configured one")]
    Issuer(String),
    /// A key set where requests may not go.
    #[error("{0}: the document's jwks_uri {1}")]
    KeySetAddress(String, #[source] AddressError),
}

impl Source {
    /// Hosts that the operator wrote down for it.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Set(address) | Self::Discovery(address, _) => address.host(),
        }
    }

    /// Whether its keys may sign for `issuer`.
    pub(super) fn may_be_of(&self, issuer: Option<&str>) -> bool {
        match self {
            Self::Set(_) => true,
            Self::Discovery(_, issuers) => {
                issuer.is_some_and(|issuer| issuers.iter().any(|one| one == issuer))
            }
        }
    }

    /// Asks for the keys that `accepted` algorithms may use.
    pub(super) async fn fetch(
        &self,
        client: &Client,
        accepted: &[Algorithm],
    ) -> Result<Fetched, FetchFault> {
        match self {
            Self::Set(address) => {
                let issuer = None;
                set(client, address, Use { accepted, issuer }).await
            }
            Self::Discovery(document, issuers) => {
                let (issuer, address) = discover(client, document, issuers).await?;
                let issuer = Some(&issuer);
                set(client, &address, Use { accepted, issuer }).await
            }
        }
    }
}

/// Whose keys are where.
async fn discover(
    client: &Client,
    document: &Address,
    issuers: &[String],
) -> Result<(Arc<str>, Address), FetchFault> {
    #[derive(Deserialize)]
    struct Document {
        issuer: String,
        jwks_uri: String,
    }
    let answer = get(client, document).await?;
    let found = serde_json::from_slice(&answer.body);
    let found: Document = found.map_err(|_| FetchFault::Document(document.to_string()))?;
    if !issuers.contains(&found.issuer) {
        return Err(FetchFault::Issuer(document.to_string()));
    }
    let address = found.jwks_uri.parse();
    let address = address.map_err(|it| FetchFault::KeySetAddress(document.to_string(), it))?;
    Ok((found.issuer.into(), address))
}

async fn set(client: &Client, address: &Address, usage: Use<'_>) -> Result<Fetched, FetchFault> {
    let answer = get(client, address).await?;
    let keys = jwks::read(&answer.body, usage);
    Ok(Fetched {
        keys: keys.map_err(|fault| FetchFault::Set(address.to_string(), fault))?,
        fresh: freshness(answer.header("cache-control"), answer.header("age")),
    })
}

async fn get(client: &Client, address: &Address) -> Result<Answer, FetchFault> {
    let answer = client.get(address, MOST_BYTES).await;
    let answer = answer.map_err(|error| FetchFault::Outbound(address.to_string(), error))?;
    match answer.status {
        200 => Ok(answer),
        status => Err(FetchFault::Status(address.to_string(), status)),
    }
}

/// RFC 9111 §4.2, within our bounds.
fn freshness(cache_control: Option<&str>, age: Option<&str>) -> Duration {
    let directives = cache_control.unwrap_or_default().split(',').map(str::trim);
    let mut seconds = None;
    for directive in directives {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return LEAST_FRESH,
            "max-age" => seconds = value.trim_matches('"').parse::<u64>().ok(),
            _ => {}
        }
    }
    let age = age.and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    let fresh = seconds.map(|seconds| Duration::from_secs(seconds.saturating_sub(age)));
    fresh
        .unwrap_or(USUALLY_FRESH)
        .clamp(LEAST_FRESH, MOST_FRESH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_fresh_for_as_long_as_it_says_within_bounds() {
        for (cache_control, age, seconds) in [
            (None, None, 600),
            (Some("public"), None, 600),
            (Some("max-age=soon"), None, 600),
            (Some("public, max-age=1200"), None, 1200),
            (Some("Max-Age=\"1200\""), Some("200"), 1000),
            (Some("max-age=1200"), Some("9999"), 60),
            (Some("max-age=0"), None, 60),
            (Some("max-age=99999999"), None, 3600),
            (Some("max-age=1200, no-store"), None, 60),
            (Some("no-cache"), None, 60),
        ] {
            let found = freshness(cache_control, age);
            assert_eq!(found.as_secs(), seconds, "{cache_control:?} {age:?}");
        }
    }
}
