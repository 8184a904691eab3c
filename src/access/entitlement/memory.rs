//! What a source said lately: how long it counts, when it is asked again, and what stands in for it
//! while it fails.
//!
//! A remembered answer is found without a lock that all cores share, and without I/O. All spans go
//! by the steady clock: who sets the wall clock neither ends nor lengthens an answer. Must not
//! know: the source.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;
use moka::policy::EvictionPolicy;

use super::agenda::Agenda;
use super::answer::{Answer, Failure, Kept, Question};
use super::config::CacheConfig;
use super::inquiry::Inquiry;
use crate::domain::{Clock, Entropy, Epochs, StreamId};
use crate::telemetry::EntitlementMeasures;

/// Bytes of memory at most: names, and about so much beside each.
const MEMORY: u64 = 64 << 20;
const BESIDE: usize = 320;
/// Viewers and streams that are forgotten share so many places with others, who are asked for
/// again too.
const PLACES: usize = 1 << 14;
/// How long a failure counts for a viewer of whom nothing is known: who asks again at once is not
/// worth another question.
const SHORTLY: Duration = Duration::from_millis(500);
/// A yes stands in for a source that failed so lately; later it is asked again first.
const LATELY: Duration = Duration::from_secs(60);
/// When a failed refresh is tried again: between this and four times as long.
const AGAIN: Duration = Duration::from_secs(3);
/// How often an answer that was overtaken by a change is asked for again.
const ATTEMPTS: u32 = 4;

/// The answers.
pub(super) struct Memory {
    slots: Cache<Arc<Kept>, Arc<Slot>>,
    epochs: Epochs,
    agenda: Agenda,
    rules: Rules,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    measures: EntitlementMeasures,
}

/// `[entitlement.cache]`.
struct Rules {
    ttl: Duration,
    least: Duration,
    most: Duration,
    deny: Duration,
    stale: Duration,
    refresh_for: Duration,
}

/// All that is remembered of one question.
struct Slot {
    known: Option<Known>,
    /// When the source failed last, if not what is known came after.
    failed: Option<(Duration, Failure)>,
    /// When it is due to be asked again, if it is.
    due: Option<Duration>,
    /// When a viewer asked last, in whole seconds of the steady clock.
    used: AtomicU64,
}

/// What the source said last.
#[derive(Debug, Clone, Copy)]
struct Known {
    answer: Answer,
    epoch: u64,
    /// When it was said.
    said: Duration,
    /// Until when it counts.
    fresh: Duration,
    /// Until when it counts while the source fails.
    stale: Duration,
}

/// What memory says to a question.
enum Recalled {
    Answer(Answer),
    Nothing(Failure),
    Ask,
}

impl Memory {
    pub(super) fn new(
        config: &CacheConfig,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        measures: EntitlementMeasures,
    ) -> Self {
        let slots = Cache::builder()
            .max_capacity(MEMORY)
            .weigher(|key: &Arc<Kept>, _| u32::try_from(key.size() + BESIDE).unwrap_or(u32::MAX))
            .eviction_policy(EvictionPolicy::lru());
        Self {
            slots: slots.build(),
            epochs: Epochs::with_places(PLACES),
            agenda: Agenda::default(),
            rules: Rules::from(config),
            clock,
            entropy,
            measures,
        }
    }

    /// The answer, from memory if it is there. Those that ask the same at once ask once.
    pub(super) async fn answer(
        &self,
        question: &Question<'_>,
        source: &Inquiry,
    ) -> Result<Answer, Failure> {
        if let Some(slot) = self.slots.get(question).await {
            let now = self.clock.steady();
            slot.touch(now);
            match self.recalled(&slot, question, now) {
                Recalled::Answer(answer) => {
                    self.measures.remembered.inc();
                    return Ok(answer);
                }
                Recalled::Nothing(failure) => return Err(failure),
                Recalled::Ask => {}
            }
        }
        // Boxed: what is in memory must not carry the source's future about.
        Box::pin(self.ask(question, source)).await
    }

    /// Asks again, before somebody needs it, whatever is due and was asked for lately.
    pub(super) fn next_due(&self) -> Option<Arc<Kept>> {
        self.agenda.next(self.clock.steady())
    }

    /// Asks the source again what came from [`Self::next_due`], if it still is to be.
    pub(super) async fn refresh(&self, kept: Arc<Kept>, source: &Inquiry) {
        let now = self.clock.steady();
        let question = kept.question();
        // What was called off too: the next key must not be the first to ask.
        let is_due = |slot: &Arc<Slot>| slot.due.is_some_and(|due| due <= now);
        let Some(slot) = self.slots.get(&question).await.filter(is_due) else {
            return;
        };
        if now.saturating_sub(slot.used()) > self.rules.refresh_for {
            return;
        }
        let entry = self.slots.entry(Arc::clone(&kept));
        let look = Box::pin(self.look(&kept, Some(slot), source));
        entry.or_insert_with_if(look, is_due).await;
    }

    /// What is known of a viewer, of a stream, or of the one at the other, counts no more, nor does
    /// what is being asked at this moment. Neither: nothing of anybody does.
    pub(super) fn forget(&self, viewer: Option<&str>, stream: Option<&StreamId>) {
        match (viewer, stream) {
            (Some(viewer), Some(stream)) => self.epochs.forget(&(viewer, stream)),
            (Some(viewer), None) => self.epochs.forget(viewer),
            (None, Some(stream)) => self.epochs.forget(stream),
            (None, None) => self.epochs.forget_all(),
        }
    }

