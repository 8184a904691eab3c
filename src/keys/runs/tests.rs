//! Runs as several servers on one store decide them.

use futures_util::future::join_all;

use super::*;
use crate::domain::{Boundary, Clock as _, Fingerprint, Rotation};
use crate::keys::testing::{Bench, after_noon, empty_report, every, id, segments};

fn mark(rendition: &str, segment: u64, byte: u8) -> Mark {
    Mark {
        rendition: Text(rendition.parse().unwrap()),
        segment,
        fingerprint: Text(Fingerprint::from_bytes([byte; 16])),
    }
}

/// A source that begins anew at 0 after 105 was published.
fn restart(after: u64, byte: u8) -> Restart {
    Restart {
        after,
        first: 0,
        next: 106,
        time: None,
        discontinuities: 1,
        marks: vec![mark("v0/index.m3u8", 0, byte)],
        partial: false,
    }
}

async fn ask(
    bench: &Bench,
    stream: &StreamId,
    restart: Restart,
) -> Result<Vec<RunView>, KeysError> {
    let report = ProgressReport {
        restart: Some(restart),
        ..empty_report()
    };
    check(&report)?;
    let runs = bench.keys.sources("packager", stream, &report).await?;
    Ok(runs.unwrap())
}

async fn told(bench: &Bench, stream: &StreamId) -> Vec<RunView> {
    let report = ProgressReport {
        runs: true,
        ..empty_report()
    };
    let runs = bench.keys.sources("packager", stream, &report).await;
    runs.unwrap().unwrap()
}

async fn eras(bench: &Bench, stream: &StreamId) -> Vec<Era> {
    let row = bench.keys.registered(stream).await.unwrap();
    row.stream.schedule.eras().copied().collect()
}

#[tokio::test]
async fn a_stream_begins_with_the_numbers_of_its_source() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(10)).await;
    let runs = told(&bench, &stream).await;
    assert_eq!((runs.len(), runs[0].run, runs[0].output), (1, 0, 0));
    let report = empty_report();
    let quiet = bench.keys.sources("packager", &stream, &report).await;
    assert_eq!(quiet.unwrap(), None, "told when asked");
}

#[tokio::test]
async fn of_many_that_ask_at_two_servers_the_first_decides_for_all() {
    let one = Bench::new().await;
    let two = one.another().await;
    let stream = one.register("live/a", segments(100)).await;
    let asked = join_all((0..16).map(|at| {
        let bench = if at % 2 == 0 { &one } else { &two };
        let first = restart(0, at);
        ask(bench, &stream, first)
    }));
    let all: Vec<_> = asked.await.into_iter().map(Result::unwrap).collect();
    let runs: Vec<_> = all[0].iter().map(|run| (run.run, run.output)).collect();
    assert_eq!(runs, [(1, 106), (0, 0)]);
    assert_eq!((all[0][0].first, all[0][0].version), (0, 2));
    assert_eq!(all[0][0].marks.len(), 1, "those of the first alone");
    assert!(all.iter().all(|told| *told == all[0]));
    let starts: Vec<_> = eras(&one, &stream)
        .await
        .iter()
        .map(|era| era.start)
        .collect();
    assert_eq!(starts, [Boundary::Segment(0), Boundary::Segment(106)]);
}

#[tokio::test]
async fn a_second_restart_is_another_run_and_numbers_never_come_back() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", segments(100)).await;
    let kid = bench.lease(&stream, 0, 1).await.periods[0].period.kid;
    bench.report(&stream, kid, 200, None).await;
    assert_eq!(
        ask(&bench, &stream, restart(0, 1)).await.unwrap()[0].output,
        201
    );
    let again = ask(&bench, &stream, restart(0, 2)).await.unwrap();
    assert_eq!(
        (again[0].run, again[0].marks[0].fingerprint.0.as_bytes()[0]),
        (1, 1)
    );
    let second = ask(&bench, &stream, restart(1, 2)).await.unwrap();
    assert_eq!((second[0].run, second[0].output, second.len()), (2, 202, 3));
    let periods = bench.lease(&stream, 0, 6).await.periods;
    let keys: std::collections::HashSet<_> = periods.iter().map(|one| one.period.kid).collect();
    assert_eq!(keys.len(), periods.len());
    let starts: Vec<_> = periods.iter().map(|one| one.period.boundary).collect();
    let at = |segment| Boundary::Segment(segment);
    assert_eq!(starts[..5], [at(0), at(100), at(200), at(201), at(202)]);
}

