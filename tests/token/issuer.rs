//! A key server and the issuer of its viewers' tokens, which rotates, dies and talks rubbish.
//!
//! Must not know: the command line's verdicts.

use serde_json::{Value, json};

use crate::harness::actor::Answer;
use crate::harness::issuer::now;
use crate::harness::oidc::Oidc;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

const STREAM: &str = "test/own";
const ISSUER: &str = "https://login.example";

/// A viewer's claims; the name makes a token that nobody has seen.
fn claims(who: &str) -> Value {
    json!({"sub": who, "streams": [STREAM], "exp": now() + 3600, "iss": ISSUER})
}

async fn serve(issuer: &Oidc) -> Serve {
    let scheme = format!(
        "[schemes.oidc]\nkind = \"jwt\"\nissuers = [{ISSUER:?}]\njwks_url = \"{}/keys\"\n",
        issuer.url()
    );
    Serve::start("\"never\"", &scheme).await
}

async fn ask(serve: &Serve, key: &str, token: &str) -> Answer {
    serve.stranger().with(token).get(key).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_before_its_issuer_and_outlives_it() {
    let mut issuer = Oidc::prepare();
    let serve = serve(&issuer).await;
    let key = serve.key(STREAM).await;
    let (one, rubbish) = ("ec-1", "not.a.token");
    issuer.resume(&[]).await;
    let early = issuer.sign(one, &claims("early")).await;
    issuer.kill();
    let answer = ask(&serve, &key, &early).await.expect(503);
    assert!(!answer.header("retry-after").is_empty());
    ask(&serve, &key, rubbish).await.expect(401);
    issuer.resume(&[one]).await;
    until("the keys are fetched", seconds(40), async || {
        let status = ask(&serve, &key, &early).await.status;
        assert!([200, 503].contains(&status), "{status}");
        (status == 200).then_some(())
    })
    .await;
    let stranger = issuer.sign("ec-9", &claims("stranger")).await;
    ask(&serve, &key, &stranger).await.expect(401);

    // A new key: tokens by it are taken as soon as one comes, the old ones until it is withdrawn.
    let (two, old) = ("rsa-2", issuer.sign(one, &claims("old")).await);
    let new = issuer.sign(two, &claims("new")).await;
    until("nobody asked a moment ago", seconds(5), async || {
        issuer.tell(&json!({ "kids": [one, two] })).await;
        (ask(&serve, &key, &new).await.status == 200).then_some(())
    })
    .await;
    ask(&serve, &key, &old).await.expect(200);

    // Away, it decides nothing new; what is known goes on.
    let (known, unknown) = (
        issuer.sign(two, &claims("later")).await,
        issuer.sign("ed-3", &claims("later")).await,
    );
    issuer.kill();
    ask(&serve, &key, &known).await.expect(200);
    until("the issuer is missed", seconds(5), async || {
        (ask(&serve, &key, &unknown).await.status == 503).then_some(())
    })
    .await;
    ask(&serve, &key, &early).await.expect(200);
}

/// The issuer's document says where its keys are, and is away when the server starts, and later.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_discovers_an_issuer_that_starts_after_it_and_outlives_it() {
    let mut issuer = Oidc::prepare();
    let own = issuer.url();
    let scheme = format!("[schemes.oidc]\nkind = \"jwt\"\nissuers = [{own:?}]\ndiscovery = true\n");
    let serve = Serve::start("\"never\"", &scheme).await;
    let key = serve.key(STREAM).await;
    let (one, two) = ("ec-1", "rsa-2");
    let of = |who: &str, issuer: &str| {
        let mut claims = claims(who);
        claims["iss"] = json!(issuer);
        claims
    };
    issuer.resume(&[]).await;
    let early = issuer.sign(one, &of("early", &own)).await;
    let foreign = issuer.sign(one, &of("early", ISSUER)).await;
    issuer.kill();
    let answer = ask(&serve, &key, &early).await.expect(503);
    assert!(!answer.header("retry-after").is_empty());

    // Keys behind somebody else's document are nobody's; behind its own they are the issuer's.
    issuer.resume(&[one]).await;
    issuer.tell(&json!({ "issuer": ISSUER })).await;
    until("the document is read", seconds(40), async || {
        ask(&serve, &key, &early).await.expect(503);
        (issuer.asked_for("configuration").await > 0).then_some(())
    })
    .await;
    assert_eq!(issuer.asked().await, 0, "its keys are not even fetched");
    issuer.tell(&json!({ "issuer": own })).await;
    until("the keys are found", seconds(40), async || {
        let status = ask(&serve, &key, &early).await.status;
        assert!([200, 503].contains(&status), "{status}");
        (status == 200).then_some(())
    })
    .await;
    ask(&serve, &key, &foreign).await.expect(401);

    // Away again: what is known goes on, what is new is not decided.
    let known = issuer.sign(one, &of("known", &own)).await;
    let new = issuer.sign(two, &of("new", &own)).await;
    issuer.kill();
    ask(&serve, &key, &known).await.expect(200);
    until("the issuer is missed", seconds(5), async || {
        (ask(&serve, &key, &new).await.status == 503).then_some(())
    })
    .await;
    ask(&serve, &key, &early).await.expect(200);
    issuer.resume(&[one, two]).await;
    until("the new key is found", seconds(40), async || {
        (ask(&serve, &key, &new).await.status == 200).then_some(())
    })
    .await;
}

/// A token that was verified a moment ago is not, once its key is withdrawn.
#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_key_opens_nothing_more() {
    let issuer = Oidc::start(&["ec-1", "ec-2"]).await;
    let serve = serve(&issuer).await;
    let key = serve.key(STREAM).await;
    let (gone, kept) = (
        issuer.sign("ec-1", &claims("gone")).await,
        issuer.sign("ec-2", &claims("kept")).await,
    );
    for token in [&gone, &kept] {
        ask(&serve, &key, token).await.expect(200);
    }
    issuer.tell(&json!({ "kids": ["ec-2"] })).await;
    let stranger = issuer.sign("ec-9", &claims("stranger")).await;
    until("the keys are fetched again", seconds(10), async || {
        ask(&serve, &key, &stranger).await.expect(401);
        (ask(&serve, &key, &gone).await.status == 401).then_some(())
    })
    .await;
    ask(&serve, &key, &kept).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_names_make_nobody_ask_often() {
    let issuer = Oidc::start(&["ec-1"]).await;
    let serve = serve(&issuer).await;
    let key = serve.key(STREAM).await;
    let good = issuer.sign("ec-1", &claims("good")).await;
    ask(&serve, &key, &good).await.expect(200);
    let parts: Vec<_> = good.split('.').collect();
    for n in 0..300 {
        use base64::Engine as _;
        let header = json!({"alg": "ES256", "kid": format!("made-up-{n}")}).to_string();
        let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header);
        let forged = format!("{header}.{}.{}", parts[1], parts[2]);
        ask(&serve, &key, &forged).await.expect(401);
    }
    let asked = issuer.asked().await;
    assert!((2..=6).contains(&asked), "{asked}");
    ask(&serve, &key, &issuer.sign("ec-1", &claims("honest")).await)
        .await
        .expect(200);
}
