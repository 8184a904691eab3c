//! One of two servers loses the database, or finds it full or locked.
//!
//! Must not know: how a server notices.

use std::process::{Child, Stdio};
use std::time::Instant;

use futures_util::future::join_all;

use super::{Pair, leased, status, told_when};
use crate::harness::postgres::{Cluster, Line, Traffic};
use crate::harness::wait::{seconds, throughout, until};

/// A kid that nobody has.
const NOBODYS: &str = "00000000-0000-4000-8000-000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hears_nothing_trusts_its_memory_for_a_while() {
    let cluster = Cluster::start();
    let (direct, line) = (cluster.url(), Line::to(&cluster));
    let pair = Pair::at(cluster, [&direct, &line.url()], "4s").await;
    for (round, traffic) in [Traffic::Stands, Traffic::Ends].into_iter().enumerate() {
        loses_touch(&pair, &line, traffic, &format!("test/away-{round}")).await;
    }
    let said = pair.servers[1].process.as_ref().unwrap().stderr.text();
    assert_eq!(
        said.matches("key requests are answered 503").count(),
        2,
        "{said}"
    );
    assert_eq!(
        said.matches("news from the store again").count(),
        2,
        "{said}"
    );
}

async fn loses_touch(pair: &Pair, line: &Line, traffic: Traffic, stream: &str) {
    let ([one, _], [_, cut_off]) = (pair.packagers(), pair.viewers());
    let kids = leased(&one, stream).await;
    for kid in &kids[..2] {
        assert_eq!(status(&cut_off, kid).await, 200);
    }
    let [revoked, good] = [&kids[0], &kids[1]];
    let begun = Instant::now();
    line.set(traffic);
    pair.revoke(0, revoked).await;
    // What is in memory goes on; what is not is asked for in vain.
    throughout("keys in memory are given out", seconds(2), async || {
        status(&cut_off, good).await == 200
    })
    .await;
    assert_eq!(status(&cut_off, NOBODYS).await, 503);
    // The last news were at most a second old when the line broke.
    let mut last = begun;
    until("memory is trusted no more", seconds(6), async || {
        let asked = Instant::now();
        match status(&cut_off, revoked).await {
            200 => last = asked,
            status => assert_eq!(status, 503),
        }
        (status(&cut_off, good).await == 503).then_some(())
    })
    .await;
    assert!(last - begun < seconds(4), "{:?}", last - begun);
    throughout("it stays so", seconds(1), async || {
        status(&cut_off, revoked).await == 503
    })
    .await;
    let ops = pair.servers[1].ops();
    told_when(&ops.get("/readyz").await.expect(503));
    let metrics = ops.get("/metrics").await.text();
    let age = metrics
        .lines()
        .find_map(|line| line.strip_prefix("hlskey_store_news_age_seconds "));
    assert!(age.unwrap().parse::<f64>().unwrap() > 4.0, "{age:?}");

    line.set(Traffic::Flows);
    until("it recovers", seconds(10), async || {
        // Not before it knows of the revocation.
        assert_ne!(status(&cut_off, revoked).await, 200);
        (status(&cut_off, good).await == 200).then_some(())
    })
    .await;
    assert_eq!(status(&cut_off, revoked).await, 410);
    assert_eq!(status(&cut_off, NOBODYS).await, 404);
    ops.get("/readyz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_not_asked_until_it_is_promoted() {
    let pair = Pair::start().await;
    let ([one, _], [viewer, _]) = (pair.packagers(), pair.viewers());
    let kids = leased(&one, "test/standby").await;
    assert_eq!(status(&viewer, &kids[0]).await, 200);
    pair.cluster.control(&["stop", "-m", "fast"]);
    pair.cluster.stand_by();
    pair.cluster.control(&["start"]);
    assert_eq!(pair.cluster.sql("SELECT pg_is_in_recovery()"), "t");
    // It may lack the newest keys: 404 would be a guess.
    assert_eq!(status(&viewer, NOBODYS).await, 503);
    assert_eq!(status(&viewer, &kids[1]).await, 503);
    assert_eq!(status(&viewer, &kids[0]).await, 200);
    pair.cluster.control(&["promote"]);
    until("the new primary is asked", seconds(10), async || {
        (status(&viewer, &kids[1]).await == 200).then_some(())
    })
    .await;
    assert_eq!(status(&viewer, NOBODYS).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_full_or_locked_is_503_for_what_is_not_in_memory() {
    let cluster = Cluster::start();
    cluster.sql(
        "CREATE ROLE few LOGIN CONNECTION LIMIT 3;
         ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO few;
         GRANT ALL ON SCHEMA public TO few",
    );
    let urls = [cluster.url(), cluster.url_of("few")];
    let pair = Pair::at(cluster, [&urls[0], &urls[1]], "30s").await;
    let ([one, two], [_, viewer]) = (pair.packagers(), pair.viewers());
    let kids = leased(&one, "test/full").await;
    assert_eq!(status(&viewer, &kids[0]).await, 200);

    let path = "/v1/streams/test/full/schedule?from=100&count=50";
    for answer in join_all((0..40).map(|_| two.get(path))).await {
        told_when(&answer);
        assert!([200, 503].contains(&answer.status), "{}", answer.text());
    }
    until("the crowd is gone", seconds(10), async || {
        (two.get(path).await.status == 200).then_some(())
    })
    .await;

    let mut locked = lock(&pair.cluster);
    assert_eq!(status(&viewer, &kids[0]).await, 200);
    assert_eq!(status(&viewer, &kids[1]).await, 503);
    told_when(&one.get("/v1/streams/test/new/schedule").await.expect(503));
    assert_eq!(status(&viewer, &kids[0]).await, 200);
    pair.cluster.sql(UNLOCK);
    locked.wait().unwrap();
    until("the lock is gone", seconds(20), async || {
        (status(&viewer, &kids[1]).await == 200).then_some(())
    })
    .await;
    one.get("/v1/streams/test/new/schedule").await.expect(200);
}

/// Ends what [`lock`] began.
const UNLOCK: &str =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'";

/// Somebody who holds the table of keys.
fn lock(cluster: &Cluster) -> Child {
    let statement = "BEGIN; LOCK TABLE periods; SELECT pg_sleep(60)";
    let child = cluster
        .psql(statement)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let held = "SELECT count(*) FROM pg_locks WHERE relation = 'periods'::regclass AND granted
                AND mode = 'AccessExclusiveLock'";
    let begun = Instant::now();
    while cluster.sql(held) != "1" {
        assert!(begun.elapsed() < seconds(10), "the table is not locked");
    }
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_a_host_that_vanished_make_room_for_others() {
    let cluster = Cluster::start();
    let (direct, line) = (cluster.url(), Line::to(&cluster));
    let pair = Pair::at(cluster, [&direct, &line.url()], "30s").await;
    let ([one, _], [_, viewer]) = (pair.packagers(), pair.viewers());
    let path = "/v1/streams/test/vanished/schedule?from=0&count=16";
    let lease = one.get(path).await.expect(200).json();
    let periods = lease["periods"].as_array().unwrap().iter();
    let kids: Vec<&str> = periods.map(|one| one["kid"].as_str().unwrap()).collect();

    let mut locked = lock(&pair.cluster);
    let waiting = "SELECT count(*) FROM pg_locks
                   WHERE relation = 'periods'::regclass AND NOT granted";
    let asked = join_all(kids.iter().map(|kid| status(&viewer, kid)));
    let lost = async {
        until("all its connections are in use", seconds(5), async || {
            (pair.cluster.sql(waiting) == "10").then_some(())
        })
        .await;
        line.lose();
        pair.cluster.sql(UNLOCK);
        locked.wait().unwrap();
    };
    let (answers, ()) = tokio::join!(asked, lost);
    assert!(answers.contains(&503), "{answers:?}");
    until("it asks on new connections", seconds(15), async || {
        (status(&viewer, kids[0]).await == 200).then_some(())
    })
    .await;
}
