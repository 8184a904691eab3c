//! Swaps playlists, once everything that they name is durable.
//!
//! Must not know: how it became so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::choose::Context;
use super::draft::Draft;
use super::engine::Engine;
use super::event::{Event, StallReason};
use super::multivariant::Multivariant;
use super::notices::Stall;
use super::path::Beneath;
use super::place::Timeline;
use super::restore::restore;
use super::track::{Media, Track};
use crate::api::Text;
use crate::domain::Timestamp;
use crate::playlist::{Playlist, Report};

impl Engine {
    /// Publishes each media playlist that has gone on, then those again that tell of them: a report
    /// is as new as the playlist that it stands in (§4.4.5.4).
    pub(super) fn publish(&mut self, context: &Context<'_>) {
        let dirty = self.those(|track| track.dirty);
        if !dirty.is_empty() && self.publish_all(&dirty, context) {
            let telling = self.those(Track::tells_of_others);
            self.publish_all(&telling, context);
        }
    }

    /// Up to the first that the sink does not take; whether there was none.
    fn publish_all(&mut self, those: &[Beneath], context: &Context<'_>) -> bool {
        those.iter().all(|at| self.publish_one(at, context))
    }

    fn those(&self, are: impl Fn(&Track) -> bool) -> Vec<Beneath> {
        let tracks = self.tracks.values().filter(|track| are(track));
        tracks.map(|track| track.at.clone()).collect()
    }

    /// Whether the sink takes what there is to be published.
    fn publish_one(&mut self, at: &Beneath, context: &Context<'_>) -> bool {
        let reports = self.reports();
        let Some(track) = self.tracks.get_mut(at) else {
            return true;
        };
        let draft = track.draft(context.containers.serving, &reports);
        track.fault = draft.as_ref().err().cloned();
        match draft {
            Ok(None) | Err(_) => track.dirty = false,
            Ok(Some(draft)) => match self.sharing.swap(&mut self.sink, at, &track.text(&draft)) {
                Ok(()) => self.note_published(at, draft, context.now),
                Err(error) => {
                    let failed = self.trouble.failed(&error, context.now);
                    self.events.extend(failed);
                    return false;
                }
            },
        }
        true
    }

    fn reports(&self) -> BTreeMap<Beneath, Report> {
        let all = self.tracks.iter();
        all.filter_map(|(at, track)| Some((at.clone(), track.report()?)))
            .collect()
    }

    fn note_published(&mut self, at: &Beneath, draft: Draft, now: Timestamp) {
        self.trouble.passed();
        let Some(track) = self.tracks.get_mut(at) else {
            return;
        };
        track.dirty = false;
        self.work.written += draft.written;
        self.unreported = true;
        self.events.push(Event::Published {
            rendition: Text(track.name.clone()),
            first: draft.first,
            last: draft.last,
            ended: draft.ended,
        });
        let parts = track.partials.published(&draft.parts, draft.last);
        let left = track.published(draft);
        let stays = track.part_stays();
        for path in parts {
            self.names.leave(&path);
            self.window.left(path, stays, now);
        }
        let Some(track) = self.tracks.get(at) else {
            return;
        };
        if track.timeline == Timeline::Live && self.window.has_strays() {
            let stays = track.stays();
            for folder in track.folders() {
                self.window.adopt(&folder, stays);
            }
        }
        self.let_go(at, left, now);
    }

    /// Takes note of what the playlist at `at` lists no more, and for how long the files stay.
    pub(super) fn let_go(&mut self, at: &Beneath, left: Vec<(Media, Duration)>, now: Timestamp) {
        let mut sections = BTreeMap::new();
        for (media, stays) in left {
            if let Some(section) = media.section {
                sections.insert(section.path, stays);
            }
            self.names.leave(&media.path);
            self.window.left(media.path, stays, now);
        }
        for section in sections {
            self.let_go_section(at, section, now);
        }
    }

