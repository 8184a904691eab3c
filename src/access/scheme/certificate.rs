//! The scheme of client certificates: an entry of `[[client_certificates]]` says what one allows.
//!
//! A certificate comes with every request of its connection, whoever made the client send it, as a
//! cookie does. So it never speaks for a request that a web page made: such a one has an `Origin`.
//!
//! Must not know: how the chain was verified.

use std::sync::Arc;

use super::{CERTIFICATE, Fault};
use crate::access::certificate::{CertificateConfig, ClientCertificate};
use crate::access::config::AccessConfigError;
use crate::access::credential::Credential;
use crate::api::Text;
use crate::domain::{Principal, PrincipalKind, Timestamp};

/// The table.
pub(super) struct Certificates(Vec<CertificateConfig>);

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
    pub(super) fn new(config: &[CertificateConfig]) -> Result<Self, AccessConfigError> {
        check(config)?;
        Ok(Self(config.to_vec()))
    }

    /// `None` if no certificate was shown, or by a page.
    pub(super) fn verify(
        &self,
        credential: &Credential,
        now: Timestamp,
    ) -> Option<Result<Arc<Principal>, Fault>> {
        let shown = credential.certificate;
        let shown = shown.filter(|_| credential.header("origin").is_none())?;
        Some(self.principal(shown, now))
    }

    fn principal(
        &self,
        shown: &ClientCertificate,
        now: Timestamp,
    ) -> Result<Arc<Principal>, Fault> {
        let entry = self.0.iter().find(|entry| entry.means(shown));
        let entry = entry.ok_or(Fault::Certificate)?;
        let streams: Vec<_> = entry.streams.iter().map(|Text(p)| p.clone()).collect();
        let principal = Principal {
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
        };
        // The handshake looked at the end too; its connection may have outlived it.
        let is_live = principal.is_live(now);
        is_live.then(|| Arc::new(principal)).ok_or(Fault::Expired)
    }
}
