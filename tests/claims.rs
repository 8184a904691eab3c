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
