//! What operators do with packagers' credentials: make users with passwords, list, take away.
//!
//! An operator sees and hands out only what lies within its credential's streams, and neither makes nor
//! removes operators: that is the command line's. Must not know: HTTP.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::api_key::ApiKey;
use super::certificate::{Whose, WhoseError};
use super::password::{self, PasswordFault};
use super::scheme::digest::{Digests, Ha1Fault};
use crate::api::{CredentialList, CredentialRequest, CredentialView, Text};
use crate::crypto::{SecretText, TokenDigest};
use crate::domain::{Action, Denied, Entropy, Principal, StreamPattern, Timestamp};
use crate::store::{CredentialRow, PasswordRow, Store, StoreError};

/// The most patterns of one credential.
const MOST_STREAMS: usize = 64;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 64;

/// The credentials, in an operator's hands. The gate alone makes it.
pub struct Enrolment<'g> {
    pub(super) operator: &'g Principal,
    pub(super) store: &'g Store,
    pub(super) digests: &'g Digests,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) now: Timestamp,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    /// It is not the caller's to do.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// A certificate, by an operator of some streams.
    #[error("only an operator of all streams (**) says whose a certificate is")]
    OthersCertificate,
    /// It makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// It means no certificate.
    #[error(transparent)]
    Whose(#[from] WhoseError),
    /// The password is none.
    #[error(transparent)]
    Password(#[from] PasswordFault),
    /// Nothing can be kept for digest.
    #[error(transparent)]
    Ha1(#[from] Ha1Fault),
    /// The name or the user is another's.
    #[error("{0} exists already")]
    Taken(&'static str),
    /// The store did not do it.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for EnrolmentError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(what) => Self::Taken(what),
            other => Self::Store(other),
        }
    }
}

impl Enrolment<'_> {
    /// Makes a user, or the holder of a certificate; [`EnrolmentError::Taken`] if the name, the user or the certificate
    /// is another's.
    pub async fn add(&self, asked: CredentialRequest) -> Result<CredentialView, EnrolmentError> {
        check(&asked)?;
        let within = |pattern: &Text<_>| self.operator.encloses(&pattern.0);
        if !asked.streams.iter().all(within) {
            return Err(Denied::WrongStream.into());
        }
        // Whoever enrols a certificate decides for its holder, which may be another team.
        if asked.certificate.is_some() && !self.operator.encloses(&StreamPattern::any()) {
            return Err(EnrolmentError::OthersCertificate);
        }
        let row = self.row(asked).await?;
        self.store.add_credential(&row).await?;
        tracing::info!(
            credential = row.name,
            by = self.operator.subject,
            "credential added"
        );
        Ok(view(row))
    }

    async fn row(&self, asked: CredentialRequest) -> Result<CredentialRow, EnrolmentError> {
        // Of a key that nobody sees.
        let (_, id, _) = ApiKey::generate(&*self.entropy);
        let whose = asked.certificate.as_deref().map(str::parse::<Whose>);
        let whose = whose.transpose()?;
        let password = match (asked.user, asked.password) {
            (Some(user), Some(password)) => Some(
                self.password(&id, (user, password), asked.digest_legacy)
                    .await?,
            ),
            _ => None,
        };
        let shown = password.as_ref().map(|it| &*it.verifier);
        let shown = shown.or(whose.as_ref().map(Whose::as_str));
        Ok(CredentialRow {
            id,
            name: asked.name,
            digest: TokenDigest::of(shown.unwrap_or_default()),
            password,
            certificate: whose.map(|whose| whose.to_string()),
            streams: asked.streams.into_iter().map(|text| text.0).collect(),
            actions: asked.actions.into_iter().map(|text| text.0).collect(),
            created: self.now,
            expires: asked.expires.map(|text| text.0),
        })
    }

    async fn password(
        &self,
        id: &str,
        (user, password): (String, SecretText),
        digest_legacy: bool,
    ) -> Result<PasswordRow, EnrolmentError> {
        let sealed_ha1 = match digest_legacy {
            true => Some(
                self.digests
                    .seal((id, &user), &password, &*self.entropy)
                    .await?,
            ),
            false => None,
        };
        let entropy = Arc::clone(&self.entropy);
        let hashed = spawn_blocking(move || password::hash(&password, &*entropy)).await;
        let verifier = hashed.map_err(|_| PasswordFault::Hash)??;
        Ok(PasswordRow {
            user,
            verifier,
            sealed_ha1,
        })
    }

    /// Those within the operator's streams, by name.
    pub async fn all(&self) -> Result<CredentialList, EnrolmentError> {
        let mut rows = self.store.credentials().await?;
        rows.retain(|row| self.is_own(row));
        let credentials = rows.into_iter().map(view).collect();
        Ok(CredentialList { credentials })
    }

    /// Takes one of those away; `false` if there is none of that name.
    pub async fn remove(&self, name: &str) -> Result<bool, EnrolmentError> {
        let rows = self.store.credentials().await?;
        let found = rows.iter().find(|row| row.name == name && self.is_own(row));
        if found.is_none_or(|row| row.actions.contains(&Action::Operate)) {
            return Ok(false);
        }
        let removed = self.store.remove_credential(name).await?;
        tracing::info!(
            credential = name,
            by = self.operator.subject,
            removed,
            "credential removed"
        );
        Ok(removed)
    }

    fn is_own(&self, row: &CredentialRow) -> bool {
        row.streams
            .iter()
            .all(|pattern| self.operator.encloses(pattern))
    }
}

