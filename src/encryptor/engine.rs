//! The worker's core: one pass looks at the source, encrypts what is ready, and publishes.
//!
//! A pass does a bounded piece of work and leaves the sink consistent, so the caller may stop
//! between any two. Must not know: HTTP, timers; keys and times come in, wishes go out.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::asset::Advance;
use super::choose::{Context, Wants};
use super::clearing::Clearing;
use super::error::Summary;
use super::event::Event;
use super::given::Given;
use super::journal::Journal;
use super::multivariant::Multivariant;
use super::names::Names;
use super::notices::{Notices, Stall};
use super::path::Beneath;
use super::runs::SourceReport;
use super::sharing::Sharing;
use super::sink::{DirSink, Published};
use super::source::DirSource;
use super::strays::strays;
use super::term::Footing;
use super::track::Track;
use super::trouble::Trouble;
use super::window::Window;
use crate::api::RenditionProgress;
use crate::domain::{Kid, Timestamp};

/// Everything the worker knows of source and sink.
pub(super) struct Engine {
    pub(super) source: DirSource,
    pub(super) sink: DirSink,
    /// What is published, for other sinks.
    pub(super) shown: watch::Sender<Arc<Published>>,
    pub(super) tracks: BTreeMap<Beneath, Track>,
    pub(super) multivariants: BTreeMap<Beneath, Multivariant>,
    /// Playlists that are published and gone from the source.
    pub(super) left: BTreeSet<Beneath>,
    /// I-frame playlists that are left out.
    pub(super) iframes: BTreeSet<Beneath>,
    /// Initialisation sections that this process wrote to the sink.
    pub(super) sections: BTreeSet<Beneath>,
    /// How many playlists were taken.
    pub(super) taken: u64,
    /// How many playlists the last scan found.
    pub(super) found: usize,
    /// Listings have changed since progress was last given out.
    pub(super) unreported: bool,
    /// Playlists whose newest text was not taken.
    pub(super) refused: BTreeSet<Beneath>,
    pub(super) names: Names,
    /// What is remembered of them.
    pub(super) given: Given,
    /// The form of playlists for all viewers.
    pub(super) sharing: Sharing,
    pub(super) window: Window,
    pub(super) notices: Notices,
    pub(super) trouble: Trouble,
    pub(super) events: Vec<Event>,
    pub(super) tally: Tally,
    /// The schedule version that everything is published by.
    pub(super) followed: Option<u64>,
    /// Renditions that go on under a key whose period is over, and the key.
    pub(super) held_over: BTreeMap<Beneath, Kid>,
    /// When the last pass was.
    pub(super) time: Option<Timestamp>,
    /// When published segments' sources were last looked at for changes.
    pub(super) reviewed: Option<Timestamp>,
    /// How many questions the server was asked about the source's numbering.
    pub(super) question: u64,
    /// The playlist of the source that was named; all that lie there where none was.
    pub(super) entry: Option<Beneath>,
    /// The source is an encrypted recording.
    pub(super) is_recording: bool,
    /// What is durable of finished lists.
    pub(super) journal: Journal,
    /// How far they are.
    pub(super) advance: Advance,
    /// How far the spool is cleared, if the source is one.
    pub(super) clearing: Clearing,
    /// What its playlists have cost so far.
    pub(super) work: Work,
}

/// How many segments of playlists were looked at, each time counted: what a refresh costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Read in the source's playlists.
    pub(super) read: u64,
    /// Written to playlists that were published.
    pub(super) written: u64,
}

/// What this run has encrypted.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) segments: u64,
    pub(super) bytes: u64,
    pub(super) kids: HashSet<Kid>,
}

/// What a pass did, and what it needs to go on.
pub(super) struct Outcome {
    /// What is to be told, in order.
    pub(super) events: Vec<Event>,
    /// What the key server is to be asked for.
    pub(super) wants: Wants,
    /// The schedule version that the pass followed: nothing is published by an older one any more.
    pub(super) acknowledged: Option<u64>,
    /// What the published playlists list, if that has changed.
    pub(super) progress: Option<Vec<RenditionProgress>>,
    /// What there is to say and to ask of the source's numbering.
    pub(super) source: SourceReport,
    /// More is ready: pass again at once.
    pub(super) busy: bool,
    /// Something is waited for.
    pub(super) waits: bool,
    /// The source is another directory than before, under the same path.
    pub(super) moved: bool,
}

/// How far the work has come, for a run that is to end.
pub(super) struct Standing {
    /// Playlists that lie in the source.
    pub(super) found: usize,
    /// Whether all that the source lists is published.
    pub(super) complete: bool,
    /// What does not go on, and since when.
    pub(super) stalls: Vec<(String, Stall, Timestamp)>,
    /// Renditions that are not complete and wait for nothing.
    pub(super) under_way: usize,
    /// How long a live list may take to make up for a missing file.
    pub(super) live_patience: Duration,
}

