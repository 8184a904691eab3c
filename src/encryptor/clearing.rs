//! Deletes spooled media that nobody needs any more: clear media must not pile up.
//!
//! A file goes once it is published everywhere and is not among the newest of any list, by which
//! restarts are told; or when no list has named it for a while. Must not know: who filled the spool.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::engine::Engine;
use super::path::Beneath;
use super::spool::Spool;
use crate::domain::Timestamp;
use crate::playlist::{Definitions, MediaPlaylist, Playlist};

/// When the spool was looked through last, and what no list named then.
#[derive(Default)]
pub(super) struct Clearing {
    last: Option<Timestamp>,
    /// In how many looks in a row. Looks are counted and not time, which may leap.
    unnamed: HashMap<Beneath, u32>,
}

/// What lists say of the files that they name.
#[derive(Default)]
struct Named {
    wanted: HashSet<Beneath>,
    past: HashSet<Beneath>,
}

/// The spool is looked through this often.
const EVERY: Duration = Duration::from_secs(5);
/// How many looks, two minutes, a file may go without a name: a packager sends it before it lists it.
const LOOKS: u32 = 24;
/// How many of a list's newest segments are kept; twice as many as are looked at for restarts.
const NEWEST: usize = 16;

impl Engine {
    /// Looks through the spool, if the source is one and it is time, or room is wanted.
    pub(super) fn clear_spool(&mut self, now: Timestamp) {
        let Some(spool) = self.source.spool.clone() else {
            return;
        };
        let last = self.clearing.last;
        let is_due = last.is_none_or(|last| now < last || now.since(last) >= EVERY);
        if !spool.was_pressed() && !is_due {
            return;
        }
        if is_due {
            self.clearing.last = Some(now);
        }
        let Ok(files) = spool.files() else { return };
        let (lists, media): (Vec<_>, Vec<_>) = files.into_iter().partition(Beneath::is_playlist);
        let named = self.named(&spool, &lists);
        let mut unnamed = HashMap::new();
        for path in media {
            let looks = self.clearing.unnamed.get(&path).copied();
            let looks = looks.unwrap_or_default() + u32::from(is_due);
            let is_over = match named.wanted.contains(&path) {
                true => continue,
                false => named.past.contains(&path) || looks > LOOKS,
            };
            // One that cannot be deleted is found again.
            if !is_over || spool.remove_at(&path).is_err() {
                unnamed.insert(path, looks);
            }
        }
        self.clearing.unnamed = unnamed;
    }

    fn named(&self, spool: &Spool, lists: &[Beneath]) -> Named {
        let mut named = Named::default();
        for at in lists {
            let definitions = self.definitions(at);
            let text = spool.text(at);
            let list = text.and_then(|text| Playlist::media_with(&text, &definitions));
            if let Some(list) = list {
                self.name(at, (list, &definitions), &mut named);
            }
        }
        named
    }

    /// What the list at `at` names, variables put in.
    fn name(
        &self,
        at: &Beneath,
        (list, definitions): (MediaPlaylist, &Definitions),
        named: &mut Named,
    ) {
        let mut all = HashSet::new();
        let published = self.published_through(at);
        let past = past(at, &list, published, |list| self.renumbered(at, list));
        Playlist::Media(list).map_defined_uris(definitions, &mut |_, uri| {
            all.extend(at.resolve(uri).ok());
            String::new()
        });
        named.wanted.extend(all.difference(&past).cloned());
        named.past.extend(past);
    }

    /// The last number that is published of the rendition, if what its source says now is taken.
    fn published_through(&self, at: &Beneath) -> Option<u64> {
        let track = self.tracks.get(at)?;
        let is_open = self.refused.contains(at) || track.restarted.is_some();
        let listed = track.listed.as_ref().filter(|_| !is_open)?;
        Some(listed.last)
    }

    fn renumbered(&self, at: &Beneath, list: &MediaPlaylist) -> Option<MediaPlaylist> {
        let run = self.tracks.get(at)?.run?;
        list.clone().renumber(&run)
    }
}

/// The files of segments that are published and not among the newest, and of no other segment.
fn past(
    at: &Beneath,
    list: &MediaPlaylist,
    published: Option<u64>,
    renumber: impl Fn(&MediaPlaylist) -> Option<MediaPlaylist>,
) -> HashSet<Beneath> {
    let numbered = published.and_then(|last| Some((renumber(list)?, last)));
    let Some((numbered, last)) = numbered else {
        return HashSet::new();
    };
    let segments = numbered.segments();
    let old = segments.len().saturating_sub(NEWEST);
    let file = |uri: &str| at.resolve(uri).ok();
    let is_past = |index: usize, msn: u64| index < old && msn <= last;
    let mut past = HashSet::new();
    let mut wanted = HashSet::new();
    for (index, segment) in segments.iter().enumerate() {
        match is_past(index, segment.msn) {
            true => past.extend(file(&segment.uri)),
            false => wanted.extend(file(&segment.uri)),
        }
    }
    past.retain(|path| !wanted.contains(path));
    past
}
