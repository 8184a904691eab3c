//! The worst case of each rule, held to a stream that is played second by second.
//!
//! Must not know: the store, beyond what a bench registers.

use std::sync::Arc;

use super::*;
use crate::domain::{Rotation, Timestamp};
use crate::keys::testing::{Bench, NOON, every, segments};
use crate::store::{SessionName, Sighting, Watching};

const SECOND: Duration = Duration::from_secs(1);

fn noon(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOON.millis() + seconds * 1000)
}

fn schedule(rule: Rotation) -> Schedule {
    Schedule::new(rule, NOON)
}

/// Segments of 2 s, published 4 s after their time, playlists of 10 s.
fn airing(segment: u64) -> Airing {
    Airing {
        segment: Some(segment),
        late: Some(4000),
        pace: Some(2 * SECOND),
        playlist: Some(10 * SECOND),
    }
}

fn parts(case: &WorstCase) -> (u64, Option<u64>, u64, Option<u64>) {
    let whole = |span: Duration| span.as_secs();
    let (key, total) = (case.key.map(whole), case.total().map(whole));
    (case.news.as_secs(), key, case.playlist.as_secs(), total)
}

fn of_viewer(rule: Rotation, now: i64, news: u32, airing: Airing) -> WorstCase {
    let moment = Moment {
        now: noon(now),
        news: news * SECOND,
    };
    moment.of_viewer(&schedule(rule), airing)
}

#[test]
fn by_time_it_is_the_rest_of_the_period_that_is_on_air_when_all_have_heard() {
    // Heard at 35 s, when the programme is at 41 s at most: its period ends at 60 s, published at 64 s.
    let case = of_viewer(every(60), 5, 30, airing(9));
    assert_eq!(parts(&case), (30, Some(29), 12, Some(71)));
    // Heard at 55 s: the programme may be in the next period already.
    let case = of_viewer(every(60), 25, 30, airing(9));
    assert_eq!(parts(&case), (30, Some(69), 12, Some(111)));
    // Programme times of last year, or of next year, are as good.
    let year = 365 * 86_400_000;
    for late in [year + 4000, 4000 - year] {
        let airing = Airing {
            late: Some(late),
            ..airing(9)
        };
        let case = of_viewer(every(60), 5, 30, airing);
        assert_eq!(parts(&case), (30, Some(29), 12, Some(71)));
    }
}

#[test]
fn by_count_it_is_what_is_left_of_the_period_at_the_stream_s_pace() {
    // 30 s and two heartbeats are 20 segments: at 29 at most, whose period ends at 100.
    let case = of_viewer(segments(100), 0, 30, airing(9));
    assert_eq!(parts(&case), (30, Some(152), 12, Some(194)));
    // At 100 at most, which is the next period.
    let case = of_viewer(segments(100), 0, 30, airing(80));
    assert_eq!(parts(&case), (30, Some(210), 12, Some(252)));
}

#[test]
fn a_stream_that_never_rotates_has_no_end_until_it_is_cut() {
    let case = of_viewer(Rotation::Never, 0, 30, airing(9));
    assert_eq!(parts(&case), (30, None, 12, None));
    let at = Position {
        segment: 40,
        time: Some(noon(100)),
    };
    let cut = schedule(Rotation::Never).cut(at, Rotation::Never).unwrap();
    let moment = Moment {
        now: noon(0),
        news: 30 * SECOND,
    };
    let case = moment.of_viewer(&cut, airing(9));
    assert_eq!(parts(&case), (30, Some(74), 12, Some(116)));
}

#[test]
fn of_what_nobody_reports_something_is_assumed_and_that_is_said() {
    let case = of_viewer(every(60), 5, 30, Airing::default());
    assert_eq!(parts(&case), (30, Some(35), 70, Some(135)));
    assert!(case.assumed && !of_viewer(every(60), 5, 30, airing(9)).assumed);
}

#[test]
fn a_key_goes_on_to_the_end_of_its_own_period() {
    let (schedule, moment) = (
        schedule(every(60)),
        Moment {
            now: noon(65),
            news: 3 * SECOND,
        },
    );
    let of = |index| {
        let slot = schedule.slot(index).unwrap();
        parts(&moment.of_key(&schedule, slot, airing(9)))
    };
    assert_eq!(of(0), (3, Some(0), 12, Some(15)), "over, but for the news");
    assert_eq!(of(1), (3, Some(56), 12, Some(71)), "on air");
    assert_eq!(of(2), (3, Some(116), 12, Some(131)), "to come");
    let slot = Schedule::new(Rotation::Never, NOON).slot(0).unwrap();
    let never = moment.of_key(&Schedule::new(Rotation::Never, NOON), slot, airing(9));
    assert_eq!(never.total(), None);
}

