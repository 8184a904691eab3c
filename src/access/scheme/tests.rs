//! Several tokens, several instances, the memory of tokens, and API keys.
//!
//! Must not know: what the gate then allows.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::Fault;
use crate::access::ApiKey;
use crate::access::testing::{Bench, START, Sent, bearer, fake_secret, in_query};
use crate::crypto::SecretText;
use crate::domain::{Action, Clock as _, Denied, StreamId, SystemEntropy};

/// Two teams, each with a secret and streams of its own.
async fn teams() -> Bench {
    let team = |letter: char| {
        let secret = fake_secret(letter);
        format!(
            "[schemes.team-{letter}]\nkind = \"jwt\"\nsecret = {secret:?}\n\
             streams = [\"{letter}/**\"]\n"
        )
    };
    let allow = "[entitlement]\nsource = \"allow\"";
    Bench::new(&format!("{}{}{allow}", team('a'), team('b'))).await
}

fn jwt(secret: char, claims: &Value) -> SecretText {
    let key = jsonwebtoken::EncodingKey::from_secret(fake_secret(secret).as_bytes());
    SecretText::new(jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).unwrap())
}

fn viewer(secret: char, subject: &str) -> SecretText {
    let exp = START.seconds() + 60;
    jwt(
        secret,
        &json!({"sub": subject, "streams": "**", "exp": exp}),
    )
}

fn garbage() -> SecretText {
    SecretText::new("garbage".to_owned())
}

fn stream(text: &str) -> StreamId {
    text.parse().unwrap()
}

async fn subject(bench: &Bench, sent: Sent) -> Result<String, Denied> {
    let admitted = bench.gate.admit(&sent.shown()).await?;
    Ok(admitted.principal().subject.clone())
}

fn bad(fault: Fault) -> Denied {
    fault.into()
}

#[tokio::test]
async fn no_team_opens_anothers_streams() {
    let bench = teams().await;
    for (own, other) in [('a', 'b'), ('b', 'a')] {
        let who = bench.admit(&viewer(own, "alice")).await.unwrap();
        let covers = |letter| who.principal().covers(&stream(&format!("{letter}/live")));
        assert!(covers(own));
        assert!(!covers(other));
    }
    let stranger = bench.admit(&viewer('c', "alice")).await;
    assert_eq!(stranger.unwrap_err(), bad(Fault::Signature));
}

#[tokio::test]
async fn every_token_is_tried_and_the_first_good_one_decides() {
    let bench = teams().await;
    let (alice, bob) = (viewer('a', "alice"), viewer('b', "bob"));
    let none = Sent::default;
    let cases = [
        (in_query(&alice), Ok("alice")),
        (bearer(&alice).token(&bob), Ok("alice")),
        (bearer(&garbage()).token(&bob), Ok("bob")),
        (bearer(&alice).token(&garbage()), Ok("alice")),
        (none().basic(&bob), Ok("bob")),
        (none().basic(&bob).token(&garbage()), Ok("bob")),
        (in_query(&garbage()).token(&bob), Ok("bob")),
        (none(), Err(Denied::NoCredential)),
        (
            Sent::query(&format!("other={}", alice.expose())),
            Err(Denied::NoCredential),
        ),
        (bearer(&garbage()), Err(bad(Fault::Form))),
        (
            bearer(&garbage()).token(&viewer('c', "carol")),
            Err(bad(Fault::Signature)),
        ),
    ];
    for (sent, expected) in cases {
        let found = subject(&bench, sent.clone()).await;
        assert_eq!(found, expected.map(str::to_owned), "{sent:?}");
    }
}

#[tokio::test]
async fn a_remembered_token_still_ends() {
    let bench = teams().await;
    let exp = START.seconds() + 60;
    let early = json!({"sub": "alice", "streams": "**", "exp": exp, "nbf": START.seconds() + 10});
    let token = jwt('a', &early);
    let after = async |seconds| {
        bench.clock.set(START.plus(Duration::from_secs(seconds)));
        bench.admit(&token).await.map(drop)
    };
    assert_eq!(after(9).await, Err(bad(Fault::NotYet)));
    assert_eq!(after(10).await, Ok(()));
    assert_eq!(after(59).await, Ok(()));
    assert_eq!(after(60).await, Err(bad(Fault::Expired)));
    assert_eq!(after(9).await, Err(bad(Fault::NotYet)));
}

#[tokio::test]
async fn a_token_is_remembered_as_a_whole() {
    let bench = teams().await;
    let token = viewer('a', "alice");
    let first = bench.admit(&token).await.unwrap();
    let second = bench.admit(&token).await.unwrap();
    assert!(Arc::ptr_eq(&first.share(), &second.share()));
    let other = bench.admit(&viewer('a', "mallory")).await.unwrap();
    assert_eq!(other.principal().subject, "mallory");
}

