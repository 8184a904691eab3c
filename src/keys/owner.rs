//! Which stream a path lies in: the origin and a viewer's playlist name files, not streams.
//!
//! Must not know: files, or who asks.

use std::time::Duration;

use moka::future::Cache;

use crate::domain::{Epochs, StreamId};

use super::{Keys, KeysError};

/// Folders in memory at most.
const FOLDERS: u64 = 10_000;
/// How long a folder that nobody asks for stays in memory.
const IDLE: Duration = Duration::from_secs(600);

/// The streams that folders were found to be of.
pub(super) struct Owners {
    found: Cache<String, Found>,
    epochs: Epochs,
}

#[derive(Clone)]
struct Found {
    stream: StreamId,
    epoch: u64,
}

impl Default for Owners {
    fn default() -> Self {
        let builder = Cache::builder().max_capacity(FOLDERS);
        Self {
            found: builder.time_to_idle(IDLE).build(),
            epochs: Epochs::default(),
        }
    }
}

impl Owners {
    /// Every folder is looked up anew, those being looked up at this moment included.
    pub(super) fn forget_all(&self) {
        self.epochs.forget_all();
    }

    /// The same for a stream's folders.
    pub(super) fn forget(&self, stream: &StreamId) {
        self.epochs.forget(stream);
    }

    async fn known(&self, folder: &str) -> Option<StreamId> {
        let found = self.found.get(folder).await?;
        let stands = self.epochs.stands(found.epoch, &found.stream);
        stands.then_some(found.stream)
    }
}

impl Keys {
    /// What every URL of ours begins with, without a slash at the end.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The registered stream that the file at `path` belongs to: the one whose id is a path
    /// prefix. There is at most one, since no id is a path prefix of another.
    ///
    /// What another server removed is found until news of it come; that nothing is there is always
    /// asked anew.
    pub async fn owner(&self, path: &str) -> Result<Option<StreamId>, KeysError> {
        let Some((folder, _)) = path.rsplit_once('/') else {
            return Ok(None);
        };
        if let Some(owner) = self.owners.known(folder).await
            && self.check_fresh().is_ok()
        {
            return Ok(Some(owner));
        }
        let epoch = self.owners.epochs.now();
        for id in folders(folder).filter_map(|folder| folder.parse::<StreamId>().ok()) {
            if self.store.version(&id).await?.is_some() {
                let stream = id.clone();
                let found = Found { stream, epoch };
                self.owners.found.insert(folder.to_owned(), found).await;
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

/// `folder` and what is above it, longest first.
fn folders(folder: &str) -> impl Iterator<Item = &str> {
    fn above(path: &str) -> Option<&str> {
        path.rsplit_once('/').map(|(above, _)| above)
    }
    std::iter::successors(Some(folder), |path| above(path))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, id};
    use crate::domain::Rotation;

    #[tokio::test]
    async fn a_file_belongs_to_the_stream_above_it() {
        let bench = Bench::new().await;
        let owner = async |path: &str| bench.keys.owner(path).await.unwrap();
        assert_eq!(owner("live/news/a.m3u8").await, None);
        bench.register("live/news", Rotation::Never).await;
        for path in ["live/news/a.m3u8", "live/news/v0/x/a.m3u8"] {
            assert_eq!(owner(path).await, Some(id("live/news")), "{path}");
        }
        for path in [
            "live/newsreel/a.m3u8",
            "live/news",
            "live/a.m3u8",
            "a.m3u8",
            "",
        ] {
            assert_eq!(owner(path).await, None, "{path}");
        }
    }

    #[tokio::test]
    async fn a_removed_stream_owns_nothing() {
        let bench = Bench::new().await;
        let stream = bench.register("live/news", Rotation::Never).await;
        assert!(
            bench
                .keys
                .owner("live/news/a.m3u8")
                .await
                .unwrap()
                .is_some()
        );
        bench.keys.remove_stream(&stream).await.unwrap();
        assert_eq!(bench.keys.owner("live/news/a.m3u8").await.unwrap(), None);
    }
}
