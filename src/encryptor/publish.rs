//! Swaps playlists, once everything that they name is durable.
//!
//! Must not know: how it became so.

use super::draft::Draft;
use super::engine::Engine;
use super::event::Event;
use super::path::Beneath;
use super::place::Timeline;
use super::track::Track;
use crate::api::Text;
use crate::domain::Timestamp;

impl Engine {
    /// Publishes each media playlist that has gone on.
    pub(super) fn publish(&mut self, now: Timestamp) {
        let dirty = self.tracks.values().filter(|track| track.dirty);
        let dirty: Vec<Beneath> = dirty.map(|track| track.at.clone()).collect();
        for at in dirty {
            let Some(track) = self.tracks.get_mut(&at) else {
                continue;
            };
            let draft = track.draft();
            track.fault = draft.as_ref().err().cloned();
            match draft {
                Ok(None) | Err(_) => track.dirty = false,
                Ok(Some(draft)) => match self.sink.write_playlist(&at, &draft.text) {
                    Ok(()) => self.note_published(&at, draft, now),
                    Err(error) => {
                        self.events.extend(self.trouble.failed(&error, now));
                        break;
                    }
                },
            }
        }
    }

    fn note_published(&mut self, at: &Beneath, draft: Draft, now: Timestamp) {
        self.trouble.passed();
        let Some(track) = self.tracks.get_mut(at) else {
            return;
        };
        track.dirty = false;
        self.unreported = true;
        self.events.push(Event::Published {
            rendition: Text(track.name.clone()),
            first: draft.first,
            last: draft.last,
            ended: draft.ended,
        });
        for (media, stays) in track.published(draft) {
            self.names.leave(&media.path);
            self.window.left(media.path, stays, now);
        }
        if track.timeline == Timeline::Live {
            let stays = track.stays();
            for folder in track.folders() {
                self.window.adopt(&folder, stays);
            }
        }
    }

    /// Publishes each multivariant playlist whose children are all published.
    pub(super) fn publish_multivariants(&mut self, now: Timestamp) {
        let all: Vec<Beneath> = self.multivariants.keys().cloned().collect();
        for at in all {
            if self.refused.contains(&at) {
                continue;
            }
            let Some(list) = self.multivariants.get(&at) else {
                continue;
            };
            let is_published = |child: &Beneath| self.tracks.get(child).is_some_and(is_listed);
            match list.waits_for(is_published) {
                Some(stall) => self.stall(&at, stall, now),
                None => {
                    self.resume(&at);
                    self.publish_multivariant(&at, now);
                }
            }
        }
    }

    fn publish_multivariant(&mut self, at: &Beneath, now: Timestamp) {
        let Some(list) = self.multivariants.get_mut(at) else {
            return;
        };
        if list.is_published {
            return;
        }
        if self.sink.playlist(at).ok().flatten().as_ref() == Some(&list.text) {
            list.is_published = true;
            return;
        }
        match self.sink.write_playlist(at, &list.text) {
            Ok(()) => {
                list.is_published = true;
                self.trouble.passed();
                let playlist = at.to_string();
                self.events.push(Event::MultivariantPublished { playlist });
            }
            Err(error) => self.events.extend(self.trouble.failed(&error, now)),
        }
    }
}

fn is_listed(track: &Track) -> bool {
    track.listed.is_some()
}
