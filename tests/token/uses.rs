//! Tokens that may be used a few times (`maxuses`), over HTTP at two servers of one Postgres: as many uses in
//! all, whoever is asked and however many ask at once.
//!
//! Must not know: how uses are counted.

use futures_util::future::join_all;
use serde_json::json;

use crate::harness::actor::Actor;
use crate::harness::issuer::{Issuer, now};
use crate::harness::postgres::Cluster;
use crate::harness::serve::Serve;

/// Two servers of one service.
async fn pair(cluster: &Cluster) -> [Serve; 2] {
    let mut one = Serve::prepare_on(&cluster.url(), "30s", None);
    let mut other = Serve::prepare_on(&cluster.url(), "30s", Some(&one));
    tokio::join!(one.resume(), other.resume());
    [one, other]
}

fn token(id: &str, uses: u32) -> String {
    let issuer = Issuer::Hs256(b"obviously-a-fake-secret-of-40-characters".to_vec());
    let claims = json!({
        "sub": "alice", "streams": "test/**", "exp": now() + 600, "jti": id, "maxuses": uses,
    });
    issuer.token(&claims)
}

/// The status; 200 is 16 bytes.
async fn ask(at: &Actor, key: &str) -> u16 {
    let answer = at.get(key).await;
    assert!(answer.status != 200 || answer.body.len() == 16);
    answer.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_as_many_uses_at_two_servers_as_it_says() {
    let cluster = Cluster::start();
    let servers = pair(&cluster).await;
    let key = servers[0].key_path("test/a").await;
    let [here, there] = [0, 1].map(|n| servers[n].stranger());

    // One after another, and a session is a use too.
    let three = token("three", 3);
    let [here_with, there_with] = [here.with(&three), there.with(&three)];
    assert_eq!(ask(&here_with, &key).await, 200);
    assert_eq!(ask(&there_with, &key).await, 200);
    // What is refused for another reason is none.
    let other = "/v1/keys/00000000-0000-4000-8000-000000000000";
    assert_eq!(ask(&here_with, other).await, 404);
    let body = r#"{"stream":"test/a"}"#;
    let begun = here_with.ask("POST", "/v1/sessions", Some(body)).await;
    begun.expect(200);
    for at in [&here_with, &there_with, &here_with] {
        assert_eq!(ask(at, &key).await, 401);
    }
    there_with
        .ask("POST", "/v1/sessions", Some(body))
        .await
        .expect(401);

    // Many at once.
    for (round, uses) in [1_u32, 5, 7].into_iter().enumerate() {
        let token = token(&format!("round-{round}"), uses);
        let at = [here.with(&token), there.with(&token)];
        let race = (0..16).map(|n| ask(&at[n % 2], &key));
        let statuses = join_all(race).await;
        let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
        let met = (count(200), count(401));
        let uses = usize::try_from(uses).unwrap();
        assert_eq!(met, (uses, 16 - uses), "{statuses:?}");
        for at in &at {
            assert_eq!(ask(at, &key).await, 401);
        }
    }
}
