//! Delivery directives at the origin (draft-pantos-hls-rfc8216bis §6.2.5): lists that are held
//! until they have what is asked, and delta updates.
//!
//! Must not know: how the origin waits. Files are swapped as an encryptor does it.

use std::path::PathBuf;

use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::actor::{Actor, Answer};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, throughout, until};

const OPEN: &str = "hlskey_connections{listener=\"players\"}";
const AT: &str = "/hls/test/ll/i.m3u8";

/// Segments of a second from `first` to `last`, then `parts` of the next one.
fn list(first: u64, last: u64, parts: u64, control: &str) -> String {
    let part = |msn, n| format!("#EXT-X-PART:DURATION=0.5,URI=\"{msn}.{n}.m4s\"\n");
    let segment = |msn: u64| {
        let key = format!("#EXT-X-KEY:METHOD=AES-128,URI=\"https://k/1\",IV=0x{msn:032x}\n");
        format!(
            "{key}{}{}#EXTINF:1,\n{msn}.m4s\n",
            part(msn, 0),
            part(msn, 1)
        )
    };
    let segments: String = (first..=last).map(segment).collect();
    let parts: String = (0..parts).map(|n| part(last + 1, n)).collect();
    format!(
        "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:1\n{control}\
         #EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-MEDIA-SEQUENCE:{first}\n\
         #EXT-X-MAP:URI=\"init.mp4\"\n{segments}{parts}"
    )
}

const CONTROL: &str =
    "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=6,PART-HOLD-BACK=1.5\n";

fn swap(serve: &Serve, text: &str) {
    let path: PathBuf = serve.origin().join("test/ll/i.m3u8");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path.with_extension("tmp"), text).unwrap();
    std::fs::rename(path.with_extension("tmp"), path).unwrap();
}

async fn served() -> (Serve, Actor) {
    let mut serve = Serve::prepare("{ every = \"10m\" }", "");
    let crowd = "origin = \"hls\"\nconnections_per_address = 5000";
    serve.amend("origin = \"hls\"", crowd);
    serve.resume().await;
    swap(&serve, &list(0, 9, 1, CONTROL));
    let anyone = serve.stranger();
    (serve, anyone)
}

async fn asked(who: &Actor, query: &str) -> Answer {
    who.get(&format!("{AT}?{query}")).await
}

#[tokio::test]
async fn a_blocked_request_is_answered_when_the_part_comes_and_not_before() {
    let (serve, anyone) = served().await;
    for there in ["_HLS_msn=9", "_HLS_msn=10&_HLS_part=0", "_HLS_msn=0"] {
        asked(&anyone, there).await.expect(200);
    }
    let waiting = tokio::spawn(async move { asked(&anyone, "_HLS_msn=10&_HLS_part=1").await });
    let held = seconds(1);
    throughout("it is held", held, async || !waiting.is_finished()).await;
    swap(&serve, &list(0, 9, 2, CONTROL));
    let answer = waiting.await.unwrap().expect(200);
    assert_eq!(answer.text(), list(0, 9, 2, CONTROL));
    assert_eq!(answer.header("cache-control"), "public, max-age=1");
    let head = format!("{AT}?_HLS_msn=10&_HLS_part=1");
    let head = serve.stranger().ask("HEAD", &head, None).await.expect(200);
    assert!(head.body.is_empty() && head.header("etag") == answer.header("etag"));
}

