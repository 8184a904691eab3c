//! Rolling in a new master key while servers run and are loaded, killed, and in the wrong order.
//!
//! Must not know: how a key is sealed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rand::RngExt as _;
use serde_json::Value;

use super::bench::{BOTH, Bench, Kind, Served, issue};
use crate::harness::actor::Actor;
use crate::harness::chance::seeded;
use crate::harness::process::Process;
use crate::harness::wait::{seconds, until};

const OLD: &str = "keystore/master.key";
const NEW: &str = "keystore/new.key";

/// Viewers who fetch every key again and again, and a packager who has others issued.
struct Load {
    stop: Arc<AtomicBool>,
    fetched: Arc<AtomicUsize>,
    viewers: tokio::task::JoinHandle<()>,
    packager: tokio::task::JoinHandle<Served>,
}

impl Load {
    fn start(bench: &Bench, keys: &Served) -> Self {
        let (stop, fetched) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let view = view(
            bench.serve.viewer("**"),
            keys.clone(),
            stop.clone(),
            fetched.clone(),
        );
        let pack = pack(bench.packager(), stop.clone());
        Self {
            stop,
            fetched,
            viewers: tokio::spawn(view),
            packager: tokio::spawn(pack),
        }
    }

    /// Waits until viewers have fetched more.
    async fn goes_on(&self) {
        let before = self.fetched.load(Ordering::Acquire);
        until("viewers fetch keys", seconds(30), async || {
            let now = self.fetched.load(Ordering::Acquire);
            (now > before + 20).then_some(())
        })
        .await;
    }

    /// Every key that was issued under it.
    async fn end(self) -> Served {
        self.stop.store(true, Ordering::Release);
        self.viewers.await.unwrap();
        self.packager.await.unwrap()
    }
}

async fn view(viewer: Actor, keys: Served, stop: Arc<AtomicBool>, fetched: Arc<AtomicUsize>) {
    while !stop.load(Ordering::Acquire) {
        for (path, key) in &keys {
            let answer = viewer.get(path).await.expect(200);
            assert_eq!(answer.body, *key, "{path}");
            fetched.fetch_add(1, Ordering::AcqRel);
            if stop.load(Ordering::Acquire) {
                return;
            }
        }
    }
}

async fn pack(packager: Actor, stop: Arc<AtomicBool>) -> Served {
    let mut issued = Served::new();
    for stream in 0.. {
        if stop.load(Ordering::Acquire) {
            break;
        }
        issued.extend(issue(&packager, &format!("test/load-{stream}"), 20).await);
    }
    issued
}

/// The row of one master key, as `verify` has it.
fn master<'v>(verified: &'v Value, file: &str) -> &'v Value {
    let rows = verified["master_keys"].as_array().unwrap();
    let of = |row: &&Value| {
        row["file"]
            .as_str()
            .is_some_and(|path| path.ends_with(file))
    };
    rows.iter()
        .find(of)
        .unwrap_or_else(|| panic!("{file}: {verified}"))
}