#[tokio::test]
async fn our_cookie_holds_sessions_alone() {
    let bench = teams().await;
    let token = viewer('a', "alice");
    let cookie = format!("hlskey_session={}", token.expose());
    let sent = Sent::default().with("cookie", &cookie);
    // Remembered or not.
    for _ in 0..2 {
        let found = bench.gate.hear(&sent.shown()).await;
        assert_eq!(found.err(), Some(bad(Fault::Form)));
        // Who manages streams shows none at all.
        let found = subject(&bench, sent.clone()).await;
        assert_eq!(found, Err(Denied::NoCredential));
        let _ = bench.admit(&token).await.unwrap();
    }
}

#[tokio::test]
async fn api_keys_come_in_headers() {
    let bench = Bench::open().await;
    let key = bench.api_key("packager", "live/*", &Action::PACKAGER).await;
    let basic = Sent::default().basic(&key);
    assert_eq!(
        subject(&bench, bearer(&key)).await,
        Ok("packager".to_owned())
    );
    assert_eq!(subject(&bench, basic).await, Ok("packager".to_owned()));
    let found = subject(&bench, in_query(&key)).await;
    assert_eq!(found, Err(bad(Fault::Place)));
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_id_are_not_told_apart() {
    let bench = Bench::open().await;
    let key = bench.api_key("packager", "live/*", &Action::PACKAGER).await;
    let (unknown, ..) = ApiKey::generate(&SystemEntropy);
    let (id, _) = key.expose().rsplit_once('_').unwrap();
    let (_, other_secret) = unknown.expose().rsplit_once('_').unwrap();
    let mixed = SecretText::new(format!("{id}_{other_secret}"));
    assert!(bench.admit(&key).await.is_ok());
    for wrong in [unknown, mixed] {
        let found = bench.admit(&wrong).await.unwrap_err();
        assert_eq!(found, bad(Fault::Signature));
    }
    let cut = SecretText::new(key.expose()[..80].to_owned());
    let found = bench.admit(&cut).await.unwrap_err();
    assert_eq!(found, bad(Fault::Form));
}

#[tokio::test]
async fn a_removed_key_goes_on_for_five_seconds_at_most() {
    let bench = Bench::open().await;
    let key = bench.api_key("packager", "live/*", &Action::PACKAGER).await;
    assert!(bench.admit(&key).await.is_ok());
    bench.store.remove_credential("packager").await.unwrap();
    bench.clock.advance(Duration::from_millis(4999));
    assert!(bench.admit(&key).await.is_ok());
    bench.clock.advance(Duration::from_millis(1));
    assert!(bench.admit(&key).await.is_err());
}

#[tokio::test]
async fn an_unknown_key_is_looked_up_again_after_five_seconds() {
    let bench = Bench::open().await;
    let key = bench.api_key("packager", "live/*", &Action::PACKAGER).await;
    let row = bench.store.credentials().await.unwrap().remove(0);
    bench.store.remove_credential("packager").await.unwrap();
    assert!(bench.admit(&key).await.is_err());
    bench.store.add_credential(&row).await.unwrap();
    assert!(bench.admit(&key).await.is_err());
    bench.clock.advance(Duration::from_secs(5));
    assert!(bench.admit(&key).await.is_ok());
}

#[tokio::test]
async fn an_api_key_may_end() {
    let bench = Bench::open().await;
    bench.api_key("packager", "live/*", &Action::PACKAGER).await;
    let mut row = bench.store.credentials().await.unwrap().remove(0);
    let (key, id, digest) = ApiKey::generate(&SystemEntropy);
    row.expires = Some(bench.clock.now().plus(Duration::from_secs(1)));
    (row.id, row.name, row.digest) = (id, "short".to_owned(), digest);
    bench.store.add_credential(&row).await.unwrap();
    assert!(bench.admit(&key).await.is_ok());
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.admit(&key).await.unwrap_err(), bad(Fault::Expired));
}

#[tokio::test]
async fn a_store_that_is_away_refuses_nobody_for_good() {
    let bench = teams().await;
    let key = bench.api_key("packager", "live/*", &Action::PACKAGER).await;
    bench.store.close().await;
    let found = bench.admit(&key).await.unwrap_err();
    assert!(matches!(found, Denied::Undecided(_)), "{found}");
    let both = bearer(&key).token(&viewer('a', "alice"));
    assert_eq!(subject(&bench, both).await, Ok("alice".to_owned()));
}
