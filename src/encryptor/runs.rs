//! The runs of the stream's source, as the server told them, and by what a playlist is known to
//! be in one.
//!
//! Must not know: how the server is asked, or what follows.

use std::collections::{BTreeMap, HashMap};

use crate::api::{Mark, Restart, RunMarks, RunView, Text};
use crate::crypto::sha256;
use crate::domain::{Fingerprint, Rendition, Run};

/// What the server said last, newest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Runs {
    /// The number of the question that it answered; 0 before any.
    pub(super) answered: u64,
    known: Vec<KnownRun>,
}

/// A run and what its segments were made of.
#[derive(Debug, Clone)]
pub(super) struct KnownRun {
    pub(super) run: Run,
    marks: HashMap<Rendition, BTreeMap<u64, Fingerprint>>,
}

/// What there is to say and to ask of the source's numbering.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SourceReport {
    /// The newest question; one that is answered needs no other report.
    pub(super) question: u64,
    /// A run is asked for.
    pub(super) restart: Option<Restart>,
    /// What the listed segments are made of, by run.
    pub(super) marks: BTreeMap<u64, Vec<Mark>>,
}

/// How many marks a report has at most.
const MAX_MARKS: usize = 100;
/// How much of each end of a segment its fingerprint covers, besides its length.
const ENDS: usize = 4096;

impl Runs {
    /// What the server answered to the question.
    pub(super) fn new(answered: u64, told: Vec<RunView>) -> Self {
        Self {
            answered,
            known: told.into_iter().map(KnownRun::from).collect(),
        }
    }

    /// The runs after the one with this ordinal, newest first; all without one.
    pub(super) fn after(&self, ordinal: Option<u64>) -> impl Iterator<Item = &KnownRun> + Clone {
        let is_later =
            move |known: &&KnownRun| ordinal.is_none_or(|after| known.run.ordinal > after);
        self.known.iter().filter(is_later)
    }

    /// The newest run.
    pub(super) fn newest_run(&self) -> Option<Run> {
        self.known.first().map(|known| known.run)
    }

    /// Whether somebody has published the rendition.
    pub(super) fn know(&self, rendition: &Rendition) -> bool {
        let mut runs = self.known.iter();
        runs.any(|known| known.marks(rendition).is_some())
    }

    /// The newest run's ordinal.
    pub(super) fn newest(&self) -> u64 {
        self.known.first().map_or(0, |known| known.run.ordinal)
    }
}

impl KnownRun {
    /// What the rendition's segments are made of, by the source's numbers.
    pub(super) fn marks(&self, rendition: &Rendition) -> Option<&BTreeMap<u64, Fingerprint>> {
        self.marks.get(rendition)
    }
}

impl From<RunView> for KnownRun {
    fn from(view: RunView) -> Self {
        let run = Run::from(&view);
        let mut marks: HashMap<Rendition, BTreeMap<u64, Fingerprint>> = HashMap::new();
        for mark in view.marks {
            let own = marks.entry(mark.rendition.0).or_default();
            own.insert(mark.segment, mark.fingerprint.0);
        }
        Self { run, marks }
    }
}

impl SourceReport {
    /// What the server is asked.
    pub(super) fn asked(&self) -> (u64, Option<&Restart>) {
        (self.question, self.restart.as_ref())
    }

    /// The marks that are not in `noted` yet, as many as a report may have.
    pub(super) fn unnoted(&self, noted: &HashMap<(u64, Rendition), u64>) -> Vec<RunMarks> {
        let mut room = MAX_MARKS;
        let is_new = |run: u64, mark: &Mark| {
            let last = noted.get(&(run, mark.rendition.0.clone()));
            last.is_none_or(|last| mark.segment > *last)
        };
        let runs = self.marks.iter().map(|(run, marks)| {
            let new = marks.iter().filter(|mark| is_new(*run, mark)).cloned();
            let marks: Vec<Mark> = new.take(room).collect();
            room -= marks.len();
            RunMarks { run: *run, marks }
        });
        runs.filter(|run| !run.marks.is_empty()).collect()
    }
}

/// A mark of a segment.
pub(super) fn mark(rendition: &Rendition, segment: u64, fingerprint: Fingerprint) -> Mark {
    Mark {
        rendition: Text(rendition.clone()),
        segment,
        fingerprint: Text(fingerprint),
    }
}

/// What tells a segment's bytes from another's: its length and both ends, since the whole would
/// cost as much as its encryption does.
pub(super) fn fingerprint(bytes: &[u8]) -> Fingerprint {
    let (head, tail) = (
        &bytes[..bytes.len().min(ENDS)],
        &bytes[bytes.len().saturating_sub(ENDS)..],
    );
    let whole = sha256(&[&(bytes.len() as u64).to_be_bytes(), head, tail].concat());
    let mut out = [0; 16];
    out.copy_from_slice(&whole[..16]);
    Fingerprint::from_bytes(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_of_the_length_and_both_ends() {
        let bytes = vec![7; 20_000];
        let of = |at: usize| {
            let mut bytes = bytes.clone();
            bytes[at] = 8;
            fingerprint(&bytes)
        };
        assert_ne!(of(0), fingerprint(&bytes));
        assert_ne!(of(19_999), fingerprint(&bytes));
        assert_ne!(fingerprint(&bytes[1..]), fingerprint(&bytes));
        assert_eq!(fingerprint(&bytes), fingerprint(&bytes.clone()));
        fingerprint(&[]);
    }

    #[test]
    fn a_mark_is_reported_once() {
        let rendition: Rendition = "v0/index.m3u8".parse().unwrap();
        let mark = |segment| mark(&rendition, segment, fingerprint(b"fake"));
        let report = SourceReport {
            marks: BTreeMap::from([(0, vec![mark(4), mark(5)]), (1, vec![mark(0)])]),
            ..SourceReport::default()
        };
        let noted = HashMap::from([((0, rendition.clone()), 4), ((1, rendition.clone()), 0)]);
        let new = report.unnoted(&noted);
        let expected = RunMarks {
            run: 0,
            marks: vec![mark(5)],
        };
        assert_eq!(new, [expected]);
    }
}
