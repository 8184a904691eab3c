//! `[users.NAME]`: a query on the customer's own database gives the password of a packager's user.
//!
//! What it said is remembered for a while, also that there is no such user; a failure is not. Guesses of one
//! address wait for each other here too, so that a flood of names does not fill the database's connections.
//! Must not know: how a password was shown, or which database it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use serde::Deserialize;
use tokio::time::timeout;

use super::AccessConfigError;
use super::credential::Asker;
use super::password::{Proof, is_verifier};
use super::scheme::{Fault, PASSWORD, Turns};
use crate::api::Text;
use crate::crypto::{hex_of, sha256};
use crate::domain::{Action, Principal, PrincipalKind, StreamPattern, Timestamp};
use crate::store::{Cell, ForeignConfig, ForeignFault, ForeignQuery, ForeignRow};

/// One database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsersConfig {
    /// The streams that its users may have at most. No default.
    pub streams: Vec<Text<StreamPattern>>,
    /// What they may do with them. Default `["publish"]`.
    #[serde(default = "publish")]
    pub actions: Vec<Text<Action>>,
    /// Whether the column `password` may hold the password itself, which begins with neither `$` nor `{`, as hashes
    /// do. Default false: an Argon2id verifier.
    #[serde(default)]
    pub clear_text: bool,
    /// How long an answer counts, 1s to 1h. Default `30s`.
    #[serde(default = "half_a_minute")]
    pub ttl: Text<humantime::Duration>,
    /// How long an answer is waited for, 100ms to 30s. Default `3s`.
    #[serde(default = "three_seconds")]
    pub timeout: Text<humantime::Duration>,
    /// `[users.NAME.sql]`.
    pub sql: ForeignConfig,
}

fn publish() -> Vec<Text<Action>> {
    vec![Text(Action::Publish)]
}

fn half_a_minute() -> Text<humantime::Duration> {
    Text(Duration::from_secs(30).into())
}

fn three_seconds() -> Text<humantime::Duration> {
    Text(Duration::from_secs(3).into())
}

