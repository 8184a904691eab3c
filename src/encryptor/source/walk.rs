//! Which playlists lie in the source: a look into its folders, at a pace.
//!
//! A folder of twenty thousand segments costs more to look through than its playlist to follow. So a
//! long look is not taken in every pass, unless a playlist or a folder is known to have come.
//! Must not know: what a playlist says.

use std::io;
use std::time::Duration;

use super::watch::OpenFiles;
use crate::domain::Timestamp;
use crate::encryptor::path::{Beneath, is_playlist};
use crate::encryptor::root::Root;

/// What the last look found.
#[derive(Default)]
pub(super) struct Walk(Option<Walked>);

struct Walked {
    at: Timestamp,
    /// How many files and folders there were.
    entries: usize,
    playlists: Vec<Beneath>,
}

/// So few entries are looked through in every pass.
const FEW: usize = 1000;
/// More of them are once in this time for each: two thousand a second.
const EACH: Duration = Duration::from_micros(500);

impl Walk {
    /// Every playlist beneath `root`, in the order of their paths; hidden ones are not ours. `open` knows
    /// what has come since it was last asked.
    pub(super) fn playlists(
        &mut self,
        root: &Root,
        open: &OpenFiles,
        now: Timestamp,
    ) -> io::Result<Vec<Beneath>> {
        let came = open.came();
        let known = |path: &Beneath| came.contains(&root.path().join(path.as_str()));
        if let Some(last) = &self.0 {
            let due = last
                .at
                .plus(EACH * u32::try_from(last.entries).unwrap_or(u32::MAX));
            let own = last.playlists.iter();
            let is_new = came.len() > own.clone().filter(|path| known(path)).count();
            let is_there = |path: &Beneath| matches!(root.stamp(path), Ok(Some(_)));
            let waits = last.entries > FEW && (last.at..due).contains(&now);
            if waits && !is_new && own.clone().all(is_there) {
                return Ok(last.playlists.clone());
            }
        }
        self.0 = None;
        let wanted = |name: &str| is_playlist(name) && !name.starts_with('.');
        let (mut playlists, entries) = root.walk(&wanted)?;
        playlists.sort();
        let at = now;
        let found = playlists.clone();
        self.0 = Some(Walked {
            at,
            entries,
            playlists,
        });
        Ok(found)
    }

    /// The folders are others.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_long_look_is_taken_at_a_pace_or_when_something_came() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        for n in 0..=FEW {
            fs::write(dir.path().join(format!("{n}.ts")), "").unwrap();
        }
        fs::write(dir.path().join("a.m3u8"), "").unwrap();
        let (open, mut walk) = (OpenFiles::default(), Walk::default());
        let at = Timestamp::from_millis;
        let mut names = |open: &OpenFiles, now| {
            let found = walk.playlists(&root, open, now).unwrap();
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(names(&open, at(0)), ["a.m3u8"]);
        fs::write(dir.path().join("b.m3u8"), "").unwrap();
        assert_eq!(names(&open, at(400)), ["a.m3u8"]);
        assert_eq!(
            names(&open, at(600)),
            ["a.m3u8", "b.m3u8"],
            "half a second for a thousand"
        );
        fs::write(dir.path().join("c.m3u8"), "").unwrap();
        open.note(&root.path().join("b.m3u8"));
        assert_eq!(names(&open, at(601)), ["a.m3u8", "b.m3u8"], "b is known");
        open.note(&root.path().join("c.m3u8"));
        assert_eq!(names(&open, at(602)), ["a.m3u8", "b.m3u8", "c.m3u8"]);
        fs::remove_file(dir.path().join("a.m3u8")).unwrap();
        assert_eq!(
            names(&open, at(603)),
            ["b.m3u8", "c.m3u8"],
            "what is gone is seen"
        );
        fs::write(dir.path().join("d.m3u8"), "").unwrap();
        assert_eq!(names(&open, at(0)).len(), 3, "the clock was set back");
    }
}