fn check(asked: &CredentialRequest) -> Result<(), EnrolmentError> {
    let name = &asked.name;
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || c == '/';
    let is_packagers =
        |text: &Text<Action>| text.0 == Action::Publish || Action::PACKAGER.contains(&text.0);
    let complaint = if !(1..=LONGEST_NAME).contains(&name.len()) || name.contains(is_bad) {
        "name has 1 to 64 bytes, no space and no slash"
    } else if !is_one_way(asked) {
        "user and password, or certificate alone, say who it is"
    } else if asked.certificate.is_some() && asked.digest_legacy {
        "digest_legacy is for a user and a password"
    } else if asked.certificate.is_some() && has_publish(asked) {
        "publish is for a user and a password: no media server's hook shows a certificate"
    } else if asked
        .user
        .as_ref()
        .is_some_and(|user| !password::is_user(user))
    {
        "user has 1 to 64 bytes, no colon and no control character"
    } else if !(1..=MOST_STREAMS).contains(&asked.streams.len()) {
        "streams has 1 to 64 patterns"
    } else if asked.actions.is_empty() || !asked.actions.iter().all(is_packagers) {
        "actions are some of register, read, lease, rotate, progress, publish"
    } else {
        return Ok(());
    };
    Err(EnrolmentError::Invalid(complaint))
}

/// Whether it is said once how the packager shows itself.
fn is_one_way(asked: &CredentialRequest) -> bool {
    let shown = (&asked.user, &asked.password, &asked.certificate);
    matches!(shown, (Some(_), Some(_), None) | (None, None, Some(_)))
}

fn has_publish(asked: &CredentialRequest) -> bool {
    asked.actions.iter().any(|text| text.0 == Action::Publish)
}

fn view(row: CredentialRow) -> CredentialView {
    CredentialView {
        name: row.name,
        id: row.id,
        digest_legacy: row
            .password
            .as_ref()
            .is_some_and(|it| it.sealed_ha1.is_some()),
        user: row.password.map(|password| password.user),
        certificate: row.certificate,
        streams: row.streams.into_iter().map(Text).collect(),
        actions: row.actions.into_iter().map(Text).collect(),
        created: Text(row.created),
        expires: row.expires.map(Text),
    }
}
