//! Keys that a media server makes by itself and lays into a folder, by stream and number: sealed and kept when
//! they are first asked for.
//!
//! A number may come again after the media server was started anew: another key is another kid. Must not
//! know: where the folder is, or who asks.

use moka::future::Cache;

use crate::crypto::{ContentKey, sha256};
use crate::domain::{BroughtKid, KeyFacts, Kid, Rotation, StreamId, StreamPolicy};
use crate::store::{NewBrought, StoreError, StreamRow};

use super::{ATTEMPTS, Keys, KeysError};

/// The most numbers whose key is remembered; a file may be deleted while players still ask.
const MOST: u64 = 100_000;
/// Who registers such streams.
const SUBJECT: &str = "key folder";

/// What was found under a number.
pub(super) struct Files(Cache<(StreamId, u64), (BroughtKid, Kid)>);

impl Default for Files {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl Keys {
    /// Whose the key of that number is, which the file holds now; without a file, the one that it held last, as
    /// long as that is remembered. A stream that is not registered is registered by its template, or as one that
    /// never rotates.
    pub async fn filed(
        &self,
        stream: &StreamId,
        number: u64,
        file: Option<&ContentKey>,
    ) -> Result<Option<KeyFacts>, KeysError> {
        let place = (stream.clone(), number);
        let known = self.files.0.get(&place).await;
        let brought = file.map(|key| name_of(number, key));
        let kid = match (known, brought, file) {
            (Some((name, kid)), None, _) => Some((name, kid)).map(|(_, kid)| kid),
            (Some((name, kid)), Some(brought), _) if name == brought => Some(kid),
            (_, Some(brought), Some(key)) => {
                let kid = self.take_file(stream, brought, key).await?;
                self.files.0.insert(place, (brought, kid)).await;
                Some(kid)
            }
            _ => None,
        };
        match kid {
            Some(kid) => self.locate(kid).await,
            None => Ok(None),
        }
    }

    async fn take_file(
        &self,
        stream: &StreamId,
        brought: BroughtKid,
        key: &ContentKey,
    ) -> Result<Kid, KeysError> {
        for _ in 0..ATTEMPTS {
            let row = self.row_of(stream).await?;
            if let Some(found) = self.store.brought(&row, brought).await? {
                return Ok(found.row.period.kid);
            }
            let kid = Kid::random(self.entropy.as_ref());
            let new = NewBrought {
                brought,
                kid,
                sealed_key: self.seal(kid, key),
                ordinal: None,
                ends: None,
            };
            let now = self.clock.now();
            match self.store.issue_brought(&row, vec![new], now).await {
                Err(StoreError::RetiredMaster(_)) => self.masters.follow(&self.store).await?,
                issued => drop(issued?),
            }
        }
        Err(KeysError::Busy)
    }

    async fn row_of(&self, stream: &StreamId) -> Result<StreamRow, KeysError> {
        match self.known_or_templated(SUBJECT, stream).await {
            Err(KeysError::UnknownStream) => {}
            known => return known,
        }
        let policy = StreamPolicy {
            rotation: Rotation::Never,
            ..StreamPolicy::default()
        };
        self.add(SUBJECT, stream, policy).await?;
        self.registered(stream).await
    }
}

/// What a key of that number is called. The digest of a random key tells nothing of it.
fn name_of(number: u64, key: &ContentKey) -> BroughtKid {
    let mut text = [0; 24];
    text[..8].copy_from_slice(&number.to_be_bytes());
    text[8..].copy_from_slice(key.expose());
    BroughtKid::of_digest(sha256(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SystemEntropy;
    use crate::keys::testing::{Bench, id};

    #[tokio::test]
    async fn a_file_has_one_kid_and_another_key_another() {
        let bench = Bench::new().await;
        let (keys, stream) = (&bench.keys, id("live/a"));
        let (one, two) = (
            ContentKey::random(&SystemEntropy),
            ContentKey::random(&SystemEntropy),
        );
        let kid = async |number: u64, key: Option<&ContentKey>| {
            let found = keys.filed(&stream, number, key).await.unwrap();
            found.map(|facts| facts.kid)
        };
        assert_eq!(kid(7, None).await, None);
        let first = kid(7, Some(&one)).await.unwrap();
        assert_eq!(kid(7, Some(&one)).await, Some(first));
        assert_eq!(kid(7, None).await, Some(first), "the file is gone");
        let other = bench.another().await;
        let there = other.keys.filed(&stream, 7, Some(&one)).await.unwrap();
        assert_eq!(there.unwrap().kid, first, "on another server");
        let second = kid(7, Some(&two)).await.unwrap();
        assert!(second != first && kid(8, Some(&one)).await != Some(first));
        assert_eq!(keys.content_key(first).await.unwrap(), one);
        assert_eq!(keys.content_key(second).await.unwrap(), two);
    }
}
