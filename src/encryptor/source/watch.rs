//! Sees changes beneath the source as they happen, and which files are being written.
//!
//! Must not know: what the files are. Nothing depends on it for correctness: without it the
//! source is looked at by the clock.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use crate::domain::{Clock, Timestamp};
use crate::encryptor::path::is_playlist;

/// Watches one directory tree until it is dropped.
pub(in crate::encryptor) struct Watch {
    _watcher: RecommendedWatcher,
    changed: Arc<Notify>,
}

/// Files that were written to and not closed since: a packager that lists a segment before it is
/// complete gives itself away by this. And what has come that playlists are found by.
#[derive(Clone, Default)]
pub(in crate::encryptor) struct OpenFiles {
    written: Arc<Mutex<HashMap<PathBuf, Timestamp>>>,
    came: Arc<Mutex<HashSet<PathBuf>>>,
}

/// A file that stays open without a write for this long counts as complete.
const QUIET: Duration = Duration::from_secs(10);
/// Beyond this many the quiet ones are forgotten.
const MANY: usize = 4096;

impl Watch {
    /// Watches `root` and everything beneath, links not followed.
    /// `open` learns which files are being written.
    pub(in crate::encryptor) fn new(
        root: &Path,
        open: OpenFiles,
        clock: Arc<dyn Clock>,
    ) -> notify::Result<Self> {
        let changed = Arc::new(Notify::new());
        let (woken, files) = (changed.clone(), open);
        let seen = move |event: notify::Result<Event>| {
            if event.map_or(true, |event| files.follow(&event, clock.now())) {
                woken.notify_one();
            }
        };
        let config = Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(seen, config)?;
        watcher.watch(root, RecursiveMode::Recursive)?;
        Ok(Self {
            _watcher: watcher,
            changed,
        })
    }

    /// Resolves when something changed since it last did.
    pub(in crate::encryptor) async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl OpenFiles {
    /// Whether `path` is being written.
    pub(in crate::encryptor) fn hold(&self, path: &Path, now: Timestamp) -> bool {
        let files = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        files.get(path).is_some_and(|last| now.since(*last) < QUIET)
    }

    /// Playlists and folders that have come, or may have, since this was last asked.
    pub(super) fn came(&self) -> HashSet<PathBuf> {
        std::mem::take(&mut *self.came.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes note of a path that has come, if it is a playlist's or a folder's.
    pub(super) fn note(&self, path: &Path) {
        let name = path.file_name().and_then(|name| name.to_str());
        let is_listed = |name: &str| is_playlist(name) && !name.starts_with('.');
        if name.is_some_and(is_listed) || path.is_dir() {
            let mut came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
            came.insert(path.to_owned());
        }
    }

    /// Takes note of an event; says whether it is worth a look at the source.
    fn follow(&self, event: &Event, now: Timestamp) -> bool {
        if matches!(
            event.kind,
            EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(_))
        ) {
            event.paths.iter().for_each(|path| self.note(path));
        }
        let mut files = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if event.need_rescan() {
            files.clear(); // events were lost, a close may be among them
            let mut came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
            came.insert(PathBuf::new()); // and what has come
            return true;
        }
        match event.kind {
            EventKind::Modify(ModifyKind::Data(_)) => {
                if files.len() >= MANY {
                    files.retain(|_, last| now.since(*last) < QUIET);
                }
                files.extend(event.paths.iter().map(|path| (path.clone(), now)));
                false
            }
            EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Modify(ModifyKind::Name(_))
            | EventKind::Remove(_) => {
                for path in &event.paths {
                    files.remove(path);
                }
                true
            }
            EventKind::Create(_) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;
    use crate::domain::SystemClock;

    async fn until(what: &str, mut holds: impl FnMut() -> bool) {
        for _ in 0..500 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{what}");
    }

    #[tokio::test]
    async fn a_file_is_open_from_its_first_write_to_its_close() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let open = OpenFiles::default();
        let watch = Watch::new(&root, open.clone(), Arc::new(SystemClock)).unwrap();
        let path = root.join("seg.ts");
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(b"x").unwrap();
        let held = || open.hold(&path, SystemClock.now());
        until("the write is seen", held).await;
        let later = SystemClock.now().plus(QUIET);
        assert!(!open.hold(&path, later), "a quiet file counts as complete");
        drop(file);
        until("the close is seen", || !held()).await;
        tokio::time::timeout(Duration::from_secs(5), watch.changed())
            .await
            .unwrap();
    }
}
