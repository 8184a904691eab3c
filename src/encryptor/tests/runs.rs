//! A source that begins its numbering anew: detected for certain, numbered on as the server says,
//! never mixed up with a playlist that is merely old.

use std::time::UNIX_EPOCH;

use super::*;
use crate::api::RunView;
use crate::domain::Run;
use crate::encryptor::runs::SourceReport;

/// Files of a run are newer than those of the run before, however coarse the disk's clock is.
const APART: Duration = Duration::from_millis(100);

pub(super) const LIST: &str = "v0/i.m3u8";

/// What a server would answer: the first that asks decides.
#[derive(Clone)]
pub(super) struct Server(pub(super) Vec<RunView>, pub(super) u64);

impl Server {
    pub(super) fn new() -> Self {
        Self(vec![RunView::from(&Run::INITIAL)], 0)
    }

    pub(super) fn answer(&mut self, report: &SourceReport) -> Runs {
        for (run, marks) in &report.marks {
            let known = self.0.iter_mut().find(|known| known.run == *run).unwrap();
            let new = |mark: &&crate::api::Mark| {
                let same = |own: &crate::api::Mark| {
                    (&own.rendition, own.segment) == (&mark.rendition, mark.segment)
                };
                !known.marks.iter().any(same)
            };
            let new: Vec<_> = marks.iter().filter(new).cloned().collect();
            known.marks.extend(new);
        }
        if let Some(restart) = &report.restart
            && restart.after == self.0[0].run
        {
            let run = Run {
                ordinal: restart.after + 1,
                first: restart.first,
                output: restart.next.max(self.0[0].output + 1).max(self.1),
                discontinuities: restart.discontinuities,
                ..Run::INITIAL
            };
            let marks = restart.marks.clone();
            self.0.insert(
                0,
                RunView {
                    marks,
                    ..RunView::from(&run)
                },
            );
        }
        Runs::new(report.question, self.0.clone())
    }
}

impl Bench {
    /// Works with the server until neither has anything to say.
    pub(super) fn work(&mut self, server: &mut Server) {
        for _ in 0..6 {
            let outcome = self.settle();
            let listed = self.listed(LIST);
            server.1 = listed.last().map_or(0, |last| last + 1).max(server.1);
            self.runs = server.answer(&outcome.source);
        }
    }

    /// Writes segments of the source's run `run`, over those of earlier ones, and the playlist.
    pub(super) fn write_run(&self, list: &str, run: u64, numbers: std::ops::RangeInclusive<u64>) {
        let folder = list.rsplit_once('/').unwrap().0;
        for msn in numbers.clone() {
            let (path, bytes) = (format!("{folder}/s{msn}.ts"), segment(1000 * run + msn));
            if fs::read(self.source(&path)).ok().as_ref() != Some(&bytes) {
                self.write(&path, bytes);
                self.touch(&path, SystemClock.now().plus(APART * run as u32));
            }
        }
        self.write(list, undated(numbers, ""));
    }

    /// Has the source's file written at a time.
    pub(super) fn touch(&self, path: &str, at: Timestamp) {
        let since = Duration::from_millis(u64::try_from(at.millis()).unwrap());
        let file = fs::File::options().write(true).open(self.source(path));
        file.unwrap().set_modified(UNIX_EPOCH + since).unwrap();
    }

    pub(super) fn restarts(&self) -> usize {
        let told = |event: &&Event| matches!(event, Event::SourceRestarted { .. });
        self.events.iter().filter(told).count()
    }
}

/// The seed of what is published as a number, by the first numbers of the runs after the first.
pub(super) fn made(starts: &'static [(u64, u64)]) -> impl Fn(u64) -> u64 {
    move |msn| {
        let run = starts.iter().rposition(|(output, _)| msn >= *output);
        run.map_or(msn, |run| {
            let (output, first) = starts[run];
            1000 * (run as u64 + 1) + first + msn - output
        })
    }
}

