//! Two servers on one Postgres: one schedule, one answer to each race, one end of each key.
//!
//! Must not know: how one hears of the other.

mod away;
mod restart;
mod revoked;

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::actor::{Actor, Answer};
use crate::harness::postgres::Cluster;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// Two servers of one service, and their database.
struct Pair {
    servers: [Serve; 2],
    cluster: Cluster,
    credential: String,
    operator: String,
}

impl Pair {
    /// Both at the same database, directly.
    async fn start() -> Self {
        let cluster = Cluster::start();
        let url = cluster.url();
        Self::at(cluster, [&url, &url], "30s").await
    }

    /// Each at its own URL of the database.
    async fn at(cluster: Cluster, urls: [&str; 2], stale_after: &str) -> Self {
        let mut one = Serve::prepare_on(urls[0], stale_after, None);
        let mut other = Serve::prepare_on(urls[1], stale_after, Some(&one));
        tokio::join!(one.resume(), other.resume());
        let read = |path| std::fs::read_to_string(path).unwrap().trim().to_owned();
        Self {
            credential: read(one.credential("packager", "test/**", &[])),
            operator: read(one.credential("operator", "**", &["operate"])),
            servers: [one, other],
            cluster,
        }
    }

    /// A packager at either server.
    fn packagers(&self) -> [Actor; 2] {
        [0, 1].map(|at| self.servers[at].stranger().with(&self.credential))
    }

    /// A viewer of every test stream at either server.
    fn viewers(&self) -> [Actor; 2] {
        [0, 1].map(|at| self.servers[at].viewer("test/**"))
    }

    /// Withdraws a key at one server.
    async fn revoke(&self, at: usize, kid: &str) {
        let operator = self.servers[at].ops().with(&self.operator);
        let path = format!("/v1/keys/{kid}/revoke");
        operator.ask("POST", &path, None).await.expect(204);
    }
}

impl Drop for Pair {
    /// A failed test shows what the servers said of failures.
    fn drop(&mut self) {
        for process in self.servers.iter().filter_map(|one| one.process.as_ref()) {
            if std::thread::panicking() {
                eprintln!("{}", process.stderr.text());
            }
        }
    }
}

/// `count` of one request at once, at both servers by turns. Who is told to come again does.
async fn at_once(
    at: &[Actor; 2],
    count: usize,
    method: &str,
    path: &str,
    body: &str,
) -> Vec<Answer> {
    let body = (!body.is_empty()).then_some(body);
    let one = async |who: &Actor| {
        until("an answer", seconds(20), async || {
            let answer = who.ask(method, path, body).await;
            (answer.status != 503).then_some(answer)
        })
        .await
    };
    join_all((0..count).map(|turn| one(&at[turn % 2]))).await
}

/// Whether all answers are well and the same; gives it.
fn agreed(answers: Vec<Answer>, part: impl Fn(&Value) -> Value) -> Value {
    let mut told = answers
        .into_iter()
        .map(|answer| part(&answer.expect(200).json()));
    let first = told.next().unwrap();
    assert!(told.all(|other| other == first), "{first}");
    first
}

/// Kid and key of each period.
fn keys(schedule: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let periods = schedule["periods"].as_array().unwrap().iter();
    periods
        .map(|one| (text(&one["kid"]), text(&one["key"])))
        .collect()
}

/// The kids of a new stream's lease, in order.
async fn leased(packager: &Actor, stream: &str) -> Vec<String> {
    let path = format!("/v1/streams/{stream}/schedule");
    let schedule = packager.get(&path).await.expect(200).json();
    let periods = schedule["periods"].as_array().unwrap().iter();
    periods
        .map(|one| one["kid"].as_str().unwrap().to_owned())
        .collect()
}

/// The status of a key request, and that 200 is 16 bytes and 503 says when to come again.
async fn status(viewer: &Actor, kid: &str) -> u16 {
    let answer = viewer.get(&format!("/v1/keys/{kid}")).await;
    assert!(answer.status != 200 || answer.body.len() == 16);
    told_when(&answer);
    answer.status
}

