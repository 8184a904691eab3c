//! How much of a client is read before it has been answered.
//!
//! actix reads on while requests wait for their turn, parses them all, and once it holds 128 KiB it
//! asks over and over whether it may go on, at the cost of a whole core. So here a connection hands
//! over a little at a time, and while an answer is pending next to nothing: whoever sends more has to
//! take answers first. Only a body that is being read flows.
//!
//! Must not know: HTTP; it is told when a question begins and ends.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Waker;

/// The longest head, in bytes, with room above what the envelope lets pass.
const HEAD: usize = 48 * 1024;
/// What is taken before what came so far is looked at: a few dozen of the smallest requests.
const SLICE: usize = 2 * 1024;
/// What is read ahead while something is pending, which also shows that a client is gone.
const AHEAD: usize = 512;

/// What becomes of the questions on one connection, told by those who answer; clones are the same.
#[derive(Clone, Default)]
pub(in crate::server) struct Questions(Rc<Told>);

#[derive(Default)]
struct Told {
    /// How many ever began.
    begun: Cell<u64>,
    /// How many are being answered.
    open: Cell<usize>,
    /// How many bodies are being read.
    bodies: Cell<usize>,
    /// How many answers are held back.
    held: Cell<usize>,
    /// The connection's task, if it waits for one of these to change.
    waiting: Cell<Option<Waker>>,
}

/// A question is being answered until this is dropped.
pub(in crate::server) struct Pending(Questions);

/// A body is being read until this is dropped.
pub(in crate::server) struct Reading(Questions);

/// An answer is held back until this is dropped.
pub(in crate::server) struct Holding(Questions);

impl Questions {
    /// A question that begins.
    pub(in crate::server) fn begin(&self) -> Pending {
        self.0.begun.set(self.0.begun.get().wrapping_add(1));
        self.0.open.set(self.0.open.get() + 1);
        Pending(self.clone())
    }

    /// A body that is wanted now.
    pub(in crate::server) fn read_body(&self) -> Reading {
        self.0.bodies.set(self.0.bodies.get() + 1);
        self.wake();
        Reading(self.clone())
    }

    /// An answer that waits for something to happen: its lateness is not the client's.
    pub(in crate::server) fn hold(&self) -> Holding {
        self.0.held.set(self.0.held.get() + 1);
        Holding(self.clone())
    }

    /// Whether an answer is held back.
    pub(super) fn holds(&self) -> bool {
        self.0.held.get() > 0
    }

    /// Whoever waits may look again.
    pub(super) fn wake(&self) {
        if let Some(waiting) = self.0.waiting.take() {
            waiting.wake();
        }
    }

    /// Who is woken when something changes.
    pub(super) fn watch(&self, waker: &Waker) {
        self.0.waiting.set(Some(waker.clone()));
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Questions(told) = &self.0;
        told.open.set(told.open.get().saturating_sub(1));
        self.0.wake();
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let Questions(told) = &self.0;
        told.bodies.set(told.bodies.get().saturating_sub(1));
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let Questions(told) = &self.0;
        told.held.set(told.held.get().saturating_sub(1));
    }
}

/// What may be read now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// So many bytes.
    Read(usize),
    /// Nothing until what came has been looked at, which is at once.
    Yield,
    /// Nothing until something is answered or taken.
    Wait,
    /// Nothing any more: so long a head there is not.
    End,
}

/// The count of one connection.
#[derive(Default)]
pub(super) struct Intake {
    pub(super) questions: Questions,
    /// `begun` when nothing was pending last.
    seen: u64,
    /// Bytes since then, while nothing was pending.
    head: usize,
    /// Bytes since then, while something was.
    ahead: usize,
    /// Bytes since the last look.
    slice: usize,
}

impl Intake {
    /// Whether anything is pending: a question, or what the client does not take (`stalled`).
    pub(super) fn is_busy(&self, stalled: bool) -> bool {
        stalled || self.questions.0.open.get() > 0
    }

