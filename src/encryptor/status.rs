//! How a channel is doing, for whoever looks from outside: a file in its state folder.
//!
//! The file is replaced about once a second; nothing depends on it, and nothing in it is secret.
//! Must not know: how the state comes about.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::contact::Tell;
use super::event::Event;
use super::options::Options;
use super::sink::SinkState;
use crate::api::Text;
use crate::domain::{Clock, Kid, Rendition, StreamId, Timestamp};

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The protected stream.
    pub stream: Text<StreamId>,
    /// The encryptor's name at the server.
    pub instance: String,
    /// Its process.
    pub pid: u32,
    /// When it was started.
    pub started: Text<Timestamp>,
    /// When this was written.
    pub updated: Text<Timestamp>,
    /// The schedule's version that is followed; `None` before there is a lease.
    pub version: Option<u64>,
    /// When the lease ends, by the server's clock.
    pub lease_end: Option<Text<Timestamp>>,
    /// How long it lasts still, in milliseconds.
    pub lease_left_ms: Option<u64>,
    /// Media playlists, in the order of their names.
    pub renditions: Vec<RenditionStatus>,
    /// Sinks besides the directory that is written first, in their order.
    #[serde(default)]
    pub sinks: Vec<SinkState>,
    /// What does not go on.
    pub stalls: Vec<StallStatus>,
    /// Segments that this run has encrypted.
    pub segments: u64,
    /// Bytes of them, padding not counted.
    pub bytes: u64,
    /// What went wrong last, whether it is over or not.
    pub last_error: Option<LastError>,
}

/// One media playlist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenditionStatus {
    /// Its path.
    pub rendition: Text<Rendition>,
    /// The last segment that is published.
    pub last: Option<u64>,
    /// How many segments the source lists after that one.
    pub behind: u64,
    /// How long those are, in milliseconds: the lag.
    pub lag_ms: u64,
    /// The period that it is in.
    pub period: Option<i64>,
    /// The key of the last segment that is published.
    pub kid: Option<Text<Kid>>,
    /// Whether all is published and no more is to come.
    pub ended: bool,
}

/// A playlist that does not go on, or the sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StallStatus {
    /// Its path; `sink` for the sink.
    pub subject: String,
    /// The cause.
    pub detail: String,
    /// Since when.
    pub since: Text<Timestamp>,
}

/// A warning or an alarm, as it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// When it was told.
    pub at: Text<Timestamp>,
    /// A sentence.
    pub what: String,
    /// A word for its kind: the event's name, or the cause of a stall.
    #[serde(default)]
    pub kind: String,
}

/// A channel as it was found in its state folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Whether a process has the folder now.
    pub running: bool,
    /// What that process said last, or the one before.
    #[serde(flatten)]
    pub status: Status,
}

impl Status {
    /// The longest lag of all its playlists.
    pub fn lag(&self) -> Duration {
        let lags = self.renditions.iter().map(|rendition| rendition.lag_ms);
        Duration::from_millis(lags.max().unwrap_or(0))
    }

    /// How many playlists and sinks do not go on.
    pub fn stalled(&self) -> usize {
        let sinks = self.sinks.iter().filter(|sink| sink.is_failing());
        self.stalls.len() + sinks.count()
    }
}

const FILE: &str = "status.json";
/// The file is at least this old before it is written again…
const APART: Duration = Duration::from_secs(1);
/// … and at most, while the channel runs.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Where a channel says how it is doing.
#[derive(Clone)]
pub struct Board {
    status: watch::Sender<Status>,
    /// The state folder.
    folder: PathBuf,
}

impl Board {
    /// One for a channel that starts at `now`.
    pub(super) fn new(options: &Options, instance: &str, now: Timestamp) -> Self {
        let status = Status {
            stream: Text(options.stream.clone()),
            instance: instance.to_owned(),
            pid: std::process::id(),
            started: Text(now),
            updated: Text(now),
            version: None,
            lease_end: None,
            lease_left_ms: None,
            renditions: Vec::new(),
            sinks: Vec::new(),
            stalls: Vec::new(),
            segments: 0,
            bytes: 0,
            last_error: None,
        };
        Self {
            status: watch::Sender::new(status),
            folder: options.state.clone(),
        }
    }

    /// Changes what is said. That the lease has less time left is no news.
    pub(super) fn update(&self, change: impl FnOnce(&mut Status)) {
        self.status.send_if_modified(|status| {
            let before = status.clone();
            change(status);
            let left = std::mem::replace(&mut status.lease_left_ms, before.lease_left_ms);
            let differs = *status != before;
            status.lease_left_ms = left;
            differs
        });
    }

