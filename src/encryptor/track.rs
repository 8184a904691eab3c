//! One media playlist on its way: what the source lists, what is durable, what is published.
//!
//! Must not know: how segments become durable.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::choose::Read;
use super::continuity::{self, Break, Look};
use super::iframes::Parents;
use super::newest::Newest;
use super::partials::Partials;
use super::path::Beneath;
use super::periods::Listing;
use super::place::Timeline;
use super::restart::Restarted;
use super::root::Stamp;
use crate::domain::{Rendition, Run, Timestamp};
use crate::playlist::{MediaPlaylist, RewriteError, Rewritten};

pub(super) use super::done::{Done, Media, Taken};

/// The state of one rendition.
pub(super) struct Track {
    /// Its name: its playlist's path.
    pub(super) name: Rendition,
    /// The same, as a path.
    pub(super) at: Beneath,
    /// When it was first seen by this run.
    pub(super) found: Timestamp,
    /// Since when its playlist is not in the source any more.
    pub(super) gone: Option<Timestamp>,
    /// The source's playlist, the last that could be accepted.
    pub(super) source: Option<Arc<MediaPlaylist>>,
    /// Where the times of undated segments come from.
    pub(super) timeline: Timeline,
    /// What is durable, by number: listed, or to be listed.
    pub(super) done: BTreeMap<u64, Done>,
    /// What the sink's playlist says.
    pub(super) listed: Option<Listed>,
    /// The period of the segment that was chosen last.
    pub(super) period: Option<i64>,
    /// Where to begin after a jump of the source, when its first segments are gone already.
    pub(super) start: Option<u64>,
    /// Since when a segment's file is not there, or not whole and left so, by number.
    pub(super) absent: HashMap<u64, Timestamp>,
    /// Files as they were when they were published in the run before. A packager that lists a
    /// segment before it writes it still has the old one there.
    stale: HashMap<Beneath, Stamp>,
    /// Something has changed since the playlist was last written.
    pub(super) dirty: bool,
    /// The last number of a list that is ahead of everything and was not taken.
    pub(super) ahead: Option<u64>,
    /// Why the playlist cannot be written as it is now.
    pub(super) fault: Option<RewriteError>,
    /// The run that the source's playlist is in, once that is known.
    pub(super) run: Option<Run>,
    /// What the server is asked to know it.
    pub(super) question: Option<u64>,
    /// How the source began anew, while it is not known how it is numbered on.
    pub(super) restarted: Option<Restarted>,
    /// When the last file of the newest playlist was written.
    pub(super) newest: Newest,
    /// The initialisation section that was read last.
    pub(super) initial: Option<Read>,
    /// What its I-frames are cut from, if it is an I-frame playlist.
    pub(super) parents: Parents,
    /// The newest run when `run` was found out by nothing but its being the newest.
    pub(super) guessed: Option<u64>,
    /// The run's first number that may be published: lower ones belong to runs before.
    pub(super) floor: u64,
    /// Parts of segments that are durable.
    pub(super) partials: Partials,
    /// The lowest number that this process may have encrypted a segment of.
    pub(super) made_from: u64,
}

/// A published playlist.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    pub(super) text: Rewritten,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) ended: bool,
    /// The longest that this playlist ever was.
    pub(super) longest: Duration,
    /// How many parts are listed of the segment after the last.
    pub(super) open: Option<usize>,
    /// The number after the last; 0 where nothing is listed yet.
    pub(super) next: u64,
    /// Which keys it needs.
    pub(super) periods: Listing,
}

/// How many published segments' sources are looked at for changes.
const MAX_REVIEWED: usize = 1000;

impl Track {
    /// A rendition that was just found, with what the sink already has of it.
    pub(super) fn new(name: Rendition, at: Beneath, found: Timestamp) -> Self {
        Self {
            name,
            at,
            found,
            gone: None,
            source: None,
            timeline: Timeline::Live,
            done: BTreeMap::new(),
            listed: None,
            period: None,
            start: None,
            absent: HashMap::new(),
            stale: HashMap::new(),
            dirty: false,
            ahead: None,
            fault: None,
            run: None,
            question: None,
            restarted: None,
            newest: Newest::default(),
            initial: None,
            parents: Parents::default(),
            guessed: None,
            floor: 0,
            partials: Partials::default(),
            made_from: u64::MAX,
        }
    }

