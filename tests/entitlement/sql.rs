//! The source `sql`: a customer's own database, of either kind, that is asked and never written.
//!
//! Must not know: how the product asks.

use tokio::time::timeout;

use super::scene::{STREAM, counted, fetch};
use crate::harness::authority::private;
use crate::harness::binary::run;
use crate::harness::database;
use crate::harness::entitlement::beside;
use crate::harness::postgres::Cluster;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// Customers by name, and what each may watch.
const TABLE: &str =
    "CREATE TABLE subscriptions (customer TEXT, app TEXT, paid BOOLEAN, seats INTEGER);
     INSERT INTO subscriptions VALUES
         ('alice', 'test', true, 2), ('bob', 'test', false, 1), ('carol', 'vod', true, 1),
         ('o''hara', 'test', true, NULL), ('broken', 'test', true, -1),
         ('no seat', 'test', true, 0), ('lapsed', 'test', false, -1)";
const QUERY: &str = "SELECT paid AS allow, 60 AS ttl, seats AS max_sessions FROM subscriptions
     WHERE customer = :viewer AND :stream LIKE app || '/%' -- a :comment";

/// A server that asks the database of `source`, settings of `[entitlement.sql]`.
async fn served(serve: &mut Serve, source: &str, more: &str) -> String {
    let sql = format!(
        "source = \"sql\"\n[entitlement.sql]\n{source}\nquery = \"\"\"{QUERY}\"\"\"\n{more}"
    );
    serve.amend("source = \"allow\"", &sql);
    serve.resume().await;
    serve.key(STREAM).await
}

