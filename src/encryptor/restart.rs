//! Which run a playlist is in, and what is asked of the server when it is in none.
//!
//! A source that begins its numbering anew writes files; one that shows an old playlist for a
//! moment does not. So a playlist that breaks with what is published is a restart where it lists
//! a file that was written after all that were taken before. Must not know: HTTP, keys.

use super::choose::Context;
use super::continuity::Break;
use super::engine::Engine;
use super::event::{Event, StallReason};
use super::likeness::{Found, Open};
use super::notices::Stall;
use super::path::Beneath;
use super::runs::{Runs, SourceReport, mark};
use super::track::{Track, patience};
use crate::api::{Restart, Text};
use crate::domain::{Fingerprint, Run, Timestamp};
use crate::playlist::{MediaPlaylist, Segment};

/// The source of a rendition has begun anew.
#[derive(Debug, Clone)]
pub(super) struct Restarted {
    since: Timestamp,
    /// What the server must have answered before anything is decided.
    question: u64,
    /// What a new run would begin with, where it is in none that the server knows.
    claim: Option<Claim>,
}

impl Restarted {
    /// The clock was set back to `now`.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        self.since = self.since.min(now);
    }

    /// The clock was set ahead.
    pub(super) fn set_ahead(&mut self, by: std::time::Duration) {
        self.since = self.since.plus(by);
    }

    /// Whether a new run is asked for.
    pub(super) fn is_claimed(&self) -> bool {
        self.claim.is_some()
    }
}

/// A run that a rendition needs.
#[derive(Debug, Clone)]
struct Claim {
    after: u64,
    first: u64,
    fingerprint: Fingerprint,
    time: Option<Timestamp>,
    discontinuities: u64,
    patience: std::time::Duration,
}

impl Engine {
    /// The run that `list` of a rendition is in: the one of the last playlist, unless that ended.
    pub(super) fn run_of(
        &mut self,
        at: &Beneath,
        list: &MediaPlaylist,
        context: &Context<'_>,
    ) -> Result<Run, Stall> {
        let (runs, now) = (context.runs, context.now);
        let Some(track) = self.tracks.get(at) else {
            return Ok(Run::INITIAL);
        };
        if let Some(run) = track.run {
            if !track.may_be_later(runs) {
                return Ok(run);
            }
            self.with(at, Track::reopen);
        }
        let Some(track) = self.tracks.get(at) else {
            return Ok(Run::INITIAL);
        };
        let question = track.question.unwrap_or_else(|| self.ask());
        self.with(at, |track| track.question = Some(question));
        if runs.answered < question {
            let run = self.proved(at, list, context).ok_or_else(unclaimed)?;
            self.with(at, |track| track.begin(run));
            return Ok(run);
        }
        if self.is_early(at, list, runs, now) {
            return Err(beside());
        }
        match self.find(at, list, runs, None, now)? {
            Some(Found { run, is_proved }) => {
                let guessed = (!is_proved).then(|| runs.newest());
                self.with(at, |track| {
                    track.begin(run);
                    track.guessed = guessed;
                });
                if run.ordinal > 0 {
                    self.remember(&run);
                }
                Ok(run)
            }
            None => {
                let how = "what it lists is in none of the source's numberings";
                self.claim(at, list, runs, how, now)
            }
        }
    }

    /// Whether a rendition that nobody knows yet is seen before the others, which are about to
    /// begin anew with it: it is in the run to come.
    fn is_early(&self, at: &Beneath, list: &MediaPlaylist, runs: &Runs, now: Timestamp) -> bool {
        let Some(track) = self.tracks.get(at) else {
            return false;
        };
        if track.listed.is_some() || runs.know(&track.name) {
            return false;
        }
        let is_young = now.since(track.found) < patience(list);
        let number = |last: &Segment| runs.newest_run()?.number(last.msn);
        let last = list.segments().last().and_then(number);
        let is_ahead = |other: &Track| {
            // I-frames have numbers of their own
            let is_alike = other.is_iframes() == list.is_iframes();
            let first = other.listed.as_ref().map(|listed| listed.first);
            is_alike && last < first
        };
        let mut others = self.tracks.values().filter(|other| other.is_live());
        others.any(|other| other.restarted.is_some() || is_young && is_ahead(other))
    }

