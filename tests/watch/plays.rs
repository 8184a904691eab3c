//! The page plays: by hls.js and natively, with menus, a renewed session, and in a listed site's frame.
//!
//! Must not know: what it says when it does not.

use serde_json::{Value, json};

use super::{STREAM, Scene};
use crate::harness::nginx::Nginx;

/// Nothing of the token or of a grant is anywhere that others read.
fn nothing_is_told(scene: &mut Scene, page: &str, token: &str) {
    let document = scene
        .browser
        .run(page, "document.documentElement.outerHTML");
    let kept = scene.browser.run(page, "JSON.stringify([history.state, {...localStorage}, {...sessionStorage}, location.href, document.cookie])");
    let told = scene.browser.order("said", page, json!({}));
    let log = scene.serve.process.as_ref().unwrap().stderr.text();
    for (what, text) in [
        ("document", document.to_string()),
        ("kept", kept.to_string()),
        ("console", told.to_string()),
        ("log", log),
    ] {
        assert!(!text.contains(token), "the token is in the {what}: {text}");
        assert!(!text.contains("token="), "a grant is in the {what}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_plays_by_hls_js_with_menus_and_renews() {
    let mut scene = Scene::set("allow", "", "[sessions]\nlife = \"36s\"").await;
    let token = scene.token();
    let url = format!("{}/watch/{STREAM}#token={token}", scene.serve.url());
    scene.browser.open("a", &url);
    scene.browser.plays("a");
    assert_eq!(scene.browser.run("a", "hlskeyWatch.engine"), "hls");
    let qualities = scene.browser.until(
        "a",
        "[...document.querySelectorAll('#quality option')].map(o => o.label).slice(1)",
    );
    assert_eq!(qualities, json!(["180p", "360p"]));
    scene
        .browser
        .order("select", "a", json!({"selector": "#quality", "value": "1"}));
    scene
        .browser
        .until("a", "document.querySelector('video').videoHeight === 180");
    scene
        .browser
        .order("select", "a", json!({"selector": "#quality", "value": "2"}));
    scene
        .browser
        .until("a", "document.querySelector('video').videoHeight === 360");
    let labels = scene.browser.until(
        "a",
        "[...document.querySelectorAll('#captions option')].map(o => o.label)",
    );
    assert_eq!(labels, json!(["Off", "English"]));
    scene.browser.order(
        "select",
        "a",
        json!({"selector": "#captions", "value": "1"}),
    );
    let cue = scene.browser.until("a", "[...document.querySelector('video').textTracks].find(t => t.mode === 'showing')?.activeCues?.[0]?.text");
    assert!(cue.as_str().unwrap().starts_with("line "), "{cue}");
    scene.browser.keep("a", "plays");
    let first = scene.browser.run("a", "hlskeyWatch.expires");
    let renewed = scene
        .browser
        .until("a", "hlskeyWatch.renewals > 0 && hlskeyWatch.expires");
    assert!(renewed.as_f64() > first.as_f64(), "{first} {renewed}");
    // Past the end of the first session, with keys that were not fetched yet.
    scene.browser.order(
        "until",
        "a",
        json!({"expression": format!("Date.now() > {first} + 500"), "within": 60}),
    );
    scene.browser.seek("a", 100);
    scene.browser.plays("a");
    scene.browser.order("press", "a", json!({"key": "k"}));
    scene.browser.until("a", "document.querySelector('video').paused && document.getElementById('status').textContent === 'Paused'");
    nothing_is_told(&mut scene, "a", &token);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_plays_natively_and_on_a_phone_in_the_dark() {
    let mut scene = Scene::set("allow", "", "").await;
    let token = scene.token();
    let url = format!(
        "{}/watch/{STREAM}?player=native#token={token}",
        scene.serve.url()
    );
    let phone = json!({"url": url, "width": 360, "height": 640, "scheme": "dark"});
    scene.browser.order("open", "a", phone);
    scene.browser.plays("a");
    assert_eq!(scene.browser.run("a", "hlskeyWatch.engine"), "native");
    assert_eq!(scene.browser.run("a", "typeof Hls"), "undefined");
    scene.browser.keep("a", "phone");
    let wide = "document.documentElement.scrollWidth <= innerWidth";
    assert_eq!(scene.browser.run("a", wide), true);
    nothing_is_told(&mut scene, "a", &token);
    // A session that is in the browser already needs no token.
    let here = format!("location.href = '/watch/{STREAM}?again'");
    scene.browser.run("a", &here);
    scene.browser.until(
        "a",
        "location.search === '?again' && document.querySelector('video')?.currentTime > 1",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_site_embeds_it_and_hands_it_a_token_and_another_may_not() {
    // At this machine's own addresses: a page of the Internet may not frame what is local.
    let folder = tempfile::tempdir().unwrap();
    let nginx = Nginx::origin(folder.path(), "default_type text/html;").await;
    let site = format!("http://127.0.0.1:{}", nginx.port);
    let mut scene = Scene::set("allow", &format!("embed = [\"{site}\"]"), "").await;
    let (page, token) = (
        format!("{}/watch/{STREAM}", scene.serve.url()),
        scene.token(),
    );
    let html = format!(
        "<!doctype html><iframe src='{page}' allow='autoplay; fullscreen' width=640 height=400></iframe>\
         <script>window.told = []; addEventListener('message', ({{data, source, origin}}) => {{ told.push(data.type); \
         if (data.type === 'hlskey:need-token') source.postMessage({{type: 'hlskey:token', token: '{token}'}}, origin); }});</script>"
    );
    std::fs::write(folder.path().join("site"), html).unwrap();
    scene.browser.open("a", &format!("{site}/site"));
    let plays =
        json!({"expression": "document.querySelector('video')?.currentTime > 1", "frame": true});
    scene.browser.order("until", "a", plays);
    let told = scene.browser.run("a", "told");
    assert_eq!(told[0], "hlskey:ready", "{told}");
    // Another site gets an empty frame.
    scene
        .browser
        .open("b", &format!("http://localhost:{}/site", nginx.port));
    let refused = "location.href.startsWith('chrome-error:')";
    scene
        .browser
        .order("until", "b", json!({"expression": refused, "frame": true}));
    assert_eq!(scene.browser.run("b", "told"), json!([]));
    let head = scene
        .serve
        .stranger()
        .get(&format!("/watch/{STREAM}"))
        .await
        .expect(200);
    let policy = head.header("content-security-policy").to_owned();
    assert!(
        policy.ends_with(&format!("frame-ancestors {site}")),
        "{policy}"
    );
    assert!(policy.contains("script-src 'self';"), "{policy}");
    assert_eq!(head.header("referrer-policy"), "no-referrer");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_files_are_gzipped_and_revalidated_and_a_server_without_it_has_none() {
    let scene = crate::harness::stage::Stage::set().await;
    let nobody = scene.serve.stranger();
    let gzip = [("accept-encoding", "gzip")];
    let player = nobody
        .try_ask("GET", "/player/hls.min.js", &gzip, None)
        .await
        .unwrap()
        .expect(200);
    assert_eq!(player.header("content-encoding"), "gzip");
    assert!(player.body.len() < 300_000, "{}", player.body.len());
    let tag = player.header("etag").to_owned();
    let again = [("accept-encoding", "gzip"), ("if-none-match", tag.as_str())];
    let kept = nobody
        .try_ask("GET", "/player/hls.min.js", &again, None)
        .await
        .unwrap();
    assert_eq!((kept.status, kept.body.len()), (304, 0));
    nobody.get("/player/nothing.js").await.expect(404);
    let none = crate::harness::serve::Serve::start("\"never\"", "").await;
    for path in ["/watch/test/film", "/player/watch.js"] {
        none.stranger().get(path).await.expect(404);
    }
    let _: Value = nobody.get("/v1/openapi.json").await.json();
}
