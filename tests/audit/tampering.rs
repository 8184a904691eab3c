//! Whoever can write into the database alters, takes away, adds and cuts off: each shows, and where.
//!
//! Must not know: what binds rows.

use serde_json::Value;

use super::{audit, refuse, whole, written};
use crate::harness::database;
use crate::harness::postgres::Cluster;
use crate::harness::serve::Serve;

/// What is done, the statement, and what is found at which number.
type Case = (&'static str, &'static str, &'static [(&'static str, i64)]);

/// What is done to a trail of two runs with eight and two rows, and what is found: of the first chain
/// or of the checkpoints, at which number. `A` stands for the first chain's name.
const CASES: [Case; 13] = [
    (
        "a word of a row",
        "UPDATE audit SET viewer = 'mallory' WHERE chain = A AND seq = 3",
        &[("altered", 3)],
    ),
    (
        "the time of a row",
        "UPDATE audit SET time = time + 1 WHERE chain = A AND seq = 8",
        &[("altered", 8)],
    ),
    (
        "a row between others goes",
        "DELETE FROM audit WHERE chain = A AND seq = 3",
        &[("missing", 3)],
    ),
    (
        "two rows change places",
        "UPDATE audit SET seq = 100 WHERE chain = A AND seq = 3;
         UPDATE audit SET seq = 3 WHERE chain = A AND seq = 4;
         UPDATE audit SET seq = 4 WHERE chain = A AND seq = 100",
        &[("altered", 3)],
    ),
    (
        "the end goes",
        "DELETE FROM audit WHERE chain = A AND seq >= 6",
        &[("cut_off", 6)],
    ),
    (
        "the end goes, and the head of before comes back as it was signed then",
        "DELETE FROM audit WHERE chain = A AND seq > (SELECT seq FROM early WHERE chain = A);
         DELETE FROM audit_chains WHERE chain = A;
         INSERT INTO audit_chains SELECT * FROM early WHERE chain = A",
        &[("cut_off", 4)],
    ),
    (
        "a row is added",
        "INSERT INTO audit SELECT chain, 9, time, kind, request_id, action, reason, scheme, viewer,
             session, token, stream, kid, ip, policy, count, detail, hash
         FROM audit WHERE chain = A AND seq = 8",
        &[("inserted", 9)],
    ),
    (
        "the head is written anew",
        "DELETE FROM audit WHERE chain = A AND seq > 5;
         UPDATE audit_chains SET seq = 5,
             hash = (SELECT hash FROM audit WHERE audit.chain = A AND audit.seq = 5)
         WHERE chain = A",
        &[("foreign_head", 5), ("cut_off", 6)],
    ),
    (
        "the head goes",
        "DELETE FROM audit_chains WHERE chain = A",
        &[("cut_off", 1), ("no_head", 0)],
    ),
    (
        "the whole chain goes",
        "DELETE FROM audit WHERE chain = A; DELETE FROM audit_chains WHERE chain = A",
        &[("cut_off", 1)],
    ),
    (
        "the beginning goes, as if it were old",
        "INSERT INTO audit_pruned SELECT chain, seq, hash,
             (SELECT signer FROM audit_chains WHERE audit_chains.chain = A), hash
         FROM audit WHERE chain = A AND seq = 3;
         DELETE FROM audit WHERE chain = A AND seq <= 3",
        &[("foreign_mark", 3)],
    ),
    (
        "a checkpoint goes",
        "DELETE FROM audit_checkpoints WHERE number = 1",
        &[("missing_checkpoint", 1)],
    ),
    (
        "a checkpoint names another head",
        "UPDATE audit_checkpoints SET heads = '' WHERE number = 1",
        &[("foreign_checkpoint", 1)],
    ),
];

const TABLES: [&str; 4] = ["audit", "audit_chains", "audit_checkpoints", "audit_pruned"];

#[tokio::test]
async fn whatever_is_done_to_a_sqlite_trail_shows() {
    let serve = Serve::prepare("\"never\"", "");
    let folder = serve.config().parent().unwrap().to_owned();
    let url = format!("sqlite:{}/keystore/hlskey.db", folder.display());
    tampered(serve, &url).await;
}

#[tokio::test]
async fn whatever_is_done_to_a_postgres_trail_shows() {
    let cluster = Cluster::start();
    let serve = Serve::prepare_on(&cluster.url(), "30s", None);
    let name = cluster.database("postgres");
    tampered(serve, &name).await;
}

async fn tampered(mut serve: Serve, url: &str) {
    two_runs(&mut serve, url).await;
    let verdict = whole(&serve);
    assert_eq!(
        (&verdict["rows"], &verdict["chains"][1]["last"]),
        (&10.into(), &2.into())
    );
    let chain = verdict["chains"][0]["chain"].as_str().unwrap();
    for table in TABLES {
        database::run(
            url,
            &format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"),
        )
        .await;
    }
    for (what, sql, expected) in CASES {
        let sql = sql.replace("= A", &format!("= '{chain}'"));
        database::run(url, &sql).await;
        let (verdict, is_good) = audit(&serve.config(), &["verify"]);
        assert!(!is_good && verdict["ok"] == false, "{what}: {verdict}");
        assert_eq!(faults(&verdict, chain), expected, "{what}: {verdict}");
        for table in TABLES {
            let back =
                format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}");
            database::run(url, &back).await;
        }
        whole(&serve);
    }
}

/// What was found, each of which must be of the chain or of the checkpoints.
fn faults<'a>(verdict: &'a Value, chain: &str) -> Vec<(&'a str, i64)> {
    let fault = |fault: &'a Value| {
        assert!(
            fault["chain"] == chain || fault["chain"].is_null(),
            "{verdict}"
        );
        (
            fault["what"].as_str().unwrap(),
            fault["at"].as_i64().unwrap_or(0),
        )
    };
    verdict["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(fault)
        .collect()
}

/// Eight rows in one run, whose head after three is kept in a table `early`, and two in the next.
async fn two_runs(serve: &mut Serve, url: &str) {
    serve.resume().await;
    refuse(&serve.stranger(), 3).await;
    written(serve, 3).await;
    database::run(url, "CREATE TABLE early AS SELECT * FROM audit_chains").await;
    refuse(&serve.stranger(), 5).await;
    serve.pause().await;
    serve.resume().await;
    refuse(&serve.stranger(), 2).await;
    serve.pause().await;
}
