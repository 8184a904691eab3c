//! The table `[[policies]]`: what streams ask of their viewers.
//!
//! Must not know: a request.

use std::time::Duration;

use serde::Deserialize;

use super::page::{Page, PageError};
use crate::api::Text;
use crate::domain::{StreamId, StreamPattern};

/// One policy. The first whose streams match decides; without one, any scheme will do and nothing
/// else is asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// Which streams, such as `["live/sports/**"]`.
    pub streams: Vec<Text<StreamPattern>>,
    /// Instances of `[schemes.NAME]`, any of which will do; of several good tokens the one whose
    /// instance stands first decides. Default: all, in the order in which tokens are tried.
    #[serde(default)]
    pub accept: Vec<String>,
    /// Instances that must all vouch. Excludes `accept`. Default: none.
    #[serde(default)]
    pub require: Vec<String>,
    /// Whether the viewer must be entitled. Default `true`.
    #[serde(default = "yes")]
    pub entitlement: bool,
    /// The most sessions that one viewer has at once. Default: any number.
    pub max_sessions: Option<u32>,
    /// What happens at that limit. Default `"soft"`.
    #[serde(default)]
    pub limit: LimitKind,
    /// Under a soft limit, how long the oldest session goes on after a new one came. Default
    /// `"30s"`.
    #[serde(default = "half_a_minute")]
    pub grace: Text<humantime::Duration>,
    /// Whether a session is bound to the address that began it. Default `"off"`.
    #[serde(default)]
    pub bind_ip: BindIp,
    /// Pages that may play, such as `["https://www.example.com", "https://*.example.com"]`: by
    /// `Origin`, or by `Referer` where a request has no origin. Default: any.
    #[serde(default)]
    pub origins: Vec<Text<Page>>,
    /// As `origins`, by `Referer` and with a path: `["https://www.example.com/tv/"]`.
    #[serde(default)]
    pub referers: Vec<Text<Page>>,
    /// Whether a request with neither header may play all the same, as apps and native players send
    /// them. Default `false`.
    #[serde(default)]
    pub without_page: bool,
    /// The longest life of a token, from its issue, or from now where it does not name that.
    /// Default: no limit.
    pub max_life: Option<Text<humantime::Duration>>,
}

/// What happens to a viewer who has as many sessions as allowed and begins another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// The newest wins, after a grace.
    #[default]
    Soft,
    /// The newest is refused.
    Hard,
}

/// How exactly an address is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BindIp {
    /// Not at all.
    #[default]
    Off,
    /// It must be the same.
    Exact,
    /// The same /24, or /48 of IPv6.
    Network,
}

/// Why a policy is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// A name that is no instance.
    #[error("'{0}' is no [schemes.NAME]")]
    Unknown(String),
    /// Any of them, or all of them.
    #[error("accept and require exclude each other")]
    AcceptAndRequire,
    /// Nobody could watch.
    #[error("max_sessions = 0 lets nobody in")]
    NoSession,
    /// It applies to nothing.
    #[error("streams is empty")]
    NoStreams,
    /// An entry of `origins` has a path.
    #[error(transparent)]
    Page(#[from] PageError),
}

impl PolicyConfig {
    /// The longest life of a token for `stream`, by the first of these that is for it.
    pub(in crate::access) fn longest_life(all: &[Self], stream: &StreamId) -> Option<Duration> {
        let is_for = |policy: &&Self| policy.streams.iter().any(|one| one.0.matches(stream));
        let policy = all.iter().find(is_for)?;
        policy.max_life.as_ref().map(|life| *life.0)
    }
}

fn yes() -> bool {
    true
}

pub(super) fn half_a_minute() -> Text<humantime::Duration> {
    Text(Duration::from_secs(30).into())
}