    async fn ask(&self, question: &Question<'_>, source: &Inquiry) -> Result<Answer, Failure> {
        let kept = Arc::new(question.keep());
        for _ in 0..ATTEMPTS {
            let now = self.clock.steady();
            let old = self.slots.get(question).await;
            let again =
                |slot: &Arc<Slot>| matches!(self.recalled(slot, question, now), Recalled::Ask);
            let look = Box::pin(self.look(&kept, old, source));
            let entry = self.slots.entry(Arc::clone(&kept));
            let slot = entry.or_insert_with_if(look, again).await.into_value();
            // Whoever waited for an answer has it, however shortly it counts for others.
            if let Some(known) = slot.known.filter(|known| known.said >= now)
                && self.counts(&known, question)
            {
                return Ok(known.answer);
            }
            match self.recalled(&slot, question, self.clock.steady()) {
                Recalled::Answer(answer) => return Ok(answer),
                Recalled::Nothing(failure) => return Err(failure),
                Recalled::Ask => {} // something changed meanwhile
            }
        }
        Err(Failure::Late)
    }

    /// What the source says now, beside what it said before.
    async fn look(&self, kept: &Arc<Kept>, old: Option<Arc<Slot>>, source: &Inquiry) -> Arc<Slot> {
        let (begun, epoch) = (self.clock.steady(), self.epochs.now());
        let outcome = source.ask(kept.question()).await;
        let ended = self.clock.steady();
        let used = old.as_ref().map_or(ended, |slot| slot.used());
        let slot = match outcome {
            Ok(answer) => {
                let known = self.rules.known(answer, epoch, (begun, ended));
                let share = self.between(500, 800);
                let due = begun + (known.fresh.saturating_sub(begun)).mul_f64(share);
                Slot::new(Some(known), None, answer.allow.then_some(due), used)
            }
            Err(failure) => {
                let known = old.and_then(|slot| slot.known);
                let due = ended + AGAIN.mul_f64(self.between(1000, 4000));
                let stays = known.is_some_and(|known| known.answer.allow && due < known.stale);
                Slot::new(known, Some((ended, failure)), stays.then_some(due), used)
            }
        };
        if let Some(due) = slot.due {
            self.agenda.note(due, Arc::clone(kept));
        }
        Arc::new(slot)
    }

    fn recalled(&self, slot: &Slot, question: &Question<'_>, now: Duration) -> Recalled {
        let failed = |within| {
            let lately = |(at, _): &(Duration, Failure)| now.saturating_sub(*at) < within;
            slot.failed.filter(lately).map(|(_, failure)| failure)
        };
        match slot.known.filter(|known| self.counts(known, question)) {
            Some(known) if now < known.fresh => Recalled::Answer(known.answer),
            Some(known) if now < known.stale && failed(LATELY).is_some() => {
                self.measures.stale.inc();
                Recalled::Answer(known.answer)
            }
            _ => failed(SHORTLY).map_or(Recalled::Ask, Recalled::Nothing),
        }
    }

    /// Whether it was not called off since it was asked for, and has not ended by itself.
    fn counts(&self, known: &Known, question: &Question<'_>) -> bool {
        self.stands(known.epoch, question) && known.answer.holds(self.clock.now())
    }

    fn stands(&self, since: u64, question: &Question<'_>) -> bool {
        let (viewer, stream) = (question.viewer, question.stream);
        self.epochs.stands(since, viewer)
            && self.epochs.stands(since, stream)
            && self.epochs.stands(since, &(viewer, stream))
    }

    /// A share between two, both in thousandths.
    fn between(&self, least: u32, most: u32) -> f64 {
        let mut bytes = [0; 4];
        self.entropy.fill(&mut bytes);
        let part = f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX);
        (f64::from(least) + f64::from(most - least) * part) / 1000.0
    }
}

impl Slot {
    fn new(
        known: Option<Known>,
        failed: Option<(Duration, Failure)>,
        due: Option<Duration>,
        used: Duration,
    ) -> Self {
        let used = AtomicU64::new(used.as_secs());
        Self {
            known,
            failed,
            due,
            used,
        }
    }

    fn used(&self) -> Duration {
        Duration::from_secs(self.used.load(Ordering::Relaxed))
    }

    /// Written once a second at most: cores that read the same slot keep it.
    fn touch(&self, now: Duration) {
        let now = now.as_secs();
        if self.used.load(Ordering::Relaxed) < now {
            self.used.store(now, Ordering::Relaxed);
        }
    }
}

impl Rules {
    fn known(&self, answer: Answer, epoch: u64, (begun, said): (Duration, Duration)) -> Known {
        let ttl = answer.ttl.unwrap_or(self.ttl);
        let ttl = match answer.allow {
            true => ttl.clamp(self.least, self.most),
            false => ttl.min(self.deny),
        };
        let fresh = begun + ttl;
        let stale = fresh
            + if answer.allow {
                self.stale
            } else {
                Duration::ZERO
            };
        Known {
            answer,
            epoch,
            said,
            fresh,
            stale,
        }
    }
}

impl From<&CacheConfig> for Rules {
    fn from(config: &CacheConfig) -> Self {
        Self {
            ttl: config.ttl.0.into(),
            least: config.min_ttl.0.into(),
            most: config.max_ttl.0.into(),
            deny: config.deny_ttl.0.into(),
            stale: config.stale_if_error.0.into(),
            refresh_for: config.refresh_for.0.into(),
        }
    }
}
