//! A finished asset: which playlists are its own, what an earlier run made of it, how far it is.
//!
//! Must not know: how segments are encrypted.

use super::choose::Candidate;
use super::engine::Engine;
use super::event::Event;
use super::journal::Line;
use super::outgoing::Part;
use super::path::Beneath;
use super::place::Timeline;
use crate::api::Text;
use crate::domain::Timestamp;

/// How far the asset is: what was told last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Advance {
    done: u64,
    total: u64,
}

impl Engine {
    /// `found`, and first the playlist that was named: it tells which others are its own.
    pub(super) fn entry_first(&self, mut found: Vec<Beneath>) -> Vec<Beneath> {
        found.sort_by_key(|at| Some(at) != self.entry.as_ref());
        found
    }

    /// Whether a playlist is the asset's own: the one that was named, or one that it names. Where
    /// none was named, all are.
    pub(super) fn is_own(&self, at: &Beneath) -> bool {
        self.entry.as_ref().is_none_or(|entry| {
            let list = self.multivariants.get(entry);
            at == entry || list.is_some_and(|list| list.children.contains(at))
        })
    }

    /// Takes up what an earlier run made durable of `batch`; gives the rest.
    pub(super) fn take_up(
        &mut self,
        batch: Vec<(Beneath, Candidate)>,
        now: Timestamp,
    ) -> (Vec<(Beneath, Candidate)>, bool) {
        if self.journal.is_new() {
            return (batch, false);
        }
        let is_durable = |(at, candidate): &(Beneath, Candidate)| self.is_durable(at, candidate);
        let (durable, rest): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_durable);
        let some = !durable.is_empty();
        let needed = durable.iter();
        let needed = needed.filter_map(|(_, candidate)| candidate.section.as_ref());
        let written = self.write_sections(needed);
        match written.and_then(|unsealed| self.sink.settle().map(|()| unsealed)) {
            Ok(unsealed) if unsealed.is_empty() => {
                for (at, candidate) in durable {
                    let range = None;
                    self.note_kept(Part {
                        at,
                        candidate,
                        range,
                    });
                }
                (rest, some)
            }
            Ok(_) => (rest, false),
            Err(error) => {
                self.events.extend(self.trouble.failed(&error, now));
                (rest, false)
            }
        }
    }

    fn is_durable(&self, at: &Beneath, candidate: &Candidate) -> bool {
        let path = &candidate.name.path;
        let is_alone = candidate.parts == 1 && self.is_finished(at);
        let Some(noted) = self.journal.get(path).filter(|_| is_alone) else {
            return false;
        };
        *noted == line(candidate, noted.len) && self.sink.length(path) == Some(noted.len)
    }

    fn is_finished(&self, at: &Beneath) -> bool {
        let track = self.tracks.get(at);
        track.is_some_and(|track| track.timeline == Timeline::Finished)
    }

    /// Notes durable segments of finished lists for a later run. A journal that cannot be written
    /// costs that run time, nothing else.
    pub(super) fn note_durable(&mut self, written: &[Part]) {
        let finished = written
            .iter()
            .filter(|part| part.range.is_none() && self.is_finished(&part.at));
        let lines = finished.filter_map(|Part { candidate, .. }| {
            let len = self.sink.length(&candidate.name.path)?;
            Some(line(candidate, len))
        });
        let lines: Vec<Line> = lines.collect();
        if let Err(error) = self.journal.note(&lines) {
            let reason = error.to_string();
            self.events.push(Event::JournalFailed { reason });
            self.journal.finish();
        }
    }

    /// How far finished lists are, if that has changed.
    pub(super) fn advanced(&mut self) -> Option<Event> {
        let tracks = self.tracks.values();
        let finished = tracks.filter(|track| track.timeline == Timeline::Finished);
        let mut now = Advance::default();
        for track in finished {
            let all = track
                .source
                .as_ref()
                .map_or(0, |list| list.segments().len());
            now.total += all as u64;
            now.done += track.done.len() as u64;
        }
        if std::mem::replace(&mut self.advance, now) == now {
            return None;
        }
        let Advance { done, total } = now;
        Some(Event::Advanced { done, total })
    }
}

/// What there is to note of a segment that is `len` bytes long in the sink.
fn line(candidate: &Candidate, len: u64) -> Line {
    Line {
        path: candidate.name.path.to_string(),
        msn: candidate.msn,
        kid: Text(candidate.key.kid),
        iv: candidate.iv.to_string(),
        piece: candidate.source.to_string(),
        source: candidate.stamp,
        len,
    }
}