    /// Passes events on, and remembers the last one that says that something went wrong.
    pub(super) fn listening(&self, tell: Tell, clock: Arc<dyn Clock>) -> Tell {
        let board = self.clone();
        Arc::new(move |event: Event| {
            if event.is_trouble() {
                let at = Text(clock.now());
                let (what, kind) = (event.to_string(), event.kind());
                board.update(|status| status.last_error = Some(LastError { at, what, kind }));
            }
            tell(event);
        })
    }

    /// Whether it is the same channel, perhaps begun again: two of one stream have a state folder
    /// each.
    pub fn is_of(&self, other: &Self) -> bool {
        self.folder == other.folder
    }

    /// How the channel is doing now.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Keeps the file until it is dropped. One that cannot be written is tried again.
    pub(super) async fn keep(self, clock: Arc<dyn Clock>) {
        let mut changes = self.status.subscribe();
        loop {
            changes.mark_unchanged();
            let (board, now) = (self.clone(), clock.now());
            let _ = spawn_blocking(move || board.leave(now)).await;
            sleep(APART).await;
            let _ = timeout(HEARTBEAT - APART, changes.changed()).await;
        }
    }

    /// Writes the file.
    pub(super) fn leave(&self, now: Timestamp) {
        let status = Status {
            updated: Text(now),
            ..self.status()
        };
        let _ = write(&self.folder, &status);
    }
}

/// Swaps the file. It need not be durable: whoever reads it after a crash finds nobody running.
fn write(folder: &Path, status: &Status) -> io::Result<()> {
    let temporary = folder.join(format!("{FILE}.new"));
    fs::write(&temporary, serde_json::to_vec(status)?)?;
    fs::rename(&temporary, folder.join(FILE))
}

/// The channel whose state folder this is; `None` if none ever ran there.
pub fn look(folder: &Path) -> io::Result<Option<Found>> {
    let bytes = match fs::read(folder.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes?,
    };
    let lock = File::open(folder)?.try_lock_shared();
    Ok(Some(Found {
        running: matches!(lock, Err(TryLockError::WouldBlock)),
        status: serde_json::from_slice(&bytes)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(state: &Path) -> Board {
        let options = crate::encryptor::options::plain(state);
        Board::new(&options, "w-1", Timestamp::from_millis(0))
    }

    #[test]
    fn a_folder_tells_of_the_channel_that_has_it() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(look(dir.path()).unwrap(), None);
        let board = board(dir.path());
        board.update(|status| status.segments = 7);
        let now = Timestamp::from_millis(5000);
        board.leave(now);
        let found = look(dir.path()).unwrap().unwrap();
        assert_eq!((found.running, found.status.segments), (false, 7));
        assert_eq!(found.status.updated, Text(now));
        let held = File::open(dir.path()).unwrap();
        held.try_lock().unwrap();
        assert!(look(dir.path()).unwrap().unwrap().running);
        drop(held);
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert!(look(dir.path()).is_err());
    }

    #[test]
    fn a_sink_that_takes_nothing_does_not_go_on() {
        let board = board(Path::new("/state"));
        let sink = |connected: bool, last_error: Option<&str>| {
            let behind = serde_json::json!({"segments": 0, "bytes": 0, "lag_ms": 0});
            let state = serde_json::json!({
                "place": "https://o/", "connected": connected, "last_error": last_error,
                "behind": behind,
            });
            serde_json::from_value::<SinkState>(state).unwrap()
        };
        let error = Some("no route");
        for (states, stalled) in [
            (vec![sink(true, None), sink(false, None)], 0),
            (vec![sink(true, error), sink(false, error)], 1),
        ] {
            board.update(|status| status.sinks = states);
            assert_eq!(board.status().stalled(), stalled);
        }
    }

    #[test]
    fn the_last_trouble_is_remembered_and_good_news_are_not() {
        let (board, clock) = (
            board(Path::new("/state")),
            Arc::new(crate::domain::SystemClock),
        );
        let tell = board.listening(Arc::new(drop), clock);
        tell(Event::SinkRecovered);
        assert_eq!(board.status().last_error, None);
        let (path, reason) = ("v0/a.ts".to_owned(), "no space".to_owned());
        tell(Event::SinkFailed { path, reason });
        tell(Event::SinkRecovered);
        let last = board.status().last_error.unwrap();
        assert_eq!(last.what, "cannot write v0/a.ts: no space; trying again");
        assert_eq!(last.kind, "sink_failed");
    }
}
