//! Whether bytes are clear, and a look at everything that ever lies below a folder.
//!
//! Must not know: who writes there, or why.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::packager::MARK;

/// Where a clear packet shows, if any of `bytes` is clear.
pub(crate) fn clear_at(bytes: &[u8]) -> Option<usize> {
    let mark = MARK.as_bytes();
    let marked = bytes.windows(mark.len()).position(|window| window == mark);
    // Fewer would show by chance in some of the thousands of ciphertexts of a run.
    let synced = |at: &usize| (0..8).all(|n| bytes.get(at + n * 188) == Some(&0x47));
    marked.or_else(|| (0..188.min(bytes.len())).find(synced))
}

/// Looks at every file that ever lies below a folder, again whenever it was written.
pub(crate) struct Watch {
    root: PathBuf,
    known: HashMap<PathBuf, (u64, SystemTime)>,
    looked: usize,
}

impl Watch {
    /// Nothing looked at yet.
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            known: HashMap::new(),
            looked: 0,
        }
    }

    /// Wants nothing clear in what is there now, half-written files included.
    pub(crate) fn look(&mut self) {
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            for path in entries.map(|entry| entry.path()) {
                match path.is_dir() {
                    true => folders.push(path),
                    false => self.look_at(path),
                }
            }
        }
    }

    fn look_at(&mut self, path: PathBuf) {
        let Ok(facts) = std::fs::metadata(&path) else {
            return; // renamed since it was listed
        };
        let stamp = (facts.len(), facts.modified().unwrap());
        if self.known.get(&path) != Some(&stamp)
            && let Ok(bytes) = std::fs::read(&path)
        {
            self.looked += 1;
            assert_eq!(clear_at(&bytes), None, "{} is clear", path.display());
            self.known.insert(path, stamp);
        }
    }
}

/// Looks on a thread of its own at whatever is written, as soon as the system tells of it.
pub(crate) struct Watching {
    watcher: RecommendedWatcher,
    thread: std::thread::JoinHandle<usize>,
}

impl Watching {
    /// Begins to look.
    pub(crate) fn start(root: &Path) -> Self {
        let (events, changes) = std::sync::mpsc::channel();
        let mut watcher = notify::recommended_watcher(events).unwrap();
        watcher.watch(root, RecursiveMode::Recursive).unwrap();
        let mut watch = Watch::new(root);
        let thread = std::thread::spawn(move || {
            watch.look();
            for change in changes {
                let paths = change.unwrap().paths.into_iter();
                paths
                    .filter(|path| path.is_file())
                    .for_each(|path| watch.look_at(path));
            }
            watch.look();
            watch.looked
        });
        Self { watcher, thread }
    }

    /// Ends it; gives how many files were looked at.
    pub(crate) fn end(self) -> usize {
        drop(self.watcher);
        self.thread.join().unwrap()
    }
}

#[test]
fn clear_bytes_are_seen() {
    let packet = super::packager::payload("v0/index.m3u8", 3);
    assert!(clear_at(&packet).is_some());
    assert!(clear_at(&packet[60..]).is_some());
    let mut synced = vec![0; 2000];
    for packet in 0..8 {
        synced[100 + packet * 188] = 0x47;
    }
    assert_eq!(clear_at(&synced), Some(100));
    synced[288] = 0;
    assert_eq!(clear_at(&synced), None);
    assert_eq!(clear_at(b""), None);
    let dir = tempfile::tempdir().unwrap();
    Watch::new(dir.path()).look();
    std::fs::write(dir.path().join(".half.tmp"), &packet[..100]).unwrap();
    let seen = std::panic::catch_unwind(|| Watch::new(dir.path()).look());
    assert!(seen.is_err(), "half a clear packet in a temporary file");
    let dir = tempfile::tempdir().unwrap();
    let watching = Watching::start(dir.path());
    std::fs::create_dir(dir.path().join("v0")).unwrap();
    std::fs::write(dir.path().join("v0/seg.ts"), &packet).unwrap();
    let seen = std::thread::spawn(|| watching.end()).join();
    assert!(seen.is_err(), "a clear segment in a new folder");
}