/// Plays a stream second by second: the viewer takes each listed key until the news are heard, and
/// shows each segment that it has the key of, as late as playlists let it.
fn last_shown(span: u64, late: i64, now: i64, news: i64, playlist: i64) -> i64 {
    let schedule = schedule(every(span));
    let period = |time| {
        let at = Position {
            segment: 0,
            time: Some(noon(time)),
        };
        schedule.slot_at(at).unwrap().index
    };
    // The segment of one second that begins at `time` is published at `time + late`.
    let newest = now + news - late;
    let mut time = newest;
    while period(time) <= period(newest) {
        time += 1;
    }
    time - 1 + late + playlist + 1 - now
}

#[test]
fn no_player_shows_more_than_the_worst_case() {
    for span in [1, 2, 7, 60, 600] {
        for late in [-3600, 0, 1, 9, 86_400] {
            for now in [0, 1, 59, 60, 601] {
                for news in [0, 3, 30] {
                    // What is reported is up to a heartbeat more than what is true.
                    for reported in [late, late + 5] {
                        let airing = Airing {
                            segment: None,
                            late: Some(reported * 1000),
                            pace: Some(SECOND),
                            playlist: Some(6 * SECOND),
                        };
                        let case = of_viewer(every(span), now, news as u32, airing);
                        let worst = case.total().unwrap().as_secs() as i64;
                        let shown = last_shown(span, late, now, news, 6);
                        let most = shown + span as i64 * (1 + 10 / span as i64) + 17;
                        let what = format!("{span} {late} {now} {news} {reported}");
                        assert!((shown..=most).contains(&worst), "{what}: {shown} {worst}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn the_longest_of_all_streams_with_keys_counts() {
    let bench = Bench::new().await;
    let store = &bench.keys.store;
    let anybody = Revoked::Before(NOON);
    let answer = async || worst_case(store, &anybody, NOON).await.unwrap();
    bench.register("live/idle", Rotation::Never).await;
    assert_eq!(parts(&answer().await), (30, Some(0), 0, Some(30)));
    assert_eq!(answer().await.stream, None, "it has no key yet");

    let quick = bench.register("live/quick", every(10)).await;
    let slow = bench.register("live/slow", every(600)).await;
    for stream in [&quick, &slow] {
        bench.lease(stream, 0, 1).await;
    }
    let case = answer().await;
    assert_eq!(case.stream, Some(slow.clone()));
    assert_eq!(parts(&case), (30, Some(580), 70, Some(680)));

    let never = bench.register("live/never", Rotation::Never).await;
    let kid = bench.lease(&never, 0, 1).await.periods[0].period.kid;
    let case = answer().await;
    assert_eq!((case.total(), case.stream), (None, Some(never.clone())));
    let case = worst_case_of_key(store, kid, NOON).await.unwrap().unwrap();
    assert_eq!((case.total(), case.stream), (None, Some(never)));

    let kid = bench.lease(&quick, 0, 1).await.periods[0].period.kid;
    let case = worst_case_of_key(store, kid, NOON).await.unwrap().unwrap();
    let ends = bench.keys.store.slot_of(kid).await.unwrap().unwrap().1;
    assert_eq!(case.stream, Some(quick));
    assert!(
        case.total().unwrap() >= Duration::from_secs(30 + 70),
        "{ends:?}"
    );
    let nobodys = Kid::from_bytes([9; 16]);
    assert_eq!(worst_case_of_key(store, nobodys, NOON).await.unwrap(), None);
}

#[tokio::test]
async fn of_somebody_who_watches_streams_with_keys_those_count_and_else_all_do() {
    let bench = Bench::new().await;
    let store = &bench.keys.store;
    let streams = [10, 100, 600].map(|span| (format!("live/s{span}"), every(span)));
    for (name, rule) in streams {
        let stream = bench.register(&name, rule).await;
        bench.lease(&stream, 0, 1).await;
    }
    bench.register("live/idle", Rotation::Never).await;
    let watch = async |session: &str, stream: &str| {
        let (scheme, subject) = ("viewers".into(), "alice".to_owned());
        let session = session.to_owned();
        let name = SessionName {
            scheme,
            subject,
            session,
        };
        let at = Arc::new(Watching {
            stream: stream.parse().unwrap(),
            address: None,
            device: 0,
        });
        let sighting = Sighting {
            name: &name,
            at,
            home: None,
            started: NOON,
            seen: NOON,
        };
        store.note_sessions(&[sighting]).await.unwrap();
    };
    let longest = async |who: Revoked| {
        let case = worst_case(store, &who, NOON).await.unwrap();
        case.stream.unwrap().to_string()
    };
    let alice = || Revoked::Viewer("alice".to_owned());
    assert_eq!(longest(alice()).await, "live/s600", "nothing is known");
    watch("one", "live/idle").await;
    assert_eq!(longest(alice()).await, "live/s600", "it has no key");
    watch("two", "live/s10").await;
    assert_eq!(longest(alice()).await, "live/s10");
    watch("three", "live/s100").await;
    assert_eq!(
        longest(alice()).await,
        "live/s100",
        "of several the longest"
    );
    assert_eq!(
        longest(Revoked::Session("two".to_owned())).await,
        "live/s10"
    );
}