async fn a_new_master_key_is_rolled_in_under_load(kind: Kind) {
    let mut bench = Bench::start(kind).await;
    let mut keys = bench.issue("test/a", 900).await;
    let added = bench.json(&["rekey", "--add", bench.path(NEW).to_str().unwrap()]);
    assert!(
        added["line"].as_str().unwrap().contains("new.key"),
        "{added}"
    );
    // First every server knows the new key, then it comes first.
    for ring in [[OLD, NEW], [NEW, OLD]] {
        bench.serve.pause().await;
        bench.ring(&ring);
        bench.serve.resume().await;
    }
    keys.extend(bench.issue("test/b", 50).await);
    let verified = bench.json(&["verify"]);
    assert_eq!(master(&verified, OLD)["keys"], 900);
    assert_eq!(master(&verified, NEW)["keys"], 50);

    let load = Load::start(&bench, &keys);
    load.goes_on().await;
    let done = bench.json(&["rekey"]);
    load.goes_on().await;
    assert_eq!(
        (&done["resealed"], &done["left"]),
        (&Value::from(900), &Value::Array(vec![]))
    );
    assert_eq!(
        done["no_longer_needed"][0]["tag"],
        master(&verified, OLD)["tag"]
    );
    keys.extend(load.end().await);
    let verified = bench.json(&["verify"]);
    assert_eq!(master(&verified, OLD)["keys"], 0);
    let under = master(&verified, NEW)["keys"].as_u64().unwrap();
    assert!(under >= keys.len() as u64, "{under} of {}", keys.len());

    bench.serve.pause().await;
    bench.ring(&[NEW]);
    std::fs::remove_file(bench.path(OLD)).unwrap();
    bench.serve.resume().await;
    bench.serves(&keys).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_master_key_is_rolled_in_under_load_on_sqlite() {
    a_new_master_key_is_rolled_in_under_load(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_master_key_is_rolled_in_under_load_on_postgres() {
    a_new_master_key_is_rolled_in_under_load(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_the_old_order_does_not_bring_the_old_key_back() {
    for kind in BOTH {
        let mut bench = Bench::prepare(kind);
        bench.printed(&["rekey", "--add", bench.path(NEW).to_str().unwrap()]);
        bench.ring(&[OLD, NEW]);
        bench.serve.resume().await;
        let mut keys = bench.issue("test/a", 30).await;
        bench.ring(&[NEW, OLD]); // the server still has the old order
        bench.printed(&["rekey"]);
        keys.extend(bench.issue("test/b", 30).await);
        let verified = bench.json(&["verify"]);
        assert_eq!(master(&verified, OLD)["keys"], 0, "{kind:?}");
        assert_eq!(master(&verified, NEW)["keys"], 60, "{kind:?}");
        bench.serves(&keys).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lacks_the_new_key_is_not_ready_and_issues_nothing() {
    let mut bench = Bench::start(Kind::Sqlite).await;
    let packager = bench.packager();
    bench.printed(&["rekey", "--add", bench.path(NEW).to_str().unwrap()]);
    bench.ring(&[NEW, OLD]);
    bench.printed(&["rekey"]);
    let path = "/v1/streams/test/late/schedule?from=0&count=2";
    packager.get(path).await.expect(503);
    bench.serve.ops().get("/readyz").await.expect(503);
    assert_eq!(bench.number("SELECT count(*) FROM periods").await, 0);
    bench.serve.pause().await;
    bench.serve.resume().await;
    packager.get(path).await.expect(200);
}

async fn kills_leave_nothing_undone(kind: Kind) {
    let mut random = seeded();
    let mut bench = Bench::start(kind).await;
    let mut keys = Served::new();
    for stream in ["test/a", "test/b", "test/c"] {
        keys.extend(bench.issue(stream, 1000).await);
    }
    bench.printed(&["rekey", "--add", bench.path(NEW).to_str().unwrap()]);
    bench.serve.pause().await;
    bench.ring(&[NEW, OLD]);
    bench.serve.resume().await;
    let (mut killed, mut seen_half) = (0, false);
    for _ in 0..40 {
        let mut run = Process::start(bench.command(&["rekey"]));
        tokio::time::sleep(Duration::from_millis(random.random_range(1..600))).await;
        if run.ended().is_some() {
            break;
        }
        run.kill();
        killed += 1;
        let old = master(&bench.json(&["verify"]), OLD)["keys"]
            .as_u64()
            .unwrap();
        seen_half |= (1..3000).contains(&old);
    }
    println!("{killed} runs were killed, half done was seen: {seen_half}");
    let sample: Served = keys
        .iter()
        .take(200)
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    bench.serves(&sample).await;
    let done = bench.json(&["rekey"]);
    assert_eq!(done["left"], Value::Array(vec![]));
    assert_eq!(master(&bench.json(&["verify"]), NEW)["keys"], 3000);
    bench.serve.pause().await;
    bench.ring(&[NEW]);
    bench.serve.resume().await;
    bench.serves(&keys).await;
    assert!(killed > 0, "no run was killed");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_of_a_rekey_leave_nothing_undone_on_sqlite() {
    kills_leave_nothing_undone(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_of_a_rekey_leave_nothing_undone_on_postgres() {
    kills_leave_nothing_undone(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_moved_are_an_error() {
    let mut bench = Bench::start(Kind::Sqlite).await;
    bench.issue("test/a", 20).await;
    bench.serve.pause().await;
    bench.printed(&["rekey", "--add", bench.path(NEW).to_str().unwrap()]);
    bench.ring(&[NEW]);
    let said = bench.refused(&["rekey"]);
    assert!(said.contains("not in keys.master_keys"), "{said}");
    bench.ring(&[NEW, OLD]);
    bench.printed(&["rekey"]);
}
