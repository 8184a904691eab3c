//! The section `[entitlement]`: which source says who may watch, and how far it is trusted.
//!
//! Must not know: where the file lies; paths are absolute when they come here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::access::scheme::SecretsFault;
use crate::api::Text;
use crate::crypto::SecretText;
use crate::domain::StreamPattern;
use crate::outbound::{AddressError, ClientError};
use crate::store::{ForeignConfig, ForeignFault};

/// The section `[entitlement]`: whether a viewer with a good credential may watch a stream.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntitlementConfig {
    /// Where the answer comes from. No default: to let everybody in must be written out.
    pub source: EntitlementSource,
    /// `[[entitlement.viewers]]`, for the source `"static"` alone. Default: nobody.
    #[serde(default)]
    pub viewers: Vec<ViewerConfig>,
    /// `[entitlement.http]`, for the source `"http"` alone.
    #[serde(default)]
    pub http: Option<HttpSourceConfig>,
    /// `[entitlement.sql]`, for the source `"sql"` alone.
    #[serde(default)]
    pub sql: Option<ForeignConfig>,
    /// `[entitlement.cache]`, for sources that are asked.
    #[serde(default)]
    pub cache: CacheConfig,
    /// `[entitlement.bounds]`, for sources that are asked.
    #[serde(default)]
    pub bounds: BoundsConfig,
}

/// Where the answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntitlementSource {
    /// Whoever holds a good credential.
    Allow,
    /// `[[entitlement.viewers]]`.
    Static,
    /// The store's rows, which `hlskey entitlement` and the ops listener manage.
    Table,
    /// A service that is asked over HTTPS.
    Http,
    /// A query on the customer's own database.
    Sql,
}

/// One viewer of `[[entitlement.viewers]]`. A subject listed twice has the streams of both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewerConfig {
    /// The subject as its token names it.
    pub subject: String,
    /// Which streams, such as `["live/*"]`.
    pub streams: Vec<Text<StreamPattern>>,
}

/// `[entitlement.http]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSourceConfig {
    /// Where questions are posted: `https://…`, or `http://` on this machine itself.
    pub url: String,
    /// Secrets of at least 32 bytes: the first signs questions, any verifies what the service
    /// sends.
    #[serde(default)]
    pub secrets: Vec<SecretText>,
    /// A file of them, mode 0600, one a line, after `secrets`.
    #[serde(default)]
    pub secrets_file: Option<PathBuf>,
    /// Certificate authorities trusted besides the system's (PEM).
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// A client certificate with its private key (PEM), mode 0600, where the service asks for one.
    #[serde(default)]
    pub client_certificate_file: Option<PathBuf>,
}

/// `[entitlement.cache]`: how long an answer counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// How long, where the source does not say. Default `1m`.
    #[serde(deserialize_with = "span")]
    pub ttl: Text<humantime::Duration>,
    /// The shortest that a yes counts, whatever the source says. Default `1s`.
    #[serde(deserialize_with = "span")]
    pub min_ttl: Text<humantime::Duration>,
    /// The longest, of a yes. Default `1h`.
    #[serde(deserialize_with = "span")]
    pub max_ttl: Text<humantime::Duration>,
    /// The longest that a no counts. Default `10s`.
    #[serde(deserialize_with = "span")]
    pub deny_ttl: Text<humantime::Duration>,
    /// How much longer a yes counts while the source fails. Default `10m`; `0s`: not at all.
    pub stale_if_error: Text<humantime::Duration>,
    /// For how long after a viewer's last question a yes is asked for again before it ends. It
    /// should be longer than a key lasts. Default `30m`.
    pub refresh_for: Text<humantime::Duration>,
}

impl Default for CacheConfig {
    fn default() -> Self {
        let seconds = |count| Text(Duration::from_secs(count).into());
        Self {
            ttl: seconds(60),
            min_ttl: seconds(1),
            max_ttl: seconds(3600),
            deny_ttl: seconds(10),
            stale_if_error: seconds(600),
            refresh_for: seconds(1800),
        }
    }
}

/// `[entitlement.bounds]`: how much is asked of a source, and how long it is waited for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BoundsConfig {
    /// How long a question may take, waiting for its turn and a second try included. `100ms` to
    /// `30s`. Default `3s`.
    #[serde(deserialize_with = "patience")]
    pub timeout: Text<humantime::Duration>,
    /// Questions at once. 1 to 4096. Default 128.
    #[serde(deserialize_with = "concurrency")]
    pub concurrency: usize,
    /// Questions that wait for their turn; one more is not put. Default 4096.
    pub waiting: usize,
    /// After so many failures in a row the source is left alone for `pause`. Default 5.
    #[serde(deserialize_with = "failures")]
    pub failures: u32,
    /// How long; then one question is put, and its answer decides. Default `5s`.
    #[serde(deserialize_with = "span")]
    pub pause: Text<humantime::Duration>,
}