#[test]
fn numbering_goes_on_after_a_restart_with_reused_names() {
    let (mut bench, mut server) = (Bench::new(BY_THREE), Server::new());
    bench.write_run(LIST, 0, 3..=8);
    bench.work(&mut server);
    let before = files(bench.sink.path());
    bench.write_run(LIST, 1, 0..=0);
    bench.work(&mut server);
    assert_eq!(bench.listed(LIST), [4, 5, 6, 7, 8, 9]);
    assert_eq!(bench.restarts(), 1);
    bench.write_run(LIST, 1, 0..=2);
    bench.work(&mut server);
    assert_eq!(bench.listed(LIST), [6, 7, 8, 9, 10, 11]);
    bench.audit_as(LIST, made(&[(9, 0)]));
    let text = bench.text(LIST);
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{text}");
    let (old, new) = text.split_once("#EXT-X-DISCONTINUITY\n").unwrap();
    assert!(
        old.ends_with("s8.ts\n") && new.contains("s0-9.ts\n"),
        "{text}"
    );
    for (path, bytes) in before.iter().filter(|(path, _)| !path.ends_with(".m3u8")) {
        assert_eq!(fs::read(bench.sink(path)).unwrap(), *bytes, "{path}");
    }
    bench.write_run(LIST, 1, 2..=7);
    bench.work(&mut server);
    assert_eq!(bench.listed(LIST), [11, 12, 13, 14, 15, 16]);
    let text = bench.text(LIST);
    assert!(text.contains("#EXT-X-DISCONTINUITY-SEQUENCE:1\n"), "{text}");
    assert!(!text.contains("#EXT-X-DISCONTINUITY\n"), "{text}");
    bench.audit_as(LIST, made(&[(9, 0)]));
}

#[test]
fn two_restarts_fit_in_one_window() {
    let (mut bench, mut server) = (Bench::new(BY_THREE), Server::new());
    for (run, last) in [(0, 5), (1, 1), (2, 1)] {
        bench.write_run(LIST, run, 0..=last);
        bench.work(&mut server);
    }
    assert_eq!(bench.listed(LIST), [4, 5, 6, 7, 8, 9]);
    let text = bench.text(LIST);
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 2, "{text}");
    bench.audit_as(LIST, made(&[(6, 0), (8, 0)]));
    bench.restart();
    bench.runs = Runs::default();
    bench.write_run(LIST, 2, 0..=3);
    bench.work(&mut server);
    assert_eq!(bench.listed(LIST), [6, 7, 8, 9, 10, 11]);
    let text = bench.text(LIST);
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY\n").count(), 2, "{text}");
    bench.audit_as(LIST, made(&[(6, 0), (8, 0)]));
}

#[test]
fn an_old_playlist_shown_again_is_no_restart() {
    let (mut bench, mut server) = (Bench::new(BY_THREE), Server::new());
    bench.write_run(LIST, 0, 0..=3);
    bench.work(&mut server);
    let old = fs::read(bench.source(LIST)).unwrap();
    bench.write_run(LIST, 0, 4..=9);
    bench.work(&mut server);
    for stale in [
        old,
        undated(2..=7, "").into_bytes(),
        undated(5..=6, "").into_bytes(),
    ] {
        bench.write(LIST, stale);
        bench.work(&mut server);
        bench.after(60_000);
        assert_eq!(bench.listed(LIST), [4, 5, 6, 7, 8, 9]);
    }
    bench.write_run(LIST, 0, 5..=10);
    bench.work(&mut server);
    assert_eq!(bench.listed(LIST), [5, 6, 7, 8, 9, 10]);
    assert_eq!((bench.restarts(), server.0.len()), (0, 1));
    bench.write_run(LIST, 1, 0..=1);
    bench.work(&mut server);
    let last_run = undated(5..=10, "");
    bench.write(LIST, last_run);
    bench.work(&mut server);
    bench.after(60_000);
    assert_eq!(
        bench.listed(LIST),
        [7, 8, 9, 10, 11, 12],
        "of the run before"
    );
    bench.write_run(LIST, 1, 0..=2);
    bench.work(&mut server);
    assert_eq!(bench.listed(LIST), [8, 9, 10, 11, 12, 13]);
    assert_eq!((bench.restarts(), server.0.len()), (1, 2));
    bench.audit_as(LIST, made(&[(11, 0)]));
}