    /// The run that begins with `list`, which breaks with what is published; an error while there
    /// is none.
    pub(super) fn next_run(
        &mut self,
        at: &Beneath,
        list: &MediaPlaylist,
        broken: &Break,
        runs: &Runs,
        now: Timestamp,
    ) -> Result<Run, Stall> {
        let (Break::Restarted(how) | Break::Shortened(how)) = broken else {
            return Err(stall(broken));
        };
        let is_live = self.tracks.get(at).is_some_and(Track::is_live_list);
        let opening = self.opening(at, list, now).filter(|_| is_live);
        let Some((index, _)) = opening else {
            return Err(stall(broken));
        };
        let track = self.tracks.get(at);
        let known = track.and_then(|track| track.restarted.as_ref());
        let known = known.map(|known| known.question);
        let after = track.and_then(|track| track.run).map(|run| run.ordinal);
        if after == Some(runs.newest()) {
            return self.claim(at, list, runs, how, now);
        }
        let question = known.unwrap_or_else(|| self.ask());
        self.note(at, how, question, now);
        if runs.answered < question {
            return Err(restarted(how));
        }
        let begins = list.segments()[index].msn;
        match self.find(at, list, runs, after, now)? {
            // A run that others began long ago numbers this one among what is published.
            Some(found) if found.is_proved || self.is_after(at, found.run.number(begins)) => {
                Ok(found.run)
            }
            _ => self.claim(at, list, runs, how, now),
        }
    }

    /// Whether a segment of that number follows on what is published of the rendition.
    fn is_after(&self, at: &Beneath, number: Option<u64>) -> bool {
        let track = self.tracks.get(at);
        let listed = track.and_then(|track| track.listed.as_ref());
        number.is_some_and(|number| listed.is_none_or(|listed| number > listed.last))
    }

    fn note(&mut self, at: &Beneath, how: &str, question: u64, now: Timestamp) {
        let Some(track) = self.tracks.get_mut(at) else {
            return;
        };
        let known = track.restarted.get_or_insert_with(|| {
            self.events.push(Event::SourceRestarted {
                rendition: Text(track.name.clone()),
                detail: how.to_owned(),
            });
            Restarted {
                since: now,
                question,
                claim: None,
            }
        });
        known.question = question;
    }

    /// Has the server asked for a run that begins with `list`.
    fn claim(
        &mut self,
        at: &Beneath,
        list: &MediaPlaylist,
        runs: &Runs,
        how: &str,
        now: Timestamp,
    ) -> Result<Run, Stall> {
        let waits = restarted(how);
        let Some((index, fingerprint)) = self.opening(at, list, now) else {
            return Err(waits);
        };
        self.note(at, how, runs.answered, now);
        let segment = &list.segments()[index];
        self.with(at, |track| {
            let own = u64::from(!segment.discontinuity);
            let said = list.discontinuities(index) - u64::from(segment.discontinuity);
            let before = track.discontinuities();
            let claim = Claim {
                after: runs.newest(),
                first: segment.msn,
                fingerprint,
                time: segment.time,
                discontinuities: before.saturating_add(own).saturating_sub(said),
                patience: patience(list),
            };
            if let Some(restarted) = &mut track.restarted {
                restarted.claim = Some(claim);
            }
        });
        Err(waits)
    }

    fn ask(&mut self) -> u64 {
        self.question += 1;
        self.question
    }

    fn with(&mut self, at: &Beneath, change: impl FnOnce(&mut Track)) {
        if let Some(track) = self.tracks.get_mut(at) {
            change(track);
        }
    }

    /// What there is to say and to ask of the source's numbering.
    pub(super) fn source_report(&self, runs: &Runs, now: Timestamp) -> SourceReport {
        let mut report = SourceReport {
            question: self.question,
            restart: self.restart(runs, now),
            ..SourceReport::default()
        };
        for track in self.tracks.values() {
            let Some(run) = track.run else { continue };
            let marks = track.marks(&run).map(|(n, own)| mark(&track.name, n, own));
            report.marks.entry(run.ordinal).or_default().extend(marks);
        }
        report
    }

