//! Renditions that restart apart from each other, or appear when others restart: none falls silent,
//! and none takes numbers that are used.

use super::runs::{LIST, Server, made};
use super::*;

const V0: &str = LIST;
const V1: &str = "v1/i.m3u8";

/// Two renditions under way, up to segment 5.
fn ladder(rule: &str) -> (Bench, Server) {
    let (mut bench, mut server) = (Bench::new(rule), Server::new());
    bench.write_run(V0, 0, 0..=5);
    bench.write_run(V1, 0, 0..=5);
    bench.work(&mut server);
    (bench, server)
}

#[test]
fn a_rendition_that_restarts_long_after_another_goes_on_at_once() {
    let (mut bench, mut server) = ladder(BY_THREE);
    bench.write_run(V0, 1, 0..=0);
    bench.work(&mut server);
    bench.after(8000);
    bench.work(&mut server);
    assert_eq!((server.0[0].run, server.0[0].output), (1, 6));
    bench.write_run(V0, 1, 0..=2);
    bench.write_run(V1, 0, 6..=40);
    bench.work(&mut server);
    assert_eq!(bench.listed(V1).last(), Some(&40), "in the run that it was");
    bench.write_run(V1, 1, 0..=2);
    bench.work(&mut server);
    bench.after(8000);
    bench.work(&mut server);
    assert_eq!((server.0[0].run, server.0[0].output), (2, 41));
    assert_eq!(bench.listed(V1).last(), Some(&43));
    bench.write_run(V0, 1, 1..=3);
    bench.write_run(V1, 1, 1..=4);
    bench.work(&mut server);
    assert_eq!((bench.listed(V0).last(), server.0.len()), (Some(&9), 3));
    assert_eq!(bench.listed(V1).last(), Some(&45));
    bench.audit_as(V0, made(&[(6, 0)]));
    bench.audit_as(V1, made(&[(41, 0)]));
}

#[test]
fn a_process_that_was_away_knows_who_restarted_and_who_did_not() {
    let (mut bench, mut server) = ladder(BY_THREE);
    bench.write_run(V0, 1, 0..=0);
    bench.work(&mut server);
    bench.after(8000);
    bench.work(&mut server);
    bench.restart();
    bench.runs = Runs::default();
    // nothing that was listed before is listed any more
    bench.write_run(V0, 1, 1..=2);
    bench.write_run(V1, 0, 8..=10);
    bench.work(&mut server);
    assert_eq!(bench.listed(V0).last(), Some(&8));
    assert_eq!(bench.listed(V1), [8, 9, 10]);
    assert_eq!(server.0.len(), 2);
    bench.audit_as(V0, made(&[(6, 0)]));
    bench.audit_as(V1, |msn| msn);
}

#[test]
fn who_has_published_the_numbers_of_a_run_says_that_it_waits() {
    let (mut one, mut server) = (Bench::new(BY_THREE), Server::new());
    one.write_run(LIST, 0, 0..=5);
    one.work(&mut server);
    let mut two = one.another(BY_THREE);
    one.write_run(LIST, 0, 6..=8);
    two.work(&mut server);
    server.1 = 0; // it was not told of those
    one.write_run(LIST, 1, 0..=1);
    one.work(&mut server);
    two.work(&mut server);
    assert_eq!(one.listed(LIST)[4..], [6, 7]);
    assert_eq!(two.listed(LIST).last(), Some(&8));
    let waits = |event: &Event| {
        matches!(event, Event::Stalled { reason: StallReason::Restarted, detail, .. }
            if detail == "it lists up to 7, and is published from 9 on")
    };
    two.after(60_000);
    assert!(two.events.iter().any(waits), "{:?}", two.events);
    one.write_run(LIST, 1, 0..=4);
    two.work(&mut server);
    assert_eq!(two.listed(LIST).last(), Some(&10));
    assert!(matches!(two.events.last(), Some(Event::Published { .. })));
    two.audit_as(LIST, made(&[(9, 3)]));
}

#[test]
fn an_event_loses_nothing_when_its_source_restarts() {
    let (mut bench, mut server) = (Bench::new(BY_THREE), Server::new());
    let event = |bench: &Bench, list: &str, run, numbers: std::ops::RangeInclusive<u64>| {
        bench.write_run(list, run, numbers.clone());
        let tag = "#EXT-X-VERSION:3\n#EXT-X-PLAYLIST-TYPE:EVENT\n";
        bench.write(
            list,
            undated(numbers, "").replace("#EXT-X-VERSION:3\n", tag),
        );
    };
    event(&bench, V0, 0, 0..=50);
    event(&bench, V1, 0, 0..=20); // more than a list without a type would show as gaps
    bench.work(&mut server);
    for last in [0, 2, 4] {
        event(&bench, V0, 1, 0..=last);
        event(&bench, V1, 1, 0..=last);
        bench.work(&mut server);
        bench.after(600_000);
        for list in [V0, V1] {
            let all: Vec<u64> = (0..=51 + last).collect();
            assert_eq!(bench.listed(list), all, "{list}");
            bench.audit_as(list, made(&[(51, 0)]));
        }
    }
    let published = bench.published(V1);
    let gaps = published.segments().iter().filter(|segment| segment.gap);
    assert!(gaps.map(|segment| segment.msn).eq(21..=50));
}

