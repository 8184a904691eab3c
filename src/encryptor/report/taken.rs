//! Times from the clock for undated segments, while the server that should say them is away.
//!
//! Each encryptor has its own clock, so redundant outputs may differ; the server is told, and has
//! the last word for what is not published yet. Must not know: periods.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::{MAX_KEPT, Reporter};
use crate::api::{Claim, Text};
use crate::domain::Timestamp;
use crate::encryptor::event::Event;
use crate::encryptor::undated::{Claims, Times, Undated, assigned, claim};

/// A rendition whose segment of a number is seen within this of another's shares its time.
const TOGETHER: Duration = Duration::from_secs(10);
/// How often it is looked whether the server is away, while a time is waited for.
const LOOK: Duration = Duration::from_millis(250);

impl Reporter {
    /// Takes times until it is dropped.
    pub(in crate::encryptor) async fn take_times(self: Arc<Self>) {
        let mut progress = self.progress.clone();
        let mut seen = Claims::default();
        let mut is_told = false;
        loop {
            let wanted = progress.borrow_and_update().claims.clone();
            let open = self.open(&wanted);
            let now = self.term.server_time();
            let first = |undated: Undated| {
                let time = seen.get(&undated).unwrap_or(now);
                (undated, time)
            };
            seen = open.into_iter().map(first).collect();
            if self.term.server_time_while_away().is_none() {
                is_told &= !self.term.is_in_touch();
            } else if let Some((segment, time)) = self.take_from_clock(&seen)
                && !std::mem::replace(&mut is_told, true)
            {
                let time = Text(time);
                (self.tell)(Event::TimeTaken { segment, time });
            }
            tokio::select! {
                () = sleep(LOOK), if !seen.is_empty() => {}
                changed = progress.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Each of the segments begins when it was first seen, times following numbers. Gives the
    /// first.
    fn take_from_clock(&self, seen: &Claims) -> Option<(u64, Timestamp)> {
        let taken = placed(seen, &self.claims.borrow());
        let ((_, segment), time) = taken.iter().next()?;
        self.taken.send_modify(|all| {
            all.extend(taken.iter());
            all.keep_last(MAX_KEPT);
        });
        self.insert(&taken);
        Some((segment, time))
    }

    /// What was taken from the clock, to be reported: at most `count`.
    pub(super) fn taken_claims(&self, count: usize) -> Vec<Claim> {
        self.taken.borrow().iter().take(count).map(claim).collect()
    }

    /// The server has heard of `reported` and said the times `decided`.
    pub(super) fn settle(&self, reported: &[Claim], decided: &[Claim]) {
        let decided: Claims = decided.iter().filter_map(assigned).collect();
        let differs = |(undated, time): &(Undated, Timestamp)| {
            let said = decided.get(undated);
            said.is_some_and(|said| said != *time)
        };
        let reported: Vec<_> = reported.iter().filter_map(assigned).collect();
        let segments = reported.iter().filter(|one| differs(one)).count();
        if segments > 0 {
            (self.tell)(Event::TimesDiffer { segments });
        }
        if !reported.is_empty() {
            self.taken.send_modify(|taken| {
                for (undated, _) in &reported {
                    taken.remove(undated);
                }
            });
        }
        self.insert(&decided);
    }
}

/// The times of `seen` beside those `known`. Renditions that share their numbers share their times.
fn placed(seen: &Claims, known: &Claims) -> Claims {
    let mut placed = Claims::default();
    for ((rendition, segment), time) in seen.iter() {
        let near = |claims: &Claims| claims.near(segment, time, TOGETHER);
        let time = near(known).or_else(|| near(&placed)).unwrap_or(time);
        placed.insert((rendition, segment), time);
    }
    let none = Times::new();
    let of_each = placed.by_rendition().flat_map(|(rendition, times)| {
        let known = known.of(rendition).unwrap_or(&none);
        let times = in_order(times, known).into_iter();
        times.map(|(segment, time)| ((rendition.clone(), segment), time))
    });
    of_each.collect()
}

/// The times of `seen`, none before that of a lower number in `known` or after that of a higher.
fn in_order(seen: &Times, known: &Times) -> Times {
    let mut last: Option<Timestamp> = None;
    let place = |(msn, time): (&u64, &Timestamp)| {
        let before = known.range(..msn).next_back().map(|(_, time)| *time);
        let after = known.range(msn..).next().map(|(_, time)| *time);
        let floor = before.max(last);
        let time = floor.map_or(*time, |floor| floor.max(*time));
        let time = after.map_or(time, |after| after.min(time));
        last = Some(time);
        (*msn, time)
    };
    seen.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_follow_numbers() {
        let at = Timestamp::from_millis;
        let claims = |pairs: &[(u64, i64)]| -> Times {
            pairs.iter().map(|(msn, time)| (*msn, at(*time))).collect()
        };
        let known = claims(&[(5, 500), (9, 900)]);
        let seen = claims(&[(4, 700), (6, 450), (7, 950), (8, 600), (10, 950), (11, 940)]);
        let placed = in_order(&seen, &known);
        let expected = [(4, 500), (6, 500), (7, 900), (8, 900), (10, 950), (11, 950)];
        assert_eq!(placed, claims(&expected));
        assert_eq!(in_order(&seen, &Times::new())[&6], at(700));
    }
}
