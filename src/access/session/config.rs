//! The section `[sessions]`.
//!
//! Must not know: a session's text.

use std::time::Duration;

use serde::Deserialize;

use crate::api::Text;
use crate::domain::Timestamp;

/// How long sessions last, and the cookie that holds one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionsConfig {
    /// How long a viewer's session, of whatever kind, is live after it fetched something, and holds
    /// one of the slots that its viewer may have. Longer than a key's period, since a player asks for
    /// a key once in it. Default `"15m"`.
    pub lease: Text<humantime::Duration>,
    /// How long one lasts without being renewed. Default `"4h"`.
    pub life: Text<humantime::Duration>,
    /// How long one lasts at most, however often it is renewed. Default `"24h"`.
    pub longest: Text<humantime::Duration>,
    /// Whether it may outlive the token that began it: so it must where tokens live for a minute.
    /// Default `false`.
    pub outlive_token: bool,
    /// Which requests of other sites carry the cookie (RFC 6265bis §5.6.7). `"lax"` where page and
    /// key server share a registrable domain; `"none"` where they do not, and browsers that block
    /// third parties' cookies will not send it then. Default `"lax"`.
    pub same_site: SameSite,
    /// The same of EdgeAuth's cookie `hdntl`, which players of other sites show as they do at Akamai's
    /// edge; nothing is changed by it for a page that is not listed. Default `"none"`.
    pub hdntl_same_site: SameSite,
    /// The `Domain` of the cookie: `"example.com"` sends it to every host below. Default: none, which
    /// is this host alone.
    pub domain: Option<String>,
}

/// The attribute `SameSite`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SameSite {
    /// Same-site requests alone.
    Strict,
    /// And links from elsewhere.
    Lax,
    /// All.
    None,
}

/// What is wrong with the section.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionsFault {
    /// Nobody would be seen.
    #[error("lease must be at least 1s")]
    Lease,
    /// Nobody could use one.
    #[error("life must be at least 1s, and longest at least life")]
    Life,
    /// Not a name that can stand in a cookie.
    #[error("domain '{0}' is no host name: example.com")]
    Domain(String),
}

impl Default for SessionsConfig {
    fn default() -> Self {
        let hours = |count: u64| Text(Duration::from_secs(3600 * count).into());
        Self {
            lease: Text(Duration::from_secs(15 * 60).into()),
            life: hours(4),
            longest: hours(24),
            outlive_token: false,
            same_site: SameSite::Lax,
            hdntl_same_site: SameSite::None,
            domain: None,
        }
    }
}

/// The spans of the section.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lives {
    life: Duration,
    longest: Duration,
    outlive_token: bool,
}

impl Lives {
    pub(super) fn new(config: &SessionsConfig) -> Result<Self, SessionsFault> {
        if *config.lease.0 < Duration::from_secs(1) {
            return Err(SessionsFault::Lease);
        }
        let (life, longest) = (*config.life.0, *config.longest.0);
        if life < Duration::from_secs(1) || longest < life {
            return Err(SessionsFault::Life);
        }
        let is_name = |domain: &&String| {
            let label = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
            domain.contains('.') && domain.bytes().all(label)
        };
        if let Some(domain) = config.domain.iter().find(|domain| !is_name(domain)) {
            return Err(SessionsFault::Domain(domain.clone()));
        }
        Ok(Self {
            life,
            longest,
            outlive_token: config.outlive_token,
        })
    }

    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// How far a session that begins now may be renewed.
    pub(super) fn until(&self, token: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let longest = now.plus(self.longest);
        match token.filter(|_| !self.outlive_token) {
            Some(token) => token.min(longest),
            None => longest,
        }
    }

    /// When it ends if it is not renewed after `now`.
    pub(super) fn expires(&self, until: Timestamp, now: Timestamp) -> Timestamp {
        now.plus(self.life).min(until)
    }
}
