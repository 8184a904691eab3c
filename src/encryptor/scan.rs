//! Looks at the source: which playlists there are, and what they say now.
//!
//! Must not know: segments' files, keys.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::choose::Context;
use super::containers::IFrames;
use super::continuity::Break;
use super::engine::Engine;
use super::event::{Event, StallReason};
use super::multivariant::{self, Multivariant};
use super::notices::Stall;
use super::path::Beneath;
use super::restart;
use super::restore::{Foreign, Restored, restore};
use super::source::SourceText;
use super::track::Track;
use crate::api::Text;
use crate::crash;
use crate::domain::{Rendition, Run, Timestamp};
use crate::playlist::{Definitions, MediaPlaylist, MultivariantPlaylist, Playlist, Unsupported};

/// A list that says it goes on is not begun with while it is younger than this: it may be the
/// first half of a finished one.
const SETTLED: Duration = Duration::from_millis(250);
/// It is begun with anyway when it has been known for this long.
const KNOWN: Duration = Duration::from_secs(1);
/// Published segments' sources are looked at this often.
const REVIEW: Duration = Duration::from_secs(2);

impl Engine {
    /// Reads every playlist that may have changed. Says whether the source's directory is
    /// another one than before.
    pub(super) fn scan(&mut self, context: &Context<'_>) -> bool {
        let now = context.now;
        let moved = self.source.follow();
        let playlists = moved.and_then(|moved| Ok((moved, self.source.playlists(now)?)));
        let (moved, found) = match playlists {
            Ok(found) => found,
            Err(error) => {
                let stall = unreadable(&error.to_string());
                self.events.extend(self.notices.stalled(SOURCE, stall, now));
                return false;
            }
        };
        self.events.extend(self.notices.resumed(SOURCE));
        self.forget_refusals(&found);
        self.leave_gone(&found, now);
        self.found = 0;
        let mut media = Vec::new();
        for at in self.entry_first(found) {
            if self.is_own(&at) {
                self.found += 1;
                let read = self.look_at(&at, context);
                media.extend(read.map(|list| (at, list)));
            }
        }
        // Once it is known what multivariant playlists define for them.
        for (at, list) in media {
            let taken = self.read_media(&at, list, context);
            self.note_taken(&at, taken, now);
        }
        moved
    }

    /// A media playlist, if it is one and may have changed.
    fn look_at(&mut self, at: &Beneath, context: &Context<'_>) -> Option<MediaPlaylist> {
        let now = context.now;
        if self.sharing.has_taken(at) {
            let detail = "its name is the one of another's form for all viewers: name it otherwise, or leave out define";
            self.refuse(at, stall(StallReason::Unsupported, detail.to_owned()), now);
            return None;
        }
        match self.source.text(at, now) {
            SourceText::Unchanged => {}
            SourceText::Failed(why) => self.refuse(at, unreadable(&why), now),
            SourceText::Read(text) => match self.follow(at, text, context) {
                Ok(()) => self.note_taken(at, Ok(()), now),
                Err(text) => return self.parsed(at, &text, context),
            },
        }
        None
    }

    /// A media playlist that `text` is.
    fn parsed(&mut self, at: &Beneath, text: &str, context: &Context<'_>) -> Option<MediaPlaylist> {
        let now = context.now;
        match Playlist::parse(text) {
            Ok(Playlist::Media(list)) => {
                self.work.read += list.segments().len() as u64;
                return Some(list);
            }
            Ok(Playlist::Multivariant(list)) => {
                let taken = self.read_multivariant(at, &list, context);
                self.note_taken(at, taken, now);
            }
            Err(error) => self.refuse(at, unreadable(&error.to_string()), now),
        }
        None
    }

    fn note_taken(&mut self, at: &Beneath, taken: Result<(), Stall>, now: Timestamp) {
        match taken {
            Ok(()) => drop(self.refused.remove(at)),
            Err(stall) => self.refuse(at, stall, now),
        }
    }

    /// A playlist that is not taken is read again in every pass until it is.
    fn refuse(&mut self, at: &Beneath, stall: Stall, now: Timestamp) {
        self.source.reread(at);
        self.refused.insert(at.clone());
        self.stall(at, stall, now);
    }

    fn forget_refusals(&mut self, found: &[Beneath]) {
        let gone = |at: &Beneath| found.binary_search(at).is_err();
        for at in self.refused.extract_if(.., gone) {
            self.events.extend(self.notices.resumed(at.as_str()));
        }
    }

