//! An issuer's keys at a URL, fetched once by the command line: by whom, from where, and what not.
//!
//! Must not know: how the server keeps them.

use serde_json::{Value, json};

use super::verdict::Judge;
use crate::harness::binary::run;
use crate::harness::oidc::Oidc;

const ISSUER: &str = "https://login.example";
const URL: &str = "https://video.example/live/news/playlist.m3u8";

/// Claims of a token that opens what [`URL`] is.
fn claims(issuer: &str) -> Value {
    json!({
        "sub": "alice", "streams": ["live/*"], "exp": 1_704_070_800, "iss": issuer, "aud": "keys",
    })
}

/// What the program says to a token under these settings.
fn judge(settings: &str, token: &str) -> Judge {
    let settings = format!("audiences = [\"keys\"]\n{settings}");
    let header = format!("Authorization: Bearer {token}");
    Judge::new("jwt", &settings).with(&["--header", &header])
}

fn from_url(issuer: &Oidc) -> String {
    format!(
        "issuers = [{ISSUER:?}]\njwks_url = \"{}/keys\"",
        issuer.url()
    )
}

#[tokio::test]
async fn keys_of_every_sort_are_fetched() {
    let kids = ["rsa-1", "ec-1", "p521-1", "ed-1"];
    let issuer = Oidc::start(&kids).await;
    let settings = from_url(&issuer);
    for kid in kids {
        let good = issuer.sign(kid, &claims(ISSUER)).await;
        let verdict = judge(&settings, &good).allows(URL);
        assert_eq!(verdict.subject.as_deref(), Some("alice"), "{kid}");
        let nameless = issuer.sign_as(kid, None, &claims(ISSUER)).await;
        judge(&settings, &nameless).allows(URL);
        let other = kids.iter().find(|other| **other != kid).copied();
        let confused = issuer.sign_as(kid, other, &claims(ISSUER)).await;
        judge(&settings, &confused).denies(URL, "algorithm");
        let elsewhere = issuer.sign(kid, &claims("https://other.example")).await;
        judge(&settings, &elsewhere).denies(URL, "issuer");
    }
    let unknown = issuer.sign("ec-2", &claims(ISSUER)).await;
    judge(&settings, &unknown).denies(URL, "unknown_key");
    let forged = issuer.sign_as("ec-2", Some("ec-1"), &claims(ISSUER)).await;
    judge(&settings, &forged).denies(URL, "signature");
}

#[tokio::test]
async fn whoever_gives_no_keys_decides_nothing() {
    let mut issuer = Oidc::start(&["ec-1"]).await;
    let settings = from_url(&issuer);
    let good = issuer.sign("ec-1", &claims(ISSUER)).await;
    judge(&settings, &good).allows(URL);
    for mode in ["rubbish", "long", "error", "redirect", "slow"] {
        issuer.tell(&json!({ "mode": mode })).await;
        judge(&settings, &good).denies(URL, "keys_away");
    }
    issuer.tell(&json!({"mode": "good", "kids": []})).await;
    judge(&settings, &good).denies(URL, "keys_away");
    issuer.kill();
    judge(&settings, &good).denies(URL, "keys_away");
    // What no key could save is refused all the same, and nobody asked.
    let [header, _, signature] = [0, 1, 2].map(|n| good.split('.').nth(n).unwrap());
    judge(&settings, &format!("{header}..{signature}")).denies(URL, "malformed");
}

#[tokio::test]
async fn a_configured_key_needs_no_issuer() {
    let issuer = Oidc::prepare();
    let secret = "obviously-a-fake-secret-of-40-characters";
    let settings = format!(
        "{}\nkeys = [{{ alg = 'HS256', secret = '{secret}' }}]",
        from_url(&issuer)
    );
    let key = crate::harness::issuer::Issuer::Hs256(secret.into());
    judge(&settings, &key.token(&claims(ISSUER))).allows(URL);
    let other = crate::harness::issuer::Issuer::Hs256(b"obviously-another".to_vec());
    judge(&settings, &other.token(&claims(ISSUER))).denies(URL, "signature");
}

