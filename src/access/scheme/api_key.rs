//! The scheme of API keys: the id finds the row, the digest decides.
//!
//! A row is remembered for five seconds, also that there is none: so long may a removed key go
//! on, and so seldom does a busy encryptor ask the store.
//!
//! Must not know: how the store keeps rows.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use super::verified::{Standing, Verified};
use super::{API_KEY, Fault};
use crate::access::api_key::ApiKey;
use crate::access::credential::{Place, Presented};
use crate::crypto::TokenDigest;
use crate::domain::{Principal, PrincipalKind, Timestamp};
use crate::store::{CredentialRow, Store};

/// How long a row is taken as it was.
const FRESH: Duration = Duration::from_secs(5);
/// The most rows remembered.
const MAX_ROWS: u64 = 10_000;

pub(super) struct ApiKeys {
    store: Store,
    rows: Cache<String, Lookup>,
}

/// What the store said of one id, and when.
#[derive(Clone)]
struct Lookup {
    at: Timestamp,
    found: Result<Option<Found>, StoreAway>,
}

#[derive(Clone)]
struct Found {
    digest: TokenDigest,
    principal: Arc<Principal>,
}

#[derive(Clone)]
struct StoreAway;

impl ApiKeys {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            rows: Cache::new(MAX_ROWS),
        }
    }

    pub(super) async fn verify(
        &self,
        presented: &Presented<'_>,
        now: Timestamp,
    ) -> Option<Result<Verified, Fault>> {
        let text = presented.text.expose();
        if !ApiKey::is_meant(text) {
            return None;
        }
        if presented.place != Place::Header {
            return Some(Err(Fault::Place));
        }
        // Boxed: viewers' requests, which are most, must not carry the store's future about.
        Some(Box::pin(self.verify_text(text, now)).await)
    }

    /// An unknown id and a wrong secret take the same steps and give the same answer.
    async fn verify_text(&self, text: &str, now: Timestamp) -> Result<Verified, Fault> {
        let id = ApiKey::id_of(text).ok_or(Fault::Form)?;
        let presented = TokenDigest::of(text);
        let found = self.look_up(id, now).await.map_err(|_| Fault::StoreAway)?;
        let nobodys = TokenDigest::of("");
        let stored = found.as_ref().map_or(nobodys, |found| found.digest);
        let found = found.filter(|_| stored == presented);
        let principal = found.ok_or(Fault::Signature)?.principal;
        Ok(Verified {
            principal,
            not_before: None,
            standing: Standing::default(),
        })
    }

    /// Concurrent questions for one id ask the store once. A failure is not remembered.
    async fn look_up(&self, id: &str, now: Timestamp) -> Result<Option<Found>, StoreAway> {
        let entry = self.rows.entry_by_ref(id);
        let is_stale = |lookup: &Lookup| lookup.is_stale(now);
        let entry = entry.or_insert_with_if(self.ask(id, now), is_stale).await;
        entry.into_value().found
    }

    async fn ask(&self, id: &str, now: Timestamp) -> Lookup {
        let found = self.store.credential(id).await.map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "cannot look up an API key");
            StoreAway
        });
        Lookup {
            at: now,
            found: found.map(|row| row.map(Found::from)),
        }
    }
}

impl Lookup {
    /// A clock that was set back makes it stale too.
    fn is_stale(&self, now: Timestamp) -> bool {
        self.found.is_err() || now < self.at || now.since(self.at) >= FRESH
    }
}

impl From<CredentialRow> for Found {
    fn from(row: CredentialRow) -> Self {
        let digest = row.digest;
        Self {
            digest,
            principal: Arc::new(machine(row, API_KEY)),
        }
    }
}

/// Whom a credential of the store speaks for, whichever way it is shown.
pub(super) fn machine(row: CredentialRow, scheme: &str) -> Principal {
    Principal {
        kind: PrincipalKind::Machine,
        scheme: scheme.into(),
        also: Vec::new(),
        subject: row.name,
        token: row.id.clone(),
        session: row.id,
        within: row.streams.clone(),
        streams: row.streams,
        actions: row.actions,
        kid: None,
        issued: Some(row.created),
        address: None,
        uses: None,
        expires: row.expires,
    }
}