    /// Takes the source's newest playlist, unless it does not go on from what is published.
    pub(super) fn accept(&mut self, list: MediaPlaylist) -> Result<(), Break> {
        let previous = self.source.as_ref().map(|list| list.media_sequence());
        continuity::check(&Look::from(&list), self, previous)?;
        if self.source.is_none() && self.listed.is_none() && list.is_ended() {
            self.timeline = Timeline::Finished;
        }
        self.put(Arc::new(list));
        Ok(())
    }

    /// The source's playlist is `list`, which goes on from what is published.
    pub(super) fn put(&mut self, list: Arc<MediaPlaylist>) {
        let first = list.media_sequence();
        self.absent.retain(|msn, _| *msn >= first);
        (self.restarted, self.ahead) = (None, None);
        self.dirty = true;
        self.source = Some(list);
    }

    /// The rendition is in `run`. What the sink has of it already is kept, and so is what it has of
    /// runs before.
    pub(super) fn begin(&mut self, run: Run) {
        (self.run, self.question) = (Some(run), None);
        self.floor = run.output;
        for (_, done) in self.done.range_mut(self.floor..) {
            let put_off = |time: Timestamp| time.plus(run.shift);
            done.date = done.date.map(put_off);
            done.time = done.time.map(put_off);
        }
    }

    /// It is open again in which run the rendition is; nothing was made of it yet.
    pub(super) fn reopen(&mut self) {
        (self.run, self.guessed, self.question) = (None, None, None);
        (self.source, self.start) = (None, None);
        self.parents.forget();
        self.absent.clear();
    }

    /// The rendition goes on with `run`. Gives what was made of the run before and not published,
    /// and for how long the files stay.
    pub(super) fn go_on(&mut self, run: Run) -> Vec<(Media, Duration)> {
        let next = self
            .listed
            .as_ref()
            .map_or(0, |listed| listed.last.saturating_add(1));
        // a number of which parts are published is another segment's never again
        let next = next.max(self.partials.last_listed().map_or(0, |last| last + 1));
        (self.run, self.floor) = (Some(run), run.output.max(next));
        (self.source, self.start, self.restarted) = (None, None, None);
        self.parents.forget();
        self.absent.clear();
        // its file is another run's now
        let taken = self.done.values_mut();
        let taken = taken.filter_map(|done| done.media.as_mut()?.source.take());
        self.stale = taken.map(|taken| (taken.path, taken.was)).collect();
        let left = self.done.split_off(&next);
        left.into_values()
            .filter_map(|done| Some((done.media?, done.duration)))
            .collect()
    }

    /// Whether a file in this state was published in the run before.
    pub(super) fn is_stale(&self, path: &Beneath, stamp: Stamp) -> bool {
        self.stale.get(path) == Some(&stamp)
    }

    /// The index of the first segment of the source that is not published yet.
    pub(super) fn resume(&self) -> usize {
        let Some(list) = &self.source else { return 0 };
        let next = match &self.listed {
            Some(listed) if !self.jumped() => listed.last.saturating_add(1),
            _ => self.start.unwrap_or(0),
        };
        list.segments()
            .partition_point(|segment| segment.msn < next.max(self.floor))
    }

    /// Whether the source lists nothing that follows on what is published.
    pub(super) fn jumped(&self) -> bool {
        match (&self.source, &self.listed) {
            (Some(list), Some(listed)) => is_past(list, Some(listed)),
            _ => true,
        }
    }

    /// Whether nothing of `list` follows on the source's last playlist.
    pub(super) fn is_ahead(&self, list: &MediaPlaylist) -> bool {
        let last = self
            .source
            .as_ref()
            .and_then(|known| known.segments().last());
        last.is_some_and(|last| list.media_sequence() > last.msn.saturating_add(1))
    }

    /// Whether `list`, which is ahead of everything, goes on from the list that was so before: an old one
    /// that is shown again stands still, and one whose files were made long ago does not.
    pub(super) fn moves_on(&mut self, list: &MediaPlaylist) -> bool {
        let Some(last) = list.segments().last().map(|segment| segment.msn) else {
            return false;
        };
        let before = self.ahead.replace(last);
        let follows = |before: u64| list.media_sequence() <= before.saturating_add(1);
        before.is_some_and(|before| last > before && follows(before))
    }

    /// Takes note that nothing is published any more; gives what was, and for how long the files
    /// stay if they are still there.
    pub(super) fn unpublish(&mut self) -> Vec<(Media, Duration)> {
        let longest = self.listed.take().map_or(Duration::ZERO, |l| l.longest);
        self.start = None;
        self.dirty = true;
        let done = std::mem::take(&mut self.done);
        done.into_values()
            .filter_map(|done| Some((done.media?, done.duration + longest)))
            .collect()
    }

