//! Retention: when a key is no longer served, when it is destroyed, when its row goes.
//!
//! Reports and leases say until when playlists may list a key; the sweep compares that with a time
//! of its own, which follows the clock but never leaps with it. Must not know: HTTP, or SQL.

use std::convert::Infallible;
use std::time::Duration;

use crate::domain::{Boundary, PeriodState, Position, REFRESH, Schedule, StreamId, Timestamp};
use crate::store::{BroughtLife, KeyLife, LeaseEnds, Reach, RenditionReach, Step};

use super::{Config, Keys, KeysError};

/// Keys that are looked at together.
const BATCH: u32 = 200;
/// How many times in a row, before others have their turn.
const BATCHES: u32 = 100;
/// A segment's duration is not reported: it is no longer than its playlist's, nor than this.
const LONGEST_SEGMENT: Duration = Duration::from_secs(600);
/// A served key is looked at this often, whatever was expected of it.
const DAY: Duration = Duration::from_secs(24 * 3600);
const SHORTEST_SWEEP: Duration = Duration::from_secs(1);

/// How long keys are served and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    grace: Duration,
    window: Duration,
    destroy_after: Duration,
    sweep: Duration,
    lease: Duration,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Keys that are no longer served.
    pub retired: usize,
    /// Keys that are wiped.
    pub destroyed: usize,
    /// Destroyed keys of which no trace remains.
    pub forgotten: usize,
}

/// A stream as far as its old keys are concerned.
struct Scene {
    schedule: Schedule,
    reach: Reach,
    renditions: Vec<RenditionReach>,
    leases: LeaseEnds,
}

/// How far everybody is who may still need a key.
struct Passed {
    segment: Option<u64>,
    time: Option<Timestamp>,
}

impl Rules {
    pub(super) fn new(config: &Config) -> Self {
        let retention = &config.retention;
        Self {
            grace: retention.grace.0.into(),
            window: retention.window.0.into(),
            destroy_after: retention.destroy_after.0.into(),
            sweep: Duration::from(retention.sweep.0).max(SHORTEST_SWEEP),
            lease: config.lease.0.into(),
        }
    }
}

impl Keys {
    /// Sweeps again and again, until it is dropped. Each pause is a little longer or shorter, so
    /// that servers of one database do not meet.
    pub async fn sweep_on(&self) -> Infallible {
        loop {
            let mut byte = [0];
            self.entropy.fill(&mut byte);
            let (rest, share) = (self.retention.sweep / 4, u32::from(byte[0]));
            tokio::time::sleep(3 * rest + 2 * rest * share / 255).await;
            match self.sweep().await {
                Ok(swept) if swept == Swept::default() => {}
                Ok(Swept {
                    retired,
                    destroyed,
                    forgotten,
                }) => {
                    tracing::info!(retired, destroyed, forgotten, "old keys were swept");
                }
                Err(error) => tracing::warn!(%error, "old keys could not be swept"),
            }
        }
    }

    /// Looks at every key that is due, once. Two servers may do so at the same time.
    pub async fn sweep(&self) -> Result<Swept, KeysError> {
        let (now, rules) = (self.clock.now(), self.retention);
        let at = self.store.reckon(now, 2 * rules.sweep).await?;
        let (mut swept, mut failed) = (Swept::default(), None);
        for _ in 0..BATCHES {
            let mut due = self.store.due(at, BATCH).await?;
            if due.is_empty() {
                break;
            }
            due.sort_by(|a, b| a.stream.cmp(&b.stream));
            for keys in due.chunk_by(|a, b| a.stream == b.stream) {
                // One stream that cannot be read keeps no other's keys alive.
                if let Err(error) = self.sweep_stream(keys, at, &mut swept).await {
                    self.put_off(keys, at).await?;
                    failed.get_or_insert(error);
                }
            }
            tokio::task::yield_now().await;
        }
        // Some time after their end, so that no clock that is behind takes one for unused.
        self.store.forget_uses(at.minus(DAY), BATCH).await?;
        failed.map_or(Ok(swept), Err)
    }

    /// Keys of a stream that cannot be read make room for others.
    async fn put_off(&self, keys: &[KeyLife], at: Timestamp) -> Result<(), KeysError> {
        let Some(KeyLife { stream, .. }) = keys.first() else {
            return Ok(());
        };
        let then = at.plus(10 * self.retention.sweep);
        let steps = keys
            .iter()
            .map(|key| (key.clone(), look(key, key.since, then)));
        let steps: Vec<_> = steps.collect();
        self.store.apply(stream, &steps).await?;
        Ok(())
    }

