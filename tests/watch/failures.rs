//! A sentence for each failure, provoked at a real server, and the picture comes back where it can.
//!
//! Must not know: how they are told apart.

use serde_json::json;

use super::{STREAM, Scene};

/// Names its request for support, and says nothing of a network error.
fn supported(words: &str) {
    let id = words
        .split("For support: ")
        .nth(1)
        .unwrap_or_else(|| panic!("{words}"));
    let id = id.trim();
    assert!(
        id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()),
        "{words}"
    );
    assert!(!words.to_lowercase().contains("network error"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_watch_is_told_why() {
    let limit = "[[policies]]\nstreams = [\"test/**\"]\nmax_sessions = 1\nlimit = \"hard\"";
    let mut scene = Scene::set("table", "", limit).await;
    let page = format!("{}/watch/{STREAM}", scene.serve.url());

    scene.browser.open("a", &page);
    let words = scene.browser.words("a", "no_credential");
    assert!(words.contains("You are not signed in"), "{words}");
    supported(&words);

    scene
        .browser
        .open("a", &format!("{page}#token=obviously-garbage"));
    let words = scene.browser.words("a", "bad_token");
    assert!(words.contains("This link does not let you in"), "{words}");
    supported(&words);

    let url = scene.url("");
    scene.browser.open("a", &url);
    let words = scene.browser.words("a", "not_entitled");
    assert!(
        words.contains("Your subscription does not include this stream"),
        "{words}"
    );
    supported(&words);
    scene.entitle("alice").await;
    scene
        .browser
        .order("click", "a", json!({"selector": "#again"}));
    scene.browser.plays("a");

    // The one session that alice may have plays.
    let url = scene.url("");
    scene.browser.open("b", &url);
    let words = scene.browser.words("b", "too_many");
    assert!(
        words.contains("You are watching on too many devices"),
        "{words}"
    );
    supported(&words);

    let operator = scene.operator.clone();
    operator
        .ask("DELETE", "/v1/entitlements/alice", None)
        .await
        .expect(204);
    scene.browser.seek("a", 100);
    let words = scene.browser.words("a", "not_entitled");
    supported(&words);
    let elsewhere = format!(
        "{}/watch/other/film#token={}",
        scene.serve.url(),
        scene.token()
    );
    scene.browser.open("b", &elsewhere);
    let words = scene.browser.words("b", "refused");
    assert!(
        words.contains("You may not watch this stream here"),
        "{words}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_a_key_that_was_withdrawn_and_a_stream_that_is_not_there() {
    for player in ["hls", "native"] {
        let mut scene = Scene::set("allow", "", "").await;
        let nowhere = format!(
            "{}/watch/test/nothing?player={player}#token={}",
            scene.serve.url(),
            scene.token()
        );
        scene.browser.open("c", &nowhere);
        let words = scene.browser.words("c", "off_air");
        assert!(
            words.contains("not on air") && words.contains("Trying again in"),
            "{words}"
        );
        supported(&words);

        let url = scene.url(&format!("?player={player}"));
        scene.browser.open("a", &url);
        scene.browser.plays("a");
        let list = scene.serve.origin().join(STREAM).join("v0/index.m3u8");
        let list = std::fs::read_to_string(list).unwrap();
        let last = list
            .rsplit("/v1/keys/")
            .next()
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        scene
            .operate(&format!("/v1/keys/{last}/revoke"), &json!({}), 204)
            .await;
        scene.browser.seek("a", 118);
        let words = scene.browser.words("a", "key_gone");
        assert!(
            words.contains("This part of the stream was withdrawn"),
            "{words}"
        );
        supported(&words);

        let url = scene.url(&format!("?player={player}"));
        scene.browser.open("a", &url);
        scene.browser.plays("a");
        scene
            .operate("/v1/revocations", &json!({"viewer": "alice"}), 200)
            .await;
        scene.browser.seek("a", 80);
        let words = scene.browser.words("a", "revoked");
        assert!(words.contains("Your session was ended"), "{words}");
        supported(&words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mends_itself_goes_on_by_itself() {
    let mut scene = Scene::set("allow", "", "").await;
    let url = scene.url("");
    scene.browser.open("a", &url);
    scene.browser.plays("a");
    scene.serve.pause().await;
    scene.browser.seek("a", 100);
    let words = scene.browser.words("a", "away");
    assert!(words.contains("The server cannot be reached"), "{words}");
    assert!(words.contains("Trying again in"), "{words}");
    scene.serve.resume().await;
    scene
        .browser
        .until("a", "document.getElementById('fault').hidden");
    scene.browser.plays("a");

    scene.browser.order("offline", "a", json!({"on": true}));
    scene.browser.seek("a", 60);
    let words = scene.browser.words("a", "offline");
    assert!(words.contains("You are offline"), "{words}");
    scene.browser.order("offline", "a", json!({"on": false}));
    scene
        .browser
        .until("a", "document.getElementById('fault').hidden");
    scene.browser.plays("a");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_media_that_cannot_be_are_told() {
    let mut scene = Scene::set("allow", "", "").await;
    let init = "Object.defineProperty(Crypto.prototype, 'subtle', {value: undefined})";
    let url = scene.url("");
    scene
        .browser
        .order("open", "a", json!({"url": url, "init": init}));
    let words = scene.browser.words("a", "insecure");
    assert!(words.contains("This page is not secure"), "{words}");

    // The server's own file, of bytes that no key made.
    let folder = scene.serve.origin().join(STREAM).join("v0");
    for entry in std::fs::read_dir(&folder)
        .unwrap()
        .chain(std::fs::read_dir(folder.with_file_name("v1")).unwrap())
    {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "ts") {
            let length = std::fs::metadata(&path).unwrap().len() as usize;
            std::fs::write(&path, vec![0x5a; length]).unwrap();
        }
    }
    let url = scene.url("");
    scene.browser.open("a", &url);
    let words = scene.browser.words("a", "undecodable");
    assert!(words.contains("The video cannot be decoded"), "{words}");
}
