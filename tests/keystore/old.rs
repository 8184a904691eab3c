//! Stores of released versions: opened, they serve what they served.
//!
//! Must not know: what a migration does.

use std::time::Duration;

use rand::RngExt as _;

use super::bench::{BOTH, Bench, Kind, Served, write_secret};
use crate::harness::chance::seeded;
use crate::harness::database;
use crate::harness::process::Process;
use crate::harness::wait::{seconds, until};

const SQLITE: &str = include_str!("../fixtures/store-0.1.0/sqlite.sql");
const POSTGRES: &str = include_str!("../fixtures/store-0.1.0/postgres.sql");

/// A server on a store as 0.1.0 left it.
async fn old(kind: Kind) -> Bench {
    let bench = Bench::prepare(kind);
    let master: String = b"obviously-a-fake-master-key-0001"
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    write_secret(&bench.path("keystore/master.key"), &master, 0o600);
    let sql = match kind {
        Kind::Sqlite => SQLITE,
        Kind::Postgres => POSTGRES,
    };
    database::run(&bench.url, sql).await;
    bench
}

/// The kid of the fixture's n-th key.
fn path(n: u8) -> String {
    let hex = format!("{n:02x}");
    let (four, version, variant) = (hex.repeat(4), format!("4{n:x}"), format!("8{n:x}"));
    let two = hex.repeat(2);
    format!(
        "/v1/keys/{four}-{two}-{version}{hex}-{variant}{hex}-{}",
        hex.repeat(6)
    )
}

fn expected() -> Served {
    let key = |n: u8| (path(n), format!("obviously-fake-{n}").into_bytes());
    [1, 2, 4, 5].map(key).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_0_1_0_serves_what_it_served() {
    for kind in BOTH {
        let mut bench = old(kind).await;
        let pending = bench.refused(&["migrate", "--check"]);
        assert!(
            pending.contains("pending") && pending.contains('4'),
            "{pending}"
        );
        let early = bench.refused(&["verify"]);
        assert!(early.contains("migrate --check"), "{early}");
        let copy = bench.path("early.backup");
        let early = bench.refused(&["backup", copy.to_str().unwrap()]);
        assert!(early.contains("pg_dump") && !copy.exists(), "{early}");
        let still = bench.refused(&["migrate", "--check"]);
        assert_eq!(still, pending, "a backup migrates nothing");
        bench.serve.resume().await;
        bench.serves(&expected()).await;
        let viewer = bench.serve.viewer("**");
        for gone in [3, 6, 7] {
            viewer.get(&path(gone)).await.expect(410);
        }
        // Its packager, its schedule, and its keys for those periods.
        let token = format!("hlskey_0123456789abcdef_{}", "f".repeat(64));
        let packager = bench.serve.stranger().with(&token);
        let lease = packager.get("/v1/streams/live/news/schedule?from=6837408&count=2");
        let lease = lease.await.expect(200).json();
        for (period, n) in lease["periods"].as_array().unwrap().iter().zip([1, 2]) {
            assert!(
                path(n).ends_with(period["kid"].as_str().unwrap()),
                "{lease}"
            );
        }
        let up_to_date = bench.printed(&["migrate", "--check"]);
        assert!(up_to_date.contains("up to date"), "{up_to_date}");
        bench.printed(&["verify"]);
    }
}

/// Puts the fixture's times from the year 2100 back to 2020.
const LONG_AGO: &str = "
    UPDATE periods SET issued = issued - SPAN;
    UPDATE periods SET boundary = boundary - SPAN WHERE boundary_kind = 'time';
    UPDATE eras SET start_at = start_at - SPAN WHERE start_kind = 'time';
    UPDATE usages SET last_listed = last_listed - SPAN;
    UPDATE encryptors SET seen = seen - SPAN, time = time - SPAN, advanced = advanced - SPAN;
    UPDATE claims SET time = time - SPAN, made = made - SPAN;";

#[tokio::test(flavor = "multi_thread")]
async fn what_0_1_0_had_listed_is_kept_by_the_first_sweep() {
    for kind in BOTH {
        let mut bench = old(kind).await;
        let long_ago = LONG_AGO.replace("SPAN", "2524608000000");
        database::run(&bench.url, &long_ago).await;
        let short = "[keys.retention]\ngrace = \"1s\"\nwindow = \"1s\"\nsweep = \"1s\"\n[grants]";
        bench.serve.amend("[grants]", short);
        bench.serve.resume().await;
        let viewer = bench.serve.viewer("**");
        until("what nobody listed is gone", seconds(20), async || {
            (viewer.get(&path(2)).await.status == 410).then_some(())
        })
        .await;
        for kept in [1, 4] {
            viewer.get(&path(kept)).await.expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_start_at_once_on_an_old_store_both_serve_it() {
    for kind in BOTH {
        let bench = old(kind).await;
        let mut runs: Vec<Process> = (0..3)
            .map(|_| Process::start(bench.command(&["migrate"])))
            .collect();
        for run in &mut runs {
            let status = run.end(seconds(30)).await;
            assert!(status.success(), "{kind:?}: {}", run.stderr.text());
        }
        let applied = runs
            .iter()
            .filter(|run| run.stdout.text().contains("applied"));
        assert!(applied.count() >= 1);
        bench.printed(&["verify"]);
    }
}

/// Enough keys that a migration takes a while.
const MANY: &str = "INSERT INTO periods (kid, stream, incarnation, rendition, boundary_kind,
        boundary, slot, state, sealed_key, issued)
    SELECT KID, p.stream, 1, '', 'time', 5000000000000 + n, 9000000 + n, 'pending',
        p.sealed_key, p.issued
    FROM periods p, NUMBERS WHERE p.slot = 6837408 AND p.state = 'active'";

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_is_killed_is_done_by_the_next() {
    let mut random = seeded();
    for kind in BOTH {
        let mut bench = old(kind).await;
        let (numbers, kid) = match kind {
            Kind::Sqlite => (
                "(WITH RECURSIVE c (n) AS (
                    SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100000) SELECT n FROM c)",
                "randomblob(16)",
            ),
            Kind::Postgres => (
                "generate_series(1, 100000) AS c (n)",
                "decode(md5(n::text), 'hex')",
            ),
        };
        let many = MANY.replace("NUMBERS", numbers).replace("KID", kid);
        database::run(&bench.url, &many).await;
        let mut killed = 0;
        for _ in 0..25 {
            let mut run = Process::start(bench.command(&["migrate"]));
            tokio::time::sleep(Duration::from_millis(random.random_range(1..250))).await;
            if run.ended().is_some() {
                break;
            }
            run.kill();
            killed += 1;
        }
        println!("{kind:?}: {killed} migrations were killed");
        bench.serve.resume().await;
        bench.serves(&expected()).await;
        assert!(killed > 0, "{kind:?}: none was killed");
    }
}
