//! Keys that a media server makes by itself and lays into a folder, by stream and number: sealed and kept when
//! they are first asked for.
//!
//! A number may come again after the media server was started anew: another key is another kid. A stream that was
//! removed is not brought back. Must not know: where the folder is, or how it was decided who may ask.

use moka::future::Cache;

use crate::access::{Permit, Seek};
use crate::crypto::{ContentKey, sha256};
use crate::domain::{BroughtKid, KeyFacts, Kid, Rotation, StreamId, StreamPolicy};
use crate::store::{NewBrought, StoreError, StreamRow};

use super::{ATTEMPTS, Keys, KeysError};

/// The most numbers whose key is remembered; a file may be deleted while players still ask.
const MOST: u64 = 100_000;

/// What was found under a number.
pub(super) struct Files(Cache<(StreamId, u64), (BroughtKid, Kid)>);

impl Default for Files {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl Keys {
    /// Whose the key of that number is, which the file holds now; without a file, the one that it held last, as
    /// long as that is remembered. A stream that was never registered is registered by its template, or as one that
    /// never rotates, in the name of the folder; of one that was removed there is no key.
    pub async fn filed(
        &self,
        permit: &Permit<Seek>,
        folder: &str,
        (number, file): (u64, Option<&ContentKey>),
    ) -> Result<Option<KeyFacts>, KeysError> {
        self.filed_key((folder, permit.stream()), number, file)
            .await
    }

    pub(super) async fn filed_key(
        &self,
        (folder, stream): (&str, &StreamId),
        number: u64,
        file: Option<&ContentKey>,
    ) -> Result<Option<KeyFacts>, KeysError> {
        let place = (stream.clone(), number);
        let known = self.files.0.get(&place).await;
        let brought = file.map(|key| (name_of(number, key), key));
        if let Some((name, kid)) = known
            && brought.is_none_or(|(now, _)| now == name)
        {
            let facts = self.locate(kid).await?;
            // A key that is over may be one of an earlier registration: the store knows those of the present one.
            let lives = |facts: &KeyFacts| facts.state.is_delivered();
            if brought.is_none() || facts.as_ref().is_some_and(lives) {
                return Ok(facts);
            }
        }
        let Some((brought, key)) = brought else {
            return Ok(None);
        };
        match self.take_file((folder, stream), brought, key).await? {
            Some(kid) => {
                self.files.0.insert(place, (brought, kid)).await;
                self.locate(kid).await
            }
            None => match known {
                Some((_, kid)) => self.locate(kid).await,
                None => Ok(None),
            },
        }
    }

