//! Writes to another place as long as nobody else may, and keeps the time of what succeeded.
//!
//! Nothing is begun after a tenure, and what is under way ends with it. Must not know: what is
//! sent, or when.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::long::LongFile;
use super::published::{LONG, ListedFile, Outgoing, Parcel, PublishedList, parcel_of};
use super::remote::{Fault, Remote, Version};
use super::tenure::Tenure;
use crate::encryptor::path::Beneath;
use crate::encryptor::sharing::Sharing;

/// Who writes there in one tenure.
#[derive(Clone)]
pub(super) struct Hand {
    pub(super) remote: Arc<Remote>,
    pub(super) tenure: Option<Arc<Tenure>>,
    /// The tenure.
    pub(super) term: u64,
    /// Room in memory for what is on its way.
    pub(super) room: Arc<Semaphore>,
}

/// Bytes in memory on their way to one sink. A long file, of which a few parts are, goes alone.
const ROOM: u64 = LONG;
/// They are counted in these.
const UNIT: u64 = 64 << 10;

/// The memory that one sink may take for what is on its way.
pub(super) fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(units(ROOM) as usize))
}

impl Hand {
    pub(super) async fn put(&self, parcel: Parcel) -> Result<(), Fault> {
        self.within(self.remote.put(parcel)).await
    }

    /// Swaps a playlist, and its form for all viewers if there is to be one.
    pub(super) async fn swap(
        &self,
        list: &PublishedList,
        was: Option<&Version>,
    ) -> Result<Version, Fault> {
        let swapped = self.remote.swap_text(list.parcel(), was);
        let version = self.within(swapped).await?;
        if let Some((path, form)) = Sharing::path(&list.at).zip(list.shared.as_ref()) {
            self.put(parcel_of(&path, form)).await?;
        }
        Ok(version)
    }

    pub(super) async fn delete(&self, path: &Beneath) -> Result<(), Fault> {
        self.within(self.remote.delete(path)).await
    }

    /// Sends a file; `false` if the directory has it no more.
    pub(super) async fn send(
        self,
        outgoing: Outgoing,
        file: ListedFile,
    ) -> (ListedFile, Result<bool, Fault>) {
        let sent = self.try_send(outgoing, &file).await;
        (file, sent)
    }

    async fn try_send(&self, outgoing: Outgoing, file: &ListedFile) -> Result<bool, Fault> {
        let _room = self.room.acquire_many(units(file.len())).await;
        if file.len() > LONG {
            return self.send_long(outgoing, file.clone()).await;
        }
        let listed = file.clone();
        let read = spawn_blocking(move || outgoing.read(&listed)).await;
        let local = |error: &dyn std::error::Error| Fault::Local(format!("{}: {error}", file.path));
        let read = read.map_err(|error| local(&error))?;
        let Some(parcel) = read.map_err(|error| local(&error))? else {
            return Ok(false);
        };
        self.put(parcel).await?;
        Ok(true)
    }

    async fn send_long(&self, outgoing: Outgoing, file: ListedFile) -> Result<bool, Fault> {
        let (looked, listed) = (outgoing.clone(), file.clone());
        let is_there = spawn_blocking(move || looked.still_has(&listed)).await;
        if !is_there.unwrap_or(false) {
            return Ok(false);
        }
        let long = LongFile::new(outgoing, file);
        self.within(self.remote.put_long(long)).await?;
        Ok(true)
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        match &self.tenure {
            Some(tenure) => tenure.within(self.term, work).await,
            None => work.await,
        }
    }
}

/// What a file of `len` bytes takes of the room: at most all of it, so that it comes in at last.
fn units(len: u64) -> u32 {
    u32::try_from(len.min(ROOM).div_ceil(UNIT)).unwrap_or(u32::MAX)
}

/// When something succeeded last, by the steady clock.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pulse {
    /// The place answered a question.
    pub(super) answered: Duration,
    /// It took something.
    pub(super) moved: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_files_are_on_their_way_unless_they_are_long() {
        let room = room();
        let all = room.available_permits();
        let short: Vec<_> = (0..6)
            .map(|_| room.try_acquire_many(units(4 << 20)))
            .collect();
        assert!(short.iter().all(Result::is_ok));
        assert!(room.try_acquire_many(units(16 << 20)).is_err());
        drop(short);
        let long = room.try_acquire_many(units(900 << 20));
        assert!(long.is_ok() && room.available_permits() == 0);
        drop(long);
        assert_eq!(room.available_permits(), all);
    }
}