/// Why a database is not asked.
#[derive(Debug, thiserror::Error)]
pub enum UsersFault {
    /// Nobody could do anything.
    #[error("streams is empty")]
    NoStreams,
    /// A user is a packager.
    #[error("actions are some of register, read, lease, rotate, progress, publish")]
    Actions,
    /// A time out of bounds.
    #[error("{0}")]
    Time(&'static str),
    /// The query or its database.
    #[error("sql.{0}")]
    Sql(#[from] ForeignFault),
}

/// What the query may use, as `:name`; it must.
const NAMES: [&str; 1] = ["user"];
/// The most users that are remembered, known or not.
const MOST: u64 = 10_000;

/// A database's users.
pub(super) struct Users {
    name: String,
    query: ForeignQuery,
    turns: Turns,
    rows: Cache<String, Lookup>,
    config: UsersConfig,
}

/// A user of the store, or of such a database.
#[derive(Clone)]
pub(super) struct Found {
    pub(super) proof: Proof,
    pub(super) principal: Arc<Principal>,
}

/// What a database said of one user, and when.
#[derive(Clone)]
struct Lookup {
    at: Timestamp,
    found: Option<Found>,
}

/// Whether each could be opened.
pub(super) fn check(all: &BTreeMap<String, UsersConfig>) -> Result<(), AccessConfigError> {
    let each = all.iter().map(|(name, config)| {
        let checked = config
            .check()
            .and_then(|()| Ok(ForeignQuery::check(&config.sql, &NAMES)?));
        checked.map_err(|fault| misconfigured(name, fault))
    });
    each.collect()
}

/// Opens each, in the order of their names. None need be there yet.
pub(super) fn open(all: &BTreeMap<String, UsersConfig>) -> Result<Vec<Users>, AccessConfigError> {
    let each = all.iter().map(|(name, config)| {
        Users::open(name, config).map_err(|fault| misconfigured(name, fault))
    });
    each.collect()
}

fn misconfigured(name: &str, fault: UsersFault) -> AccessConfigError {
    let name = name.to_owned();
    AccessConfigError::Users { name, fault }
}

impl UsersConfig {
    fn check(&self) -> Result<(), UsersFault> {
        let is_packagers =
            |text: &Text<Action>| text.0 == Action::Publish || Action::PACKAGER.contains(&text.0);
        if self.streams.is_empty() {
            return Err(UsersFault::NoStreams);
        }
        if self.actions.is_empty() || !self.actions.iter().all(is_packagers) {
            return Err(UsersFault::Actions);
        }
        let (ttl, timeout): (Duration, Duration) = (*self.ttl.0, *self.timeout.0);
        if !(1..=3600).contains(&ttl.as_secs()) {
            return Err(UsersFault::Time("ttl is 1s to 1h"));
        }
        if !(100..=30_000).contains(&timeout.as_millis()) {
            return Err(UsersFault::Time("timeout is 100ms to 30s"));
        }
        Ok(())
    }
}

impl Users {
    fn open(name: &str, config: &UsersConfig) -> Result<Self, UsersFault> {
        config.check()?;
        let connections = config.sql.connections;
        Ok(Self {
            name: name.to_owned(),
            query: ForeignQuery::open(&config.sql, &NAMES, *config.timeout.0)?,
            turns: Turns::of(usize::try_from(connections).unwrap_or(1)),
            rows: Cache::new(MOST),
            config: config.clone(),
        })
    }

    /// The user, if the database has one of that name. Concurrent questions for one user ask once.
    pub(super) async fn find(
        &self,
        user: &str,
        from: Asker,
        now: Timestamp,
    ) -> Result<Option<Found>, Fault> {
        let is_fresh =
            |lookup: &Lookup| lookup.at <= now && now.since(lookup.at) < *self.config.ttl.0;
        if let Some(lookup) = self.rows.get(user).await.filter(is_fresh) {
            return Ok(lookup.found);
        }
        // Everybody waits for a turn alone: who guesses at a user must not make that user wait as one of its own.
        let _turn = self.turns.take(from).await.ok_or(Fault::Busy)?;
        if let Some(lookup) = self.rows.get(user).await.filter(is_fresh) {
            return Ok(lookup.found);
        }
        self.rows.invalidate(user).await;
        let asked = self.rows.try_get_with_by_ref(user, self.ask(user, now));
        let lookup = asked.await.map_err(|fault: Arc<Fault>| *fault)?;
        Ok(lookup.found)
    }

    async fn ask(&self, user: &str, now: Timestamp) -> Result<Lookup, Fault> {
        let values = [Some(user)];
        let answer = timeout(*self.config.timeout.0, self.query.first(&values)).await;
        let row = match answer {
            Ok(Ok(row)) => row,
            Ok(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, users = self.name, "cannot look up a user");
                return Err(Fault::UsersAway);
            }
            Err(_) => {
                tracing::error!(users = self.name, "a user was not looked up in time");
                return Err(Fault::UsersAway);
            }
        };
        let found = match row {
            Some(row) => self.found(user, &row)?,
            None => None,
        };
        Ok(Lookup { at: now, found })
    }

    /// What a row says. One that says nothing of use is a failure, which is told: its user might be right.
    fn found(&self, user: &str, row: &ForeignRow) -> Result<Option<Found>, Fault> {
        let unusable = |what: &'static str| {
            tracing::error!(users = self.name, what, "a user's row is not understood");
            Fault::UsersAway
        };
        let Some(text) = row.text("password") else {
            // NULL is nobody's password.
            let is_null = row.cell("password") == Some(Cell::Null);
            return is_null
                .then_some(None)
                .ok_or_else(|| unusable("password is no text"));
        };
        let proof = match is_verifier(text.expose()) {
            true => Proof::Verifier(text.expose().into()),
            false if is_hash(text.expose()) => {
                return Err(unusable("password is another program's hash"));
            }
            false if self.config.clear_text => Proof::Clear(text.clone()),
            false => return Err(unusable("password is no Argon2id verifier; see clear_text")),
        };
        let within: Vec<_> = self
            .config
            .streams
            .iter()
            .map(|one| one.0.clone())
            .collect();
        let own = match (row.cell("streams"), row.text("streams")) {
            (None, _) => Some(within.clone()),
            (_, text) => text.and_then(|text| patterns(text.expose())),
        };
        let streams = own.ok_or_else(|| unusable("streams is no list of patterns"))?;
        Ok(Some(Found {
            proof,
            principal: Arc::new(self.principal(user, (streams, within))),
        }))
    }

    fn principal(
        &self,
        user: &str,
        (streams, within): (Vec<StreamPattern>, Vec<StreamPattern>),
    ) -> Principal {
        let subject = format!("{}:{user}", self.name);
        let token = hex_of(&sha256(subject.as_bytes())[..8]);
        Principal {
            kind: PrincipalKind::Machine,
            scheme: PASSWORD.into(),
            also: Vec::new(),
            subject,
            token: token.clone(),
            session: token,
            within,
            streams,
            actions: self.config.actions.iter().map(|one| one.0).collect(),
            kid: None,
            issued: None,
            address: None,
            uses: None,
            expires: None,
        }
    }
}

/// Whether it is what some program keeps of a password, `$2y$…` or `{SSHA}…`: whoever has read it in the
/// database must not have a password by that.
fn is_hash(text: &str) -> bool {
    text.trim_start().starts_with(['$', '{'])
}

/// Patterns with commas or spaces between.
fn patterns(text: &str) -> Option<Vec<StreamPattern>> {
    let each = text.split(|c: char| c == ',' || c.is_whitespace());
    let each = each.filter(|one| !one.is_empty());
    each.map(|one| one.parse().ok()).collect()
}

#[cfg(test)]
mod tests;