    /// Whether a body is being read.
    pub(super) fn reads_body(&self) -> bool {
        self.questions.0.bodies.get() > 0
    }

    pub(super) fn next(&mut self, stalled: bool) -> May {
        if self.slice >= SLICE {
            self.slice = 0;
            return May::Yield;
        }
        let slice = SLICE - self.slice;
        if self.reads_body() {
            return May::Read(slice);
        }
        if self.is_busy(stalled) {
            return match AHEAD.saturating_sub(self.ahead) {
                0 => May::Wait,
                left => May::Read(left.min(slice)),
            };
        }
        let begun = self.questions.0.begun.get();
        if begun != self.seen {
            (self.seen, self.head, self.ahead) = (begun, 0, 0);
        }
        match HEAD.saturating_sub(self.head) {
            0 => May::End,
            left => May::Read(left.min(slice)),
        }
    }

    /// So many bytes came.
    pub(super) fn took(&mut self, count: usize, stalled: bool) {
        self.slice += count;
        if self.reads_body() {
            return;
        }
        match self.is_busy(stalled) {
            true => self.ahead += count,
            false => self.head += count,
        }
    }

    /// Nothing more has come, so all of it is looked at now.
    pub(super) fn drained(&mut self) {
        self.slice = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes what may be taken until it is told otherwise; how much that was.
    fn flood(intake: &mut Intake, stalled: bool) -> (usize, May) {
        let mut all = 0;
        loop {
            match intake.next(stalled) {
                May::Read(most) if all < 10 * HEAD => {
                    intake.took(most, stalled);
                    all += most;
                }
                May::Yield => {}
                other => return (all, other),
            }
        }
    }

    #[test]
    fn a_head_that_never_ends_is_ended() {
        assert_eq!(flood(&mut Intake::default(), false), (HEAD, May::End));
    }

    #[test]
    fn nothing_much_is_read_before_an_answer_or_while_it_is_not_taken() {
        let mut intake = Intake::default();
        intake.took(500, false);
        let pending = intake.questions.begin();
        assert_eq!(flood(&mut intake, false), (AHEAD, May::Wait));
        drop(pending);
        assert_eq!(flood(&mut intake, true), (0, May::Wait));
        // Pieces that are taken allow nothing, for the questions behind may be as many as before.
        for _ in 0..100 {
            drop(intake.questions.begin());
            assert_eq!(flood(&mut intake, true), (0, May::Wait));
        }
        assert!(matches!(intake.next(false), May::Read(_)));
        assert_eq!(flood(&mut intake, false), (HEAD, May::End), "a new head");
    }

    #[test]
    fn questions_one_by_one_are_read_for_ever() {
        let mut intake = Intake::default();
        for _ in 0..1000 {
            assert!(matches!(intake.next(false), May::Read(_)));
            intake.took(1000, false);
            intake.drained();
            drop(intake.questions.begin());
        }
    }

    #[test]
    fn a_body_flows_while_it_is_read() {
        let mut intake = Intake::default();
        let pending = intake.questions.begin();
        let reading = intake.questions.read_body();
        let mut all = 0;
        while all < 3 * HEAD {
            match intake.next(false) {
                May::Read(most) => {
                    intake.took(most, false);
                    all += most;
                }
                other => assert_eq!(other, May::Yield),
            }
        }
        drop(reading);
        assert_eq!(flood(&mut intake, false), (AHEAD, May::Wait));
        drop(pending);
        assert!(matches!(intake.next(false), May::Read(_)));
    }

    #[test]
    fn what_is_read_is_looked_at_piece_by_piece() {
        let mut intake = Intake::default();
        assert_eq!(intake.next(false), May::Read(SLICE));
        intake.took(SLICE, false);
        assert_eq!(intake.next(false), May::Yield);
        assert_eq!(intake.next(false), May::Read(SLICE));
    }
}
