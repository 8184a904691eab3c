//! Cuts with encryptors that hold leases: acknowledged in milliseconds, refused with names, left
//! behind by a killed server.
//!
//! Must not know: how encryptors are remembered.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::actor::{Actor, Answer};
use crate::harness::encrypt::Encrypt;
use crate::harness::packager::Packager;
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

pub(crate) const STREAM: &str = "/v1/streams/test/cut";

/// An encryptor as the server sees it: a name, and the version that it follows.
struct Follower {
    actor: Actor,
    name: &'static str,
    known: u64,
}

impl Follower {
    /// Takes its first lease and follows the stream.
    async fn join(actor: &Actor, name: &'static str) -> (Self, Value) {
        let path = format!("{STREAM}/schedule?instance={name}");
        let lease = actor.get(&path).await.expect(200).json();
        let known = lease["version"].as_u64().unwrap();
        let actor = actor.clone();
        let mut one = Self { actor, name, known };
        one.poll(0).await;
        (one, lease)
    }

    /// One long poll, `wait` seconds at most.
    async fn poll(&mut self, wait: u64) -> Value {
        let Self { name, known, .. } = self;
        let path = format!("{STREAM}/schedule?instance={name}&count=1&known={known}&wait={wait}");
        let lease = self.actor.get(&path).await.expect(200).json();
        self.known = lease["version"].as_u64().unwrap();
        lease
    }

    /// Polls on and on.
    async fn follow(mut self) {
        loop {
            self.poll(5).await;
        }
    }
}

pub(crate) fn packager(serve: &Serve) -> Actor {
    let credential = serve.credential("packager", "test/**", &[]);
    let text = std::fs::read_to_string(credential).unwrap();
    serve.stranger().with(text.trim())
}

async fn rotate(actor: &Actor, body: &str) -> Answer {
    actor
        .ask("POST", &format!("{STREAM}/rotate"), Some(body))
        .await
}

pub(crate) async fn schedule(actor: &Actor) -> Value {
    actor
        .get(&format!("{STREAM}/schedule?from=0&count=2"))
        .await
        .expect(200)
        .json()
}

/// A report that acknowledges a version.
async fn report(actor: &Actor, name: &str, acknowledged: u64, leaving: bool) -> Value {
    let body = json!({"instance": name, "acknowledged": acknowledged, "leaving": leaving});
    let path = format!("{STREAM}/progress");
    actor
        .ask("POST", &path, Some(&body.to_string()))
        .await
        .expect(200)
        .json()
}