    /// The keys are all of one stream.
    async fn sweep_stream(
        &self,
        keys: &[KeyLife],
        at: Timestamp,
        swept: &mut Swept,
    ) -> Result<(), KeysError> {
        let Some(KeyLife { stream, .. }) = keys.first() else {
            return Ok(());
        };
        let scene = self.scene(stream, at).await?;
        let decide = |key: &KeyLife| (key.clone(), self.retention.step(key, scene.as_ref(), at));
        let steps: Vec<_> = keys.iter().map(decide).collect();
        let changed = self.store.apply(stream, &steps).await?;
        for (key, step) in steps.iter().filter(|(key, _)| changed.contains(&key.kid)) {
            self.count(key, step, swept).await;
        }
        Ok(())
    }

    async fn scene(&self, stream: &StreamId, at: Timestamp) -> Result<Option<Scene>, KeysError> {
        let Some(row) = self.store.stream(stream).await? else {
            return Ok(None);
        };
        Ok(Some(Scene {
            schedule: row.stream.schedule,
            reach: self.store.reach(stream, self.lease).await?,
            renditions: self.store.reaches(stream).await?,
            leases: self.store.lease_ends(stream, at.minus(2 * REFRESH)).await?,
        }))
    }

    async fn count(&self, key: &KeyLife, step: &Step, swept: &mut Swept) {
        let is_new = |state| key.state != state;
        match step {
            Step::Note {
                state: PeriodState::Retired,
                ..
            } if is_new(PeriodState::Retired) => {
                swept.retired += 1;
                self.caches.forget_key(key.kid).await;
            }
            Step::Note {
                state: PeriodState::Destroyed,
                ..
            } if is_new(PeriodState::Destroyed) => {
                swept.destroyed += 1;
                self.caches.forget_key(key.kid).await;
            }
            Step::Note { .. } => {}
            Step::Forget => swept.forgotten += 1,
        }
    }
}

impl Rules {
    /// What becomes of the key, at retention's time `at`; `scene` is that of its stream, if that is
    /// registered.
    fn step(&self, key: &KeyLife, scene: Option<&Scene>, at: Timestamp) -> Step {
        use PeriodState::{Active, Destroyed, Pending, Retired, Revoked};
        match (key.state, scene) {
            (Pending | Active, Some(scene)) if key.is_registered => self.live(key, scene, at),
            (Pending | Active, _) => self.ended(Retired, at),
            (Retired | Revoked, _) => match key.since {
                None => self.ended(key.state, at),
                Some(since) => match since.plus(self.destroy_after) {
                    due if due <= at => self.ended(Destroyed, at),
                    due => look(key, key.since, due),
                },
            },
            (Destroyed, _) => self.destroyed(key, scene, at),
        }
    }

    /// It is in this state since now.
    fn ended(&self, state: PeriodState, at: Timestamp) -> Step {
        Step::Note {
            state,
            since: Some(at),
            look: at.plus(self.destroy_after),
        }
    }

    /// A key that is wiped. While its period may still be asked for, its row says that the period
    /// had a key: another would be issued otherwise.
    fn destroyed(&self, key: &KeyLife, scene: Option<&Scene>, at: Timestamp) -> Step {
        let since = key.since.unwrap_or(at);
        let scene = scene.filter(|_| key.is_registered);
        // A packager may bring its kid again whenever it likes.
        let is_over = scene.is_none_or(|scene| {
            if key.brought.is_some() {
                return false;
            }
            let over = self.over(key, scene, at);
            over.is_some_and(|over| over <= at)
        });
        match since.plus(self.destroy_after) {
            due if due > at => look(key, Some(since), due),
            _ if is_over => Step::Forget,
            _ => look(key, Some(since), at.plus(DAY)),
        }
    }

    /// A key that is served.
    fn live(&self, key: &KeyLife, scene: &Scene, at: Timestamp) -> Step {
        let again = at.plus(10 * self.sweep);
        if let Some(said) = &key.brought {
            return self.brought(key, said, at);
        }
        if key.is_kept {
            return look(key, None, at.plus(DAY));
        }
        let over = match scene.is_leased(key, at) {
            true => None,
            false => self.over(key, scene, at),
        };
        let Some(over) = over else {
            return look(key, None, again);
        };
        // An encryptor that was not heard of may have listed it until its lease ended.
        let over = Some(over).max(scene.leases.silent).unwrap_or(over);
        let until = match key.listed {
            Some(listed) => {
                let removed = over.max(listed).plus(key.duration.min(LONGEST_SEGMENT));
                removed.plus(key.duration).plus(self.grace)
            }
            None => over.plus(self.window).plus(self.grace),
        };
        match until <= at {
            true => self.ended(PeriodState::Retired, at),
            false => look(key, Some(key.since.unwrap_or(at)), until.min(at.plus(DAY))),
        }
    }

