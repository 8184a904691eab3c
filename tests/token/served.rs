//! Keys and playlists by the tokens of every scheme that signs a request, at a running server.
//!
//! Must not know: any scheme's form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;

use super::edgeauth::sealed_over;
use crate::harness::binary::run;
use crate::harness::serve::Serve;

/// An instance of each kind.
const SCHEMES: &str = r#"
[schemes.securetoken]
streams = ["test/*"]
secrets = ["obviously-a-fake-secret"]
groups = { "test/ngrp:x_all" = "test/own" }
[schemes.wmsauth]
streams = ["test/*"]
secrets = ["obviously-a-fake-secret"]
groups = { "test/ngrp:x_all" = "test/own" }
[schemes.hdnts]
streams = ["test/*"]
secrets = ["obviously-a-fake-secret"]
[schemes.edgeauth]
streams = ["test/*"]
secrets_hex = ["0123456789abcdef"]
[schemes.cat]
streams = ["test/*"]
keys = [{ kid = "k1", alg = "HS256", secret_hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }]
[schemes.urlparams]
streams = ["test/words/**"]
play = ["obviously-a-fake-word.watch"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_its_key_among_parameters_of_others_and_no_longer_when_it_is_broken() {
    let serve = Serve::start("\"never\"", SCHEMES).await;
    let (own, nobody) = (serve.key("test/own").await, serve.stranger());
    for scheme in ["securetoken", "wmsauth", "hdnts", "edgeauth", "cat"] {
        let token = serve.minted(scheme, "test/own", "1h");
        let ask = async |query: &str| nobody.get(&format!("{own}?{query}")).await;
        ask(&format!("_HLS_msn=7&{token}&wowzasessionid=1"))
            .await
            .expect(200);
        let broken = token.replace(['a', 'b', 'c', 'A'], "d");
        ask(&broken).await.expect(401);
    }
    nobody.get(&format!("{own}?x=y")).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_opens_the_streams_of_its_instance() {
    let serve = Serve::start("\"never\"", SCHEMES).await;
    let (word, own) = (serve.key("test/words/a").await, serve.key("test/own").await);
    let nobody = serve.stranger();
    let query = "watch=obviously-a-fake-word";
    nobody.get(&format!("{word}?{query}")).await.expect(200);
    nobody.get(&format!("{own}?{query}")).await.expect(404);
    nobody
        .get(&format!("{word}?watch=another"))
        .await
        .expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_carries_the_viewer_on_to_its_keys() {
    let serve = Serve::start("\"never\"", SCHEMES).await;
    let uri = serve.key("test/own").await;
    serve.publish("test/own/index.m3u8", &uri);
    let token = serve.minted("securetoken", "test/own", "1h");
    let nobody = serve.stranger();
    let play = |query: &str| format!("/v1/play/test/own/index.m3u8?{query}");
    let text = nobody.get(&play(&token)).await.expect(200).text();
    assert!(!text.contains("wowzatoken"), "{text}");
    let granted = text
        .split("URI=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert!(
        granted.starts_with(&uri) && granted.contains("?token="),
        "{granted}"
    );
    nobody.get(granted).await.expect(200);
    nobody.get(&play("wowzatokenhash=x")).await.expect(401);
}

/// What is signed of a playlist is its path as signers see it, below `/v1/play/`.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_one_playlist_opens_that_and_no_other() {
    let serve = Serve::start("\"never\"", SCHEMES).await;
    let uri = serve.key("test/own").await;
    let (nobody, play) = (serve.stranger(), "/v1/play/test/own");
    for file in ["index.m3u8", "v0/index.m3u8"] {
        serve.publish(&format!("test/own/{file}"), &uri);
    }
    let fields = "exp=4000000000";
    let hashed = format!("{fields}~url=/test/own/v0/index.m3u8");
    let token = sealed_over("0123456789abcdef", fields, &hashed);
    let query = format!("hdnts={token}");
    let own = format!("{play}/v0/index.m3u8?{query}");
    let text = nobody.get(&own).await.expect(200).text();
    assert!(text.contains("?token=") && !text.contains("hmac"), "{text}");
    let other = format!("{play}/index.m3u8?{query}");
    nobody.get(&other).await.expect(401);
    nobody.get(&format!("{uri}?{query}")).await.expect(401);
    let list = format!("hdnts={}", sealed("exp=4000000000~acl=/test/own/v0/*"));
    let within = format!("{play}/v0/index.m3u8?{list}");
    nobody.get(&within).await.expect(200);
    nobody
        .get(&format!("{play}/index.m3u8?{list}"))
        .await
        .expect(401);
}

fn sealed(fields: &str) -> String {
    sealed_over("0123456789abcdef", fields, fields)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_a_chunklists_name_opens_that_chunklist() {
    let serve = Serve::start("\"never\"", SCHEMES).await;
    let uri = serve.key("test/own").await;
    let nobody = serve.stranger();
    for (stream, status) in [("test/own", 200), ("test/other", 401)] {
        let token = STANDARD_NO_PAD.encode(serve.minted("securetoken", stream, "1h"));
        let file = format!("chunklist_w1_tk{}.m3u8", token.replace('/', "_"));
        serve.publish(&format!("test/own/{file}"), &uri);
        let path = format!("/v1/play/test/own/{file}");
        nobody.get(&path).await.expect(status);
    }
}

/// What the command line says, by the URL alone.
fn verdict(serve: &Serve, command: &str, scheme: &str, url: &str) -> Value {
    let config = serve.config();
    let config = config.to_str().unwrap();
    let fixed = ["token", command, "--json", "--config", config];
    let output = run(&[&fixed[..], &["--scheme", scheme, "--url", url]].concat());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_renditions_playlist_the_command_line_says_what_the_server_does() {
    let serve = Serve::start("\"never\"", SCHEMES).await;
    let uri = serve.key("test/own").await;
    serve.publish("test/own/v0/index.m3u8", &uri);
    let (nobody, play) = (serve.stranger(), "/v1/play/test/own/v0/index.m3u8");
    let urls = [
        format!("https://h{play}"),
        "https://h/test/own/v0/index.m3u8".to_owned(),
    ];
    for (scheme, signed_for, reason) in [
        ("securetoken", "test/own", "ok"),
        ("wmsauth", "test/own", "ok"),
        ("hdnts", "test/own", "ok"),
        ("edgeauth", "test/own", "ok"),
        ("cat", "test/own", "ok"),
        ("securetoken", "test/ngrp:x_all", "ok"),
        ("wmsauth", "test/ngrp:x_all", "ok"),
        ("securetoken", "test/ow", "hash_mismatch"),
        // Which of the two it is depends on where the content is looked for.
        ("wmsauth", "test/ow", "path|hash_mismatch"),
        ("hdnts", "test/ow", "hash_mismatch"),
        ("edgeauth", "test/ow", "path"),
    ] {
        let token = serve.minted(scheme, signed_for, "1h");
        let status = if reason == "ok" { 200 } else { 401 };
        nobody.get(&format!("{play}?{token}")).await.expect(status);
        for url in &urls {
            let url = format!("{url}?{token}");
            for command in ["verify", "explain"] {
                let found = verdict(&serve, command, scheme, &url);
                let is_said = reason.split('|').any(|reason| found["reason"] == reason);
                assert!(is_said, "{scheme} {signed_for}: {found}");
                let streams = if reason == "ok" {
                    r#"["test/own"]"#
                } else {
                    "[]"
                };
                assert_eq!(found["streams"].to_string(), streams, "{scheme}: {found}");
            }
        }
        let gone = serve.minted(scheme, signed_for, "-1h");
        let found = verdict(&serve, "verify", scheme, &format!("{}?{gone}", urls[0]));
        let expected = if reason == "ok" { "expired" } else { reason };
        let is_said = expected.split('|').any(|reason| found["reason"] == reason);
        assert!(is_said, "{scheme} {signed_for}: {found}");
    }
}
