//! Packagers' and operators' credentials: who they are, what they may do, and the digest of the secret.
//!
//! Must not know: the secret itself, or how a caller presents it.

use crate::crypto::TokenDigest;
use crate::domain::{Action, StreamPattern, Timestamp};

use super::link::{execute, fetch_all, fetch_optional, try_execute};
use super::{Lock, Store, StoreError, masters};

/// One API key, or a user with a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRow {
    /// The public half of the key: with it the row is found.
    pub id: String,
    /// What people call it; unique.
    pub name: String,
    /// SHA-256 of the whole key; with a password, of its verifier, which is no key's.
    pub digest: TokenDigest,
    /// The user and what verifies its password, for who has no key.
    pub password: Option<PasswordRow>,
    /// Whose client certificate speaks for it, for who has neither: `sha256:`, `dns:` or `uri:` and what is meant;
    /// unique.
    pub certificate: Option<String>,
    /// The streams it is for.
    pub streams: Vec<StreamPattern>,
    /// What it may do with them.
    pub actions: Vec<Action>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends; `None`: never.
    pub expires: Option<Timestamp>,
}

/// A user and the verifier of its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordRow {
    /// What the packager calls itself; unique.
    pub user: String,
    /// Argon2id, in PHC's form.
    pub verifier: String,
    /// For who is let in by HTTP's digest too: MD5 of `user:realm:password`, sealed for table `credentials`, row
    /// `id`, column `sealed_ha1`.
    pub sealed_ha1: Option<Vec<u8>>,
}

/// The credentials that `$which` leaves, as rows.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, name, digest, streams, actions, created, expires, user_name, verifier, sealed_ha1, certificate
             FROM credentials ",
            $which
        )
    };
}

impl Store {
    /// The credential with this id.
    pub async fn credential(&self, id: &str) -> Result<Option<CredentialRow>, StoreError> {
        let mut on = self.read().await?;
        let row = fetch_optional!(on, Row, select!("WHERE id = $1"), id)?;
        row.map(CredentialRow::try_from).transpose()
    }

    /// The credential with this user.
    pub async fn credential_of_user(
        &self,
        user: &str,
    ) -> Result<Option<CredentialRow>, StoreError> {
        let mut on = self.read().await?;
        let row = fetch_optional!(on, Row, select!("WHERE user_name = $1"), user)?;
        row.map(CredentialRow::try_from).transpose()
    }

    /// The credential of a client certificate that is called so.
    pub async fn credential_of_certificate(
        &self,
        whose: &str,
    ) -> Result<Option<CredentialRow>, StoreError> {
        let mut on = self.read().await?;
        let row = fetch_optional!(on, Row, select!("WHERE certificate = $1"), whose)?;
        row.map(CredentialRow::try_from).transpose()
    }

    /// All credentials, by name.
    pub async fn credentials(&self) -> Result<Vec<CredentialRow>, StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(on, Row, select!("ORDER BY name"))?;
        rows.into_iter().map(CredentialRow::try_from).collect()
    }

    /// Whether any credential is for HTTP's digest.
    pub async fn has_digests(&self) -> Result<bool, StoreError> {
        let mut on = self.read().await?;
        let found = fetch_optional!(
            on,
            (String,),
            "SELECT id FROM credentials WHERE sealed_ha1 IS NOT NULL LIMIT 1"
        )?;
        Ok(found.is_some())
    }

    /// Adds a credential; [`StoreError::Conflict`] if its id, name, user or certificate is taken,
    /// [`StoreError::RetiredMaster`] if something of it is sealed under a master key that seals no more.
    pub async fn add_credential(&self, row: &CredentialRow) -> Result<(), StoreError> {
        let password = row.password.as_ref();
        let sealed_ha1 = password.and_then(|it| it.sealed_ha1.as_deref());
        let mut on = self.write(Lock::Rows).await?;
        masters::admit_sealed(&mut on, sealed_ha1).await?;
        try_execute!(
            on,
            "INSERT INTO credentials (id, name, digest, streams, actions, created, expires, user_name, verifier,
             sealed_ha1, certificate) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            row.id.as_str(),
            row.name.as_str(),
            row.digest.as_bytes().as_slice(),
            spaced(&row.streams),
            spaced(&row.actions),
            row.created.millis(),
            row.expires.map(Timestamp::millis),
            password.map(|it| it.user.as_str()),
            password.map(|it| it.verifier.as_str()),
            sealed_ha1,
            row.certificate.as_deref()
        )
        .map_err(|error| StoreError::on_insert(error, "a credential of that name, user or certificate"))?;
        on.commit().await
    }

    /// Removes the credential of this name; `false` if there is none.
    pub async fn remove_credential(&self, name: &str) -> Result<bool, StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        let removed = execute!(on, "DELETE FROM credentials WHERE name = $1", name)?;
        on.commit().await?;
        Ok(removed > 0)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    digest: Vec<u8>,
    streams: String,
    actions: String,
    created: i64,
    expires: Option<i64>,
    user_name: Option<String>,
    verifier: Option<String>,
    sealed_ha1: Option<Vec<u8>>,
    certificate: Option<String>,
}