    /// The clock was set back to `now`.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        self.found = self.found.min(now);
        self.gone = self.gone.map(|gone| gone.min(now));
        self.newest.set_back(now);
        if let Some(restarted) = &mut self.restarted {
            restarted.set_back(now);
        }
        for since in self.absent.values_mut() {
            *since = now.min(*since);
        }
    }

    /// The clock was set ahead.
    pub(super) fn set_ahead(&mut self, by: Duration) {
        self.found = self.found.plus(by);
        self.gone = self.gone.map(|gone| gone.plus(by));
        if let Some(restarted) = &mut self.restarted {
            restarted.set_ahead(by);
        }
        for since in self.absent.values_mut() {
            *since = since.plus(by);
        }
    }

    /// The first number of the run that may be published.
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// The lowest number that nothing was made of yet.
    pub(super) fn next(&self) -> u64 {
        let listed = self.listed.as_ref().map(|listed| listed.last);
        let done = self.done.last_key_value().map(|(last, _)| *last);
        let parts = self.partials.last_listed();
        listed
            .max(done)
            .max(parts)
            .map_or(0, |last| last.saturating_add(1))
    }

    /// Whether its source began anew and a number to go on with is asked for: what the next run
    /// takes must not be used up meanwhile.
    pub(super) fn is_between_runs(&self) -> bool {
        let restarted = self.restarted.as_ref();
        restarted.is_some_and(Restarted::is_claimed)
    }

    /// Whether it is known where its source stands, and more is to come.
    pub(super) fn is_live(&self) -> bool {
        let is_ended = self.source.as_ref().is_some_and(|list| list.is_ended());
        self.run.is_some() && self.is_live_list() && !is_ended
    }

    /// Whether its source is an I-frame playlist.
    pub(super) fn is_iframes(&self) -> bool {
        self.source.as_ref().is_some_and(|list| list.is_iframes())
    }

    /// Whether a published or durable segment needs the section at `path`.
    pub(super) fn needs(&self, path: &Beneath) -> bool {
        let sections = self.done.values().rev();
        let mut sections = sections.filter_map(|done| done.media.as_ref()?.section.as_ref());
        sections.any(|section| section.path == *path) || self.partials.needs(path)
    }

    /// Whether it is no finished asset.
    pub(super) fn is_live_list(&self) -> bool {
        self.timeline == Timeline::Live
    }

    /// How many discontinuities there are up to the end of what is published.
    pub(super) fn discontinuities(&self) -> u64 {
        let listed = self.listed.as_ref().and_then(Listed::read);
        listed.map_or(0, |list| list.discontinuities(list.segments().len()))
    }

    /// Source files of the latest segments, as they were encrypted.
    pub(super) fn sources(&mut self) -> impl Iterator<Item = (u64, &mut Taken)> {
        let done = self.done.iter_mut().rev().take(MAX_REVIEWED);
        done.filter_map(|(msn, done)| Some((*msn, done.media.as_mut()?.source.as_mut()?)))
    }

    /// For how long a segment that nothing lists any more is kept.
    pub(super) fn stays(&self) -> Duration {
        let target = self.source.as_ref().map(|list| list.target_duration());
        let longest = self.listed.as_ref().map(|listed| listed.longest);
        target.unwrap_or_default() + longest.unwrap_or_default()
    }

    /// How long a missing file of this list is waited for, if it is live.
    pub(super) fn live_patience(&self) -> Option<Duration> {
        let list = self.source.as_ref()?;
        (self.timeline == Timeline::Live).then(|| patience(list))
    }

    /// The folders that its segments lie in.
    pub(super) fn folders(&self) -> BTreeSet<String> {
        let media = self.done.values().filter_map(|done| done.media.as_ref());
        media.map(|media| media.path.folder().to_owned()).collect()
    }

    /// Whether all that the source lists is published.
    pub(super) fn is_complete(&self) -> bool {
        let (Some(list), Some(listed)) = (&self.source, &self.listed) else {
            return false;
        };
        let last = list.segments().last().map(|segment| segment.msn);
        last == Some(listed.last) && list.is_ended() == listed.ended
    }
}

/// How long a source may stay out of step before that is taken for good: two target durations.
pub(super) fn patience(list: &MediaPlaylist) -> Duration {
    list.target_duration() * 2
}

/// Whether `list` begins after what is published, so that nothing of the two overlaps.
fn is_past(list: &MediaPlaylist, listed: Option<&Listed>) -> bool {
    listed.is_none_or(|listed| list.media_sequence() > listed.last.saturating_add(1))
}
