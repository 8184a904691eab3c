//! What stands on every answer: CORS, caching, problem documents, and what is ignored or refused.
//!
//! Must not know: who may ask; `routes` has the matrix.

use crate::harness::actor::{Actor, Answer};
use crate::harness::stage::{STREAM, Stage};

const PAGE: &str = "https://player.example";

async fn from_page(actor: &Actor, method: &str, path: &str, origin: &str) -> Answer {
    actor
        .try_ask(method, path, &[("origin", origin)], None)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_as_the_design_says() {
    let stage = Stage::set().await;
    let viewer = stage.serve.viewer(STREAM);
    keys_are_sixteen_bytes(&stage, &viewer).await;
    pages_may_read_every_answer(&stage, &viewer).await;
    playlists_and_segments_are_cached_as_long_as_they_hold(&stage, &viewer).await;
    refusals_are_documents(&stage, &viewer).await;
    encoded_separators_are_refused(&stage, &viewer).await;
    listeners_are_kept_apart(&stage).await;
    registration_is_strict(&stage).await;
    revoked_and_removed_keys_are_gone(&stage, &viewer).await;
}

async fn keys_are_sixteen_bytes(stage: &Stage, viewer: &Actor) {
    let key = stage.key_path();
    let plain = viewer.get(&key).await.expect(200);
    assert_eq!(plain.body.len(), 16);
    for (name, value) in [
        ("content-type", "application/octet-stream"),
        ("content-length", "16"),
        ("x-content-type-options", "nosniff"),
        ("content-encoding", ""),
    ] {
        assert_eq!(plain.header(name), value, "{name}");
    }
    let caching = plain.header("cache-control").to_owned();
    let age = caching
        .strip_prefix("private, max-age=")
        .unwrap_or_else(|| panic!("{caching}"));
    assert!(
        (1..=3600).contains(&age.parse::<u32>().unwrap()),
        "{caching}"
    );
    let ranged = [
        ("range", "bytes=0-3"),
        ("accept-encoding", "gzip"),
        ("range", "bytes=20-"),
    ];
    for header in ranged {
        let same = viewer
            .try_ask("GET", &key, &[header], None)
            .await
            .unwrap()
            .expect(200);
        assert_eq!(
            (same.body, same.headers.get("content-range")),
            (plain.body.clone(), None)
        );
    }
    for query in ["?_HLS_msn=3", "?CMCD=bl%3D1&x", "?&&=&token="] {
        let same = viewer.get(&format!("{key}{query}")).await.expect(200);
        assert_eq!(same.body, plain.body, "{query}");
    }
    let head = viewer.ask("HEAD", &key, None).await.expect(200);
    assert_eq!((head.body.len(), head.header("content-length")), (0, "16"));
    for path in [key.to_uppercase(), format!("{key}/"), format!("{key}x")] {
        assert_ne!(viewer.get(&path).await.status, 200, "{path}");
    }
}

async fn pages_may_read_every_answer(stage: &Stage, viewer: &Actor) {
    let (key, stranger) = (stage.key_path(), stage.serve.stranger());
    let list = format!("/hls/{STREAM}/{}", stage.rendition);
    let answers = [
        from_page(viewer, "GET", &key, PAGE).await.expect(200),
        from_page(&stranger, "GET", &key, PAGE).await.expect(401),
        from_page(&stranger, "GET", &list, PAGE).await.expect(200),
        from_page(&stranger, "GET", "/nothing/here", PAGE)
            .await
            .expect(404),
        from_page(&stranger, "PATCH", &key, PAGE).await.expect(405),
    ];
    for answer in &answers {
        assert_eq!(answer.header("access-control-allow-origin"), PAGE);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert!(vary(answer).contains("origin"), "{:?}", answer.headers);
    }
    let foreign = from_page(viewer, "GET", &key, "https://evil.example")
        .await
        .expect(200);
    assert_eq!(foreign.header("access-control-allow-origin"), "");
    for path in [key.as_str(), "/v1/streams", "/anything"] {
        let asked = [
            ("origin", PAGE),
            ("access-control-request-headers", "authorization"),
        ];
        let preflight = stranger
            .try_ask("OPTIONS", path, &asked, None)
            .await
            .unwrap();
        assert!((200..300).contains(&preflight.status), "{path}");
        let allowed = preflight
            .header("access-control-allow-headers")
            .to_lowercase();
        assert!(allowed.contains("authorization"), "{path}");
        let age: u32 = preflight.header("access-control-max-age").parse().unwrap();
        assert!(age >= 600);
    }
}

fn vary(answer: &Answer) -> String {
    let all = answer.headers.get_all("vary").iter();
    all.map(|value| value.to_str().unwrap().to_lowercase())
        .collect::<Vec<_>>()
        .join(",")
}

async fn playlists_and_segments_are_cached_as_long_as_they_hold(stage: &Stage, viewer: &Actor) {
    let stranger = stage.serve.stranger();
    let above = format!("/hls/{STREAM}");
    let list = stranger
        .get(&format!("{above}/{}", stage.rendition))
        .await
        .expect(200);
    assert_eq!(list.header("content-type"), "application/vnd.apple.mpegurl");
    let short = list.header("cache-control");
    assert!(
        short.contains("max-age=") && !short.contains("immutable"),
        "{short}"
    );
    let folder = stage.rendition.rsplit_once('/').unwrap().0;
    let uri = list
        .text()
        .lines()
        .find(|line| !line.starts_with('#'))
        .unwrap()
        .to_owned();
    let path = format!("{above}/{folder}/{uri}");
    let segment = stranger.get(&path).await.expect(200);
    assert_eq!(segment.header("content-type"), "video/mp2t");
    assert!(segment.header("cache-control").contains("immutable"));
    let range = [("range", "bytes=16-31")];
    let part = stranger
        .try_ask("GET", &path, &range, None)
        .await
        .unwrap()
        .expect(206);
    assert_eq!(part.body, segment.body[16..32]);
    let zipped = [("accept-encoding", "gzip")];
    let playlist = format!("{above}/master.m3u8");
    let gzip = stranger
        .try_ask("GET", &playlist, &zipped, None)
        .await
        .unwrap()
        .expect(200);
    assert_eq!(gzip.header("content-encoding"), "gzip");

    let play = format!("/v1/play/{STREAM}/master.m3u8");
    let own = viewer.get(&play).await.expect(200);
    assert!(own.header("cache-control").contains("private"));
    let again = viewer.get(&play).await.expect(200);
    assert_eq!(
        own.text(),
        again.text(),
        "grants are a function of session and kid"
    );
}

async fn refusals_are_documents(stage: &Stage, viewer: &Actor) {
    let stranger = stage.serve.stranger();
    let mut ids = Vec::new();
    for (actor, method, path, status) in [
        (&stranger, "GET", stage.key_path(), 401),
        (viewer, "GET", "/v1/streams".to_owned(), 403),
        (viewer, "GET", "/v1/keys/nonsense".to_owned(), 404),
        (viewer, "DELETE", stage.key_path(), 405),
        (&stranger, "GET", "/".to_owned(), 404),
    ] {
        let answer = actor.ask(method, &path, None).await.expect(status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let document = answer.json();
        let code = document["code"].as_str().unwrap();
        assert_eq!(document["type"], format!("urn:hlskey:problem:{code}"));
        assert_eq!(document["status"], status);
        assert!(document["title"].is_string());
        ids.push(document["request_id"].as_str().unwrap().to_owned());
        assert_eq!(answer.header("www-authenticate").is_empty(), status != 401);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

async fn encoded_separators_are_refused(stage: &Stage, viewer: &Actor) {
    let plain = format!("/hls/{STREAM}/{}", stage.rendition);
    assert_eq!(viewer.raw_status(&plain), 200);
    let after = |prefix: &str, tail: &str| format!("{prefix}{}", tail.replace('/', "%2F"));
    for path in [
        after("/hls/", &plain["/hls/".len()..]),
        plain.replace("v0/", "v0%2f"),
        plain.replace("v0/", "v0%5C"),
        plain.replace("v0/", "v0/%2e%2e/v0/"),
        format!("/v1/play/{}/master.m3u8", STREAM.replace('/', "%2F")),
        plain.replace("v0/", "v0/../v0/"),
        format!("/hls/{STREAM}/%2e%2e/%2e%2e/hlskey.toml"),
        format!("/hls/{STREAM}/../../../hlskey.toml"),
        format!("/hls/{STREAM}//v0/index.m3u8"),
    ] {
        let status = viewer.raw_status(&path);
        assert!(matches!(status, 400 | 404), "{path}: {status}");
    }
    let packager = stage.packager();
    let path = format!("/v1/streams/{}", STREAM.replace('/', "%2F"));
    assert!(matches!(packager.get(&path).await.status, 400 | 404));
}

async fn listeners_are_kept_apart(stage: &Stage) {
    let stranger = stage.serve.stranger();
    let plain = stage.serve.url().replace("https:", "http:");
    let answer = stranger
        .try_ask("GET", &format!("{plain}/v1/openapi.json"), &[], None)
        .await;
    assert!(answer.is_err(), "HTTPS only: {answer:?}");
    stranger.get("/metrics").await.expect(404);
    let ops = stage.serve.ops();
    ops.get("/v1/streams").await.expect(404);
    for (host, status) in [("localhost", 200), ("rebound.example", 421)] {
        let answer = ops
            .try_ask("GET", "/healthz", &[("host", host)], None)
            .await;
        answer.unwrap().expect(status);
    }
    let metrics = ops.get("/metrics").await.expect(200).text();
    assert!(metrics.contains("hlskey_key_deliveries_total") && metrics.ends_with("# EOF\n"));
}

async fn registration_is_strict(stage: &Stage) {
    let packager = stage.packager();
    let put = async |stream: &str, body: &'static str| {
        packager
            .ask("PUT", &format!("/v1/streams/{stream}"), Some(body))
            .await
    };
    put("test/new", "{}").await.expect(201);
    put("test/new", "{}").await.expect(200);
    let view = packager
        .get("/v1/streams/test/new")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&view["rotation"], &view["version"]),
        (&"never".into(), &1.into())
    );
    put("test/new", r#"{"rotation":{"every":"1h"}}"#)
        .await
        .expect(200);
    for bad in [
        r#"{"rotate":1}"#,
        r#"{"rotation":{"every":"0s"}}"#,
        "[",
        r#"{"iv":"sequence"}"#,
    ] {
        let answer = put("test/new", bad).await.expect(400);
        assert!(
            !answer.json()["detail"].as_str().unwrap().is_empty(),
            "{bad}"
        );
    }
    put("test/new/below", "{}").await.expect(409);
    put("test", "{}").await.expect(409);
    put("other/new", "{}").await.expect(403);
    put("test/keys", "{}").await.expect(400);
    put("test/rotate", "{}").await.expect(405);
    let list = packager.get("/v1/streams").await.expect(200).json();
    assert_eq!(list["streams"].as_array().unwrap().len(), 2, "{list}");
}

async fn revoked_and_removed_keys_are_gone(stage: &Stage, viewer: &Actor) {
    let lease = format!("/v1/streams/{STREAM}/schedule?from=0&count=2");
    let lease = stage.packager().get(&lease).await.expect(200).json();
    let uri = |n: usize| lease["periods"][n]["uri"].as_str().unwrap().to_owned();
    let operator = stage.api_key("operator", "**", "operate", "1h");
    let revoke = format!("{}/revoke", uri(0).replace(&stage.serve.url(), ""));
    viewer.get(&uri(0)).await.expect(200);
    stage
        .serve
        .ops()
        .with(&operator)
        .ask("POST", &revoke, None)
        .await
        .expect(204);
    assert_eq!(viewer.get(&uri(0)).await.expect(410).code(), "gone");
    viewer.get(&uri(1)).await.expect(200);
    let stream = format!("/v1/streams/{STREAM}");
    stage
        .packager()
        .ask("DELETE", &stream, None)
        .await
        .expect(204);
    viewer.get(&uri(1)).await.expect(410);
    stage
        .packager()
        .ask("DELETE", &stream, None)
        .await
        .expect(404);
}