impl Engine {
    /// An engine between `source` and `sink`, which may hold an earlier run's output.
    pub(super) fn new(source: DirSource, sink: DirSink, now: Timestamp) -> io::Result<Self> {
        Ok(Self {
            window: Window::new(strays(&sink)?, now),
            source,
            sink,
            shown: watch::Sender::default(),
            tracks: BTreeMap::new(),
            multivariants: BTreeMap::new(),
            left: BTreeSet::new(),
            iframes: BTreeSet::new(),
            sections: BTreeSet::new(),
            taken: 0,
            found: 0,
            unreported: false,
            refused: BTreeSet::new(),
            names: Names::default(),
            given: Given::default(),
            sharing: Sharing::default(),
            notices: Notices::default(),
            trouble: Trouble::default(),
            events: Vec::new(),
            tally: Tally::default(),
            followed: None,
            held_over: BTreeMap::new(),
            time: None,
            reviewed: None,
            question: 0,
            entry: None,
            is_recording: false,
            journal: Journal::default(),
            advance: Advance::default(),
            clearing: Clearing::default(),
            work: Work::default(),
        })
    }

    /// Does one piece of work.
    pub(super) fn pass(&mut self, context: &Context<'_>) -> Outcome {
        let now = context.now;
        let mut wants = Wants::default();
        let mut busy = false;
        self.keep_time(now);
        let moved = self.scan(context);
        self.place_iframes(context);
        self.recall(context);
        if !self.trouble.holds(now) && self.find_lost(now) {
            busy = self.encrypt(context, &mut wants);
            if context.footing != Footing::Ended {
                self.publish(context);
                self.publish_multivariants(context);
            }
        }
        self.review(now);
        self.sweep(now);
        self.clear_spool(now);
        self.events.extend(self.trouble.settle());
        let advanced = self.advanced();
        self.events.extend(advanced);
        self.show(self.unreported);
        wants.oldest = self.oldest_period();
        wants.renditions = self.tracks.values().map(|t| t.name.clone()).collect();
        let progress = || self.tracks.values().filter_map(Track::progress).collect();
        Outcome {
            wants,
            acknowledged: self.followed,
            progress: std::mem::take(&mut self.unreported).then(progress),
            source: self.source_report(context.runs, now),
            moved,
            busy,
            waits: self.notices.all().next().is_some() || self.awaits_parts(),
            events: std::mem::take(&mut self.events),
        }
    }

    fn awaits_parts(&self) -> bool {
        self.tracks.values().any(|track| track.partials.waits)
    }

    /// The oldest period that a rendition is in; `None` while one has not come to any.
    fn oldest_period(&self) -> Option<i64> {
        let periods: Option<Vec<i64>> = self.tracks.values().map(|track| track.period).collect();
        periods?.into_iter().min()
    }

    /// How far the work has come.
    pub(super) fn standing(&self) -> Standing {
        let stalls = self.notices.all();
        let mut stalls: Vec<_> = stalls
            .map(|(subject, stall, since)| (subject.to_owned(), stall.clone(), since))
            .collect();
        stalls.extend(self.trouble.stall());
        let open = self.tracks.values().filter(|track| !track.is_complete());
        let waits = |track: &&Track| {
            stalls
                .iter()
                .any(|(subject, ..)| track.at.as_str() == subject)
        };
        let under_way = open.clone().filter(|track| !waits(track)).count();
        let multivariants = self.multivariants.values().all(|list| list.is_published);
        let live = self.tracks.values().filter_map(Track::live_patience);
        Standing {
            found: self.found,
            complete: open.count() == 0 && multivariants && stalls.is_empty(),
            under_way,
            live_patience: live.max().unwrap_or_default(),
            stalls,
        }
    }

    /// What this run did.
    pub(super) fn summary(&self) -> Summary {
        let published = self.tracks.values().filter(|t| t.listed.is_some());
        Summary {
            renditions: published.count() as u64,
            segments: self.tally.segments,
            bytes: self.tally.bytes,
            periods: self.tally.kids.len() as u64,
        }
    }

    /// Takes note that the playlist at `at` does not go on.
    pub(super) fn stall(&mut self, at: &Beneath, stall: Stall, now: Timestamp) {
        self.events
            .extend(self.notices.stalled(at.as_str(), stall, now));
    }

    /// Takes note that it does.
    pub(super) fn resume(&mut self, at: &Beneath) {
        self.events.extend(self.notices.resumed(at.as_str()));
    }

    /// Deletes what no playlist lists any more, playlists having been swapped before.
    fn sweep(&mut self, now: Timestamp) {
        let mut files = 0;
        for path in self.window.due(now) {
            if self.names.in_use(&path) {
                continue;
            }
            match self.sink.remove(&path) {
                Ok(()) => {
                    self.sections.remove(&path);
                    files += 1;
                }
                Err(error) => {
                    self.events.extend(self.trouble.failed(&error, now));
                    self.window.left(path, Trouble::LONGEST, now);
                }
            }
        }
        if files > 0 {
            self.events.push(Event::Removed { files });
        }
    }
}
