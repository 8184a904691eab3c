//! Times that an encryptor took from its clock while the server was away, and what the server makes
//! of them.
//!
//! Must not know: where they are kept.

use serde_json::{Value, json};

use crate::harness::serve::Serve;
use crate::rotate::{STREAM, millis, packager, schedule};

#[tokio::test(flavor = "multi_thread")]
async fn times_taken_from_a_clock_stand_where_nobody_claimed() {
    let serve = Serve::start("{ every = \"10m\" }", "").await;
    let actor = packager(&serve);
    let lease = schedule(&actor).await;
    let now = millis(&lease["now"]);
    let at = |millis: i64| {
        let nanos = i128::from(millis) * 1_000_000;
        let time = time::OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap();
        time.format(&time::format_description::well_known::Rfc3339)
            .unwrap()
    };
    let claim = async |claims: &[u64], taken: &[(u64, i64)]| {
        let taken = taken
            .iter()
            .map(|(segment, time)| json!({"segment": segment, "time": at(*time)}));
        let taken: Vec<Value> = taken.collect();
        let body = json!({"instance": "e", "acknowledged": 1, "claims": claims, "taken": taken});
        let path = format!("{STREAM}/progress");
        let reply = actor
            .ask("POST", &path, Some(&body.to_string()))
            .await
            .expect(200)
            .json();
        let times = reply["claims"].as_array().unwrap().iter();
        let pair = |claim: &Value| (claim["segment"].as_u64().unwrap(), millis(&claim["time"]));
        times.map(pair).collect::<Vec<_>>()
    };
    let minute = 60_000;
    let first = claim(&[12], &[(10, now - 2 * minute), (11, now - minute)]).await;
    assert_eq!(first[1..], [(10, now - 2 * minute), (11, now - minute)]);
    assert!(first[0].0 == 12 && first[0].1 >= now, "{first:?}");
    let other = claim(&[], &[(10, now), (13, now - 3 * minute)]).await;
    assert_eq!(other[0], (10, now - 2 * minute), "the first writer wins");
    assert_eq!(other[1], (13, first[0].1), "no order is turned around");
    let ahead = claim(&[], &[(14, now + 60 * minute)]).await[0].1;
    assert!(
        ahead < now + minute,
        "a clock that is ahead is not believed: {ahead}"
    );
    let body = json!({"instance": "e", "acknowledged": 1,
        "taken": vec![json!({"segment": 1, "time": at(now)}); 1001]});
    let path = format!("{STREAM}/progress");
    actor
        .ask("POST", &path, Some(&body.to_string()))
        .await
        .expect(400);
}

/// Sound in segments of two seconds and pictures in such of ten count apart, and an I-frame list has
/// numbers of its own: no key goes, and no cut is made, by the fastest of them.
#[tokio::test(flavor = "multi_thread")]
async fn renditions_that_count_apart_are_not_cut_by_number() {
    let serve = Serve::start("{ segments = 1000 }", "").await;
    let actor = packager(&serve);
    let kid = schedule(&actor).await["periods"][0]["kid"].clone();
    let report = async |lists: &[(&str, u64, bool)]| {
        let list = |&(name, last, iframes): &(&str, u64, bool)| {
            json!({"rendition": name, "duration_ms": 9000, "iframes": iframes,
                "periods": [{"kid": kid, "first": 0, "last": last}]})
        };
        let body = json!({"instance": "e", "acknowledged": 1,
            "renditions": lists.iter().map(list).collect::<Vec<_>>()});
        let path = format!("{STREAM}/progress");
        let body = body.to_string();
        actor.ask("POST", &path, Some(&body)).await.expect(200);
    };
    let rotate = async || {
        let path = format!("{STREAM}/rotate");
        actor.ask("POST", &path, Some("{\"now\": true}")).await
    };
    report(&[("v.m3u8", 20, false), ("i.m3u8", 900, true)]).await;
    let cut = rotate().await.expect(200).json();
    assert_eq!(cut["boundary"], json!({"segment": 21}), "{cut}");

    report(&[("v.m3u8", 100, false), ("a.m3u8", 9000, false)]).await;
    let refused = rotate().await.expect(409).text();
    assert!(refused.contains("run apart"), "{refused}");
    let body = json!({"rotation": {"every": "10m"}}).to_string();
    actor.ask("PUT", STREAM, Some(&body)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rendition_is_told_times_by_its_own_name() {
    let serve = Serve::start("{ every = \"10m\" }", "").await;
    let actor = packager(&serve);
    schedule(&actor).await;
    let ask = async |name: &str, segments: &[u64]| {
        let body = json!({"instance": "e", "acknowledged": 1,
            "undated": [{"rendition": name, "segments": segments}]});
        let path = format!("{STREAM}/progress");
        let body = body.to_string();
        let reply = actor.ask("POST", &path, Some(&body)).await.expect(200);
        reply.json()["claims"].as_array().unwrap().clone()
    };
    let first = ask("a.m3u8", &[7, 8]).await;
    assert_eq!(first.len(), 2);
    assert_eq!(first[0]["rendition"], "a.m3u8");
    let other = ask("v.m3u8", &[8]).await;
    assert_eq!(other[0]["rendition"], "v.m3u8");
    assert_eq!(
        other[0]["time"], first[1]["time"],
        "they share their numbers"
    );
    let body = json!({"instance": "e", "acknowledged": 1,
        "undated": [{"rendition": "a.m3u8", "segments": vec![1; 1001]}]});
    let path = format!("{STREAM}/progress");
    let body = body.to_string();
    actor.ask("POST", &path, Some(&body)).await.expect(400);
}