async fn decides(serve: &Serve, key: &str) {
    for (viewer, status) in [
        ("alice", 200),
        ("o'hara", 200),
        ("bob", 403),
        ("carol", 403),
        ("nobody", 403),
        ("alice' OR '1'='1", 403),
        ("no seat", 403),
        ("lapsed", 403),
        ("broken", 503),
    ] {
        let answer = fetch(serve, key, viewer).await;
        assert_eq!(answer.status, status, "{viewer:?}");
    }
    assert_eq!(fetch(serve, key, "alice").await.status, 200);
    let remembered = "hlskey_entitlement_remembered_total ";
    assert_eq!(counted(serve, remembered).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_decides() {
    let mut serve = Serve::prepare("\"never\"", "");
    let file = beside(&serve, "customers.db");
    let url = format!("sqlite:{}", file.display());
    database::run(&url, TABLE).await;
    let key = served(&mut serve, "url = \"sqlite:customers.db\"", "").await;
    decides(&serve, &key).await;
    let rows = database::number(&url, "SELECT count(*) FROM subscriptions").await;
    assert_eq!(rows, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_decides_and_is_stood_in_for() {
    let cluster = Cluster::start();
    cluster.sql(TABLE);
    let mut serve = Serve::prepare("\"never\"", "");
    private(&beside(&serve, "customers.url"), &cluster.url());
    let more = "[entitlement.bounds]\ntimeout = \"1s\"\n[entitlement.cache]\nmin_ttl = \"1s\"\n";
    let key = served(&mut serve, "url_file = \"customers.url\"", more).await;
    decides(&serve, &key).await;
    cluster.control(&["stop", "-m", "immediate"]);
    assert_eq!(
        fetch(&serve, &key, "alice").await.status,
        200,
        "it is remembered"
    );
    assert_eq!(fetch(&serve, &key, "dave").await.status, 503);
    cluster.control(&["start"]);
    until("the database is asked again", seconds(20), async || {
        (fetch(&serve, &key, "dave").await.status == 403).then_some(())
    })
    .await;
}

/// A statement that hangs is given up in time, here and there, and keeps nobody else waiting.
#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_hangs_is_given_up() {
    let cluster = Cluster::start();
    cluster.sql(
        "CREATE TABLE slow (customer TEXT, wait FLOAT8);
         INSERT INTO slow VALUES ('alice', 0), ('bob', 3600)",
    );
    let mut serve = Serve::prepare("\"never\"", "");
    let sql = format!(
        "source = \"sql\"\n[entitlement.sql]\nurl = \"{}\"\n\
         query = \"SELECT pg_sleep(wait)::text = '' AS allow FROM slow WHERE customer = :viewer\"\n\
         [entitlement.bounds]\ntimeout = \"2s\"\n",
        cluster.url()
    );
    serve.amend("source = \"allow\"", &sql);
    serve.resume().await;
    let key = serve.key(STREAM).await;
    let bob = timeout(seconds(20), fetch(&serve, &key, "bob"));
    let (bob, alice) = tokio::join!(bob, fetch(&serve, &key, "alice"));
    assert_eq!(alice.status, 200, "she waits for nobody");
    assert_eq!(bob.expect("given up").status, 503);
    until("the database stops too", seconds(20), async || {
        let sleepers = "SELECT count(*) FROM pg_stat_activity
             WHERE state = 'active' AND wait_event = 'PgSleep'";
        (cluster.sql(sleepers) == "0").then_some(())
    })
    .await;
    cluster.sql("UPDATE slow SET wait = 0");
    until("he is let in", seconds(20), async || {
        (fetch(&serve, &key, "bob").await.status == 200).then_some(())
    })
    .await;
}

/// A name that is no number where the query wants one is nobody's, and the database's fault is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_with_numbers_for_names_is_not_upset_by_others() {
    let cluster = Cluster::start();
    cluster.sql("CREATE TABLE paid (id BIGINT); INSERT INTO paid VALUES (7)");
    let mut serve = Serve::prepare("\"never\"", "");
    let url = cluster.url();
    let sql = format!(
        "source = \"sql\"\n[entitlement.sql]\nurl = \"{url}\"\n\
         query = \"SELECT true AS allow FROM paid WHERE id = :viewer::bigint\"\n\
         [entitlement.bounds]\nfailures = 1\npause = \"1h\"\n"
    );
    serve.amend("source = \"allow\"", &sql);
    serve.resume().await;
    let key = serve.key(STREAM).await;
    for (viewer, status) in [
        ("seven", 403),
        ("99999999999999999999", 403),
        ("8", 403),
        ("7", 200),
    ] {
        assert_eq!(fetch(&serve, &key, viewer).await.status, status, "{viewer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_there() {
    let cluster = Cluster::start();
    cluster.sql("CREATE TABLE seen (viewer TEXT)");
    let mut serve = Serve::prepare("\"never\"", "");
    let url = cluster.url();
    let sql = format!(
        "source = \"sql\"\n[entitlement.sql]\nurl = \"{url}\"\n\
         query = \"INSERT INTO seen VALUES (:viewer) RETURNING true AS allow\"\n"
    );
    serve.amend("source = \"allow\"", &sql);
    serve.resume().await;
    let key = serve.key(STREAM).await;
    assert_eq!(fetch(&serve, &key, "alice").await.status, 503);
    assert_eq!(cluster.sql("SELECT count(*) FROM seen"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_would_not_do_is_told() {
    let sql = |url: &str, query: &str| {
        format!("source = \"sql\"\n[entitlement.sql]\n{url}\nquery = \"{query}\"\n")
    };
    let (here, good) = (
        "url = \"sqlite:x.db\"",
        "SELECT 1 AS allow WHERE :viewer <> ''",
    );
    for (settings, says) in [
        (sql("", good), "one of url and url_file"),
        (
            sql("url = \"mysql://u:obviously-a-fake@h/d\"", good),
            "postgres://",
        ),
        (sql(here, "SELECT 1 AS allow"), "does not use :viewer"),
        (sql(here, "SELECT :viewr"), "no parameter :viewr"),
        (sql(here, "SELECT :viewer; SELECT 1"), "one statement"),
        ("source = \"sql\"".to_owned(), "[entitlement.sql]"),
    ] {
        let serve = Serve::prepare("\"never\"", "");
        serve.amend("source = \"allow\"", &settings);
        let config = serve.config();
        let output = run(&["config", "check", "--config", config.to_str().unwrap()]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains(says),
            "{settings}: {errors}"
        );
        assert!(!errors.contains("obviously"), "{errors}");
    }
}