    /// A key that is served and whose packager says where its period ends; without a word of that,
    /// it is served as long as the stream is registered.
    fn brought(&self, key: &KeyLife, said: &BroughtLife, at: Timestamp) -> Step {
        let Some(over) = said.ends.or(said.passed) else {
            return look(key, None, at.plus(10 * self.sweep));
        };
        let until = over.max(key.issued).plus(self.window).plus(self.grace);
        match until <= at {
            true => self.ended(PeriodState::Retired, at),
            false => look(key, key.since, until.min(at.plus(10 * self.sweep))),
        }
    }

    /// When the key's period is over, so that no segment can be published under it any more; `None`
    /// while that cannot be said.
    fn over(&self, key: &KeyLife, scene: &Scene, at: Timestamp) -> Option<Timestamp> {
        let schedule = &scene.schedule;
        if schedule.slot(key.slot.index) != Some(key.slot) {
            // A change has moved the schedule past it; only an older lease has it still.
            return Some(start(key).max(key.issued).plus(self.lease));
        }
        let end = schedule.end_of(key.slot)?;
        let passed = scene.passed(key, self.window, at);
        match end {
            Boundary::Segment(end) => {
                let is_over = passed.segment.is_some_and(|segment| segment >= end);
                is_over.then(|| key.since.unwrap_or(at))
            }
            Boundary::Time(end) => {
                let over = self.by_clock(key, end);
                match passed.time {
                    Some(reached) if reached >= end => Some(over),
                    // The source stands still, or is gone.
                    Some(_) => (over.plus(self.window) <= at).then_some(over),
                    None => Some(over),
                }
            }
        }
    }

    /// The clock's time of a period's end. A period that was over when it was issued is one of a
    /// source whose times are not the clock's.
    fn by_clock(&self, key: &KeyLife, end: Timestamp) -> Timestamp {
        match end <= key.issued {
            true => key.issued.plus(2 * end.since(start(key))).plus(self.lease),
            false => end,
        }
    }
}

impl Scene {
    /// How far the slowest is of the renditions that may need the key: numbers and assigned times go
    /// at a speed of their own in each. One that has stood still for a `window` is taken for gone.
    fn passed(&self, key: &KeyLife, window: Duration, at: Timestamp) -> Passed {
        let is_alive = |one: &&RenditionReach| one.moved.plus(window) > at;
        let needs = |one: &&RenditionReach| {
            key.rendition
                .as_ref()
                .is_none_or(|own| *own == one.rendition)
        };
        let all = || self.renditions.iter().filter(is_alive).filter(needs);
        Passed {
            segment: all().map(|one| one.segment).min().or(self.reach.segment),
            time: all().filter_map(|one| one.time).min().or(self.reach.time),
        }
    }

    /// Whether somebody's lease may cover the key: leases begin a period before the present one,
    /// by the clock or by what was reported.
    fn is_leased(&self, key: &KeyLife, at: Timestamp) -> bool {
        if self.leases.last.is_none_or(|end| end <= at) {
            return false;
        }
        let segment = self.reach.segment.unwrap_or(0);
        let times = [at, self.reach.time.unwrap_or(at)];
        let slots = times.map(|time| {
            let time = Some(time);
            self.schedule.slot_at(Position { segment, time })
        });
        let first = slots
            .map(|slot| slot.map(|slot| slot.index))
            .into_iter()
            .min();
        first
            .flatten()
            .is_none_or(|first| key.slot.index >= first.saturating_sub(1))
    }
}

/// Where the period begins, if that is a time; else when it was issued.
fn start(key: &KeyLife) -> Timestamp {
    match key.slot.boundary {
        Boundary::Time(start) => start,
        Boundary::Segment(_) => key.issued,
    }
}

/// The key stays as it is and is looked at again then.
fn look(key: &KeyLife, since: Option<Timestamp>, then: Timestamp) -> Step {
    Step::Note {
        state: key.state,
        since,
        look: then,
    }
}

#[cfg(test)]
mod apart;
#[cfg(test)]
mod tests;