#[tokio::test]
async fn times_that_go_back_are_put_off() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(600)).await;
    let kid = bench.lease(&stream, 0, 1).await.periods[0].period.kid;
    bench.report(&stream, kid, 105, Some(700)).await;
    let dated = |after, seconds| Restart {
        time: Some(Text(after_noon(seconds))),
        ..restart(after, 1)
    };
    let runs = ask(&bench, &stream, dated(0, 690)).await.unwrap();
    assert_eq!(runs[0].shift_ms, 10_001);
    let begins = after_noon(700).plus(Duration::from_millis(1));
    assert_eq!(eras(&bench, &stream).await[1].start, Boundary::Time(begins));
    let runs = ask(&bench, &stream, dated(1, 900)).await.unwrap();
    assert_eq!(runs[0].shift_ms, 0);
    assert_eq!(
        eras(&bench, &stream).await[2].start,
        Boundary::Time(after_noon(900))
    );
}

#[tokio::test]
async fn a_run_without_dates_begins_a_period_at_a_time_that_is_claimed() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(600)).await;
    let claim = async |segment| {
        let report = ProgressReport {
            claims: vec![segment],
            ..empty_report()
        };
        bench.keys.note(&stream, &report).await.unwrap().claims[0]
            .time
            .0
    };
    let before = claim(105).await;
    let runs = ask(&bench, &stream, restart(0, 1)).await.unwrap();
    let begins = before.plus(Duration::from_millis(1));
    assert_eq!(eras(&bench, &stream).await[1].start, Boundary::Time(begins));
    bench.clock.advance_secs(60);
    assert_eq!(claim(runs[0].output).await, begins);
    assert_eq!(claim(105).await, before);
}

#[tokio::test]
async fn a_run_beside_renditions_that_go_on_waits_for_an_announced_cut() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", segments(1000)).await;
    for instance in ["a", "b"] {
        bench.hold(&stream, instance, None).await;
        bench.hold(&stream, instance, Some(1)).await;
    }
    let kid = bench.lease(&stream, 0, 1).await.periods[0].period.kid;
    bench.report(&stream, kid, 100, None).await;
    let partial = |after| Restart {
        partial: true,
        ..restart(after, 1)
    };
    let runs = ask(&bench, &stream, partial(0)).await.unwrap();
    assert_eq!((runs[0].run, runs[0].output, runs[0].version), (1, 106, 2));
    let all = eras(&bench, &stream).await;
    let Boundary::Segment(cut) = all[1].start else {
        panic!("{all:?}")
    };
    assert!(all.len() == 2 && cut > 106 + 1, "ahead of the run: {cut}");
    let settle = async || {
        let now = bench.clock.now();
        let patience = crate::store::Patience::ByClock;
        bench
            .keys
            .store
            .settle(&stream, now, (patience, None))
            .await
            .unwrap()
            .map(|looked| looked.settled)
    };
    assert!(matches!(
        settle().await,
        Some(crate::store::Settled::Waiting(_))
    ));
    bench.hold(&stream, "a", Some(3)).await;
    bench.clock.advance_secs(6);
    let settled = settle().await;
    assert!(
        matches!(settled, Some(crate::store::Settled::TakenBack(_))),
        "{settled:?}"
    );
    assert_eq!(eras(&bench, &stream).await.len(), 1, "b never heard of it");
    let whole = ask(&bench, &stream, restart(1, 2)).await.unwrap();
    let begins = eras(&bench, &stream).await[1].start;
    assert_eq!(begins, Boundary::Segment(whole[0].output), "all began anew");
}

#[tokio::test]
async fn a_stream_of_one_period_has_another_for_each_run() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", Rotation::Never).await;
    ask(&bench, &stream, restart(0, 1)).await.unwrap();
    assert_eq!(eras(&bench, &stream).await[1].start, Boundary::Segment(106));
}