    fn read_multivariant(
        &mut self,
        at: &Beneath,
        list: &MultivariantPlaylist,
        context: &Context<'_>,
    ) -> Result<(), Stall> {
        if self.tracks.contains_key(at) {
            return Err(unreadable("it was a media playlist before"));
        }
        let prepared = multivariant::prepare(at, list, context.containers.iframes)?;
        let known = self.multivariants.get(at);
        if prepared.had_iframes && known.is_none_or(|known| !known.had_iframes) {
            let playlist = at.to_string();
            self.events.push(Event::IframesDropped { playlist });
        }
        self.multivariants.insert(at.clone(), prepared);
        Ok(())
    }

    fn read_media(
        &mut self,
        at: &Beneath,
        list: MediaPlaylist,
        context: &Context<'_>,
    ) -> Result<(), Stall> {
        let definitions = self.definitions(at);
        let list = match list.imports() && !definitions.is_empty() {
            true => defined(&list, &definitions)?,
            false => list,
        };
        let opened = self.opened(at, &list, &definitions)?;
        let list = opened.as_ref().unwrap_or(&list);
        if list.is_iframes() && context.containers.iframes == IFrames::Drop {
            if self.iframes.insert(at.clone()) {
                let playlist = at.to_string();
                self.events.push(Event::IframesDropped { playlist });
            }
            return Ok(());
        }
        match list.unsupported() {
            Some(Unsupported::AlreadyEncrypted { line }) => {
                let detail = Unsupported::AlreadyEncrypted { line }.to_string();
                return Err(stall(StallReason::AlreadyEncrypted, detail));
            }
            Some(reason) => return Err(stall(StallReason::Unsupported, reason.to_string())),
            None => {}
        }
        if self.multivariants.contains_key(at) {
            return Err(unreadable("it was a multivariant playlist before"));
        }
        if !self.tracks.contains_key(at) {
            let track = self.discover(at, context.now)?;
            self.tracks.insert(at.clone(), track);
        }
        self.accept(at, list, context)
    }

    /// The variables that multivariant playlists define for the playlist at `at`. What two of them
    /// define differently is not defined.
    pub(super) fn definitions(&self, at: &Beneath) -> Definitions {
        let naming = self.multivariants.values();
        let naming = naming.filter(|multivariant| multivariant.children.contains(at));
        let mut all: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
        for (name, value) in naming.flat_map(Multivariant::definitions) {
            all.entry(name).or_default().insert(value);
        }
        let agreed = all.into_iter().filter_map(|(name, values)| {
            let value = values.first().filter(|_| values.len() == 1)?;
            Some((name.clone(), (*value).clone()))
        });
        agreed.collect()
    }

    fn accept(
        &mut self,
        at: &Beneath,
        list: &MediaPlaylist,
        context: &Context<'_>,
    ) -> Result<(), Stall> {
        let now = context.now;
        let modified = self.source.stamp(at).map_or(0, |stamp| stamp.modified);
        let Some(track) = self.tracks.get(at) else {
            return Ok(());
        };
        let is_new = track.source.is_none() && track.listed.is_none();
        let is_fresh = now.since(Timestamp::from_millis(modified)) < SETTLED;
        if is_new && !list.is_ended() && is_fresh && now.since(track.found) < KNOWN {
            self.source.reread(at);
            return Ok(());
        }
        if list.segments().is_empty() {
            return Err(restart::stall(&Break::Nothing));
        }
        let run = self.run_of(at, list, context)?;
        match self.take(at, list, &run, now)? {
            Ok(()) => Ok(()),
            Err(broken) => {
                let run = self.next_run(at, list, &broken, context.runs, now)?;
                self.go_on(at, run, now);
                let taken = self.take(at, list, &run, now)?;
                taken.map_err(|broken| restart::stall(&broken))
            }
        }
    }