/// Whether a 503 says when to come again.
fn told_when(answer: &Answer) {
    assert!(answer.status != 503 || answer.header("retry-after") == "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn races_have_one_outcome() {
    let pair = Pair::start().await;
    let packagers = pair.packagers();
    for round in 0..3 {
        let stream = format!("/v1/streams/test/raced-{round}");
        let register = r#"{"rotation": {"every": "1m"}}"#;
        let registered = at_once(&packagers, 8, "PUT", &stream, register).await;
        let created = registered.iter().filter(|answer| answer.status == 201);
        assert_eq!(created.count(), 1);
        for answer in registered {
            assert_eq!(answer.json()["version"], 1, "{}", answer.text());
        }

        // A stream that is registered on first sight, and one that is.
        for stream in [&stream, &format!("{stream}-template")] {
            let path = format!("{stream}/schedule");
            let leases = at_once(&packagers, 12, "GET", &path, "").await;
            let schedule = agreed(leases, |schedule| {
                schedule["periods"]
                    .as_array()
                    .map(|all| {
                        let parts = |one: &Value| json!([one["kid"], one["key"], one["boundary"]]);
                        Value::from(all.iter().map(parts).collect::<Vec<_>>())
                    })
                    .unwrap()
            });
            assert!(schedule.as_array().unwrap().len() > 2, "{schedule}");
        }

        let cuts = at_once(&packagers, 8, "POST", &format!("{stream}/rotate"), "{}").await;
        agreed(cuts, |cut| json!([cut["index"], cut["boundary"]]));
        let shown = at_once(&packagers, 2, "GET", &stream, "").await;
        let version = agreed(shown, |stream| stream["version"].clone());
        assert_eq!(version, 2, "eight cuts at once are one");

        let report = json!({"instance": "one", "acknowledged": 1, "claims": [7, 8, 9]});
        let path = format!("{stream}/progress");
        let claims = at_once(&packagers, 12, "POST", &path, &report.to_string()).await;
        agreed(claims, |reply| reply["claims"].clone());
    }
    let same = "SELECT count(*) - count(DISTINCT (stream, boundary)) FROM periods";
    assert_eq!(pair.cluster.sql(same), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_at_one_server_is_heard_at_the_other() {
    let pair = Pair::start().await;
    let ([one, _], [here, there]) = (pair.packagers(), pair.viewers());
    let kids = leased(&one, "test/heard").await;
    for kid in &kids[..3] {
        assert_eq!(
            (status(&here, kid).await, status(&there, kid).await),
            (200, 200)
        );
    }
    revoked_everywhere(&pair, &kids[0]).await;

    // A long poll at the other server ends with a cut here, long before its time.
    let [_, two] = pair.packagers();
    let path = "/v1/streams/test/heard/schedule?known=1&wait=10";
    let held = tokio::spawn(async move { two.get(path).await.expect(200).json() });
    let waits = "SELECT count(*) FROM pg_stat_activity
                 WHERE query LIKE '%FROM changes%' AND pid <> pg_backend_pid()";
    assert_eq!(
        pair.cluster.sql(waits),
        "2",
        "each follows on a connection of its own"
    );
    let begun = std::time::Instant::now();
    one.ask("POST", "/v1/streams/test/heard/rotate", Some("{}"))
        .await
        .expect(200);
    assert_eq!(held.await.unwrap()["version"], 2);
    assert!(begun.elapsed() < seconds(5), "{:?}", begun.elapsed());

    // Those connections are lost: what is said meanwhile is not missed, and they come back.
    let lost = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE query LIKE '%FROM changes%' AND pid <> pg_backend_pid()";
    assert_eq!(pair.cluster.sql(lost), "2");
    revoked_everywhere(&pair, &kids[1]).await;
    until("both follow again", seconds(10), async || {
        (pair.cluster.sql(waits) == "2").then_some(())
    })
    .await;
    revoked_everywhere(&pair, &kids[2]).await;

    // A removal takes all of a stream's keys.
    let last = kids.last().unwrap();
    assert_eq!(status(&there, last).await, 200);
    one.ask("DELETE", "/v1/streams/test/heard", None)
        .await
        .expect(204);
    gone_soon(&there, last).await;
}

/// Revokes at the one server and wants that at once there, and at the other soon.
async fn revoked_everywhere(pair: &Pair, kid: &str) {
    let [here, there] = pair.viewers();
    pair.revoke(0, kid).await;
    assert_eq!(status(&here, kid).await, 410);
    gone_soon(&there, kid).await;
}

/// Within the second of a poll, and what a busy machine takes.
async fn gone_soon(viewer: &Actor, kid: &str) {
    until("the key is gone", seconds(2), async || {
        (status(viewer, kid).await == 410).then_some(())
    })
    .await;
}

#[test]
fn the_keystore_needs_no_database() {
    let serve = Serve::prepare_on("postgres://u@db.example/keys", "30s", None);
    let config = serve.config();
    for command in ["keystore init", "config check"] {
        let mut args: Vec<&str> = command.split(' ').collect();
        args.extend(["--config", config.to_str().unwrap()]);
        crate::harness::binary::printed(&args);
    }
}