#[test]
fn who_restarts_alone_says_so_and_how_many_breaks_there_were_in_any() {
    let (mut bench, mut server) = ladder(BY_THREE);
    bench.write_run(V0, 1, 0..=0);
    bench.settle();
    let alone = bench.after(8000).source.restart.unwrap();
    assert!(alone.partial && alone.marks.len() == 1, "{alone:?}");
    bench.write_run(V1, 1, 0..=0);
    let both = bench.settle().source.restart.unwrap();
    assert!(!both.partial && both.marks.len() == 2, "{both:?}");
    bench.work(&mut server);
    bench.write_run(V0, 1, 1..=2);
    bench.write_run(V1, 2, 0..=3);
    for _ in 0..2 {
        bench.after(8000);
        bench.work(&mut server); // another break in this one alone
    }
    bench.write_run(V0, 1, 3..=9); // past where that one begins
    bench.work(&mut server);
    bench.write_run(V0, 3, 0..=0);
    bench.write_run(V1, 3, 1..=1);
    let outcome = bench.settle();
    bench.runs = server.answer(&outcome.source);
    let more = bench.settle().source.restart.unwrap();
    assert_eq!((more.marks.len(), more.first), (2, 0), "{more:?}");
    assert_eq!(more.discontinuities, 3, "of the other one");
}

#[test]
fn what_is_durable_and_what_is_asked_for_never_share_a_number() {
    let (mut bench, mut server) = (Bench::new(BY_THREE), Server::new());
    bench.write_run(LIST, 0, 0..=5);
    bench.work(&mut server);
    let mut blocked = bench.sink(LIST);
    blocked.set_extension("aside");
    fs::rename(bench.sink(LIST), &blocked).unwrap();
    fs::create_dir(bench.sink(LIST)).unwrap(); // the list cannot be swapped
    bench.write_run(LIST, 0, 3..=7);
    bench.settle();
    fs::remove_dir(bench.sink(LIST)).unwrap();
    fs::rename(&blocked, bench.sink(LIST)).unwrap();
    bench.write_run(LIST, 1, 0..=1);
    let asked = bench.settle().source.restart.unwrap();
    let durable = bench.sink("v0/s7.ts").exists();
    assert_eq!((asked.next, durable), (8, true));
    bench.after(4000);
    bench.work(&mut server);
    assert_eq!(server.0[0].output, 8);
    assert_eq!(bench.listed(LIST).last(), Some(&9));
    bench.audit_as(LIST, made(&[(8, 0)]));
}

#[test]
fn a_restart_is_seen_though_the_clock_was_set_back() {
    let (mut bench, mut server) = (Bench::new(BY_THREE), Server::new());
    bench.write_run(LIST, 0, 0..=2);
    bench.work(&mut server);
    let old = fs::read(bench.source(LIST)).unwrap();
    bench.write_run(LIST, 0, 3..=8);
    bench.work(&mut server);
    bench.now = Timestamp::from_millis(bench.now.millis() - 3_600_000);
    bench.work(&mut server);
    let now = fs::read(bench.source(LIST)).unwrap();
    for list in [old, undated(4..=6, "").into_bytes(), now] {
        bench.write(LIST, list);
        bench.after(5000);
        bench.work(&mut server);
    }
    assert_eq!(
        (bench.restarts(), server.0.len()),
        (0, 1),
        "an old playlist"
    );
    bench.write("v0/s0.ts", segment(1000));
    bench.touch("v0/s0.ts", bench.now);
    bench.write(LIST, undated(0..=0, ""));
    bench.after(5000);
    bench.work(&mut server);
    assert_eq!((bench.restarts(), server.0.len()), (1, 2));
    assert_eq!(bench.listed(LIST).last(), Some(&9));
    bench.audit_as(LIST, made(&[(9, 0)]));
}

#[test]
fn a_rendition_that_appears_with_a_restart_is_in_the_new_run() {
    const V2: &str = "v2/i.m3u8";
    // the others are seen to restart before it, after it, and after it was given up for
    for (case, waits) in [(0, 0), (1, 1000), (2, 9000)] {
        let (mut bench, mut server) = (Bench::new(BY_THREE), Server::new());
        for list in [V0, V1] {
            bench.write_run(list, 0, 200..=205);
        }
        bench.work(&mut server);
        let anew = |bench: &Bench, list| bench.write_run(list, 1, 0..=0);
        if case > 0 {
            bench.lease = Some(lease(BY_THREE, 60..90)); // the first keys are gone
            anew(&bench, V2);
            bench.work(&mut server);
            bench.after(waits);
            bench.work(&mut server);
            assert_eq!(bench.listed(V2), [0; 0], "{case}");
        }
        for list in [V0, V1, V2] {
            anew(&bench, list);
        }
        bench.work(&mut server);
        bench.after(8000);
        bench.work(&mut server);
        assert_eq!((server.0.len(), server.0[0].output), (2, 206), "{case}");
        for list in [V0, V1, V2] {
            bench.write_run(list, 1, 0..=2);
            bench.work(&mut server);
            assert_eq!(bench.listed(list).last(), Some(&208), "{case} {list}");
        }
    }
}

#[test]
fn a_rendition_that_is_added_to_a_source_that_goes_on_goes_with_it() {
    let (mut bench, mut server) = ladder(BY_THREE);
    bench.write_run("v2/i.m3u8", 0, 4..=5);
    bench.work(&mut server);
    assert_eq!(bench.listed("v2/i.m3u8"), [4, 5], "at once");
}