    /// The run that the server is asked for. Renditions restart together and are seen to a little
    /// after each other, so the others are waited for.
    fn restart(&self, runs: &Runs, now: Timestamp) -> Option<Restart> {
        let is_current = |claim: &(&Track, &Restarted, &Claim)| claim.2.after == runs.newest();
        let all = self.tracks.values().filter_map(|track| {
            let restarted = track.restarted.as_ref()?;
            Some((track, restarted, restarted.claim.as_ref()?))
        });
        let claims: Vec<_> = all.filter(is_current).collect();
        let (_, _, first) = claims.iter().min_by_key(|(_, _, claim)| claim.first)?;
        let is_ready = |track: &Track| claims.iter().any(|(ready, ..)| ready.at == track.at);
        let mut others = self.tracks.values().filter(|track| !is_ready(track));
        let waits = others.any(|track| track.goes_on(runs));
        let is_over = |(_, restarted, claim): &(&Track, &Restarted, &Claim)| {
            now.since(restarted.since) >= claim.patience
        };
        if waits && !claims.iter().any(is_over) {
            return None;
        }
        let next = self.tracks.values().map(Track::next).max();
        let discontinuities = claims.iter().map(|(.., claim)| claim.discontinuities);
        let marks = claims.iter();
        let marks =
            marks.map(|(track, _, claim)| mark(&track.name, claim.first, claim.fingerprint));
        Some(Restart {
            after: first.after,
            first: first.first,
            next: next.unwrap_or(0),
            time: first.time.map(Text),
            discontinuities: discontinuities.max().unwrap_or(0),
            marks: marks.collect(),
            partial: waits,
        })
    }
}

impl Track {
    /// What it waits for while all that its source lists has numbers that are used already.
    pub(super) fn behind(&self) -> Option<Stall> {
        let last = self.source.as_ref()?.segments().last()?.msn;
        let floor = self.floor();
        (last < floor).then(|| Stall {
            msn: None,
            reason: StallReason::Restarted,
            detail: format!("it lists up to {last}, and is published from {floor} on"),
        })
    }
}

impl Track {
    /// Whether somebody may be publishing it, and more is to come.
    fn goes_on(&self, runs: &Runs) -> bool {
        let is_known = self.run.is_some() || self.listed.is_some() || runs.know(&self.name);
        let is_ended = self.source.as_ref().is_some_and(|list| list.is_ended());
        is_known && self.is_live_list() && !is_ended
    }

    /// Whether the source began anew since its run was guessed, and nothing was made of it: it may
    /// be in the newer one.
    pub(super) fn may_be_later(&self, runs: &Runs) -> bool {
        let is_untouched = self.listed.is_none() && self.done.is_empty();
        is_untouched && self.guessed.is_some_and(|newest| newest < runs.newest())
    }
}

fn restarted(how: &str) -> Stall {
    Stall {
        msn: None,
        reason: StallReason::Restarted,
        detail: format!("{how}; the server has not said yet how it is numbered on"),
    }
}

impl From<Open> for Stall {
    fn from(_: Open) -> Self {
        unclaimed()
    }
}

fn beside() -> Stall {
    Stall {
        detail: "the others are beginning anew, and it may be with them".to_owned(),
        ..unclaimed()
    }
}

fn unclaimed() -> Stall {
    Stall {
        msn: None,
        reason: StallReason::Unclaimed,
        detail: "the server has not said yet which of the source's numberings it is in".to_owned(),
    }
}

/// What a playlist that is not taken waits for.
pub(super) fn stall(broken: &Break) -> Stall {
    let (reason, detail) = match broken {
        Break::Nothing => (StallReason::Unreadable, "cannot be read: it lists nothing"),
        Break::Shortened(how) => (StallReason::Shortened, how.as_str()),
        Break::Finished(how) => (StallReason::Finished, how.as_str()),
        Break::Restarted(how) => (StallReason::Restarted, how.as_str()),
    };
    Stall {
        msn: None,
        reason,
        detail: detail.to_owned(),
    }
}
