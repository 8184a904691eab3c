//! How a source is asked: in its turn, for so long, twice at most, and not while it keeps failing.
//!
//! Must not know: what is remembered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::answer::{Answer, Failure, Question};
use super::breaker::Breaker;
use super::config::BoundsConfig;
use super::queue::Queue;
use super::source::{Source, SourceError};
use crate::domain::{Clock, Entropy};
use crate::telemetry::{EntitlementMeasures, OutcomeLabels};

/// The pause before the second try, in milliseconds: between this and four times as much.
const PAUSE: u64 = 25;

/// A failure is told again after so many seconds, and that the source answers no sooner than this after a
/// failure was told: one that fails now and then does not fill the log.
const QUIET: u64 = 60;
const SETTLED: u64 = 10;

/// A source, and what keeps it from being flooded or waited for.
pub(super) struct Inquiry {
    source: Source,
    breaker: Breaker,
    queue: Queue,
    timeout: Duration,
    /// When a failure was told last, in seconds of the steady clock and one; zero when it was told
    /// that the source answers again.
    told: AtomicU64,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    measures: EntitlementMeasures,
}

impl Inquiry {
    pub(super) fn new(
        source: Source,
        bounds: &BoundsConfig,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        measures: EntitlementMeasures,
    ) -> Self {
        let open = measures.breaker_open.clone();
        Self {
            source,
            breaker: Breaker::new(bounds.failures, bounds.pause.0.into(), open),
            queue: Queue::new(bounds.concurrency, bounds.waiting),
            timeout: bounds.timeout.0.into(),
            told: AtomicU64::new(0),
            clock,
            entropy,
            measures,
        }
    }

    /// Whether there is any use in asking now.
    pub(super) fn is_open(&self) -> bool {
        self.breaker.admits(self.clock.steady())
    }

    /// What the source says.
    pub(super) async fn ask(&self, question: Question<'_>) -> Result<Answer, Failure> {
        let answer = self.ask_in_turn(question).await;
        let outcome = match &answer {
            Ok(answer) if answer.allow => "allow",
            Ok(_) => "deny",
            Err(failure) => failure.name(),
        };
        let outcome = OutcomeLabels { outcome };
        self.measures.outcomes.get_or_create(&outcome).inc();
        answer
    }

    async fn ask_in_turn(&self, question: Question<'_>) -> Result<Answer, Failure> {
        if !self.is_open() {
            return Err(Failure::Paused);
        }
        let deadline = Instant::now() + self.timeout;
        let _place = self.queue.enter(deadline).await?;
        let begun = self.clock.steady();
        let turn = self.breaker.begin(begun)?;
        self.measures.lookups.inc();
        let outcome = timeout_at(deadline, self.ask_twice(question)).await;
        let ended = self.clock.steady();
        turn.end(matches!(outcome, Ok(Ok(_))), ended);
        self.measures.latency.observe(ended.saturating_sub(begun));
        match outcome {
            Ok(Ok(answer)) => {
                self.recover();
                Ok(answer)
            }
            Ok(Err(error)) => {
                self.ail(&error);
                Err(Failure::Broken)
            }
            Err(_) => {
                self.ail(&format_args!("no answer within {:?}", self.timeout));
                Err(Failure::Late)
            }
        }
    }

    /// What may have been bad luck is tried once more.
    async fn ask_twice(&self, question: Question<'_>) -> Result<Answer, SourceError> {
        let now = self.clock.now();
        match self.source.ask(&question, now).await {
            Err(error) if error.may_pass() => {
                sleep(self.pause()).await;
                self.source.ask(&question, self.clock.now()).await
            }
            outcome => outcome,
        }
    }

    fn pause(&self) -> Duration {
        let mut byte = [0];
        self.entropy.fill(&mut byte);
        Duration::from_millis(PAUSE + 3 * PAUSE * u64::from(byte[0]) / 255)
    }

    fn ail(&self, error: &dyn std::fmt::Display) {
        if self.has_come(QUIET) {
            let now = self.seconds();
            self.told.store(now, Ordering::Relaxed);
            tracing::error!(%error, "the entitlement source fails: what it said before stands in for it");
        }
    }

    fn recover(&self) {
        let is_told = self.told.load(Ordering::Relaxed) > 0;
        if is_told && self.has_come(SETTLED) && self.told.swap(0, Ordering::Relaxed) > 0 {
            tracing::info!("the entitlement source answers again");
        }
    }

    /// Whether so many seconds have passed since a failure was told, if one was.
    fn has_come(&self, span: u64) -> bool {
        let told = self.told.load(Ordering::Relaxed);
        told == 0 || self.seconds().saturating_sub(told) >= span
    }

    fn seconds(&self) -> u64 {
        self.clock.steady().as_secs() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{Always, Line, Script};
    use super::*;
    use crate::domain::SystemClock;

    fn inquiry(script: &Arc<Script>, chance: u8) -> Inquiry {
        let source = Source::Script(Arc::clone(script));
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(Always(chance)));
        let bounds = BoundsConfig::default();
        let measures = EntitlementMeasures::default();
        Inquiry::new(source, &bounds, clock, entropy, measures)
    }

    #[tokio::test]
    async fn a_second_try_waits_as_chance_has_it_up_to_four_times_as_long() {
        let yes = Answer {
            allow: true,
            ..Answer::NO
        };
        let (scheme, stream) = (Arc::from("viewers"), "live/news".parse().unwrap());
        let question = Question {
            viewer: "alice",
            scheme: &scheme,
            stream: &stream,
            session: "",
            ip: None,
        };
        for (chance, pause) in [(0, 25), (51, 40), (255, 100)] {
            let script = Arc::new(Script::new(Line::Stumble(yes)));
            let inquiry = inquiry(&script, chance);
            let pause = Duration::from_millis(pause);
            assert_eq!(inquiry.pause(), pause);
            let begun = Instant::now();
            assert_eq!(inquiry.ask(question).await, Ok(yes));
            assert!(begun.elapsed() >= pause, "{chance}: at once");
            assert_eq!(script.asked(), 2);
            // What no second try can mend is not tried again.
            script.set(Line::Fail);
            assert_eq!(inquiry.ask(question).await, Err(Failure::Broken));
            assert_eq!(script.asked(), 3);
        }
    }
}
