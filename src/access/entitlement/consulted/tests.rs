//! What is remembered of a source, and for how long, by a clock that a test moves.
//!
//! Must not know: any real source.

mod again;
mod waited;

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;

use super::super::answer::Answer;
use super::super::script::{Line, Script};
use super::*;
use crate::domain::{SystemEntropy, Timestamp};

const YES: Answer = Answer {
    allow: true,
    ttl: Some(Duration::from_secs(60)),
    ends: None,
    max_sessions: Some(3),
};

/// Wall and steady time, moved apart.
#[derive(Default)]
struct TwoClocks {
    wall: AtomicU64,
    steady: AtomicU64,
}

impl Clock for TwoClocks {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.wall.load(Ordering::SeqCst).cast_signed())
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.steady.load(Ordering::SeqCst))
    }
}

struct Bench {
    script: Arc<Script>,
    clock: Arc<TwoClocks>,
    consulted: Arc<Consulted>,
    measures: EntitlementMeasures,
    scheme: Arc<str>,
}

impl Bench {
    fn new(line: Line, more: &str) -> Self {
        Self::with(line, more, Arc::new(SystemEntropy))
    }

    fn with(line: Line, more: &str, entropy: Arc<dyn Entropy>) -> Self {
        let config = toml::from_str(&format!("source = \"table\"\n{more}")).unwrap();
        let script = Arc::new(Script::new(line));
        let (clock, measures) = (
            Arc::new(TwoClocks::default()),
            EntitlementMeasures::default(),
        );
        clock.steady.store(1_000_000, Ordering::SeqCst);
        let source = Source::Script(Arc::clone(&script));
        let clocks = Arc::clone(&clock) as _;
        let consulted = Consulted::new(&config, source, clocks, entropy, &measures);
        Self {
            script,
            clock,
            consulted: Arc::new(consulted),
            measures,
            scheme: "viewers".into(),
        }
    }

    /// Both clocks.
    fn pass(&self, seconds: u64) {
        self.pass_millis(seconds * 1000);
    }

    fn pass_millis(&self, millis: u64) {
        for clock in [&self.clock.wall, &self.clock.steady] {
            clock.fetch_add(millis, Ordering::SeqCst);
        }
    }

    async fn check(&self, viewer: &str) -> Result<Entitled, Denied> {
        self.check_at(viewer, "live/news").await
    }

    async fn check_at(&self, viewer: &str, stream: &str) -> Result<Entitled, Denied> {
        let stream: StreamId = stream.parse().unwrap();
        let question = Question {
            viewer,
            scheme: &self.scheme,
            stream: &stream,
            session: "",
            ip: None,
        };
        self.consulted.check(&question).await
    }

    async fn is_let_in(&self, viewer: &str) -> bool {
        self.check(viewer).await.is_ok()
    }

    /// What the task does each tick, to its end.
    async fn tick(&self) {
        let consulted = &self.consulted;
        while consulted.inquiry.is_open()
            && let Some(question) = consulted.memory.next_due()
        {
            consulted.memory.refresh(question, &consulted.inquiry).await;
        }
    }
}

fn is_undecided(outcome: &Result<Entitled, Denied>) -> bool {
    matches!(outcome, Err(Denied::Undecided(_)))
}

#[tokio::test]
async fn a_yes_counts_as_long_as_the_source_says() {
    let bench = Bench::new(Line::Say(YES), "");
    let entitled = bench.check("alice").await.unwrap();
    assert_eq!(entitled.max_sessions, Some(3));
    bench.pass(59);
    assert!(bench.is_let_in("alice").await);
    assert_eq!(bench.script.asked(), 1);
    assert_eq!(bench.measures.remembered.get(), 1);
    bench.script.set(Line::Say(Answer::NO));
    bench.pass(1);
    assert_eq!(bench.check("alice").await, Err(Denied::NotEntitled));
    assert_eq!(bench.script.asked(), 2);
}

#[tokio::test]
async fn what_the_source_says_is_bounded() {
    let long = Answer {
        ttl: Some(Duration::from_secs(1 << 40)),
        ..YES
    };
    let short = Answer {
        ttl: Some(Duration::ZERO),
        ..YES
    };
    let unsaid = Answer { ttl: None, ..YES };
    let bounds = "[cache]\nttl = '40s'\nmin_ttl = '10s'\nmax_ttl = '100s'";
    for (answer, seconds) in [(long, 100), (short, 10), (unsaid, 40)] {
        let bench = Bench::new(Line::Say(answer), bounds);
        bench.check("alice").await.unwrap();
        bench.pass(seconds - 1);
        bench.check("alice").await.unwrap();
        assert_eq!(bench.script.asked(), 1, "{seconds}");
        bench.pass(1);
        bench.check("alice").await.unwrap();
        assert_eq!(bench.script.asked(), 2, "{seconds}");
    }
}

