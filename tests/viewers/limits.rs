//! The most sessions of one viewer, hard and soft, at one server.
//!
//! Must not know: other servers.

use super::*;
use crate::harness::wait::{seconds, throughout, until};

const HARD: &str = "max_sessions = 2\nlimit = \"hard\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_hard_limit_refuses_one_more_and_a_kill_frees_no_slot() {
    let mut serve = Serve::start("\"never\"", &policy(HARD)).await;
    let key = serve.key_path("test/a").await;
    let at = serve.stranger();
    assert_eq!(status(&at, &key, "one").await, 200);
    assert_eq!(status(&at, &key, "two").await, 200);
    let refused = watch(&at, &key, &token("three"), "tv").await.expect(403);
    assert_eq!(refused.code(), "forbidden");
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("as many sessions as allowed"), "{detail}");
    let other = token_of("bob", "one", "test/**");
    watch(&at, &key, &other, "tv").await.expect(200);

    serve.kill();
    serve.resume().await;
    assert_eq!(status(&at, &key, "three").await, 403);
    for session in ["two", "one"] {
        assert_eq!(status(&at, &key, session).await, 200);
    }
    assert_eq!(status(&at, &key, "four").await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_soft_limit_the_oldest_goes_on_through_its_grace() {
    let rules = "max_sessions = 1\nlimit = \"soft\"\ngrace = \"4s\"";
    let serve = Serve::start("\"never\"", &policy(rules)).await;
    let key = serve.key_path("test/a").await;
    let at = serve.stranger();
    assert_eq!(status(&at, &key, "old").await, 200);
    assert_eq!(status(&at, &key, "new").await, 200);
    let both = async || {
        let old = status(&at, &key, "old").await;
        old == 200 && status(&at, &key, "new").await == 200
    };
    throughout("both play", seconds(2), both).await;
    until("the grace is over", seconds(10), async || {
        (status(&at, &key, "old").await == 403).then_some(())
    })
    .await;
    assert_eq!(status(&at, &key, "new").await, 200);
    let answer = watch(&at, &key, &token("old"), "device of old").await;
    let detail = answer.expect(403).json()["detail"].to_string();
    assert!(detail.contains("newer session"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn zapping_with_a_token_for_each_channel_is_never_refused() {
    const CHANNELS: usize = 20;
    for limit in ["hard", "soft"] {
        let rules = format!("max_sessions = 1\nlimit = \"{limit}\"\ngrace = \"0s\"");
        let serve = Serve::start("\"never\"", &policy(&rules)).await;
        let at = serve.stranger();
        let mut channels = Vec::new();
        for n in 0..CHANNELS {
            let stream = format!("test/c{n}");
            let token = token_of("alice", &format!("session-{n}"), &stream);
            channels.push((serve.key_path(&stream).await, token));
        }
        let (there, back) = (channels.iter(), channels.iter().rev());
        for (key, token) in there.chain(back) {
            watch(&at, key, token, "tv").await.expect(200);
        }
        // Two on one channel are two, whatever the device.
        let twin = token_of("alice", "twin", "test/c0");
        let answer = watch(&at, &channels[0].0, &twin, "tv").await;
        assert_eq!(answer.status, if limit == "hard" { 403 } else { 200 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_of_any_length_costs_no_more_than_the_slot() {
    let rules = "max_sessions = 1\nlimit = \"hard\"";
    let mut serve = Serve::prepare("\"never\"", &policy(rules));
    serve.amend("[grants]", "[sessions]\nlease = \"2s\"\n[grants]");
    serve.resume().await;
    let key = serve.key_path("test/a").await;
    let (at, operator) = (serve.stranger(), operator(&serve, "**"));
    assert_eq!(status(&at, &key, "one").await, 200);
    assert_eq!(status(&at, &key, "two").await, 403);
    let nobody_is_live = async || counted(&operator, "").await.is_empty().then_some(());
    until("its lease ends", seconds(10), nobody_is_live).await;
    assert_eq!(status(&at, &key, "one").await, 200, "nobody took the slot");
    until("its lease ends", seconds(10), nobody_is_live).await;
    assert_eq!(status(&at, &key, "two").await, 200);
    assert_eq!(status(&at, &key, "one").await, 403, "somebody did");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_fetching_keys_keeps_the_slot() {
    let rules = "max_sessions = 1\nlimit = \"hard\"";
    let mut serve = Serve::prepare("\"never\"", &policy(rules));
    serve.amend("[grants]", "[sessions]\nlease = \"15s\"\n[grants]");
    serve.resume().await;
    let key = serve.key_path("test/a").await;
    let at = serve.stranger();
    assert_eq!(status(&at, &key, "one").await, 200);
    // The lease of the first fetch ends meanwhile, and what was seen is written down each five seconds.
    throughout("each fetch renews its lease", seconds(20), async || {
        let one = status(&at, &key, "one").await;
        (one, status(&at, &key, "two").await) == (200, 403)
    })
    .await;
    // A server that begins anew has the store alone, which knows of a fetch a moment ago.
    serve.kill();
    serve.resume().await;
    assert_eq!(status(&at, &key, "two").await, 403);
    until("it has gone", seconds(30), async || {
        (status(&at, &key, "two").await == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_logs_out_frees_the_slot_at_once() {
    let rules = "max_sessions = 1\nlimit = \"hard\"";
    let serve = Serve::start("\"never\"", &policy(rules)).await;
    let key = serve.key_path("test/a").await;
    let viewer = serve.stranger().with(&token("token"));
    let begun = viewer.ask("POST", "/v1/sessions", None).await.expect(200);
    let cookie = begun
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let at = serve.stranger();
    let headers = [
        ("cookie", cookie.as_str()),
        ("origin", "https://player.example"),
    ];
    let asked = at.try_ask("GET", &key, &headers, None).await.unwrap();
    asked.expect(200);
    assert_eq!(status(&at, &key, "other").await, 403);
    let current = "/v1/sessions/current";
    let ended = at.try_ask("DELETE", current, &headers, None).await.unwrap();
    ended.expect(204);
    assert_eq!(status(&at, &key, "other").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewers_playlist_and_the_keys_in_it_are_one_session() {
    let rules = "max_sessions = 1\nlimit = \"hard\"";
    let serve = Serve::start("\"never\"", &policy(rules)).await;
    let key = serve.key_path("test/a").await;
    let folder = serve.origin().join("test/a");
    std::fs::create_dir_all(&folder).unwrap();
    let list = format!(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n\
         #EXT-X-KEY:METHOD=AES-128,URI=\"{}{key}\",IV=0x{:032x}\n#EXTINF:6.0,\n0.ts\n",
        serve.url(),
        1
    );
    std::fs::write(folder.join("index.m3u8"), list).unwrap();
    let at = serve.stranger();
    let playlist = at
        .with(&token("one"))
        .get("/v1/play/test/a/index.m3u8")
        .await;
    let text = playlist.expect(200).text();
    let granted = text.split('"').nth(1).unwrap();
    at.get(granted).await.expect(200);
    assert_eq!(status(&at, &key, "two").await, 403);
    assert_eq!(status(&at, &key, "one").await, 200);
}
