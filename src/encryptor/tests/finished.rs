//! Finished assets: published whole or not at all.

use super::super::finish::ended;
use super::*;
use crate::encryptor::EncryptorError;

impl Bench {
    fn ended(&self) -> Option<Result<(), EncryptorError>> {
        ended(&self.engine().standing(), self.source.path(), self.now)
    }

    fn asset(&self, list: &str, count: u64, dated: bool) {
        let folder = list
            .rsplit_once('/')
            .map_or(String::new(), |(f, _)| format!("{f}/"));
        for msn in 0..count {
            self.write(&format!("{folder}s{msn}.ts"), segment(msn));
        }
        let end = "#EXT-X-ENDLIST\n";
        let text = match dated {
            true => playlist(0..=count - 1, end),
            false => undated(0..=count - 1, end),
        };
        self.write(list, text);
    }
}

#[test]
fn an_asset_without_dates_is_placed_by_its_own_time() {
    let mut bench = Bench::new(EVERY_TEN);
    bench.asset("v0/i.m3u8", 150, false);
    bench.asset("v1/i.m3u8", 150, false);
    bench.pass();
    assert!(!bench.sink("v0/i.m3u8").exists(), "not before it is whole");
    assert!(bench.ended().is_none());
    bench.settle();
    for list in ["v0/i.m3u8", "v1/i.m3u8"] {
        assert_eq!(bench.listed(list).len(), 150);
        bench.audit(list);
        assert!(bench.published(list).is_ended());
    }
    let published = bench.published("v0/i.m3u8");
    let kid = |at: usize| published.segments()[at].key.clone().unwrap().uri.clone();
    assert_eq!(kid(0), kid(2), "0 s to 12 s");
    assert_ne!(kid(2), kid(3));
    assert!(bench.ended().unwrap().is_ok());
    let summary = bench.engine().summary();
    assert_eq!(
        (summary.renditions, summary.segments, summary.periods),
        (2, 300, 60)
    );
}

#[test]
fn a_vanished_file_ends_the_run_by_name_and_nothing_wrong_is_published() {
    let mut bench = Bench::new(NEVER);
    bench.asset("a/i.m3u8", 3, true);
    bench.asset("b/i.m3u8", 3, true);
    fs::remove_file(bench.source("b/s1.ts")).unwrap();
    bench.settle();
    assert!(bench.ended().is_none());
    bench.after(6000);
    let Some(Err(error)) = bench.ended() else {
        panic!("the run has ended")
    };
    let expected = "not published: b/i.m3u8 segment 1: b/s1.ts is not there";
    assert_eq!(error.to_string(), expected);
    assert_eq!(bench.listed("a/i.m3u8").len(), 3);
    assert!(!bench.sink("b/i.m3u8").exists());
}

#[test]
fn an_empty_segment_of_a_finished_asset_is_a_gap() {
    let mut bench = Bench::new(NEVER);
    bench.asset("i.m3u8", 3, true);
    bench.write("s1.ts", "");
    bench.settle();
    let published = bench.published("i.m3u8");
    let gaps: Vec<_> = published
        .segments()
        .iter()
        .map(|segment| segment.gap)
        .collect();
    assert_eq!(gaps, [false, true, false]);
    bench.audit("i.m3u8");
    assert!(bench.ended().unwrap().is_ok());
    let told = |event: &Event| {
        matches!(
            event,
            Event::Gap {
                msn: 1,
                reason: StallReason::Empty,
                ..
            }
        )
    };
    assert!(bench.events.iter().any(told));
}

#[test]
fn nothing_to_do_and_nothing_that_can_be_done_are_errors() {
    let mut bench = Bench::new(NEVER);
    bench.settle();
    assert!(matches!(
        bench.ended(),
        Some(Err(EncryptorError::NothingFound(_)))
    ));
    let key = "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n";
    let list = format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n{key}#EXTINF:4,\na.ts\n#EXT-X-ENDLIST\n");
    bench.write("i.m3u8", list);
    bench.settle();
    let said = bench.ended().unwrap().unwrap_err().to_string();
    assert!(said.contains("encrypted already"), "{said}");
    assert_eq!(bench.stalls()[0].1, StallReason::AlreadyEncrypted);
}

#[test]
fn a_playlist_without_a_last_line_end_is_taken_in_time() {
    let mut bench = Bench::new(NEVER);
    bench.asset("i.m3u8", 2, true);
    let text = playlist(0..=1, "#EXT-X-ENDLIST");
    bench.write("i.m3u8", text);
    bench.settle();
    assert!(bench.ended().unwrap().is_ok());
}

#[test]
fn what_is_not_listed_yet_follows_a_new_schedule_before_that_is_acknowledged() {
    let mut bench = Bench::new(BY_THREE);
    bench.asset("i.m3u8", 9, true);
    fs::remove_file(bench.source("s8.ts")).unwrap();
    bench.settle();
    let before = files(bench.sink.path());
    assert_eq!(before.len(), 8, "durable, and not listed");
    let mut view = view(BY_THREE, 0..4);
    view["version"] = json!(2);
    let cut = json!({"start": {"segment": 7}, "base": 3, "rotation": {"segments": 3}});
    view["eras"].as_array_mut().unwrap().push(cut);
    view["periods"][3]["boundary"] = json!({"segment": 7});
    bench.lease = Some(served(view));
    assert_eq!(bench.pass().acknowledged, Some(2));
    let after = files(bench.sink.path());
    assert_eq!(before["s6.ts"], after["s6.ts"], "before the cut");
    assert_ne!(before["s7.ts"], after["s7.ts"], "after the cut");
    bench.write("s8.ts", segment(8));
    bench.settle();
    let published = bench.published("i.m3u8");
    let uris = published
        .segments()
        .iter()
        .map(|s| s.key.clone().unwrap().uri.clone());
    let kids: String = uris.map(|uri| uri.chars().last().unwrap()).collect();
    assert_eq!(kids, "000111233");
    bench.audit("i.m3u8");
}
