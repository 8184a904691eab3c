//! The scheme of client certificates: an entry of `[[client_certificates]]` says what one allows, and where none is
//! for it, a credential of the store.
//!
//! A certificate comes with every request of its connection, whoever made the client send it, as a
//! cookie does. So it never speaks for a request that a web page made: such a one has an `Origin`.
//!
//! Must not know: how the chain was verified.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use super::api_key::machine;
use super::{CERTIFICATE, Fault};
use crate::access::certificate::{CertificateConfig, ClientCertificate, Whose};
use crate::access::config::AccessConfigError;
use crate::access::credential::Credential;
use crate::api::Text;
use crate::domain::{Principal, PrincipalKind, Timestamp};
use crate::store::{CredentialRow, Store};

/// The table, and the store.
pub(super) struct Certificates {
    entries: Vec<CertificateConfig>,
    store: Store,
    /// What the store said, by fingerprint.
    rows: Cache<[u8; 32], Option<CredentialRow>>,
}

/// How long a row is taken as it was.
const FRESH: Duration = Duration::from_secs(5);
/// The most rows remembered.
const MOST: u64 = 10_000;

/// The table of `config`, if each entry can be meant.
pub(in crate::access) fn check(config: &[CertificateConfig]) -> Result<(), AccessConfigError> {
    config.iter().try_for_each(|entry| {
        entry
            .check()
            .map_err(|fault| AccessConfigError::Certificate {
                name: entry.name.clone(),
                fault,
            })
    })
}

impl Certificates {
    pub(super) fn new(
        config: &[CertificateConfig],
        store: Store,
    ) -> Result<Self, AccessConfigError> {
        check(config)?;
        Ok(Self {
            entries: config.to_vec(),
            store,
            rows: Cache::builder()
                .max_capacity(MOST)
                .time_to_live(FRESH)
                .build(),
        })
    }

    /// `None` if no certificate was shown, or by a page.
    pub(super) async fn verify(
        &self,
        credential: &Credential<'_>,
        now: Timestamp,
    ) -> Option<Result<Arc<Principal>, Fault>> {
        let shown = credential.certificate;
        let shown = shown.filter(|_| credential.header("origin").is_none())?;
        // Boxed: viewers' requests, which are most, must not carry this future about.
        Some(Box::pin(self.principal(shown, now)).await)
    }

    async fn principal(
        &self,
        shown: &ClientCertificate,
        now: Timestamp,
    ) -> Result<Arc<Principal>, Fault> {
        let entry = self.entries.iter().find(|entry| entry.means(shown));
        let principal = match entry {
            Some(entry) => configured(entry, shown),
            None => self.enrolled(shown, now).await?,
        };
        // The handshake looked at the end too; its connection may have outlived it.
        let is_live = principal.is_live(now);
        is_live.then(|| Arc::new(principal)).ok_or(Fault::Expired)
    }

    /// Whom the store has the certificate for. It ends with the certificate, if not before.
    async fn enrolled(
        &self,
        shown: &ClientCertificate,
        now: Timestamp,
    ) -> Result<Principal, Fault> {
        let row = self
            .rows
            .try_get_with(shown.fingerprint.0, self.ask(shown, now))
            .await;
        let row = row.map_err(|fault: Arc<Fault>| *fault)?;
        let mut principal = machine(row.ok_or(Fault::Certificate)?, CERTIFICATE);
        let ends = principal
            .expires
            .map_or(shown.expires, |own| own.min(shown.expires));
        principal.expires = Some(ends);
        Ok(principal)
    }

    /// The first row of those that mean it; one that is over hides no other.
    async fn ask(
        &self,
        shown: &ClientCertificate,
        now: Timestamp,
    ) -> Result<Option<CredentialRow>, Fault> {
        let mut over = None;
        for whose in Whose::of(shown) {
            let row = self.store.credential_of_certificate(whose.as_str()).await;
            let row = row.map_err(|error| {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "cannot look up a client certificate");
                Fault::StoreAway
            })?;
            let is_live = |row: &CredentialRow| row.expires.is_none_or(|end| now < end);
            match row {
                Some(row) if is_live(&row) => return Ok(Some(row)),
                Some(row) => over = Some(row),
                None => {}
            }
        }
        Ok(over)
    }
}

fn configured(entry: &CertificateConfig, shown: &ClientCertificate) -> Principal {
    let streams: Vec<_> = entry.streams.iter().map(|Text(p)| p.clone()).collect();
    Principal {
        kind: PrincipalKind::Machine,
        scheme: CERTIFICATE.into(),
        also: Vec::new(),
        subject: entry.name.clone(),
        token: shown.fingerprint.to_string(),
        session: shown.fingerprint.to_string(),
        within: streams.clone(),
        streams,
        actions: entry.actions.iter().map(|Text(action)| *action).collect(),
        kid: None,
        issued: None,
        address: None,
        uses: None,
        expires: Some(shown.expires),
    }
}
