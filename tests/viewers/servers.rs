//! Two servers on one Postgres: one count of slots, and one of viewers.
//!
//! Must not know: how one hears of the other.

use futures_util::future::join_all;

use super::*;
use crate::harness::postgres::{Cluster, Line, Traffic};
use crate::harness::wait::{seconds, throughout, until};

/// Two servers of one service under one policy, each at its own URL of the database.
async fn pair(urls: [&str; 2], rules: &str) -> [Serve; 2] {
    let mut one = Serve::prepare_on(urls[0], "30s", None);
    let mut other = Serve::prepare_on(urls[1], "30s", Some(&one));
    for serve in [&one, &other] {
        serve.amend("[grants]", &format!("{}[grants]", policy(rules)));
    }
    tokio::join!(one.resume(), other.resume());
    [one, other]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_race_for_the_last_slots_has_as_many_winners() {
    let cluster = Cluster::start();
    let url = cluster.url();
    let servers = pair([&url, &url], "max_sessions = 3\nlimit = \"hard\"").await;
    let key = servers[0].key_path("test/a").await;
    let at = [0, 1].map(|n| servers[n].stranger());
    for round in 0..3 {
        let viewer = format!("viewer-{round}");
        let race = (0..12).map(|n| {
            let token = token_of(&viewer, &format!("session-{n}"), "test/**");
            let (at, key) = (&at[n % 2], &key);
            async move {
                (
                    n,
                    watch(at, key, &token, &format!("device-{n}")).await.status,
                )
            }
        });
        let outcomes = join_all(race).await;
        let winners: Vec<_> = outcomes
            .iter()
            .filter(|(_, status)| *status == 200)
            .collect();
        assert_eq!(winners.len(), 3, "{outcomes:?}");
        assert!(
            outcomes
                .iter()
                .all(|(_, status)| [200, 403].contains(status)),
            "{outcomes:?}"
        );
        // They hold their slots at either server.
        for (n, _) in winners {
            let token = token_of(&viewer, &format!("session-{n}"), "test/**");
            for at in &at {
                watch(at, &key, &token, &format!("device-{n}"))
                    .await
                    .expect(200);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_session_elsewhere_ends_the_older_here() {
    let cluster = Cluster::start();
    let url = cluster.url();
    let rules = "max_sessions = 1\nlimit = \"soft\"\ngrace = \"3s\"";
    let servers = pair([&url, &url], rules).await;
    let key = servers[0].key_path("test/a").await;
    let [here, there] = [0, 1].map(|n| servers[n].stranger());
    assert_eq!(status(&here, &key, "old").await, 200);
    assert_eq!(status(&there, &key, "new").await, 200);
    let old = async || status(&here, &key, "old").await;
    throughout("it is in its grace", seconds(2), async || {
        old().await == 200
    })
    .await;
    until("the older is refused", seconds(12), async || {
        (old().await == 403).then_some(())
    })
    .await;
    assert_eq!(status(&there, &key, "new").await, 200);
    assert_eq!(status(&here, &key, "new").await, 200);
    let operator = operator(&servers[1], "**");
    assert_eq!(counted(&operator, "").await, [("test/a".to_owned(), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_away_who_is_known_goes_on_and_no_slot_is_given() {
    let cluster = Cluster::start();
    let line = Line::to(&cluster);
    let url = line.url();
    let rules = "max_sessions = 2\nlimit = \"hard\"\n[[policies]]\nstreams = [\"free/**\"]";
    let servers = pair([&url, &cluster.url()], rules).await;
    let key = servers[0].key_path("test/a").await;
    let at = servers[0].stranger();
    assert_eq!(status(&at, &key, "one").await, 200);
    line.set(Traffic::Ends);
    until("a slot cannot be claimed", seconds(20), async || {
        (status(&at, &key, "two").await == 503).then_some(())
    })
    .await;
    assert_eq!(status(&at, &key, "one").await, 200);
    let away = watch(&at, &key, &token("two"), "tv").await.expect(503);
    assert_eq!(
        (away.header("retry-after"), away.code().as_str()),
        ("1", "unavailable")
    );
    line.set(Traffic::Flows);
    until("the store is back", seconds(30), async || {
        (status(&at, &key, "two").await == 200).then_some(())
    })
    .await;
    assert_eq!(status(&at, &key, "one").await, 200);
    assert_eq!(status(&at, &key, "three").await, 403);
    let metrics = servers[0].ops().get("/metrics").await.text();
    let refused = "hlskey_session_refusals_total{reason=\"undecided\"}";
    assert!(metrics.contains(refused), "{metrics}");
}
