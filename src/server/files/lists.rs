//! Lists that are waited for (draft-pantos-hls-rfc8216bis §6.2.5.2): one look at a list's file for
//! all who wait, and one read of it for each change.
//!
//! A task looks while anybody waits, and a little longer: who has an answer asks for the next. No
//! lock is held across an await, and who goes away only drops a receiver. Must not know: HTTP.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout_at};

use super::current::Current;
use super::{FileError, FilePath, Root};
use crate::playlist::{BadDirective, Delivery, Directives, Form};

/// The lists beneath a root; clones are the same.
#[derive(Clone)]
pub(crate) struct Lists {
    root: Root,
    looked_at: Arc<Mutex<LookedAt>>,
}

type LookedAt = HashMap<FilePath, Weak<Sender>>;
type Sender = watch::Sender<Look>;
/// What the last look found; nothing before the first.
type Look = Option<Result<Arc<Current>, Arc<FileError>>>;

/// Why directives are not followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotServed {
    /// The list cannot be had.
    #[error(transparent)]
    File(Arc<FileError>),
    /// The list never gives that.
    #[error(transparent)]
    Refused(#[from] BadDirective),
    /// It did not come in three target durations (§6.2.5.2).
    #[error("the playlist did not come to have what is waited for")]
    Late,
    /// More lists are looked at than there should be.
    #[error("{MOST_LISTS} playlists are waited for already")]
    Crowd,
}

/// Between two looks at a file. A part is some hundred milliseconds long at least.
const BETWEEN: Duration = Duration::from_millis(50);
/// Looks with nobody waiting before a list is left alone.
const LAST_LOOKS: u32 = 40;
/// Lists looked at at once. Waiters need no bound of their own: each has a connection.
const MOST_LISTS: usize = 1000;
/// Nobody waits longer, whatever the target duration.
const LONGEST: Duration = Duration::from_secs(60);

impl Lists {
    /// Those beneath `root`.
    pub(crate) fn new(root: Root) -> Self {
        let looked_at = Arc::default();
        Self { root, looked_at }
    }

    /// The list at `path` as soon as it has what is asked.
    pub(crate) async fn when(
        &self,
        path: &FilePath,
        asked: &Directives,
    ) -> Result<(Arc<Current>, Form), NotServed> {
        let mut seen = self.look_at(path)?;
        let begun = Instant::now();
        let mut longest = LONGEST;
        loop {
            let look = seen.borrow_and_update().clone();
            if let Some(current) = look.transpose().map_err(NotServed::File)? {
                match current.answer(asked) {
                    Delivery::Now(form) => return Ok((current, form)),
                    Delivery::Refused(why) => return Err(why.into()),
                    Delivery::Later(at_most) => longest = longest.min(at_most),
                }
            }
            let changed = timeout_at(begun + longest, seen.changed()).await;
            if !matches!(changed, Ok(Ok(()))) {
                return Err(NotServed::Late);
            }
        }
    }

    /// Has the list at `path` looked at for a while, because it says what comes next.
    pub(crate) fn expect(&self, path: &FilePath) {
        drop(self.look_at(path));
    }

    /// Waits while a list that is looked at says that the file at `path` comes next, which may be
    /// asked for before it is there (§4.4.5.3); `false` if none says so.
    pub(crate) async fn hinted(&self, path: &FilePath) -> Result<bool, NotServed> {
        let mut is_hinted = false;
        for seen in self.announcing(path) {
            is_hinted |= wait_out(seen, path).await?;
        }
        Ok(is_hinted)
    }

    /// Lists that say that the file at `path` comes next, and those that nobody has looked at yet.
    fn announcing(&self, path: &FilePath) -> Vec<watch::Receiver<Look>> {
        let looked_at = self.looked_at();
        let senders = looked_at.values().filter_map(Weak::upgrade);
        let may = |look: &Look| look.is_none() || announced(look, path).is_some();
        let said = senders.filter(|sender| may(&sender.borrow()));
        said.map(|sender| sender.subscribe()).collect()
    }

    /// What is found at `path` from now on.
    fn look_at(&self, path: &FilePath) -> Result<watch::Receiver<Look>, NotServed> {
        let mut looked_at = self.looked_at();
        if let Some(sender) = looked_at.get(path).and_then(Weak::upgrade) {
            return Ok(sender.subscribe());
        }
        if looked_at.len() >= MOST_LISTS {
            return Err(NotServed::Crowd);
        }
        let (sender, receiver) = watch::channel(None);
        let sender = Arc::new(sender);
        looked_at.insert(path.clone(), Arc::downgrade(&sender));
        let looker = Looker {
            lists: self.clone(),
            path: path.clone(),
            sender,
        };
        tokio::spawn(looker.look_on());
        Ok(receiver)
    }

