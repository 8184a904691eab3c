//! Mistakes with `urlparams`, with JSON Web Tokens, and with the wrong instance.
//!
//! Must not know: how the server compares.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Judge, codes, told};

#[test]
fn a_word_that_is_another_is_told() {
    let settings = "play = [\"obviouslyFake.doPlay\"]\npublish = [\"fakeToo.doPublish\"]";
    let judge = Judge::new("urlparams", settings);
    let secrets = ["obviouslyFake", "fakeToo"];
    let url = |query: &str| format!("https://h/live/news/playlist.m3u8?{query}");
    judge.allows(&url("doPlay=obviouslyFake"));
    told(&judge, &url("doPlay=other"), &secrets, &["value"]);
    told(
        &judge,
        &url("doplay=obviouslyFak"),
        &secrets,
        &["name_case"],
    );
    told(
        &judge,
        &url("doPublish=fakeToo"),
        &secrets,
        &["other_action"],
    );
    told(&judge, &url("obviouslyFake=doPlay"), &secrets, &["turned"]);
}

#[test]
fn what_a_json_web_token_says_is_told() {
    let secret = "obviously-a-fake-secret-of-40-characters";
    let judge = Judge::new("jwt", &format!("secret = {secret:?}"));
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let token = |header: &str, claims: &str| format!("{}.{}.c2ln", part(header), part(claims));
    let url = |token: &str| format!("https://h/live/news/playlist.m3u8?token={token}");
    let one = token(r#"{"alg":"HS512","kid":"k1"}"#, r#"{"iss":"me","exp":1}"#);
    let told = told(&judge, &url(&one), &[secret, "c2ln"], &["header", "claims"]);
    assert_eq!(told["reason"], "algorithm");
    let sentences: Vec<_> = (0..2)
        .map(|n| told["hints"][n]["sentence"].to_string())
        .collect();
    assert!(
        sentences[0].contains("HS512") && sentences[0].contains("k1"),
        "{sentences:?}"
    );
    assert!(
        sentences[1].contains("iss") && sentences[1].contains("exp 1"),
        "{sentences:?}"
    );
    let two = judge.explains(&url("a.b"), &[secret]);
    assert_eq!(codes(&two), ["parts"]);
    let padded = format!("{}=.{}.c2ln", part("{}"), part("{}"));
    assert!(codes(&judge.explains(&url(&padded), &[secret])).contains(&"padding"));
}

#[test]
fn the_instance_that_takes_the_url_is_named() {
    let settings = "play = [\"obviouslyFake.doPlay\"]\n[schemes.another]\nkind = \"urlparams\"\n\
                    play = [\"fakeToo.doPlay\"]";
    let judge = Judge::new("urlparams", settings);
    let url = "https://h/live/news/playlist.m3u8?doPlay=fakeToo";
    let secrets = ["obviouslyFake", "fakeToo"];
    let told = told(&judge, url, &secrets, &["value", "other_scheme"]);
    assert!(
        told["hints"][1]["sentence"].to_string().contains("another"),
        "{told}"
    );
}