impl TryFrom<Row> for CredentialRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let bad = |column| StoreError::Inconsistent {
            table: "credentials",
            row: row.id.clone(),
            column,
        };
        Ok(Self {
            digest: TokenDigest::from_slice(&row.digest).ok_or_else(|| bad("digest"))?,
            streams: parsed(&row.streams).ok_or_else(|| bad("streams"))?,
            actions: parsed(&row.actions).ok_or_else(|| bad("actions"))?,
            created: Timestamp::from_millis(row.created),
            expires: row.expires.map(Timestamp::from_millis),
            password: row
                .user_name
                .zip(row.verifier)
                .map(|(user, verifier)| PasswordRow {
                    user,
                    verifier,
                    sealed_ha1: row.sealed_ha1,
                }),
            certificate: row.certificate,
            name: row.name,
            id: row.id,
        })
    }
}

/// Neither patterns nor actions have a space in them.
fn spaced<T: ToString>(items: &[T]) -> String {
    let texts: Vec<String> = items.iter().map(T::to_string).collect();
    texts.join(" ")
}

fn parsed<T: std::str::FromStr>(text: &str) -> Option<Vec<T>> {
    text.split_ascii_whitespace()
        .map(|item| item.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::scratch;

    fn row(id: &str, name: &str) -> CredentialRow {
        CredentialRow {
            id: id.to_owned(),
            name: name.to_owned(),
            digest: TokenDigest::of("obviously-a-fake"),
            password: None,
            certificate: None,
            streams: vec!["live/*".parse().unwrap(), "demo/**".parse().unwrap()],
            actions: Action::PACKAGER.to_vec(),
            created: Timestamp::from_millis(1),
            expires: Some(Timestamp::from_millis(2)),
        }
    }

    #[tokio::test]
    async fn a_credential_comes_back_as_it_was() {
        let (_dir, store) = scratch().await;
        let forever = CredentialRow {
            expires: None,
            actions: Vec::new(),
            ..row("2", "b")
        };
        store.add_credential(&forever).await.unwrap();
        store.add_credential(&row("1", "a")).await.unwrap();
        assert_eq!(store.credential("1").await.unwrap(), Some(row("1", "a")));
        assert_eq!(store.credential("3").await.unwrap(), None);
        assert_eq!(store.credentials().await.unwrap(), [row("1", "a"), forever]);
    }

    #[tokio::test]
    async fn names_and_ids_are_taken_once() {
        let (_dir, store) = scratch().await;
        store.add_credential(&row("1", "a")).await.unwrap();
        for taken in [row("1", "b"), row("2", "a")] {
            let error = store.add_credential(&taken).await.unwrap_err();
            assert!(matches!(error, StoreError::Conflict(_)), "{error}");
        }
        assert!(store.remove_credential("a").await.unwrap());
        assert!(!store.remove_credential("a").await.unwrap());
        store.add_credential(&row("1", "a")).await.unwrap();
    }

    #[tokio::test]
    async fn a_row_that_cannot_be_read_is_named() {
        let (_dir, store) = scratch().await;
        store.add_credential(&row("1", "a")).await.unwrap();
        let mut on = store.write(Lock::All).await.unwrap();
        execute!(on, "UPDATE credentials SET actions = 'fly' WHERE id = '1'").unwrap();
        on.commit().await.unwrap();
        assert_eq!(
            store.credential("1").await.unwrap_err().to_string(),
            "inconsistent store: table credentials, row 1, column actions"
        );
    }
}
