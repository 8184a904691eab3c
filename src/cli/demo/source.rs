//! A live packager in miniature: writes the bundled clip as a real, endless live HLS stream.
//!
//! Which segments stand in the playlists is a function of the clock and of the programme's
//! beginning, which is kept in a file. A restart therefore goes on with the numbers and times
//! that it would have reached.
//!
//! Must not know: keys, encryption, HTTP.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::clip::{Clip, SEGMENT_MS, Track};
use super::listing::{media, multivariant, segment_name};
use crate::domain::{Clock, Timestamp};

/// The multivariant playlist's file name.
pub(super) const MASTER: &str = "master.m3u8";

/// Segments in each playlist.
const LISTED: u64 = 10;

/// Segments that stay on disk after they left the playlists: five minutes.
const KEPT: u64 = 150;

/// The clock is looked at again after this time at the latest: somebody may have set it.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Writes the stream into `dir` until `shutdown` resolves: `master.m3u8` and, for each of `v0`,
/// `v1` and `audio`, `index.m3u8` and its segments. The programme's beginning is kept in the
/// file `state`. Before the first wait the playlists have their full window, so that players
/// can start at once.
pub(super) async fn run(
    dir: PathBuf,
    state: PathBuf,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let started = clock.now();
    let mut source = blocking(move || Source::open(&dir, &state, started)).await?;
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let now = clock.now();
        source = blocking(move || source.advance(now).map(|()| source)).await?;
        let wait = source.due().since(clock.now()).min(LOOK_AGAIN);
        tokio::select! {
            () = &mut shutdown => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await?
}

/// The live stream on disk.
#[derive(Debug)]
struct Source {
    tracks: Vec<(PathBuf, Box<dyn Track>)>,
    /// When segment 0 began.
    epoch: Timestamp,
    /// The first segment that is not published yet.
    next: u64,
}

impl Source {
    fn open(dir: &Path, state: &Path, now: Timestamp) -> anyhow::Result<Self> {
        let epoch = load_epoch(state, now)?;
        let clip = Clip::bundled();
        let master = multivariant(&clip);
        let tracks: Vec<_> = clip
            .into_tracks()
            .map(|(name, track)| (dir.join(name), track))
            .collect();
        for (folder, _) in &tracks {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        replace(&dir.join(MASTER), master.as_bytes())?;
        Ok(Self {
            tracks,
            epoch,
            next: 0,
        })
    }

    /// Publishes every segment whose time has passed, and takes away the oldest.
    fn advance(&mut self, now: Timestamp) -> anyhow::Result<()> {
        let passed = now.since(self.epoch).as_millis();
        let end = u64::try_from(passed)? / SEGMENT_MS;
        if end <= self.next {
            return Ok(());
        }
        let first = end.saturating_sub(LISTED);
        for (folder, track) in &self.tracks {
            for n in first.max(self.next)..end {
                let name = segment_name(track.as_ref(), n);
                replace(&folder.join(name), &track.segment(n))?;
            }
            let playlist = media(track.as_ref(), self.epoch, first..end);
            replace(&folder.join("index.m3u8"), playlist.as_bytes())?;
            remove_before(folder, first.saturating_sub(KEPT))?;
        }
        self.next = end;
        Ok(())
    }

    /// When the next segment will be whole.
    fn due(&self) -> Timestamp {
        let span = SEGMENT_MS.saturating_mul(self.next + 1);
        self.epoch.plus(Duration::from_millis(span))
    }
}

/// When the programme began: as the file says, or, on the first run, one window ago. It lies on
/// a multiple of the segment length, as most rotations do.
fn load_epoch(state: &Path, now: Timestamp) -> anyhow::Result<Timestamp> {
    let name = state.display();
    let text = match std::fs::read_to_string(state) {
        Err(error) if error.kind() == ErrorKind::NotFound => return begin(state, now),
        read => read.with_context(|| format!("cannot read {name}"))?,
    };
    let epoch = text
        .trim()
        .parse()
        .with_context(|| format!("{name}: {:?}; remove the file to begin anew", text.trim()))?;
    ensure!(
        epoch <= now,
        "{name} says that the programme begins at {epoch} and it is {now}; \
         set the clock, or remove the file to begin anew"
    );
    Ok(epoch)
}

fn begin(state: &Path, now: Timestamp) -> anyhow::Result<Timestamp> {
    let segment = Duration::from_millis(SEGMENT_MS);
    let whole = now.millis().div_euclid(2000).saturating_mul(2000);
    let epoch = Timestamp::from_millis(whole).minus(segment * LISTED as u32);
    replace(state, format!("{epoch}\n").as_bytes())?;
    Ok(epoch)
}

/// Writes a file so that a reader sees the old one or the new one, never a part.
fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let temporary = path.with_added_extension("tmp");
    std::fs::write(&temporary, bytes)
        .and_then(|()| std::fs::rename(&temporary, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Removes the segments before `first`, those of an earlier run too.
fn remove_before(folder: &Path, first: u64) -> anyhow::Result<()> {
    let context = || format!("cannot tidy {}", folder.display());
    for entry in std::fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let number = path
            .file_stem()
            .and_then(|stem| stem.to_str()?.parse().ok());
        if number.is_some_and(|number: u64| number < first) {
            std::fs::remove_file(&path).with_context(context)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        dir: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            Self { dir }
        }

        fn open(&self, now: i64) -> anyhow::Result<Source> {
            let state = self.dir.path().join("epoch");
            Source::open(&self.dir.path().join("clear"), &state, at(now))
        }

        fn read(&self, name: &str) -> String {
            std::fs::read_to_string(self.dir.path().join("clear").join(name)).unwrap()
        }

        fn segments(&self) -> usize {
            let audio = self.dir.path().join("clear/audio");
            std::fs::read_dir(audio).unwrap().count() - 1
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    #[test]
    fn the_window_is_full_at_once_and_moves_on() {
        let place = Place::new();
        let mut source = place.open(1_000_001).unwrap();
        source.advance(at(1_000_001)).unwrap();
        let list = place.read("v0/index.m3u8");
        assert!(list.contains("MEDIA-SEQUENCE:0\n"), "{list}");
        assert_eq!(list.matches("#EXTINF:2.000000,").count(), 10);
        assert_eq!(source.due(), at(1_000_002));
        source.advance(at(1_000_005)).unwrap();
        let list = place.read("v1/index.m3u8");
        assert!(list.contains("MEDIA-SEQUENCE:2\n"), "{list}");
        assert!(list.ends_with("\n00000011.ts\n"), "{list}");
        assert!(
            list.contains("DATE-TIME:1970-01-12T13:46:24.000Z\n#EXTINF:2.000000,\n00000002.ts")
        );
    }

    #[test]
    fn a_restart_goes_on_where_the_clock_is() {
        let place = Place::new();
        let mut first = place.open(1_000_000).unwrap();
        first.advance(at(1_000_000)).unwrap();
        let mut second = place.open(1_000_064).unwrap();
        second.advance(at(1_000_064)).unwrap();
        first.advance(at(1_000_064)).unwrap();
        assert!(
            place
                .read("audio/index.m3u8")
                .contains("MEDIA-SEQUENCE:32\n")
        );
    }

    #[test]
    fn a_clock_that_is_set_back_changes_nothing() {
        let place = Place::new();
        let mut source = place.open(1_000_000).unwrap();
        source.advance(at(1_000_000)).unwrap();
        let before = place.read("v0/index.m3u8");
        source.advance(at(999_000)).unwrap();
        assert_eq!(place.read("v0/index.m3u8"), before);
        let refused = place.open(900_000).unwrap_err().to_string();
        assert!(refused.contains("set the clock"), "{refused}");
    }

    #[test]
    fn old_segments_go_those_of_an_earlier_run_too() {
        let place = Place::new();
        place
            .open(1_000_000)
            .unwrap()
            .advance(at(1_000_000))
            .unwrap();
        assert_eq!(place.segments(), 10);
        let mut source = place.open(1_000_020).unwrap();
        source.advance(at(1_000_020)).unwrap();
        assert_eq!(place.segments(), 20);
        source.advance(at(1_001_000)).unwrap();
        assert_eq!(place.segments(), 10);
    }

    #[test]
    fn a_damaged_state_file_is_named() {
        let place = Place::new();
        std::fs::write(place.dir.path().join("epoch"), "yesterday").unwrap();
        let refused = place.open(1_000_000).unwrap_err().to_string();
        assert!(refused.contains("epoch: \"yesterday\""), "{refused}");
    }
}