#[tokio::test]
async fn nobody_uses_the_numbers_up() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", segments(100)).await;
    let kid = bench.lease(&stream, 0, 1).await.periods[0].period.kid;
    bench.report(&stream, kid, (1 << 62) - 1, None).await;
    let next = |after, next| Restart {
        next,
        ..restart(after, 1)
    };
    for far in [FREE + 1, 1 << 60, u64::MAX] {
        let refused = ask(&bench, &stream, next(0, far)).await;
        assert!(
            matches!(refused, Err(KeysError::Invalid(_))),
            "{far}: {refused:?}"
        );
    }
    let far = ask(&bench, &stream, next(0, FREE)).await.unwrap();
    assert_eq!(far[0].output, FREE);
    let refused = ask(&bench, &stream, next(1, FREE + 1001)).await;
    assert!(matches!(refused, Err(KeysError::Invalid(_))));
    let runs = ask(&bench, &stream, next(1, FREE + 1)).await.unwrap();
    assert_eq!(
        runs[0].output,
        FREE + 1,
        "a source that restarts is never stuck"
    );
    bench.clock.advance_secs(3600);
    let runs = ask(&bench, &stream, next(2, FREE + 50_000)).await.unwrap();
    assert_eq!(
        runs[0].output,
        FREE + 50_000,
        "what an hour of segments comes to"
    );
}

#[tokio::test]
async fn runs_are_bounded() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", segments(100)).await;
    let many = |marks| Restart {
        marks,
        ..restart(0, 1)
    };
    for bad in [
        many(Vec::new()),
        many(vec![mark("a.m3u8", 1, 1); 1001]),
        restart(1001, 1),
        Restart {
            first: u64::MAX,
            ..restart(0, 1)
        },
        Restart {
            discontinuities: u64::MAX,
            ..restart(0, 1)
        },
    ] {
        let refused = ask(&bench, &stream, bad).await;
        assert!(matches!(refused, Err(KeysError::Invalid(_))), "{refused:?}");
    }
    let runs = ask(&bench, &stream, restart(7, 1)).await.unwrap();
    assert_eq!(runs[0].run, 8, "a store that has forgotten runs");
    let take = || bench.keys.allowance.take("packager", 1, bench.clock.now());
    while take().is_ok() {}
    let refused = ask(&bench, &stream, restart(8, 1)).await;
    assert!(matches!(refused, Err(KeysError::TooMany)));
    let known = ask(&bench, &stream, restart(7, 1)).await.unwrap();
    assert_eq!(known[0].run, 8, "one that is there costs nothing");
}

#[tokio::test]
async fn marks_are_noted_once_and_the_newest_stay() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", segments(100)).await;
    ask(&bench, &stream, restart(0, 9)).await.unwrap();
    let note = async |run, marks| {
        let report = ProgressReport {
            marks: vec![RunMarks { run, marks }],
            runs: true,
            ..empty_report()
        };
        let told = bench.keys.sources("packager", &stream, &report).await;
        told.unwrap().unwrap()
    };
    note(0, (0..70).map(|at| mark("a.m3u8", at, 1)).collect()).await;
    let runs = note(0, vec![mark("a.m3u8", 69, 2), mark("b.m3u8", 0, 3)]).await;
    let kept: Vec<_> = runs[1].marks.iter().map(|mark| mark.segment).collect();
    assert_eq!(kept, (6..70).chain([0]).collect::<Vec<_>>());
    assert_eq!(
        runs[1].marks[63],
        mark("a.m3u8", 69, 1),
        "the first writer wins"
    );
    let runs = note(2, vec![mark("a.m3u8", 0, 1)]).await;
    assert_eq!(
        runs.iter().map(|run| run.marks.len()).sum::<usize>(),
        66,
        "no such run"
    );
    for after in 1..5 {
        ask(&bench, &stream, restart(after, 1)).await.unwrap();
    }
    let runs = note(0, vec![mark("a.m3u8", 1, 1)]).await;
    let ordinals: Vec<_> = runs.iter().map(|run| run.run).collect();
    assert_eq!(ordinals, [5, 4, 3, 2], "old ones are not told");
}

#[tokio::test]
async fn a_removed_stream_forgets_its_runs() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", segments(100)).await;
    ask(&bench, &stream, restart(0, 1)).await.unwrap();
    bench.keys.remove_stream(&stream).await.unwrap();
    bench.register("live/a", segments(100)).await;
    let runs = told(&bench, &stream).await;
    assert_eq!((runs.len(), runs[0].marks.len()), (1, 0));
    let unknown = ask(&bench, &id("live/none"), restart(0, 1)).await;
    assert!(matches!(unknown, Err(KeysError::UnknownStream)));
}