    fn looked_at(&self) -> MutexGuard<'_, LookedAt> {
        let locked = self.looked_at.lock();
        locked.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits while the list says that the file at `path` comes next; `false` if it never does.
async fn wait_out(mut seen: watch::Receiver<Look>, path: &FilePath) -> Result<bool, NotServed> {
    let begun = Instant::now();
    let mut is_hinted = false;
    loop {
        let look = seen.borrow_and_update().clone();
        let hinted = announced(&look, path);
        if look.is_some() && hinted.is_none() {
            return Ok(is_hinted);
        }
        is_hinted |= hinted.is_some();
        let end = begun + hinted.unwrap_or(LONGEST).min(LONGEST);
        if !matches!(timeout_at(end, seen.changed()).await, Ok(Ok(()))) {
            return Err(NotServed::Late);
        }
    }
}

/// For how long the file at `path` is waited for, if the list says that it comes next.
fn announced(look: &Look, path: &FilePath) -> Option<Duration> {
    let current = look.as_ref()?.as_ref().ok()?;
    (current.hint.as_ref() == Some(path)).then(|| current.longest())
}

/// Looks at one list for all.
struct Looker {
    lists: Lists,
    path: FilePath,
    sender: Arc<Sender>,
}

impl Looker {
    async fn look_on(self) {
        let mut tag = String::new();
        let mut alone = 0;
        while alone < LAST_LOOKS || !self.may_leave() {
            match self.look(tag.clone()).await {
                Ok(None) => {}
                Ok(Some(current)) => {
                    tag.clone_from(&current.tag);
                    self.sender.send_replace(Some(Ok(current.into())));
                }
                Err(error) => {
                    self.leave();
                    self.sender.send_replace(Some(Err(error.into())));
                    return;
                }
            }
            alone = match self.sender.receiver_count() {
                0 => alone + 1,
                _ => 0,
            };
            sleep(BETWEEN).await;
        }
    }

    /// The list, unless it is still the one with this tag.
    async fn look(&self, tag: String) -> Result<Option<Current>, FileError> {
        let (root, path) = (self.lists.root.clone(), self.path.clone());
        let look = move || {
            let opened = root.open(&path)?;
            let is_other = opened.tag != tag;
            is_other.then(|| Current::read(opened, &path)).transpose()
        };
        let looked = spawn_blocking(look).await;
        looked.unwrap_or_else(|error| Err(FileError::Disk(io::Error::other(error))))
    }

    /// Leaves if nobody has come meanwhile.
    fn may_leave(&self) -> bool {
        let mut looked_at = self.lists.looked_at();
        let is_alone = self.sender.receiver_count() == 0;
        if is_alone {
            looked_at.remove(&self.path);
        }
        is_alone
    }

    /// Whoever comes now begins anew.
    fn leave(&self) {
        self.lists.looked_at().remove(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn list(last: u64) -> String {
        let segments = (0..=last).map(|msn| format!("#EXTINF:1,\n{msn}.ts\n"));
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n".to_owned()
            + &segments.collect::<String>()
    }

    fn replace(root: &Path, text: &str) {
        fs::write(root.join("next"), text).unwrap();
        fs::rename(root.join("next"), root.join("a.m3u8")).unwrap();
    }

    fn path(text: &str) -> FilePath {
        FilePath::decode(text).unwrap()
    }

    fn msn(text: &str) -> Directives {
        Directives::new(Some(text), None, None)
    }

    #[tokio::test]
    async fn a_crowd_waits_for_one_look_and_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        replace(folder.path(), &list(1));
        let lists = Lists::new(Root::new(folder.path().to_owned()));
        let (at, asked) = (path("a.m3u8"), msn("2"));
        let waiters = (0..500).map(|_| lists.when(&at, &asked));
        let swapped = async {
            lists.when(&at, &msn("1")).await.unwrap();
            assert_eq!(lists.looked_at().len(), 1);
            replace(folder.path(), &list(2));
        };
        let (found, ()) = tokio::join!(futures_util::future::join_all(waiters), swapped);
        let found: Vec<_> = found
            .into_iter()
            .map(|found| found.ok().unwrap().0)
            .collect();
        assert!(
            found.iter().all(|one| Arc::ptr_eq(one, &found[0])),
            "one read"
        );
        while !lists.looked_at().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_three_target_durations() {
        let folder = tempfile::tempdir().unwrap();
        replace(folder.path(), &list(1));
        let lists = Lists::new(Root::new(folder.path().to_owned()));
        let begun = Instant::now();
        let late = lists.when(&path("a.m3u8"), &msn("2")).await;
        assert!(matches!(late, Err(NotServed::Late)));
        assert!(begun.elapsed() >= Duration::from_secs(3));
    }

    #[tokio::test]
    async fn what_a_followed_list_announces_is_waited_for_until_it_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let hint = |name: &str| format!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{name}\"\n");
        replace(folder.path(), &(list(1) + &hint("next.mp4")));
        let lists = Lists::new(Root::new(folder.path().to_owned()));
        let (next, other) = (path("next.mp4"), path("other.mp4"));
        assert!(!lists.hinted(&next).await.unwrap(), "nobody follows it yet");
        lists.when(&path("a.m3u8"), &msn("1")).await.ok().unwrap();
        assert!(!lists.hinted(&other).await.unwrap());
        let begun = Instant::now();
        let late = lists.hinted(&next).await;
        assert!(matches!(late, Err(NotServed::Late)));
        assert!(begun.elapsed() >= Duration::from_secs(3));
        let swapped = async {
            tokio::task::yield_now().await;
            replace(folder.path(), &(list(1) + &hint("other.mp4")));
        };
        let (came, ()) = tokio::join!(lists.hinted(&next), swapped);
        assert!(came.unwrap());
    }

    #[tokio::test]
    async fn so_many_lists_and_no_more_are_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let lists = Lists::new(Root::new(folder.path().to_owned()));
        let none = lists.when(&path("none.m3u8"), &msn("2")).await;
        assert!(matches!(none, Err(NotServed::File(_))));
        assert!(
            lists.looked_at().is_empty(),
            "what is not there is not looked at again"
        );
        let names = (0..MOST_LISTS).map(|n| path(&format!("{n}.m3u8")));
        let held: Vec<_> = names.map(|name| lists.look_at(&name).unwrap()).collect();
        let crowd = lists.when(&path("a.m3u8"), &msn("2")).await;
        assert!(matches!(crowd, Err(NotServed::Crowd)));
        drop(held);
    }
}