#[tokio::test]
async fn a_no_counts_shortly_and_never_longer_than_it_says() {
    for (ttl, seconds) in [(Some(3600), 10), (None, 10), (Some(3), 3)] {
        let no = Answer {
            ttl: ttl.map(Duration::from_secs),
            ..Answer::NO
        };
        let bench = Bench::new(Line::Say(no), "");
        assert!(!bench.is_let_in("alice").await);
        bench.script.set(Line::Say(YES));
        bench.pass(seconds - 1);
        assert!(!bench.is_let_in("alice").await);
        bench.pass(1);
        assert!(bench.is_let_in("alice").await, "who has just paid: {ttl:?}");
    }
}

#[tokio::test]
async fn those_that_ask_at_once_ask_once() {
    let bench = Bench::new(Line::Hold(YES), "");
    let crowd = join_all((0..50).map(|_| bench.check("alice")));
    let release = async {
        while bench.script.asked() == 0 {
            tokio::task::yield_now().await;
        }
        bench.script.let_go();
    };
    let (outcomes, ()) = tokio::join!(crowd, release);
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(bench.script.asked(), 1);
    bench.script.set(Line::Say(YES));
    bench.check("bob").await.unwrap();
    assert_eq!(
        bench.script.asked(),
        2,
        "another viewer is another question"
    );
}

#[tokio::test]
async fn a_yes_is_asked_for_again_before_it_ends_while_somebody_watches() {
    let bench = Bench::new(Line::Say(YES), "[cache]\nrefresh_for = '10m'");
    bench.check("alice").await.unwrap();
    bench.pass(29);
    bench.tick().await;
    assert_eq!(bench.script.asked(), 1, "not before half of its time");
    for minute in 1..=10 {
        bench.pass(48);
        bench.tick().await;
        assert!(bench.script.asked() > minute, "{minute}");
    }
    let before = bench.script.asked();
    bench.check("alice").await.unwrap();
    assert_eq!(bench.script.asked(), before, "a rotation asks nobody");
    bench.pass(601);
    bench.tick().await;
    let before = bench.script.asked();
    for _ in 0..5 {
        bench.pass(60);
        bench.tick().await;
    }
    assert_eq!(
        bench.script.asked(),
        before,
        "who has gone is not asked for"
    );
}

#[tokio::test]
async fn while_the_source_fails_a_yes_counts_longer_up_to_a_bound() {
    let bench = Bench::new(Line::Say(YES), "[cache]\nstale_if_error = '5m'");
    bench.check("alice").await.unwrap();
    bench.script.set(Line::Fail);
    bench.pass(60);
    let late = bench.check("bob").await;
    assert!(is_undecided(&late), "of whom nothing is known: {late:?}");
    assert!(bench.is_let_in("alice").await);
    bench.pass(299);
    assert!(bench.is_let_in("alice").await);
    assert!(bench.measures.stale.get() >= 1);
    bench.pass(1);
    assert!(is_undecided(&bench.check("alice").await), "past the bound");
    bench.pass(5);
    bench.script.set(Line::Say(YES));
    assert!(bench.is_let_in("alice").await, "it is back");
}

#[tokio::test]
async fn without_stale_answers_a_failure_is_one() {
    let bench = Bench::new(Line::Say(YES), "[cache]\nstale_if_error = '0s'");
    bench.check("alice").await.unwrap();
    bench.script.set(Line::Fail);
    bench.pass(59);
    assert!(bench.is_let_in("alice").await);
    bench.pass(1);
    assert!(is_undecided(&bench.check("alice").await));
}

#[tokio::test]
async fn a_no_never_stands_in() {
    let bench = Bench::new(Line::Say(Answer::NO), "");
    assert!(!bench.is_let_in("alice").await);
    bench.script.set(Line::Fail);
    bench.pass(10);
    assert!(is_undecided(&bench.check("alice").await));
}

#[tokio::test]
async fn a_source_that_keeps_failing_is_left_alone() {
    let more = "[bounds]\nfailures = 3\npause = '5s'";
    let bench = Bench::new(Line::Fail, more);
    for viewer in 0..20 {
        assert!(is_undecided(&bench.check(&viewer.to_string()).await));
    }
    assert_eq!(bench.script.asked(), 3);
    assert_eq!(bench.measures.breaker_open.get(), 1);
    bench.pass(5);
    assert!(is_undecided(&bench.check("a").await));
    assert!(is_undecided(&bench.check("b").await));
    assert_eq!(bench.script.asked(), 4, "one tries");
    bench.pass(5);
    bench.script.set(Line::Say(YES));
    assert!(bench.is_let_in("c").await && bench.is_let_in("d").await);
    assert_eq!(bench.measures.breaker_open.get(), 0);
}