pub(crate) fn millis(time: &Value) -> i64 {
    let time = time.as_str().unwrap();
    let format = &time::format_description::well_known::Rfc3339;
    let time = time::OffsetDateTime::parse(time, format).unwrap();
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_is_acknowledged_at_once_by_all_that_listen() {
    let serve = Serve::start("{ every = \"10m\" }", "").await;
    let actor = packager(&serve);
    let (one, lease) = Follower::join(&actor, "one").await;
    let held = millis(&lease["lease_end"]) - millis(&lease["now"]);
    assert!((3_590_000..=3_600_000).contains(&held), "{held}");
    assert!(
        schedule(&actor).await["lease_end"].is_null(),
        "nobody's lease"
    );
    let (two, _) = Follower::join(&actor, "two").await;
    let following = [tokio::spawn(one.follow()), tokio::spawn(two.follow())];
    let (before, began) = (schedule(&actor).await, Instant::now());
    let cut = rotate(&actor, "").await.expect(200).json();
    assert!(began.elapsed() < seconds(2), "{:?}", began.elapsed());
    assert_eq!(cut["unreachable"], json!([]));
    assert_eq!(
        cut["version"],
        json!(before["version"].as_u64().unwrap() + 1)
    );
    let ahead = millis(&cut["boundary"]["time"]) - millis(&before["now"]);
    assert!(
        ahead >= 10_000,
        "two refreshes ahead when it is confirmed: {ahead}"
    );
    let again = rotate(&actor, "{}").await.expect(200).json();
    assert_eq!(again, cut, "a cut still to come is answered again");
    following.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_acknowledge_is_named_and_nothing_changes() {
    let serve = Serve::start("{ every = \"10m\" }", "").await;
    let actor = packager(&serve);
    let (one, _) = Follower::join(&actor, "one").await;
    let (_lost, lease) = Follower::join(&actor, "lost").await;
    let following = tokio::spawn(one.follow());
    let before = schedule(&actor).await;
    let refused = rotate(&actor, "{}").await.expect(409);
    let problem = refused.json();
    assert_eq!(refused.code(), "encryptors_unreachable");
    let named = problem["unreachable"].as_array().unwrap();
    assert_eq!((named.len(), &named[0]["instance"]), (1, &json!("lost")));
    let end = millis(&named[0]["lease_end"]);
    assert!(
        (end - millis(&lease["lease_end"])).abs() < 2_000,
        "{problem}"
    );
    let detail = problem["detail"].as_str().unwrap();
    let ends = named[0]["lease_end"].as_str().unwrap();
    assert!(detail.contains("lost") && detail.contains(ends), "{detail}");
    let after = schedule(&actor).await;
    for what in ["eras", "periods"] {
        let strip = |view: &Value| {
            let list = view[what].as_array().unwrap().clone();
            let keys = list
                .iter()
                .map(|one| (one["kid"].clone(), one["key"].clone()));
            (list.len(), keys.collect::<Vec<_>>())
        };
        assert_eq!(strip(&before), strip(&after), "{what}");
    }
    assert_eq!(after["eras"], before["eras"]);
    // A change of the rule needs the same.
    let rule = r#"{"rotation":{"every":"20m"}}"#;
    let refused = actor.ask("PUT", STREAM, Some(rule)).await.expect(409);
    assert_eq!(refused.code(), "encryptors_unreachable");
    // It leaves, and nobody waits for it any more.
    report(&actor, "lost", before["version"].as_u64().unwrap(), true).await;
    rotate(&actor, "{}").await.expect(200);
    following.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn at_once_cuts_and_names_who_may_go_on() {
    let serve = Serve::start("{ every = \"10m\" }", "").await;
    let actor = packager(&serve);
    let (one, _) = Follower::join(&actor, "one").await;
    let (_lost, _) = Follower::join(&actor, "lost").await;
    let following = tokio::spawn(one.follow());
    let cut = rotate(&actor, r#"{"now":true}"#).await.expect(200).json();
    let names: Vec<_> = cut["unreachable"].as_array().unwrap().iter().collect();
    assert_eq!(
        (names.len(), &names[0]["instance"]),
        (1, &json!("lost")),
        "{cut}"
    );
    let after = schedule(&actor).await;
    assert_eq!(after["eras"].as_array().unwrap().len(), 2);
    assert_eq!(after["version"], cut["version"]);
    let kept = after["periods"][0]["kid"].as_str().unwrap();
    serve
        .viewer("test/cut")
        .get(&format!("/v1/keys/{kept}"))
        .await
        .expect(200);
    following.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_what_the_server_says() {
    let serve = Serve::start("{ every = \"10m\" }", "").await;
    let actor = packager(&serve);
    let (_lost, _) = Follower::join(&actor, "lost").await;
    let run = |more: &[&str]| {
        let (url, ca) = (serve.url(), serve.ca());
        let credential = ca
            .parent()
            .unwrap()
            .parent()
            .unwrap()
            .join("packager.credential");
        let remote = ["--server", &url, "--ca", ca.to_str().unwrap()];
        let who = [
            "--credential-file",
            credential.to_str().unwrap(),
            "test/cut",
        ];
        let args = [&["stream", "rotate"], &remote[..], &who[..], more].concat();
        crate::harness::binary::run(&args)
    };
    let refused = run(&[]);
    let says = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && says.contains("lost (until 20"),
        "{says}"
    );
    let cut = run(&["--now"]);
    let says = String::from_utf8_lossy(&cut.stdout).into_owned();
    assert!(
        cut.status.success() && says.contains("lost cannot be reached"),
        "{says}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_between_announcing_and_confirming_leaves_no_half_cut() {
    for is_heard in [true, false] {
        let mut serve = Serve::start("{ every = \"10m\" }", "").await;
        let actor = packager(&serve);
        let (mut one, _) = Follower::join(&actor, "one").await;
        let (mut two, _) = Follower::join(&actor, "two").await;
        let before = schedule(&actor).await;
        let asking = tokio::spawn({
            let actor = actor.clone();
            async move {
                actor
                    .try_ask("POST", &format!("{STREAM}/rotate"), &[], None)
                    .await
            }
        });
        assert_eq!(
            one.poll(5).await["eras"].as_array().unwrap().len(),
            2,
            "announced"
        );
        two.poll(5).await;
        serve.kill();
        assert!(asking.await.unwrap().is_err());
        serve.resume().await;
        if is_heard {
            one.poll(0).await;
            report(&actor, "two", two.known, false).await;
        }
        // What has become of it is told to whoever looks next.
        let settled = until("the cut is settled", seconds(20), async || {
            one.poll(0).await;
            let eras = schedule(&actor).await["eras"].as_array().unwrap().len();
            let is_settled = is_heard || eras == 1;
            is_settled.then_some(eras)
        })
        .await;
        assert_eq!(settled, if is_heard { 2 } else { 1 });
        if !is_heard {
            assert_eq!(schedule(&actor).await["eras"], before["eras"]);
            assert!(
                one.known > before["version"].as_u64().unwrap() + 1,
                "counted up"
            );
        }
        two.poll(0).await;
        let following = [tokio::spawn(one.follow()), tokio::spawn(two.follow())];
        let cut = rotate(&actor, "{}").await.expect(200).json();
        assert_eq!(cut["unreachable"], json!([]));
        following.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// A lease outlives the server: it is durable before its keys are answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_survives_a_killed_server() {
    let mut serve = Serve::start("{ every = \"10m\" }", "").await;
    let actor = packager(&serve);
    let (_one, _) = Follower::join(&actor, "one").await;
    serve.kill();
    serve.resume().await;
    let began = Instant::now();
    let refused = rotate(&actor, "{}").await.expect(409).json();
    assert_eq!(refused["unreachable"][0]["instance"], json!("one"));
    assert!(began.elapsed() < Duration::from_secs(9), "bounded");
}

/// What a playlist in a sink says of keys, segment by segment.
fn keys(sink: &Path) -> Vec<String> {
    let list = std::fs::read_to_string(sink.join("index.m3u8")).unwrap_or_default();
    let lines = list.lines().filter(|line| line.starts_with("#EXT-X-KEY"));
    lines.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_encryptors_one_of_them_stopped_for_a_while() {
    let serve = Serve::start("\"never\"", "").await;
    let source = tempfile::tempdir().unwrap();
    let sinks = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut live = Packager::single(source.path());
    (live.span, live.window) = (500, 20);
    live.begin_now();
    let source_runs = tokio::spawn(async move { live.run(400).await });
    let job = Encrypt::at(&serve, "test/cut", source.path(), sinks[0].path());
    let mut workers = ["one", "two"].map(|name| {
        let sink = sinks[usize::from(name == "two")].path();
        Process::start(job.to_sink(sink).command(&["--instance", name]))
    });
    until("both publish", seconds(30), async || {
        let both = sinks.iter().all(|sink| keys(sink.path()).len() > 3);
        both.then_some(())
    })
    .await;
    let actor = packager(&serve);
    workers[1].signal(Signal::STOP);
    let refused = rotate(&actor, "{}").await.expect(409).json();
    let named = refused["unreachable"].as_array().unwrap();
    assert_eq!(
        (named.len(), &named[0]["instance"]),
        (1, &json!("two")),
        "{refused}"
    );
    assert!(millis(&named[0]["lease_end"]) > millis(&schedule(&actor).await["now"]));
    workers[1].signal(Signal::CONT);
    let cut = until("both are reached again", seconds(30), async || {
        let answer = rotate(&actor, "{}").await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    assert_eq!(cut["unreachable"], json!([]));
    let kid = schedule(&actor).await["periods"][1]["kid"]
        .as_str()
        .unwrap()
        .to_owned();
    let under_new = |sink: &Path| keys(sink).iter().filter(|line| line.contains(&kid)).count();
    until("both publish under the new key", seconds(40), async || {
        let both = sinks.iter().all(|sink| under_new(sink.path()) >= 5);
        both.then_some(())
    })
    .await;
    source_runs.abort();
    until(
        "both say the same of every segment",
        seconds(20),
        async || {
            let [one, two] = [&sinks[0], &sinks[1]].map(|sink| keys(sink.path()));
            (one == two && one.iter().any(|line| !line.contains(&kid))).then_some(())
        },
    )
    .await;
    for worker in &mut workers {
        worker.stop(Signal::TERM).await;
    }
    let alone = rotate(&actor, "{}").await.expect(200).json();
    assert_eq!(alone["unreachable"], json!([]), "they gave their leases up");
}
