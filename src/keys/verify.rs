//! Looking at the whole store: every key is opened, every row read.
//!
//! Must not know: how what it finds is shown. No fault holds a byte of a key.

use std::collections::BTreeMap;

use crate::access::ha1_place;
use crate::crypto::{ContentKey, KeyRing, KeyTag, RingError};
use crate::domain::{Kid, PeriodState, StreamId};
use crate::store::{CredentialRow, Inspected, SealedUnder, Store, StoreError};

use super::{KeysError, place};

/// Faults that are kept; a wrong master key makes one of each key.
const KEPT: usize = 1000;
/// Keys that are read at once.
const PAGE: u16 = 1000;

/// What is in the store, and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    /// Registered streams.
    pub streams: u64,
    /// API keys.
    pub credentials: u64,
    /// Keys, by state.
    pub keys: BTreeMap<&'static str, u64>,
    /// How many keys each master key seals.
    pub sealed_under: Vec<SealedUnder>,
    /// Master keys that may seal no more.
    pub retired: Vec<KeyTag>,
    /// What is wrong: the first thousand.
    pub faults: Vec<Flaw>,
    /// How much is wrong.
    pub found: usize,
}

/// Something that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flaw {
    /// Of this key.
    pub kid: Option<Kid>,
    /// Of this stream.
    pub stream: Option<String>,
    /// What it is.
    pub what: String,
}

/// Reads every row of the store and opens every key. An error only if the store cannot be read
/// at all.
pub async fn verify(store: &Store, ring: &KeyRing) -> Result<Health, KeysError> {
    let mut health = Health {
        sealed_under: store.sealed_under().await?,
        retired: store.retired_masters().await?,
        ..Health::default()
    };
    for what in store.inspect_database().await? {
        health.add(what.into());
    }
    health.look_at_masters(ring);
    health.look_at_streams(store).await?;
    health.look_at_keys(store, ring).await?;
    match store.credentials().await {
        Ok(rows) => health.look_at_credentials(&rows, ring),
        Err(error) => health.fault(None, None, inconsistency(error)?),
    }
    Ok(health)
}

impl From<String> for Flaw {
    /// Of no key and no stream.
    fn from(what: String) -> Self {
        Self {
            what,
            ..Self::default()
        }
    }
}

impl Health {
    /// Notes what is wrong.
    pub fn add(&mut self, flaw: Flaw) {
        self.found += 1;
        if self.faults.len() < KEPT {
            self.faults.push(flaw);
        }
    }

    fn fault(&mut self, kid: Option<Kid>, stream: Option<&str>, what: String) {
        let stream = stream.map(str::to_owned);
        self.add(Flaw { kid, stream, what });
    }

    fn look_at_masters(&mut self, ring: &KeyRing) {
        if ring.tags().all(|tag| self.retired.contains(&tag)) {
            self.fault(None, None, RingError::AllRetired.to_string());
        }
    }

    async fn look_at_streams(&mut self, store: &Store) -> Result<(), KeysError> {
        for name in store.stream_names().await? {
            self.streams += 1;
            let Ok(id) = name.parse::<StreamId>() else {
                self.fault(None, Some(&name), "its name is no stream's".to_owned());
                continue;
            };
            if let Err(error) = store.stream(&id).await {
                self.fault(None, Some(&name), inconsistency(error)?);
            }
        }
        Ok(())
    }

    fn look_at_credentials(&mut self, rows: &[CredentialRow], ring: &KeyRing) {
        self.credentials = rows.len() as u64;
        for row in rows {
            let sealed = row
                .password
                .as_ref()
                .and_then(|it| it.sealed_ha1.as_deref());
            let opened = sealed.map(|sealed| ring.open(ha1_place(&row.id), sealed));
            if let Some(Err(error)) = opened {
                let what = format!("the digest of the credential '{}': {error}", row.name);
                self.fault(None, None, what);
            }
        }
    }

    async fn look_at_keys(&mut self, store: &Store, ring: &KeyRing) -> Result<(), KeysError> {
        let mut last = Vec::new();
        loop {
            let (page, end) = store.inspect_keys(&last, PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            for key in &page {
                self.look_at_key(key, ring)?;
            }
            last = end;
        }
    }

    fn look_at_key(&mut self, key: &Inspected, ring: &KeyRing) -> Result<(), KeysError> {
        let stream = Some(key.stream.as_str());
        if key.stream.parse::<StreamId>().is_err() {
            self.fault(key.kid, stream, "its stream's name is none".to_owned());
        }
        let row = match &key.period {
            Ok(row) => row,
            Err(error) => {
                self.fault(key.kid, stream, inconsistency(error.clone())?);
                return Ok(());
            }
        };
        let state = row.period.state;
        *self.keys.entry(state.as_str()).or_default() += 1;
        let kid = row.period.kid;
        let opened = row
            .sealed_key
            .as_deref()
            .map(|sealed| ring.open(place(&kid), sealed));
        match opened {
            None if state == PeriodState::Destroyed => {}
            None => self.fault(
                key.kid,
                stream,
                "it is gone without being destroyed".to_owned(),
            ),
            Some(Ok(plain)) if ContentKey::from_slice(&plain).is_some() => {}
            Some(Ok(_)) => self.fault(key.kid, stream, "it is no key of 16 bytes".to_owned()),
            Some(Err(error)) => self.fault(key.kid, stream, error.to_string()),
        }
        Ok(())
    }
}

/// A row's own fault is noted; that the store is away is an error.
fn inconsistency(error: StoreError) -> Result<String, KeysError> {
    match error {
        StoreError::Inconsistent { .. } => Ok(error.to_string()),
        error => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