    /// Takes the playlist of a rendition as one of `run`, unless it breaks with what is published.
    fn take(
        &mut self,
        at: &Beneath,
        list: &MediaPlaylist,
        run: &Run,
        now: Timestamp,
    ) -> Result<Result<(), Break>, Stall> {
        let numbered = list.clone().renumber(run);
        let numbered = numbered.ok_or_else(|| unreadable("its numbers are out of bounds"))?;
        let last = list.segments().last();
        let path = last.and_then(|last| at.resolve_segment(&last.uri).ok());
        let written = path.and_then(|path| self.source.stamp(&path));
        let written = written.map(|stamp| stamp.modified);
        let Some(track) = self.tracks.get_mut(at) else {
            return Ok(Ok(()));
        };
        let is_written = written.is_some_and(|at| track.newest.is_before(at, now));
        if track.is_ahead(&numbered) && !is_written && !track.moves_on(&numbered) {
            let how = "it is ahead of the last one, and its files are not newer".to_owned();
            return Ok(Err(Break::Shortened(how)));
        }
        let backwards = numbered.segments().iter().rev();
        if let Some(how) = self.rewritten(at, (backwards, numbered.is_iframes()), now)? {
            return Ok(Err(Break::Restarted(how)));
        }
        let Some(track) = self.tracks.get_mut(at) else {
            return Ok(Ok(()));
        };
        let taken = track.accept(numbered);
        self.taken += u64::from(taken.is_ok());
        if let (Ok(()), Some(written)) = (&taken, written) {
            track.newest.take(written, now);
        }
        Ok(taken)
    }

    /// The rendition goes on with `run`.
    fn go_on(&mut self, at: &Beneath, run: Run, now: Timestamp) {
        let Some(track) = self.tracks.get_mut(at) else {
            return;
        };
        let left = match track.run {
            Some(_) => track.go_on(run),
            None => Vec::new(),
        };
        self.remember(&run);
        let Some(track) = self.tracks.get(at) else {
            return;
        };
        self.events.push(Event::WentOn {
            rendition: Text(track.name.clone()),
            run: run.ordinal,
            first: track.floor(),
        });
        self.let_go(at, left, now);
    }

    /// A new rendition, with what the sink already has of it.
    fn discover(&mut self, at: &Beneath, now: Timestamp) -> Result<Track, Stall> {
        let name = at.as_str().parse::<Rendition>();
        let name = name.map_err(|error| stall(StallReason::Outside, error.to_string()))?;
        let mut track = Track::new(name, at.clone(), now);
        self.left.remove(at);
        let text = self.sink.playlist(at);
        let text = text.map_err(|error| stall(StallReason::ForeignSink, error.to_string()))?;
        if let Some(text) = text {
            let restored = restore(at, text.clone()).map_err(|error| foreign(&error))?;
            let level = self.sharing.level(&mut self.sink, at, &text);
            level.map_err(|error| stall(StallReason::Sink, error.told()))?;
            let Restored {
                done,
                listed,
                partials,
            } = restored;
            for (msn, path) in partials.names() {
                self.names.take(&track.name, msn, path);
            }
            track.partials = partials;
            for (msn, done) in &done {
                let Some(media) = &done.media else { continue };
                self.names.take(&track.name, *msn, &media.path);
                if let Some(section) = &media.section {
                    let taken = self.names.claim_section(&section.path);
                    taken.map_err(|error| stall(StallReason::ForeignSink, error.to_string()))?;
                }
            }
            (track.done, track.listed) = (done, Some(listed));
            self.unreported = true;
            crash::point("rendition.restored");
        }
        Ok(track)
    }

    /// Tells of source files that were written again after they were published.
    pub(super) fn review(&mut self, now: Timestamp) {
        if self.reviewed.is_some_and(|last| now.since(last) < REVIEW) {
            return;
        }
        self.reviewed = Some(now);
        for track in self.tracks.values_mut() {
            let rendition = track.name.clone();
            for (msn, taken) in track.sources() {
                let is = self.source.stamp(&taken.path);
                let Some(is) = is.filter(|is| *is != taken.told) else {
                    continue;
                };
                taken.told = is;
                let rendition = Text(rendition.clone());
                self.events.push(Event::SourceChanged { rendition, msn });
            }
        }
    }
}

/// The subject of stalls of the source as a whole.
const SOURCE: &str = "source";

/// The playlist with what it imports.
fn defined(list: &MediaPlaylist, definitions: &Definitions) -> Result<MediaPlaylist, Stall> {
    match Playlist::parse_with(&list.to_string(), definitions) {
        Ok(Playlist::Media(defined)) => Ok(defined),
        Ok(Playlist::Multivariant(_)) => Err(unreadable("it is a multivariant playlist")),
        Err(error) => Err(unreadable(&error.to_string())),
    }
}

fn unreadable(why: &str) -> Stall {
    stall(StallReason::Unreadable, format!("cannot be read: {why}"))
}

fn foreign(error: &Foreign) -> Stall {
    stall(StallReason::ForeignSink, error.to_string())
}

fn stall(reason: StallReason, detail: String) -> Stall {
    Stall {
        msn: None,
        reason,
        detail,
    }
}
