//! Segments of all renditions that are ready, encrypted together and made durable.
//!
//! Must not know: playlists' texts; nothing is listed here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::choose::{Candidate, Choice, Context, Missing, Wants, choose};
use super::engine::Engine;
use super::event::{Event, StallReason};
use super::notices::Stall;
use super::outgoing::{self, Outgoing, Part};
use super::path::Beneath;
use super::runs::fingerprint;
use super::seal::{Plain, seal};
use super::section::Planned;
use super::sink::SinkError;
use super::source::Content;
use super::track::{Done, Media, Taken, Track};
use crate::api::Text;
use crate::domain::Timestamp;
use crate::playlist::{ByteRange, RewriteError};

/// A batch is at most this many segments…
const MAX_SEGMENTS: usize = 64;
/// … and, one segment excepted, at most this many bytes.
const MAX_BYTES: u64 = 64 << 20;

/// What each rendition waits for, the earliest segment only.
type Stalls = BTreeMap<Beneath, Stall>;
type Queue = (Beneath, VecDeque<Candidate>);

impl Engine {
    /// Encrypts a batch of what is ready. Says whether it helps to go on at once.
    pub(super) fn encrypt(&mut self, context: &Context<'_>, wants: &mut Wants) -> bool {
        let mut stalls = Stalls::new();
        let (mut queues, mut more) = (Vec::new(), false);
        for (at, track) in &mut self.tracks {
            let choice = choose(track, &mut self.source, &mut self.names, wants, context);
            let Choice {
                ready,
                gaps,
                stall,
                is_cut,
            } = choice;
            more |= is_cut;
            for gap in gaps {
                self.events.extend(note_gap(track, &gap));
            }
            let stall = stall.or_else(|| track.behind());
            stalls.extend(stall.map(|stall| (at.clone(), stall)));
            queues.push((at.clone(), ready.into()));
        }
        let (batch, is_full) = gather(queues);
        more |= is_full;
        let (batch, taken_up) = self.take_up(batch, context.now);
        let batch = self.read_batch(batch, &mut stalls);
        let before = self.tally.segments;
        self.seal_batch(batch, &mut stalls, context.now);
        self.tell_stalls(stalls, context.now);
        more && (taken_up || self.tally.segments > before)
    }

    /// The bytes of each segment that is whole.
    fn read_batch(
        &mut self,
        batch: Vec<(Beneath, Candidate)>,
        stalls: &mut Stalls,
    ) -> Vec<(Beneath, Candidate, Vec<u8>)> {
        let mut whole = Vec::with_capacity(batch.len());
        for (at, mut candidate) in batch {
            let piece = &candidate.source;
            let (reason, detail) = match self.source.segment(piece, candidate.stamp) {
                Content::Whole(bytes) => {
                    candidate.fingerprint = Some(fingerprint(&bytes));
                    whole.push((at, candidate, bytes));
                    continue;
                }
                Content::Changed => (StallReason::Growing, format!("{piece} is being written")),
                Content::Torn(how) => (StallReason::Truncated, how),
                Content::Failed(why) => (StallReason::NotReadable, format!("{piece}: {why}")),
            };
            // a part that is not whole holds up nothing
            if candidate.partial.is_none() {
                note_stall(stalls, &at, candidate.msn, reason, detail);
            }
        }
        whole
    }

    /// Encrypts the batch and writes what opens again. A segment counts as done once it and its
    /// name are durable.
    fn seal_batch(
        &mut self,
        batch: Vec<(Beneath, Candidate, Vec<u8>)>,
        stalls: &mut Stalls,
        now: Timestamp,
    ) {
        let needed = batch
            .iter()
            .filter_map(|(_, candidate, _)| candidate.section.as_ref());
        let unsealed = match self.write_sections(needed) {
            Ok(unsealed) => unsealed,
            Err(error) => return self.events.extend(self.trouble.failed(&error, now)),
        };
        let (segments, plain): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .map(|(at, candidate, bytes)| {
                let (key, iv) = (candidate.key.clone(), candidate.iv);
                ((at, candidate), Plain { bytes, key, iv })
            })
            .unzip();
        let mut sound = Vec::with_capacity(segments.len());
        for ((at, candidate), sealed) in segments.into_iter().zip(seal(plain)) {
            let section = candidate.section.as_ref();
            let is_unsealed = |section: &Planned| unsealed.contains(&section.published.path);
            match sealed.filter(|_| !section.is_some_and(is_unsealed)) {
                None => {
                    let detail = "its ciphertext does not open again".to_owned();
                    note_stall(stalls, &at, candidate.msn, StallReason::SelfCheck, detail);
                }
                Some(sealed) => sound.push((at, candidate, sealed)),
            }
        }
        if let Err(error) = self.write_files(outgoing::files(sound)) {
            self.events.extend(self.trouble.failed(&error, now));
        }
    }