    /// The same of an initialisation section, unless another segment needs it too.
    pub(super) fn let_go_section(
        &mut self,
        at: &Beneath,
        (path, stays): (Beneath, Duration),
        now: Timestamp,
    ) {
        let own = self.tracks.get(at);
        let mut all = own.into_iter().chain(self.tracks.values());
        if !all.any(|track| track.needs(&path)) {
            self.names.leave(&path);
            self.sections.remove(&path);
            self.window.left(path, stays, now);
        }
    }

    /// Publishes each multivariant playlist whose children are all published.
    pub(super) fn publish_multivariants(&mut self, context: &Context<'_>) {
        let now = context.now;
        let all: Vec<Beneath> = self.multivariants.keys().cloned().collect();
        for at in all {
            if self.refused.contains(&at) {
                continue;
            }
            let Some(list) = self.multivariants.get(&at) else {
                continue;
            };
            let is_published = |child: &Beneath| {
                self.left.contains(child) || self.tracks.get(child).is_some_and(is_listed)
            };
            match list.waits_for(is_published) {
                Some(stall) => self.stall(&at, stall, now),
                None if list.is_published => self.resume(&at),
                None => {
                    let key = context.containers.session_key.then(|| self.only_key(list));
                    let text = list.text(key.flatten().as_deref());
                    self.resume(&at);
                    self.publish_multivariant(&at, &text, now);
                }
            }
        }
    }

    /// The URI of the key that all of a finished asset is under, if there is only one. A player
    /// reads a multivariant playlist once, so that of a live stream names no key.
    fn only_key(&self, list: &Multivariant) -> Option<String> {
        let mut uris = BTreeSet::new();
        for child in &list.children {
            let track = self.tracks.get(child)?;
            let is_ended = track.listed.as_ref().is_some_and(|listed| listed.ended);
            let media = track.done.values().filter_map(|done| done.media.as_ref());
            uris.extend(media.filter(|_| is_ended).map(|media| &media.key_uri));
            if !is_ended || uris.len() > 1 {
                return None;
            }
        }
        uris.first().map(|uri| (*uri).clone())
    }

    fn publish_multivariant(&mut self, at: &Beneath, text: &str, now: Timestamp) {
        let there = self.sink.playlist(at).ok().flatten();
        if there
            .as_ref()
            .is_some_and(|there| there != text && !self.is_ours(at, there))
        {
            let detail = "the sink holds another playlist of that name".to_owned();
            let reason = StallReason::ForeignSink;
            let msn = None;
            return self.stall(
                at,
                Stall {
                    msn,
                    reason,
                    detail,
                },
                now,
            );
        }
        let Some(list) = self.multivariants.get_mut(at) else {
            return;
        };
        if there.as_deref() == Some(text) && self.sharing.level(&mut self.sink, at, text).is_ok() {
            list.is_published = true;
            text.clone_into(&mut list.shown);
            return;
        }
        match self.sharing.swap(&mut self.sink, at, &[text.as_bytes()]) {
            Ok(()) => {
                list.is_published = true;
                text.clone_into(&mut list.shown);
                self.trouble.passed();
                let playlist = at.to_string();
                self.events.push(Event::MultivariantPublished { playlist });
            }
            Err(error) => self.events.extend(self.trouble.failed(&error, now)),
        }
    }
}

impl Engine {
    /// Whether the multivariant playlist that lies at `at` is of an earlier run: what it names, as
    /// far as it is there, is encrypted.
    fn is_ours(&self, at: &Beneath, text: &str) -> bool {
        let Ok(Playlist::Multivariant(list)) = Playlist::parse(text) else {
            return false;
        };
        list.children().iter().all(|child| {
            let at = at.resolve(&child.uri).ok();
            let text = at.as_ref().map(|at| self.sink.playlist(at));
            match (at, text) {
                (Some(at), Some(Ok(Some(text)))) => restore(&at, text).is_ok(),
                (Some(_), Some(Ok(None))) => true,
                _ => false,
            }
        })
    }
}

fn is_listed(track: &Track) -> bool {
    track.listed.is_some()
}