    /// What the key is called in the present registration of its stream; `None` if that was removed.
    async fn take_file(
        &self,
        (folder, stream): (&str, &StreamId),
        brought: BroughtKid,
        key: &ContentKey,
    ) -> Result<Option<Kid>, KeysError> {
        for _ in 0..ATTEMPTS {
            let Some(row) = self.row_of(folder, stream).await? else {
                return Ok(None);
            };
            if let Some(found) = self.store.brought(&row, brought).await? {
                return Ok(Some(found.row.period.kid));
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

    /// The stream; `None` if it was removed: a file that was left lying is no registration.
    async fn row_of(
        &self,
        folder: &str,
        stream: &StreamId,
    ) -> Result<Option<StreamRow>, KeysError> {
        if let Some(row) = self.store.stream(stream).await? {
            return Ok(Some(row));
        }
        // A question alone uses up no allowance.
        if self.store.was_removed(stream).await? {
            return Ok(None);
        }
        let mut templates = self.templates.iter();
        let template = templates.find(|one| one.streams.matches(stream));
        let never = StreamPolicy {
            rotation: Rotation::Never,
            ..StreamPolicy::default()
        };
        let policy = template.map_or(never, |template| template.policy);
        if self.add_first(folder, stream, policy).await? {
            tracing::info!(%stream, "stream registered by its first key file");
        }
        Ok(self.store.stream(stream).await?)
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

    const FOLDER: &str = "key folder /srv/keys";

    #[tokio::test]
    async fn a_file_has_one_kid_and_another_key_another() {
        let bench = Bench::new().await;
        let (keys, stream) = (&bench.keys, id("live/a"));
        let (one, two) = (
            ContentKey::random(&SystemEntropy),
            ContentKey::random(&SystemEntropy),
        );
        let kid = async |number: u64, key: Option<&ContentKey>| {
            let found = keys
                .filed_key((FOLDER, &stream), number, key)
                .await
                .unwrap();
            found.map(|facts| facts.kid)
        };
        assert_eq!(kid(7, None).await, None);
        let first = kid(7, Some(&one)).await.unwrap();
        assert_eq!(kid(7, Some(&one)).await, Some(first));
        assert_eq!(kid(7, None).await, Some(first), "the file is gone");
        let other = bench.another().await;
        let there = other
            .keys
            .filed_key((FOLDER, &stream), 7, Some(&one))
            .await
            .unwrap();
        assert_eq!(there.unwrap().kid, first, "on another server");
        let second = kid(7, Some(&two)).await.unwrap();
        assert!(second != first && kid(8, Some(&one)).await != Some(first));
        assert_eq!(keys.content_key(first).await.unwrap(), one);
        assert_eq!(keys.content_key(second).await.unwrap(), two);
    }

    #[tokio::test]
    async fn a_removed_stream_comes_back_by_its_registration_alone() {
        let bench = Bench::new().await;
        let other = bench.another().await;
        let stream = id("live/a");
        let key = ContentKey::random(&SystemEntropy);
        let of = async |bench: &Bench| {
            let place = (FOLDER, &stream);
            let found = bench.keys.filed_key(place, 7, Some(&key)).await.unwrap();
            found.map(|facts| (facts.kid, facts.state.is_delivered()))
        };
        let first = of(&bench).await.unwrap();
        assert_eq!(of(&other).await, Some(first), "both remember it");
        assert!(first.1 && bench.keys.remove_stream(&stream).await.unwrap());
        other.hear().await.unwrap();
        let gone = Some((first.0, false));
        assert_eq!((of(&bench).await, of(&other).await), (gone, gone));
        assert_eq!(
            of(&bench.another().await).await,
            None,
            "it remembers nothing"
        );
        assert!(bench.keys.store.stream(&stream).await.unwrap().is_none());
        bench.register("live/a", Rotation::Never).await;
        other.hear().await.unwrap();
        let second = of(&bench).await.unwrap();
        assert!(second.1 && second.0 != first.0, "as another kid");
        assert_eq!(
            of(&other).await,
            Some(second),
            "where it was remembered too"
        );
    }

    /// Between the look whether it was removed and its registration, another request may have registered it and an
    /// operator removed it.
    #[tokio::test]
    async fn a_first_registration_that_comes_after_a_removal_is_none() {
        let bench = Bench::new().await;
        let (keys, stream) = (&bench.keys, id("live/a"));
        let first = keys.add_first(FOLDER, &stream, StreamPolicy::default());
        assert!(first.await.unwrap());
        assert!(keys.remove_stream(&stream).await.unwrap());
        let late = keys.add_first(FOLDER, &stream, StreamPolicy::default());
        assert!(!late.await.unwrap());
        assert!(keys.store.stream(&stream).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_folder_uses_up_its_own_allowance() {
        let bench = Bench::new().await;
        let key = ContentKey::random(&SystemEntropy);
        let register = async |folder: &str, stream: &str| {
            let stream = id(stream);
            bench.keys.filed_key((folder, &stream), 7, Some(&key)).await
        };
        let mut last = Ok(None);
        for number in 0..1_000 {
            last = register("one", &format!("live/{number}")).await;
            if last.is_err() {
                break;
            }
        }
        assert!(matches!(last, Err(KeysError::TooMany)), "{last:?}");
        assert!(register("another", "live/another").await.unwrap().is_some());
    }
}
