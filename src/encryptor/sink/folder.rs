//! Another folder: a copy of what is published, under the same lock as any sink's directory.
//!
//! Must not know: what is in a playlist.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::dir::{DirSink, SinkError};
use super::long::LongFile;
use super::published::Parcel;
use super::remote::Fault;
use crate::encryptor::EncryptorError;
use crate::encryptor::path::Beneath;

/// The folder, held by this process alone.
pub(in crate::encryptor) struct Folder(Arc<Mutex<DirSink>>);

impl Folder {
    /// Makes and locks it.
    pub(in crate::encryptor) fn open(path: &Path) -> Result<Self, EncryptorError> {
        Ok(Self(Arc::new(Mutex::new(DirSink::open(path)?))))
    }

    pub(super) async fn put(&self, parcel: Parcel) -> Result<(), Fault> {
        let put = self.with(move |sink| match sink.follow()? {
            true => Ok(false), // what was put before is not in this one
            false => sink.write_parcel(&parcel).map(|()| true),
        });
        put.await?.then_some(()).ok_or(Fault::Replaced)
    }

    pub(super) async fn put_long(&self, long: LongFile) -> Result<(), Fault> {
        let put = self.with(move |sink| match sink.follow()? {
            true => Ok(false),
            false => sink.write_long(&long).map(|()| true),
        });
        put.await?.then_some(()).ok_or(Fault::Replaced)
    }

    pub(super) async fn delete(&self, path: &Beneath) -> Result<(), Fault> {
        let path = path.clone();
        self.with(move |sink| sink.remove(&path)).await
    }

    pub(super) async fn text(&self, path: &Beneath) -> Result<Option<String>, Fault> {
        let at = path.clone();
        let read = self.with(move |sink| Ok(sink.playlist(&at))).await?;
        read.map_err(|error| Fault::Unreachable(format!("{path} cannot be read: {error}")))
    }

    pub(super) async fn length(&self, path: &Beneath) -> Result<Option<u64>, Fault> {
        let path = path.clone();
        self.with(move |sink| Ok(sink.stamp(&path).map(|stamp| stamp.len)))
            .await
    }

    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut DirSink) -> Result<T, SinkError> + Send + 'static,
    ) -> Result<T, Fault> {
        // A folder that hangs keeps one thread, however often it is tried: who waits has none.
        let mut sink = self.0.clone().lock_owned().await;
        let done = spawn_blocking(move || work(&mut sink));
        let done = done
            .await
            .map_err(|error| Fault::Unreachable(error.to_string()))?;
        done.map_err(|error| Fault::Unreachable(format!("{error}: {}", error.source)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[test]
    fn a_folder_that_hangs_keeps_one_thread() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .max_blocking_threads(3)
            .build()
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let (end, hangs) = std::sync::mpsc::channel::<()>();
        runtime.block_on(async {
            let soon = Duration::from_millis(20);
            let hung = folder.with(move |_| Ok(hangs.recv().is_ok()));
            assert!(timeout(soon, hung).await.is_err());
            for _ in 0..5 {
                assert!(timeout(soon, folder.with(|_| Ok(()))).await.is_err());
            }
            let others = timeout(Duration::from_secs(10), spawn_blocking(|| 7)).await;
            assert_eq!(others.expect("no thread is left").unwrap(), 7);
            end.send(()).unwrap();
            assert_eq!(folder.with(|_| Ok(8)).await, Ok(8), "it goes on");
        });
    }
}