#[tokio::test]
async fn what_never_comes_is_refused_and_what_does_not_come_is_late() {
    let (serve, anyone) = served().await;
    let bad = [
        "_HLS_part=1",
        "_HLS_msn=12",
        "_HLS_msn=10&_HLS_part=9",
        "_HLS_msn=x",
    ];
    for bad in bad {
        let answer = asked(&anyone, bad).await.expect(400);
        assert_eq!(answer.code(), "bad_request", "{bad}");
    }
    asked(&anyone, "_HLS_msn=10").await.expect(503);
    let silent = list(0, 9, 1, "");
    swap(&serve, &silent);
    let all = [&bad[..], &["_HLS_msn=10", "_HLS_skip=YES", "_HLS_new=1"]].concat();
    for ignored in &all {
        until("the directives are ignored", seconds(5), async || {
            let answer = asked(&anyone, ignored).await;
            (answer.status == 200 && answer.text() == silent).then_some(())
        })
        .await;
    }
    swap(
        &serve,
        &format!("{}#EXT-X-ENDLIST\n", list(0, 9, 1, CONTROL)),
    );
    for ignored in &all {
        until("an ended list is not waited for", seconds(5), async || {
            (asked(&anyone, ignored).await.status == 200).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_delta_update_leaves_old_segments_out_and_names_the_section_again() {
    let (serve, anyone) = served().await;
    let whole = asked(&anyone, "_HLS_msn=9").await.expect(200);
    let delta = asked(&anyone, "_HLS_msn=9&_HLS_skip=YES").await.expect(200);
    assert_ne!(whole.header("etag"), delta.header("etag"));
    let text = delta.text();
    let (head, rest) = text.split_once("#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n").unwrap();
    assert!(head.contains("#EXT-X-VERSION:9\n") && !head.contains("EXTINF"));
    let first = "#EXT-X-MAP:URI=\"init.mp4\"\n#EXT-X-KEY:METHOD=AES-128,";
    assert!(rest.starts_with(first), "{rest}");
    assert!(rest.ends_with("#EXT-X-PART:DURATION=0.5,URI=\"10.0.m4s\"\n"));
    assert!(
        whole
            .text()
            .ends_with(&rest[rest.find("#EXT-X-KEY").unwrap()..])
    );
    swap(
        &serve,
        &list(0, 9, 1, "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES\n"),
    );
    until("no delta is offered", seconds(5), async || {
        let answer = asked(&anyone, "_HLS_skip=YES").await.expect(200);
        (!answer.text().contains("#EXT-X-SKIP")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_part_that_a_list_announces_is_held_and_no_other() {
    let (serve, anyone) = served().await;
    let announce = |parts, next: &str| {
        let hint = format!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{next}\"\n");
        swap(&serve, &(list(0, 9, parts, CONTROL) + &hint));
    };
    let ask = |part: &str| {
        let (anyone, path) = (serve.stranger(), format!("/hls/test/ll/{part}"));
        tokio::spawn(async move { anyone.get(&path).await })
    };
    announce(1, "10.1.m4s");
    anyone.get(AT).await.expect(200);
    ask("10.2.m4s").await.unwrap().expect(404);
    let late = ask("10.1.m4s").await.unwrap().expect(503);
    assert_eq!(
        late.code(),
        "unavailable",
        "three target durations are over"
    );

    asked(&anyone, "_HLS_msn=9").await.expect(200);
    let waiting = ask("10.1.m4s");
    throughout("it is held", seconds(1), async || !waiting.is_finished()).await;
    let file = serve.origin().join("test/ll/10.1.m4s");
    std::fs::write(file, "of its own").unwrap();
    announce(2, "10.2.m4s");
    assert_eq!(waiting.await.unwrap().expect(200).text(), "of its own");

    asked(&anyone, "_HLS_msn=10&_HLS_part=1").await.expect(200);
    let waiting = ask("10.2.m4s");
    throughout("it is held", seconds(1), async || !waiting.is_finished()).await;
    announce(2, "other.m4s");
    waiting.await.unwrap().expect(404);
}

#[tokio::test]
async fn two_thousand_viewers_wait_for_one_part() {
    raise_open_files();
    let (serve, anyone) = served().await;
    // So long that all are there before the first is told that it waits in vain.
    let long = |parts| list(0, 9, parts, CONTROL).replace("TARGETDURATION:1", "TARGETDURATION:20");
    swap(&serve, &long(1));
    let crowd = (0..2000).map(|_| {
        let anyone = anyone.clone();
        async move { asked(&anyone, "_HLS_msn=10&_HLS_part=1").await }
    });
    let crowd = tokio::spawn(join_all(crowd.collect::<Vec<_>>()));
    until("all are connected", seconds(60), async || {
        (connections(&serve).await >= 2000).then_some(())
    })
    .await;
    let held = seconds(1);
    throughout("all are held", held, async || !crowd.is_finished()).await;
    swap(&serve, &long(2));
    let answers = crowd.await.unwrap();
    assert!(answers.iter().all(|answer| answer.status == 200));
}

async fn connections(serve: &Serve) -> u64 {
    let measures = serve.ops().get("/metrics").await.expect(200).text();
    let open = measures.lines().find_map(|line| line.strip_prefix(OPEN));
    open.map_or(0, |open| open.trim().parse().unwrap())
}

/// Each viewer has a connection.
fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}