    /// Writes files up to the first that cannot be, and takes note of the segments in them.
    fn write_files(&mut self, files: Vec<Outgoing>) -> Result<(), SinkError> {
        self.note_names();
        let mut written = Vec::with_capacity(files.len());
        let mut failed = None;
        for file in files {
            match self.sink.write_segment(&file.path, &file.bytes) {
                Ok(()) => {
                    self.trouble.passed();
                    written.extend(file.parts);
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        self.sink.settle()?;
        self.note_durable(&written);
        for part in written {
            self.tell_done(&part);
            self.note_kept(part);
        }
        failed.map_or(Ok(()), Err)
    }

    /// A finished asset gets the same names whenever it is encrypted. A note that cannot be written
    /// costs a later run its memory, nothing else.
    fn note_names(&mut self) {
        let mut fresh = self.names.fresh();
        let tracks = self.tracks.values().filter(|track| track.is_live_list());
        let live: BTreeSet<&str> = tracks.map(|track| track.at.as_str()).collect();
        fresh.retain(|line| live.contains(line.rendition.as_str()));
        let noted = self.given.note(fresh);
        let failed = noted.err().map(|error| Event::JournalFailed {
            reason: error.to_string(),
        });
        self.events.extend(failed);
    }

    /// Tells of a segment that this run has encrypted.
    fn tell_done(&mut self, Part { at, candidate, .. }: &Part) {
        let Some(track) = self.tracks.get(at) else {
            return;
        };
        if candidate.partial.is_some() {
            return; // the segment is told of
        }
        let (msn, kid) = (candidate.msn, candidate.key.kid);
        if !candidate.is_held_over {
            self.held_over.remove(at);
        } else if self.held_over.insert(at.clone(), kid) != Some(kid) {
            self.events.push(Event::KeyHeld {
                rendition: Text(track.name.clone()),
                msn,
                kid: Text(kid),
            });
        }
        let bytes = candidate.len;
        let rendition = Text(track.name.clone());
        self.tally.segments += 1;
        self.tally.bytes += bytes;
        self.tally.kids.insert(kid);
        self.events.push(Event::Encrypted {
            rendition: rendition.clone(),
            msn,
            kid: Text(kid),
            bytes,
        });
        let mut before = track.done.range(..msn).rev();
        let last = before.find_map(|(_, done)| done.media.as_ref());
        if last.is_some_and(|last| last.kid != kid) {
            let kid = Text(kid);
            self.events.push(Event::Rotated {
                rendition,
                msn,
                kid,
            });
        }
    }

    /// Takes note of a segment that is durable in the sink.
    pub(super) fn note_kept(&mut self, part: Part) {
        let Part {
            at,
            candidate,
            range,
        } = part;
        let Some(track) = self.tracks.get_mut(&at) else {
            return;
        };
        self.window.keep(&candidate.name.path);
        track.made_from = track.made_from.min(candidate.msn);
        match candidate.partial {
            Some(_) => track.partials.note(candidate, |part| done(part, range)),
            None => drop(track.done.insert(candidate.msn, done(candidate, range))),
        }
        track.dirty = true;
    }

    fn tell_stalls(&mut self, mut stalls: Stalls, now: Timestamp) {
        let tracks = self.tracks.values();
        let faults = tracks.map(|track| (track.at.clone(), track.fault.as_ref().map(fault)));
        for (at, fault) in faults.collect::<Vec<_>>() {
            match stalls.remove(&at).or(fault) {
                _ if self.refused.contains(&at) => {}
                Some(stall) => self.stall(&at, stall, now),
                None => self.resume(&at),
            }
        }
    }
}

/// Takes candidates from each rendition in turn, so that none runs ahead of the others.
fn gather(mut queues: Vec<Queue>) -> (Vec<(Beneath, Candidate)>, bool) {
    let mut batch = Vec::new();
    let mut bytes = 0;
    loop {
        let before = batch.len();
        for (at, queue) in &mut queues {
            let Some(next) = queue.front() else { continue };
            let parts = next.parts;
            let fits = bytes + next.len <= MAX_BYTES && batch.len() < MAX_SEGMENTS;
            if !fits && !batch.is_empty() {
                return (batch, true);
            }
            // all ranges of one file come together
            for _ in 0..parts {
                let next = queue.pop_front();
                bytes += next.as_ref().map_or(0, |next| next.len);
                batch.extend(next.map(|next| (at.clone(), next)));
            }
        }
        if batch.len() == before {
            return (batch, false);
        }
    }
}

fn note_gap(track: &mut Track, gap: &Missing) -> Option<Event> {
    let done = Done {
        duration: gap.duration,
        date: gap.date,
        time: gap.date,
        media: None,
    };
    track.done.insert(gap.msn, done);
    track.dirty = true;
    gap.reason.map(|reason| Event::Gap {
        rendition: Text(track.name.clone()),
        msn: gap.msn,
        reason,
    })
}

/// The earliest segment's stall stands for its rendition.
fn note_stall(stalls: &mut Stalls, at: &Beneath, msn: u64, reason: StallReason, detail: String) {
    let stall = Stall {
        msn: Some(msn),
        reason,
        detail,
    };
    match stalls.get(at) {
        Some(known) if known.msn < Some(msn) => {}
        _ => drop(stalls.insert(at.clone(), stall)),
    }
}

fn fault(error: &RewriteError) -> Stall {
    Stall {
        msn: None,
        reason: StallReason::Rewrite,
        detail: error.to_string(),
    }
}

fn done(candidate: Candidate, range: Option<ByteRange>) -> Done {
    let iv = candidate.iv_written.then(|| candidate.iv.to_string());
    let is_alone = candidate.source.range.is_none();
    let taken = is_alone.then_some(Taken {
        path: candidate.source.path,
        was: candidate.stamp,
        told: candidate.stamp,
    });
    Done {
        duration: candidate.duration,
        date: candidate.date,
        time: candidate.time,
        media: Some(Media {
            kid: candidate.key.kid,
            key_uri: candidate.key.uri.clone(),
            iv,
            uri: candidate.name.uri,
            path: candidate.name.path,
            range,
            section: candidate.section.map(|section| section.published),
            source: taken,
            fingerprint: candidate.fingerprint,
        }),
    }
}
