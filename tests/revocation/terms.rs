//! A revocation's terms and its worst case: scheme, end, pages, and what never ends by itself.
//!
//! Must not know: how the worst case is reckoned.

use serde_json::{Value, json};

use super::{Scene, at};
use crate::harness::binary;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// A second team, whose viewers have names of their own.
const TEAM: &str = "
[schemes.team]
kind = \"jwt\"
streams = [\"**\"]
algorithms = [\"HS256\"]
secret_file = \"team.secret\"
";

#[tokio::test(flavor = "multi_thread")]
async fn one_team_s_alice_is_not_the_other_s() {
    let mut serve = Serve::prepare("{ every = \"4s\" }", TEAM);
    let secret = "obviously-a-fake-secret-of-the-other-team";
    let path = serve.config().with_file_name("team.secret");
    crate::harness::authority::private(&path, secret);
    serve.resume().await;
    let scene = Scene::of(serve).await;
    let ours = scene.viewer(&json!({"sub": "alice"}));
    let config = scene.serve.config();
    let config = config.to_str().unwrap();
    let mint = ["token", "mint", "--config", config, "--stream", "test/**"];
    let more = ["--scheme", "team", "--subject", "alice"];
    let theirs = binary::printed(&[&mint[..], &more].concat());
    let theirs = scene.serve.stranger().with(&theirs);
    let both = [ours, theirs];
    assert_eq!(scene.statuses(&both).await, [200, 200]);
    scene
        .revoke(&json!({"viewer": "alice", "scheme": "team"}))
        .await;
    assert_eq!(scene.statuses(&both).await, [200, 403]);
    scene
        .revoke(&json!({"before": at(60), "scheme": "nobody's"}))
        .await;
    assert_eq!(scene.statuses(&both).await, [200, 403]);
    scene
        .revoke(&json!({"before": at(60), "scheme": "viewers"}))
        .await;
    assert_eq!(scene.statuses(&both).await, [403, 403]);
}

/// A kind of token that says when it was made: what was made before the moment falls, and no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_wmsauth_token_of_after_the_moment_goes_on() {
    let section = "[schemes.wmsauth]\nstreams = [\"test/*\"]\nsecrets = [\"obviously-fake\"]\n";
    let scene = Scene::of(Serve::start("{ every = \"1h\" }", section).await).await;
    let token = scene.serve.minted("wmsauth", super::STREAM, "1h");
    let path = format!("/v1/keys/{}?{token}", scene.kids[0]);
    let nobody = scene.serve.stranger();
    nobody.get(&path).await.expect(200);
    for (moment, status) in [(-3600, 200), (60, 403)] {
        let terms = json!({"before": at(moment), "scheme": "wmsauth"});
        scene.revoke(&terms).await;
        assert_eq!(nobody.get(&path).await.status, status, "{moment}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_with_an_end_ends_then() {
    let scene = Scene::set("{ every = \"4s\" }").await;
    let viewer = scene.viewer(&json!({"sub": "alice"}));
    scene
        .revoke(&json!({"viewer": "alice", "until": at(3)}))
        .await;
    assert_eq!(scene.status(&viewer).await, 403);
    until("it has ended", seconds(10), async || {
        (scene.status(&viewer).await == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_comes_in_pages_and_says_what_was_said() {
    let scene = Scene::set("{ every = \"4s\" }").await;
    let said = json!({
        "viewer": "é/ü?&\"", "scheme": "viewers", "until": "2099-01-02T03:04:05Z", "note": "chargeback",
    });
    let first = scene.revoke(&said).await;
    assert_eq!(
        scene.revoke(&said).await["id"],
        first["id"],
        "the same again"
    );
    for name in ["b", "c"] {
        scene.revoke(&json!({"session": name})).await;
    }
    let page = async |query: String| {
        let answer = scene
            .operator
            .get(&format!("/v1/revocations?{query}"))
            .await;
        answer.expect(200).json()["revocations"]
            .as_array()
            .unwrap()
            .clone()
    };
    let all = page(String::new()).await;
    assert_eq!(all.len(), 3);
    assert_eq!(all[0]["viewer"], said["viewer"]);
    assert_eq!(all[0]["until"], "2099-01-02T03:04:05.000Z");
    for name in ["scheme", "note"] {
        assert_eq!(all[0][name], said[name]);
    }
    let rest = page(format!("after={}&limit=1", first["id"].as_str().unwrap())).await;
    assert_eq!(rest, all[1..2]);
    assert_eq!(page("limit=2".to_owned()).await, all[..2]);
    scene
        .operator
        .get("/v1/revocations?limit=many")
        .await
        .expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_never_rotates_has_no_worst_case_until_it_is_cut() {
    let scene = Scene::set("\"never\"").await;
    let reply = scene.revoke(&json!({"viewer": "alice"})).await;
    assert_eq!(reply["worst_case_seconds"], Value::Null);
    assert_eq!(reply["because"]["stream"], super::STREAM);
    let advice = reply["because"]["advice"].as_str().unwrap();
    let cut = format!("/v1/streams/{}/rotate", super::STREAM);
    assert!(advice.contains(&cut), "{advice}");
    let key = scene.revoke(&json!({"key": scene.kids[0]})).await;
    assert_eq!(key["worst_case_seconds"], Value::Null);

    let file = scene.serve.credential("cutter", "test/**", &["rotate"]);
    let cutter = std::fs::read_to_string(file).unwrap();
    let cutter = scene.serve.stranger().with(cutter.trim());
    cutter.ask("POST", &cut, Some("{}")).await.expect(200);
    for body in [json!({"viewer": "alice"}), json!({"key": scene.kids[0]})] {
        let reply = scene.revoke(&body).await;
        let because = &reply["because"];
        assert_eq!(because["advice"], Value::Null, "{reply}");
        let parts = ["news_seconds", "key_seconds", "playlist_seconds"];
        let sum: u64 = parts
            .iter()
            .map(|part| because[part].as_u64().unwrap())
            .sum();
        let worst = reply["worst_case_seconds"].as_u64().unwrap();
        assert!((sum.saturating_sub(2)..=sum).contains(&worst), "{reply}");
        assert_eq!(because["news_seconds"], 30, "store.stale_after");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worst_case_is_that_of_what_the_viewer_is_known_to_watch() {
    let scene = Scene::set("{ every = \"4s\" }").await;
    let file = scene.serve.credential("other", "test/**", &[]);
    let packager = std::fs::read_to_string(file).unwrap();
    let packager = scene.serve.stranger().with(packager.trim());
    let never = "/v1/streams/test/never";
    packager.ask("PUT", never, Some("{}")).await.expect(201);
    packager.get(&format!("{never}/schedule")).await.expect(200);
    let alice = scene.viewer(&json!({"sub": "alice", "sid": "a"}));
    assert_eq!(scene.status(&alice).await, 200);
    until("it is noted what she watches", seconds(15), async || {
        let sessions = scene.operator.get("/v1/sessions?viewer=alice").await;
        let sessions = sessions.expect(200).json();
        (sessions["sessions"].as_array().unwrap().len() == 1).then_some(())
    })
    .await;
    for body in [json!({"viewer": "alice"}), json!({"session": "a"})] {
        let because = scene.revoke(&body).await["because"].clone();
        assert_eq!(because["stream"], super::STREAM, "{because}");
    }
    for body in [json!({"viewer": "bob"}), json!({"token": "a"})] {
        let because = scene.revoke(&body).await["because"].clone();
        assert_eq!(because["stream"], "test/never", "{because}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_is_paged_alike_beside_a_token_in_the_query() {
    let scene = Scene::set("{ every = \"4s\" }").await;
    for list in ["revocations", "sessions", "entitlements", "audit"] {
        for (query, status) in [
            ("", 200),
            ("&limit=1", 200),
            ("&limit=1000", 200),
            ("&limit=1&unknown=x", 400),
            ("&limit=0", 400),
            ("&limit=1001", 400),
            ("&limit=many", 400),
        ] {
            let path = format!("/v1/{list}?token=stray{query}");
            let answer = scene.operator.get(&path).await;
            assert_eq!(answer.status, status, "{list} {query}: {answer:?}");
        }
    }
    let viewers = async |query: &str| scene.operator.get(&format!("/v1/viewers?{query}")).await;
    viewers("stream=test/*").await.expect(200);
    viewers("steam=test/*").await.expect(400);
}