#[tokio::test]
async fn a_viewer_at_one_stream_is_forgotten_there_alone() {
    let bench = Bench::new(Line::Say(YES), "");
    let others = [("alice", "live/sport"), ("bob", "live/news")];
    for (viewer, stream) in others.into_iter().chain([("alice", "live/news")]) {
        bench.check_at(viewer, stream).await.unwrap();
    }
    let stream: StreamId = "live/news".parse().unwrap();
    bench.consulted.forget(Some("alice"), Some(&stream));
    bench.script.set(Line::Fail);
    for (viewer, stream) in others {
        assert!(bench.check_at(viewer, stream).await.is_ok(), "{viewer}");
    }
    assert!(is_undecided(&bench.check("alice").await));
}

#[tokio::test]
async fn what_changed_counts_no_more_not_even_while_the_source_fails() {
    let stream: StreamId = "live/news".parse().unwrap();
    for (viewer, stream) in [
        (Some("alice"), None),
        (None, Some(&stream)),
        (Some("alice"), Some(&stream)),
        (None, None),
    ] {
        let bench = Bench::new(Line::Say(YES), "");
        bench.check("alice").await.unwrap();
        bench.consulted.forget(Some("bob"), None);
        assert!(bench.is_let_in("alice").await);
        assert_eq!(bench.script.asked(), 1);
        bench.script.set(Line::Fail);
        bench.consulted.forget(viewer, stream);
        assert!(is_undecided(&bench.check("alice").await), "{viewer:?}");
    }
}

#[tokio::test]
async fn an_answer_on_its_way_while_something_changed_does_not_count() {
    let bench = Bench::new(Line::Hold(YES), "");
    let change = async {
        while bench.script.asked() == 0 {
            tokio::task::yield_now().await;
        }
        bench.consulted.forget(Some("alice"), None);
        bench.script.set(Line::Say(Answer::NO));
        bench.script.let_go();
    };
    let (outcome, ()) = tokio::join!(bench.check("alice"), change);
    assert_eq!(outcome, Err(Denied::NotEntitled));
    assert_eq!(bench.script.asked(), 2);
}

#[tokio::test]
async fn who_sets_the_wall_clock_neither_ends_nor_lengthens_an_answer() {
    let bench = Bench::new(Line::Say(YES), "");
    bench.clock.wall.store(1 << 40, Ordering::SeqCst);
    bench.check("alice").await.unwrap();
    for wall in [0, 1 << 41] {
        bench.clock.wall.store(wall, Ordering::SeqCst);
        bench.check("alice").await.unwrap();
    }
    assert_eq!(bench.script.asked(), 1);
    bench.clock.wall.store(0, Ordering::SeqCst);
    bench.clock.steady.fetch_add(60_000, Ordering::SeqCst);
    bench.check("alice").await.unwrap();
    assert_eq!(bench.script.asked(), 2);
}

#[tokio::test]
async fn a_yes_with_an_end_of_its_own_ends_by_the_wall_clock() {
    let until = Answer {
        ends: Some(Timestamp::from_millis(10_000)),
        ..YES
    };
    let bench = Bench::new(Line::Say(until), "");
    bench.check("alice").await.unwrap();
    bench.script.set(Line::Say(Answer::NO));
    bench.clock.wall.store(9_999, Ordering::SeqCst);
    assert!(bench.is_let_in("alice").await);
    bench.clock.wall.store(10_000, Ordering::SeqCst);
    assert!(!bench.is_let_in("alice").await);
}

#[tokio::test]
async fn two_issuers_may_each_have_a_viewer_of_a_name() {
    let mut bench = Bench::new(Line::Say(YES), "");
    bench.check("alice").await.unwrap();
    bench.scheme = "others".into();
    bench.script.set(Line::Say(Answer::NO));
    assert!(!bench.is_let_in("alice").await);
}

/// A question that nobody waits for any more says nothing of the source, and holds no place.
#[tokio::test]
async fn who_goes_away_leaves_nothing_behind() {
    let bench = Bench::new(Line::Hold(YES), "[bounds]\nconcurrency = 1\nwaiting = 0");
    let mut gone = Box::pin(bench.check("alice"));
    let ready = std::future::poll_fn(|context| {
        let polled = gone.as_mut().poll(context);
        std::task::Poll::Ready(polled.is_ready())
    });
    assert!(!ready.await);
    assert!(
        is_undecided(&bench.check("bob").await),
        "there is one place"
    );
    drop(gone);
    bench.script.set(Line::Say(YES));
    bench.pass(1);
    assert!(bench.is_let_in("alice").await && bench.is_let_in("bob").await);
}
