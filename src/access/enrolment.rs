//! What operators do with packagers' credentials: make users with passwords, list, take away.
//!
//! An operator sees and hands out only what lies within its credential's streams, and neither makes nor
//! removes operators: that is the command line's. Must not know: HTTP.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::api_key::ApiKey;
use super::password::{self, PasswordFault};
use super::scheme::digest::{Digests, Ha1Fault};
use crate::api::{CredentialList, CredentialRequest, CredentialView, Text};
use crate::crypto::TokenDigest;
use crate::domain::{Action, Denied, Entropy, Principal, Timestamp};
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
    /// It makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
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
    /// Makes a user; [`EnrolmentError::Taken`] if the name or the user is another's.
    pub async fn add(&self, asked: CredentialRequest) -> Result<CredentialView, EnrolmentError> {
        check(&asked)?;
        let within = |pattern: &Text<_>| self.operator.encloses(&pattern.0);
        if !asked.streams.iter().all(within) {
            return Err(Denied::WrongStream.into());
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
        let sealed_ha1 = match asked.digest_legacy {
            true => {
                let whose = (&*id, &*asked.user);
                let sealed = self.digests.seal(whose, &asked.password, &*self.entropy);
                Some(sealed.await?)
            }
            false => None,
        };
        let (entropy, password) = (Arc::clone(&self.entropy), asked.password);
        let hashed = spawn_blocking(move || password::hash(&password, &*entropy)).await;
        let verifier = hashed.map_err(|_| PasswordFault::Hash)??;
        Ok(CredentialRow {
            id,
            name: asked.name,
            digest: TokenDigest::of(&verifier),
            password: Some(PasswordRow {
                user: asked.user,
                verifier,
                sealed_ha1,
            }),
            streams: asked.streams.into_iter().map(|text| text.0).collect(),
            actions: asked.actions.into_iter().map(|text| text.0).collect(),
            created: self.now,
            expires: asked.expires.map(|text| text.0),
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
    } else if !password::is_user(&asked.user) {
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

fn view(row: CredentialRow) -> CredentialView {
    CredentialView {
        name: row.name,
        id: row.id,
        digest_legacy: row
            .password
            .as_ref()
            .is_some_and(|it| it.sealed_ha1.is_some()),
        user: row.password.map(|password| password.user),
        streams: row.streams.into_iter().map(Text).collect(),
        actions: row.actions.into_iter().map(Text).collect(),
        created: Text(row.created),
        expires: row.expires.map(Text),
    }
}
