//! Whether a viewer has the right to a stream: paid, subscribed, invited.
//!
//! The gate asks [`Entitlement::check`], which may wait. `allow` and `static` are answered out of the
//! configuration; other sources are consulted, and what they say is remembered. Must not know:
//! credentials, keys, or why it is asked.

mod agenda;
mod answer;
mod breaker;
mod config;
mod consulted;
mod echoes;
mod http;
mod inquiry;
mod memory;
mod queue;
mod roster;
#[cfg(test)]
mod script;
mod signature;
mod source;
mod sql;
mod table;

use std::collections::HashMap;
use std::sync::Arc;

pub use config::{
    BoundsConfig, CacheConfig, EntitlementConfig, EntitlementFault, EntitlementSource,
    HttpSourceConfig, ViewerConfig,
};

pub(super) use answer::{Entitled, Question};
use consulted::Consulted;
use http::{Service, load_secrets};
pub(super) use roster::heed_push;
pub use roster::{Roster, RosterError, rows as entitlement_rows};
pub use signature::SIGNATURE_HEADER;
use source::Source;
use sql::Query;

use crate::crypto::SecretText;
use crate::domain::{Clock, Denied, Entropy, StreamPattern};
use crate::store::{ForeignQuery, News, Store};
use crate::telemetry::EntitlementMeasures;

/// Who says it, and how often that was asked.
pub(super) struct Entitlement {
    says: Says,
    /// Verify what the service sends.
    secrets: Vec<SecretText>,
    measures: EntitlementMeasures,
}

/// Where the answer comes from.
enum Says {
    /// Whoever holds a good credential.
    Allow,
    /// Viewers by name, each with patterns, from the configuration.
    Static(HashMap<String, Vec<StreamPattern>>),
    /// Somebody else.
    Consulted(Arc<Consulted>),
}

/// Whether `config` is one that can be worked with: reads its secret files and forgets them.
pub(super) fn check(config: &EntitlementConfig) -> Result<(), EntitlementFault> {
    config.check()?;
    if let Some(sql) = &config.sql {
        ForeignQuery::check(sql, &sql::NAMES)?;
    }
    match &config.http {
        Some(http) => Service::new(http, &config.bounds).map(drop),
        None => Ok(()),
    }
}

impl Entitlement {
    /// Reads the secret files that `config` names.
    pub(super) fn new(
        config: &EntitlementConfig,
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, EntitlementFault> {
        config.check()?;
        let measures = EntitlementMeasures::default();
        let says = match config.source {
            EntitlementSource::Allow => Says::Allow,
            EntitlementSource::Static => Says::Static(listed(&config.viewers)),
            EntitlementSource::Table | EntitlementSource::Http | EntitlementSource::Sql => {
                let source = source(config, store)?;
                let consulted = Consulted::new(config, source, clock, entropy, &measures);
                Says::Consulted(Arc::new(consulted))
            }
        };
        let secrets = config.http.as_ref().map(load_secrets).transpose()?;
        Ok(Self {
            says,
            secrets: secrets.unwrap_or_default(),
            measures,
        })
    }

    /// What is counted; `allow` is asked nothing.
    pub(super) fn measures(&self) -> EntitlementMeasures {
        self.measures.clone()
    }

    /// Refuses with [`Denied::NotEntitled`], or [`Denied::Undecided`] if its source is away.
    pub(super) async fn check(&self, question: &Question<'_>) -> Result<Entitled, Denied> {
        let is_entitled = match &self.says {
            Says::Allow => true,
            Says::Static(viewers) => {
                self.measures.lookups.inc();
                let patterns = viewers.get(question.viewer);
                patterns.is_some_and(|all| all.iter().any(|it| it.matches(question.stream)))
            }
            Says::Consulted(_) if !is_name(question.viewer) => false,
            Says::Consulted(consulted) => return consulted.check(question).await,
        };
        let entitled = is_entitled.then(Entitled::default);
        entitled.ok_or(Denied::NotEntitled)
    }

    /// The secrets of a service that may call answers off; none where there is no service.
    pub(super) fn secrets(&self) -> &[SecretText] {
        &self.secrets
    }

    /// Forgets what `news` call for.
    pub(super) fn heed(&self, news: &News) {
        if let Some(consulted) = self.consulted() {
            consulted.heed(news);
        }
    }

    /// Whose answers are remembered, if anybody's are.
    pub(super) fn consulted(&self) -> Option<&Arc<Consulted>> {
        match &self.says {
            Says::Consulted(consulted) => Some(consulted),
            _ => None,
        }
    }
}

/// The source that is consulted: the one whose table is there, else the store's rows.
fn source(config: &EntitlementConfig, store: Store) -> Result<Source, EntitlementFault> {
    let patience = config.bounds.timeout.0.into();
    Ok(match (&config.http, &config.sql) {
        (Some(http), _) => Source::Http(Box::new(Service::new(http, &config.bounds)?)),
        (None, Some(sql)) => Source::Sql(Query::open(sql, patience)?),
        (None, None) => Source::Table(store),
    })
}

/// The longest name of a viewer that anybody is asked about, in bytes.
const LONGEST_NAME: usize = 512;

/// Whether a viewer's name is one that databases and services can be expected to take: one that
/// makes them fail would have them left alone for everybody.
pub(super) fn is_name(viewer: &str) -> bool {
    (1..=LONGEST_NAME).contains(&viewer.len()) && !viewer.contains(char::is_control)
}

/// A viewer who is listed twice has the streams of both.
fn listed(viewers: &[ViewerConfig]) -> HashMap<String, Vec<StreamPattern>> {
    let mut listed: HashMap<_, Vec<_>> = HashMap::new();
    for viewer in viewers {
        let patterns = listed.entry(viewer.subject.clone()).or_default();
        patterns.extend(viewer.streams.iter().map(|pattern| pattern.0.clone()));
    }
    listed
}