#[test]
fn what_is_published_by_others_is_told_by_its_bytes() {
    let (mut one, mut server) = (Bench::new(BY_THREE), Server::new());
    one.write_run(LIST, 0, 0..=8);
    one.work(&mut server);
    one.restart();
    one.runs = Runs::default();
    let mut fresh = one.another(BY_THREE);
    fresh.runs = Runs::default();
    // while everybody was away: the same names and numbers, other bytes
    one.write_run(LIST, 1, 4..=9);
    one.work(&mut server);
    assert_eq!(server.0.len(), 2);
    fresh.work(&mut server);
    assert_eq!(server.0.len(), 2, "the other's run");
    assert_eq!(one.listed(LIST), [6, 7, 8, 9, 10, 11, 12, 13, 14]);
    assert_eq!(fresh.listed(LIST), [9, 10, 11, 12, 13, 14]);
    one.audit_as(LIST, made(&[(9, 4)]));
    fresh.audit_as(LIST, made(&[(9, 4)]));
    let (one, two) = (files(one.sink.path()), files(fresh.sink.path()));
    let is_media = |path: &&String| path.ends_with(".ts");
    assert!(
        two.keys()
            .filter(is_media)
            .all(|path| one[path] == two[path])
    );
}

#[test]
fn who_saw_one_restart_of_two_joins_the_second() {
    let (mut one, mut server) = (Bench::new(BY_THREE), Server::new());
    one.write_run(LIST, 0, 0..=5);
    one.work(&mut server);
    let mut two = one.another(BY_THREE);
    two.work(&mut server);
    one.write_run(LIST, 1, 0..=1);
    one.work(&mut server);
    one.write_run(LIST, 2, 0..=2);
    two.work(&mut server);
    assert_eq!(server.0.len(), 3, "{:?}", server.0);
    one.work(&mut server);
    assert_eq!(server.0.len(), 3);
    assert_eq!(one.listed(LIST)[3..], [8, 9, 10]);
    assert_eq!(two.listed(LIST)[3..], [8, 9, 10]);
    one.audit_as(LIST, made(&[(6, 0), (8, 0)]));
    two.audit_as(LIST, made(&[(6, 0), (8, 0)]));
    let gaps = two.published(LIST);
    assert!(
        gaps.segments()[1..3].iter().all(|segment| segment.gap),
        "6 and 7 were another's"
    );
}

#[test]
fn renditions_restart_at_one_number() {
    let (mut bench, mut server) = (Bench::new(BY_THREE), Server::new());
    let (v0, v1) = ("v0/i.m3u8", "v1/i.m3u8");
    bench.write_run(v0, 0, 0..=5);
    bench.write_run(v1, 0, 0..=4);
    bench.work(&mut server);
    bench.write_run(v0, 1, 0..=0);
    bench.work(&mut server);
    assert_eq!(server.0.len(), 1, "the other rendition is awaited");
    bench.write_run(v1, 1, 0..=0);
    bench.work(&mut server);
    assert_eq!(bench.listed(v0), [1, 2, 3, 4, 5, 6]);
    assert_eq!(bench.listed(v1), [2, 3, 4, 5, 6]);
    let gap = bench.published(v1).segments()[3].clone();
    assert!(gap.gap && gap.msn == 5);
    bench.audit_as(v0, made(&[(6, 0)]));
    bench.audit_as(v1, made(&[(6, 0)]));
    bench.write_run(v0, 1, 0..=2);
    bench.write_run(v1, 1, 0..=2);
    bench.work(&mut server);
    assert_eq!(bench.listed(v1), [4, 5, 6, 7, 8]);
    bench.write_run(v0, 2, 0..=0);
    bench.work(&mut server);
    bench.after(8000);
    bench.work(&mut server);
    assert_eq!(server.0.len(), 3, "but not for ever");
    assert_eq!(bench.listed(v0).last(), Some(&9));
}

