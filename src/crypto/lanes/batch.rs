//! A batch of segments as what lanes are supplied with, and the batch by which a CPU proves its instructions.
//!
//! Must not know: registers.

use std::mem::take;

use super::{Instructions, Segment, Supply};
use crate::crypto::cbc::{Job, one_by_one};
use crate::crypto::{ContentKey, Iv};

/// Jobs whose data is padded.
pub(in crate::crypto) struct Batch<'b, 'a> {
    jobs: &'b mut [Job<'a>],
    /// Those that wait, the longest last: it is begun first, or it would run alone in the end.
    waiting: Vec<usize>,
}

/// The proof's segments: more than there are lanes, each of another length, so that lanes are filled again.
const PROVED: u8 = 41;

impl<'b, 'a> Batch<'b, 'a> {
    pub(in crate::crypto) fn of(jobs: &'b mut [Job<'a>]) -> Self {
        let mut waiting: Vec<usize> = (0..jobs.len()).collect();
        waiting.sort_unstable_by_key(|number| jobs[*number].data.len());
        Self { jobs, waiting }
    }
}

impl Supply for Batch<'_, '_> {
    fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn length(&self) -> usize {
        let longest = self.waiting.last();
        longest.map_or(0, |number| self.jobs[*number].data.len())
    }

    fn take(&mut self) -> Option<Segment> {
        let number = self.waiting.pop()?;
        let job = &mut self.jobs[number];
        Some(Segment {
            number,
            key: job.key.clone(),
            chain: *job.iv.as_bytes(),
            data: take(job.data),
            done: 0,
        })
    }

    fn done(&mut self, segment: Segment) {
        *self.jobs[segment.number].data = segment.data;
    }
}

/// Whether the instructions give what a cipher without them gives, in every lane and in every set of lanes. Few
/// machines have the newest ones, so that no test has seen them all; and no segment may ever be wrong.
pub(in crate::crypto) fn is_right(path: Instructions) -> bool {
    let keys: Vec<_> = (0..PROVED)
        .filter_map(|n| ContentKey::from_slice(&[n; 16]))
        .collect();
    let clear = |n: u8| vec![n; 16 * (1 + usize::from(n) * 7 % 43)];
    let run = |encrypt: &dyn Fn(&mut [Job<'_>]) -> bool| {
        let mut texts: Vec<_> = (0..PROVED).map(clear).collect();
        let with = keys.iter().zip(&mut texts).zip(0..);
        let mut jobs: Vec<_> = with
            .map(|((key, data), msn)| Job {
                key,
                iv: Iv::of_sequence(msn),
                data,
            })
            .collect();
        encrypt(&mut jobs).then_some(texts)
    };
    let known = run(&|jobs| {
        jobs.iter_mut().for_each(one_by_one);
        true
    });
    known.is_some() && run(&|jobs| path.encrypt(&mut Batch::of(jobs)).is_some()) == known
}
