//! One media playlist on its way: what the source lists, what is durable, what is published.
//!
//! Must not know: how segments become durable.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::continuity::{self, Break};
use super::path::Beneath;
use super::place::Timeline;
use super::root::Stamp;
use crate::api::{PeriodUse, RenditionProgress, Text};
use crate::domain::{Kid, Rendition, Timestamp};
use crate::playlist::{Entry, Listing, MediaPlaylist, RewriteError};

/// The state of one rendition.
pub(super) struct Track {
    /// Its name: its playlist's path.
    pub(super) name: Rendition,
    /// The same, as a path.
    pub(super) at: Beneath,
    /// When it was first seen by this run.
    pub(super) found: Timestamp,
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
    /// Something has changed since the playlist was last written.
    pub(super) dirty: bool,
    /// Why the playlist cannot be written as it is now.
    pub(super) fault: Option<RewriteError>,
    /// How the source began anew, once it has; nothing of it is taken until it is past what is
    /// published.
    restarted: Option<String>,
    /// Since when the source has listed less than what is published.
    short_since: Option<Timestamp>,
}

/// One segment that is durable, or known to be missing.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) duration: Duration,
    /// Its date in the playlist.
    pub(super) date: Option<Timestamp>,
    /// When it is taken to begin: its date, or what was assigned.
    pub(super) time: Option<Timestamp>,
    /// `None` for a gap.
    pub(super) media: Option<Media>,
}

/// An encrypted segment in the sink.
#[derive(Debug, Clone)]
pub(super) struct Media {
    pub(super) kid: Kid,
    pub(super) key_uri: String,
    /// As the key tag says it; `None` for the sequence number.
    pub(super) iv: Option<String>,
    /// As the playlist names it.
    pub(super) uri: String,
    pub(super) path: Beneath,
    /// The source's file as it was encrypted, if that was in this run.
    pub(super) source: Option<(Beneath, Stamp)>,
}

/// A published playlist.
#[derive(Debug, Clone, Default)]
pub(super) struct Listed {
    pub(super) text: String,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) ended: bool,
    /// The longest that this playlist ever was.
    pub(super) longest: Duration,
}