#[test]
fn nothing_is_published_of_a_run_until_the_server_has_numbered_it() {
    let (mut bench, mut server) = (Bench::new(BY_THREE), Server::new());
    bench.write_run(LIST, 0, 0..=5);
    bench.work(&mut server);
    let before = files(bench.sink.path());
    bench.write_run(LIST, 1, 0..=7);
    for _ in 0..10 {
        bench.after(5000);
    }
    assert!(files(bench.sink.path()) == before);
    let stalled = (LIST.to_owned(), StallReason::Restarted);
    assert!(bench.stalls().contains(&stalled), "{:?}", bench.stalls());
    bench.work(&mut server);
    assert_eq!(bench.listed(LIST), (6..=13).collect::<Vec<_>>());
    bench.audit_as(LIST, made(&[(6, 0)]));
}

#[test]
fn with_the_server_away_only_what_is_proved_goes_on() {
    let (mut bench, mut server) = (Bench::new(BY_THREE), Server::new());
    for (run, last) in [(0, 5), (1, 3)] {
        bench.write_run(LIST, run, 0..=last);
        bench.work(&mut server);
    }
    assert_eq!(bench.listed(LIST), [4, 5, 6, 7, 8, 9]);
    let again = |bench: &mut Bench| {
        bench.restart();
        bench.runs = Runs::default();
        bench.settle();
        bench.after(4900);
    };
    bench.write_run(LIST, 1, 0..=4);
    again(&mut bench);
    assert_eq!(
        bench.listed(LIST).last(),
        Some(&9),
        "the server's word is awaited"
    );
    bench.after(200);
    assert_eq!(bench.listed(LIST), [5, 6, 7, 8, 9, 10]);
    bench.audit_as(LIST, made(&[(6, 0)]));
    let before = files(bench.sink.path());
    bench.write_run(LIST, 2, 0..=6);
    again(&mut bench);
    bench.after(60_000);
    assert_eq!(
        files(bench.sink.path()),
        before,
        "other bytes under the same names"
    );
    bench.work(&mut server);
    assert_eq!(bench.listed(LIST).last(), Some(&17));
    bench.audit_as(LIST, made(&[(6, 0), (11, 0)]));
}

#[test]
fn an_ended_live_list_goes_on_when_its_source_begins_anew() {
    let (mut bench, mut server) = (Bench::new(BY_THREE), Server::new());
    bench.write_run(LIST, 0, 0..=4);
    bench.work(&mut server);
    bench.write(LIST, undated(0..=4, "#EXT-X-ENDLIST\n"));
    bench.work(&mut server);
    assert!(bench.published(LIST).is_ended());
    bench.write_run(LIST, 1, 0..=1);
    bench.work(&mut server);
    assert_eq!(bench.listed(LIST), [2, 3, 4, 5, 6]);
    assert!(!bench.published(LIST).is_ended());
    bench.audit_as(LIST, made(&[(5, 0)]));
}

#[test]
fn numbers_out_of_bounds_stop_no_more_than_themselves() {
    let (mut bench, mut server) = (Bench::new(BY_THREE), Server::new());
    for (run, last) in [(0, 5), (1, 1)] {
        bench.write_run(LIST, run, 0..=last);
        bench.work(&mut server);
    }
    let far = undated(0..=1, "").replace("SEQUENCE:0", "SEQUENCE:9007199254740990");
    bench.write(LIST, far);
    bench.work(&mut server);
    bench.after(1000);
    let stalled = (LIST.to_owned(), StallReason::Unreadable);
    assert!(bench.stalls().contains(&stalled), "{:?}", bench.stalls());
    bench.write_run(LIST, 1, 0..=2);
    bench.work(&mut server);
    assert_eq!(bench.listed(LIST).last(), Some(&8));
    bench.audit_as(LIST, made(&[(6, 0)]));
}