impl Default for BoundsConfig {
    fn default() -> Self {
        Self {
            timeout: Text(Duration::from_secs(3).into()),
            concurrency: 128,
            waiting: 4096,
            failures: 5,
            pause: Text(Duration::from_secs(5).into()),
        }
    }
}

/// Why `[entitlement]` decides nothing. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum EntitlementFault {
    /// A table that belongs to another source.
    #[error("entitlement.{0} needs source = \"{1}\": with another it means nothing")]
    Stray(&'static str, &'static str),
    /// The source's table is not there.
    #[error("source = \"{0}\" needs [entitlement.{0}]")]
    Missing(&'static str),
    /// Bounds that cannot both hold.
    #[error("cache.min_ttl is longer than cache.max_ttl")]
    Bounds,
    /// The service's address.
    #[error("http.url {0}")]
    Url(AddressError),
    /// What the service is asked with.
    #[error("http: {0}")]
    Client(ClientError),
    /// The query or its database.
    #[error("sql.{0}")]
    Sql(#[from] ForeignFault),
    /// The service's secrets.
    #[error("http.{0}")]
    Secrets(#[from] SecretsFault),
    /// A secret that could be guessed.
    #[error("http.secrets has one of {0} bytes: at least 32 are needed")]
    ShortSecret(usize),
}

impl EntitlementFault {
    /// The setting or table that is wrong, as the file spells it.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Stray(table, _) => match *table {
                "viewers" => "entitlement.viewers",
                "sql" => "entitlement.sql",
                _ => "entitlement.http",
            },
            Self::Missing(_) => "source",
            Self::Sql(_) => "entitlement.sql",
            Self::Url(_) => "url",
            Self::Client(_) => "entitlement.http",
            Self::Bounds => "min_ttl",
            Self::Secrets(_) | Self::ShortSecret(_) => "secrets",
        }
    }
}

impl EntitlementConfig {
    /// Every path of the section, for resolving relative ones.
    pub fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let of_sql = self.sql.iter_mut().filter_map(|sql| sql.url_file.as_mut());
        let of_http = self.http.iter_mut().flat_map(|http| {
            let files = [
                &mut http.secrets_file,
                &mut http.ca_file,
                &mut http.client_certificate_file,
            ];
            files.into_iter().flatten()
        });
        of_http.chain(of_sql)
    }

    /// Makes a relative database path absolute, seen from `base`.
    pub fn resolve(&mut self, base: &Path) {
        if let Some(sql) = &mut self.sql {
            sql.resolve(base);
        }
    }

    /// Whether what is there goes together.
    pub(super) fn check(&self) -> Result<(), EntitlementFault> {
        use EntitlementSource::{Http, Sql, Static};
        if self.source != Static && !self.viewers.is_empty() {
            return Err(EntitlementFault::Stray("viewers", "static"));
        }
        let tables = [
            (self.source == Http, self.http.is_some(), "http"),
            (self.source == Sql, self.sql.is_some(), "sql"),
        ];
        for (is_asked, is_there, name) in tables {
            match (is_asked, is_there) {
                (true, false) => return Err(EntitlementFault::Missing(name)),
                (false, true) => return Err(EntitlementFault::Stray(name, name)),
                _ => {}
            }
        }
        let is_ordered = *self.cache.min_ttl.0 <= *self.cache.max_ttl.0;
        is_ordered.then_some(()).ok_or(EntitlementFault::Bounds)
    }
}

type Span = Text<humantime::Duration>;

/// An answer that counts for no time at all would be asked for again and again; a day is a long
/// time for a subscription that has ended.
fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
    const DAY: Duration = Duration::from_secs(86_400);
    within(from, Duration::from_secs(1), DAY, "1s to 1day")
}

fn patience<'de, D: Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
    let (least, most) = (Duration::from_millis(100), Duration::from_secs(30));
    within(from, least, most, "100ms to 30s")
}

fn within<'de, D: Deserializer<'de>>(
    from: D,
    least: Duration,
    most: Duration,
    words: &'static str,
) -> Result<Span, D::Error> {
    let span = Span::deserialize(from)?;
    let is_within = (least..=most).contains(&*span.0);
    is_within
        .then_some(span)
        .ok_or_else(|| de::Error::custom(format_args!("it is {words}")))
}

fn concurrency<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    match usize::deserialize(from)? {
        count @ 1..=4096 => Ok(count),
        _ => Err(de::Error::custom("it is 1 to 4096")),
    }
}

fn failures<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    match u32::deserialize(from)? {
        0 => Err(de::Error::custom("it is 1 at least")),
        count => Ok(count),
    }
}