/// A playlist to be published.
pub(super) struct Draft {
    pub(super) text: String,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) ended: bool,
    span: Duration,
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
            source: None,
            timeline: Timeline::Live,
            done: BTreeMap::new(),
            listed: None,
            period: None,
            start: None,
            absent: HashMap::new(),
            dirty: false,
            fault: None,
            restarted: None,
            short_since: None,
        }
    }

    /// Takes the source's newest playlist, unless it does not go on from what is published.
    pub(super) fn accept(&mut self, list: MediaPlaylist, now: Timestamp) -> Result<(), Break> {
        let checked = continuity::check(&list, self).and_then(|()| match &self.restarted {
            Some(how) if !is_past(&list, self.listed.as_ref()) => {
                Err(Break::Restarted(how.clone()))
            }
            _ => Ok(()),
        });
        match &checked {
            Ok(()) => self.take(list),
            Err(Break::Restarted(how)) => self.restarted = Some(how.clone()),
            Err(Break::Shortened(how)) => {
                let since = *self.short_since.get_or_insert(now);
                if now.since(since) >= patience(&list) {
                    self.restarted = Some(how.clone());
                    return Err(Break::Restarted(how.clone()));
                }
            }
            Err(_) => {}
        }
        checked
    }

    fn take(&mut self, list: MediaPlaylist) {
        if self.source.is_none() && self.listed.is_none() && list.is_ended() {
            self.timeline = Timeline::Finished;
        }
        let first = list.media_sequence();
        self.absent.retain(|msn, _| *msn >= first);
        self.restarted = None;
        self.short_since = None;
        self.dirty = true;
        self.source = Some(Arc::new(list));
    }

    /// The index of the first segment of the source that is not published yet.
    pub(super) fn resume(&self) -> usize {
        let Some(list) = &self.source else { return 0 };
        let next = match &self.listed {
            Some(listed) if !self.jumped() => listed.last.saturating_add(1),
            _ => self.start.unwrap_or(0),
        };
        list.segments()
            .partition_point(|segment| segment.msn < next)
    }

    /// Whether the source lists nothing that follows on what is published.
    pub(super) fn jumped(&self) -> bool {
        match (&self.source, &self.listed) {
            (Some(list), Some(listed)) => is_past(list, Some(listed)),
            _ => true,
        }
    }

    /// The playlist that could be published now, if it differs from what is.
    pub(super) fn draft(&self) -> Result<Option<Draft>, RewriteError> {
        let Some(list) = &self.source else {
            return Ok(None);
        };
        let segments = list.segments();
        let ready = |segment: &&crate::playlist::Segment| self.done.contains_key(&segment.msn);
        let resume = self.resume();
        let cut = resume + segments[resume..].iter().take_while(ready).count();
        let first = cut - segments[..cut].iter().rev().take_while(ready).count();
        if first == cut || self.timeline == Timeline::Finished && cut < segments.len() {
            return Ok(None);
        }
        let entries: Vec<Entry> = segments[first..cut]
            .iter()
            .map(|segment| self.entry(segment.msn, &segment.uri))
            .collect();
        let text = list.encrypt(&Listing {
            first,
            entries: &entries,
            ..Listing::default()
        })?;
        let draft = Draft {
            text,
            first: segments[first].msn,
            last: segments[cut - 1].msn,
            ended: list.is_ended() && cut == segments.len(),
            span: segments[first..cut].iter().map(|s| s.duration).sum(),
        };
        Ok(self.is_better(&draft, list).then_some(draft))
    }

    /// Whether to swap the published playlist for `draft`. While nothing new is ready the list is
    /// not let run empty: it keeps at least three target durations (§6.2.2).
    fn is_better(&self, draft: &Draft, list: &MediaPlaylist) -> bool {
        self.listed.as_ref().is_none_or(|listed| {
            draft.text != listed.text
                && (draft.last > listed.last
                    || draft.first == listed.first
                    || draft.ended
                    || draft.span >= list.target_duration() * 3)
        })
    }

    fn entry(&self, msn: u64, uri: &str) -> Entry {
        match self.done.get(&msn).and_then(|done| done.media.as_ref()) {
            None => Entry::Gap,
            Some(media) => Entry::Encrypted {
                key_uri: media.key_uri.clone(),
                iv: media.iv.clone(),
                uri: (media.uri != uri).then(|| media.uri.clone()),
            },
        }
    }

    /// Takes note that `draft` is published; gives the segments that left the list, and for how
    /// long their files stay.
    pub(super) fn published(&mut self, draft: Draft) -> Vec<(Media, Duration)> {
        let before = self.listed.take().unwrap_or_default();
        let longest = before.longest.max(draft.span);
        self.listed = Some(Listed {
            text: draft.text,
            first: draft.first,
            last: draft.last,
            ended: draft.ended,
            longest,
        });
        self.start = None;
        let kept = self.done.split_off(&draft.first);
        let left = std::mem::replace(&mut self.done, kept);
        left.into_values()
            .filter_map(|done| Some((done.media?, done.duration + before.longest)))
            .collect()
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
        self.short_since = self.short_since.map(|since| since.min(now));
        for since in self.absent.values_mut() {
            *since = now.min(*since);
        }
    }

    /// Whether the source began anew and is not past what is published yet.
    pub(super) fn is_restarted(&self) -> bool {
        self.restarted.is_some()
    }

    /// Source files of the latest segments, as they were encrypted.
    pub(super) fn sources(&mut self) -> impl Iterator<Item = (u64, &mut (Beneath, Stamp))> {
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

    /// What the published playlist lists, for the server's ledger.
    pub(super) fn progress(&self) -> Option<RenditionProgress> {
        let listed = self.listed.as_ref()?;
        let mut periods: Vec<PeriodUse> = Vec::new();
        for (msn, done) in self.done.range(listed.first..=listed.last) {
            let Some(media) = &done.media else { continue };
            match periods.last_mut().filter(|p| p.kid.0 == media.kid) {
                Some(period) => period.last = *msn,
                None => periods.push(PeriodUse {
                    kid: Text(media.kid),
                    first: *msn,
                    last: *msn,
                }),
            }
        }
        let last = self.done.get(&listed.last);
        Some(RenditionProgress {
            rendition: Text(self.name.clone()),
            last_time: last.and_then(|done| done.time).map(Text),
            duration_ms: u64::try_from(listed.longest.as_millis()).unwrap_or(u64::MAX),
            kept: self.source.as_ref().is_some_and(|list| list.is_pinned()),
            periods,
        })
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