#[tokio::test]
async fn an_issuers_document_says_where_its_keys_are() {
    let issuer = Oidc::start(&["ec-1"]).await;
    let own = issuer.url();
    let discovered = format!("issuers = [{own:?}]\ndiscovery = true");
    let by_url = format!(
        "issuers = [{own:?}, {ISSUER:?}]\ndiscovery_url = \"{own}/.well-known/openid-configuration\""
    );
    let good = issuer.sign("ec-1", &claims(&own)).await;
    for settings in [&discovered, &by_url] {
        judge(settings, &good).allows(URL);
        let elsewhere = issuer.sign("ec-1", &claims("https://other.example")).await;
        judge(settings, &elsewhere).denies(URL, "issuer");
    }
    // An accepted issuer's token, by the keys of another accepted one.
    let borrowed = issuer.sign("ec-1", &claims(ISSUER)).await;
    judge(&by_url, &borrowed).denies(URL, "issuer");
    // The document of somebody else, and key sets where requests may not go.
    issuer.tell(&json!({ "issuer": format!("{own}/") })).await;
    judge(&discovered, &good).denies(URL, "keys_away");
    for elsewhere in [
        "http://login.example/keys",
        "https://169.254.169.254/latest",
        "https://127.0.0.2:1/keys",
        "https://10.0.0.1/keys",
        "file:///etc/passwd",
    ] {
        issuer
            .tell(&json!({"issuer": own, "jwks_uri": elsewhere}))
            .await;
        judge(&discovered, &good).denies(URL, "keys_away");
    }
    issuer
        .tell(&json!({ "jwks_uri": format!("{own}/keys") }))
        .await;
    judge(&discovered, &good).allows(URL);
}

#[tokio::test]
async fn https_needs_an_authority_that_is_trusted() {
    let issuer = Oidc::start_secure(&["ec-1"]).await;
    let settings = from_url(&issuer);
    let good = issuer.sign("ec-1", &claims(ISSUER)).await;
    judge(&settings, &good).denies(URL, "keys_away");
    let trusting = format!("{settings}\n[outbound]\nca_file = {:?}", issuer.ca());
    judge(&trusting, &good).allows(URL);
}

#[test]
fn settings_that_cannot_be_meant_are_told() {
    let key = "jwks_url = \"https://login.example/keys\"";
    for (settings, told) in [
        ("jwks_url = \"http://login.example/keys\"", "https://"),
        ("jwks_url = \"login.example\"", "https://"),
        (
            "jwks_url = \"https://user:hush@login.example/\"",
            "wrong form",
        ),
        ("discovery = true", "discovery needs issuers"),
        (
            "discovery = true\nissuers = [\"login\"]",
            "discovery needs issuers that are URLs",
        ),
        (
            "discovery_url = \"https://login.example/\"",
            "discovery_url needs issuers",
        ),
        (
            &format!("{key}\ndiscovery = true\nissuers = [\"https://a\"]"),
            "exclude each other",
        ),
        (&format!("{key}\njwks_stale = \"59s\""), "jwks_stale"),
        (&format!("{key}\njwks_stale = \"8days\""), "jwks_stale"),
        (
            &format!("{key}\nalgorithms = [\"HS256\"]"),
            "algorithms has HS256",
        ),
        (
            &format!("{key}\n[outbound]\nca_file = \"none.pem\""),
            "none.pem",
        ),
        (
            &format!("{key}\n[outbound]\nallow = [\"everything\"]"),
            "everything",
        ),
    ] {
        let judge = Judge::new("jwt", settings);
        let config = judge.file();
        let output = run(&[
            "token", "verify", "--scheme", "jwt", "--config", config, "--url", URL,
        ]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains(told), "{settings}: {errors}");
        assert!(
            !errors.contains("hush") && output.stdout.is_empty(),
            "{errors}"
        );
    }
}
