//! Servers that answer badly: halves, other things, round and round, elsewhere.
//!
//! Must not know: how that is borne.

use std::path::PathBuf;

use crate::harness::encrypt::Encrypt;
use crate::harness::process::Process;
use crate::harness::push::files_below;
use crate::harness::scripted::{Scripted, elsewhere, whole};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, throughout, until};

/// A worker that pulls from a scripted server.
struct Scene {
    server: Scripted,
    job: Encrypt,
    worker: Process,
    _serve: Serve,
    _folders: [tempfile::TempDir; 2],
}

const LIST: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n";

fn list(uris: &[&str]) -> Vec<u8> {
    let segments = uris.iter().map(|uri| format!("#EXTINF:1,\n{uri}\n"));
    (LIST.to_owned() + &segments.collect::<String>()).into_bytes()
}

fn packets(count: usize) -> Vec<u8> {
    let mut packet = vec![0x47];
    packet.resize(188, 0);
    packet.repeat(count)
}

impl Scene {
    async fn set(name: &str, server: Scripted, more: &[&str]) -> Self {
        let serve = Serve::start("\"never\"", "").await;
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let stream = format!("test/{name}");
        let mut job = Encrypt::at(&serve, &stream, folders[0].path(), folders[1].path());
        job.from = Some(format!("pull:{}", server.url("/live.m3u8")));
        Self {
            worker: job.start_with(more),
            server,
            job,
            _serve: serve,
            _folders: folders,
        }
    }

    async fn said(&mut self, what: &str) {
        until(what, seconds(20), async || {
            assert!(
                self.worker.ended().is_none(),
                "{}",
                self.worker.stderr.text()
            );
            self.worker.stdout.text().contains(what).then_some(())
        })
        .await;
    }

    fn spooled(&self) -> Vec<String> {
        files_below(&self.job.spool())
    }

    fn published(&self) -> PathBuf {
        self.job.sink.join("live.m3u8")
    }

    async fn publishes(&mut self, last: &str) {
        until("it is published", seconds(20), async || {
            assert!(
                self.worker.ended().is_none(),
                "{}",
                self.worker.stderr.text()
            );
            let text = std::fs::read_to_string(self.published()).unwrap_or_default();
            text.contains(last).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_segment_is_none_and_the_list_waits_for_it() {
    let server = Scripted::start();
    server.has("/live.m3u8", &list(&["a.ts", "b.ts"]));
    server.has("/a.ts", &packets(3));
    let torn = whole("", &packets(4));
    server.says("/b.ts", &torn[..torn.len() - 188]);
    let mut scene = Scene::set("torn", server, &[]).await;
    scene.said("b.ts").await;
    throughout(
        "no half, and no list that was not waited with",
        seconds(3),
        async || {
            let (names, asked) = (scene.spooled(), scene.server.asked());
            let is_there = |name: &str| names.iter().any(|it| it == name);
            let tries = asked.iter().filter(|head| head.starts_with("GET /b.ts"));
            !is_there("b.ts") && (!is_there("live.m3u8") || tries.count() >= 4)
        },
    )
    .await;
    scene.server.has("/b.ts", &packets(4));
    scene.publishes("b.ts").await;
    let kept = std::fs::read(scene.job.spool().join("b.ts")).unwrap();
    assert_eq!(kept, packets(4));
}

/// A window of hours is not held back until all of it was fetched.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_live_window_is_listed_as_it_is_fetched() {
    let server = Scripted::start();
    let names: Vec<String> = (0..40).map(|n| format!("s{n}.ts")).collect();
    let uris: Vec<&str> = names.iter().map(String::as_str).collect();
    server.has("/live.m3u8", &list(&uris));
    for name in &names {
        server.has(&format!("/{name}"), &packets(3));
    }
    let torn = whole("", &packets(4));
    for name in ["/s3.ts", "/s33.ts"] {
        server.says(name, &torn[..torn.len() - 188]);
    }
    let mut scene = Scene::set("window", server, &[]).await;
    scene.said("s3.ts").await; // a look that fails at its first files
    scene.server.has("/s3.ts", &packets(3));
    until("what was fetched is published", seconds(20), async || {
        let text = std::fs::read_to_string(scene.published()).unwrap_or_default();
        (text.contains("s29.ts") && !text.contains("s33.ts")).then_some(())
    })
    .await;
    scene.server.has("/s33.ts", &packets(3));
    scene.publishes("s39.ts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_is_gone_is_a_gap_and_the_stream_goes_on() {
    let server = Scripted::start();
    server.has("/live.m3u8", &list(&["a.ts", "b.ts", "c.ts"]));
    server.has("/a.ts", &packets(3));
    server.has("/c.ts", &packets(4));
    let mut scene = Scene::set("gone", server, &[]).await;
    scene.publishes("c.ts").await;
    let text = std::fs::read_to_string(scene.published()).unwrap();
    assert!(text.contains("#EXT-X-GAP"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_playlist_changes_nothing() {
    let server = Scripted::start();
    server.has("/live.m3u8", &list(&["a.ts"]));
    server.has("/a.ts", &packets(3));
    server.has("/b.ts", &packets(3));
    let mut scene = Scene::set("page", server, &[]).await;
    scene.publishes("a.ts").await;
    let before = std::fs::read(scene.job.spool().join("live.m3u8")).unwrap();
    scene
        .server
        .has("/live.m3u8", b"<html>try again later</html>");
    scene.said("is no media playlist").await;
    let after = std::fs::read(scene.job.spool().join("live.m3u8")).unwrap();
    assert_eq!(before, after);
    scene.server.has("/live.m3u8", &list(&["a.ts", "b.ts"]));
    scene.publishes("b.ts").await;
    scene.said("source_recovered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_lead_on_but_not_round_and_not_elsewhere() {
    let (server, other) = (Scripted::start(), Scripted::start());
    server.says("/live.m3u8", elsewhere("/live.m3u8"));
    let named = server.clone();
    let mut scene = Scene::set("round", server, &[]).await;
    scene.said("redirects lead on and on").await;
    let away = format!("http://localhost:{}/live.m3u8", other.port);
    other.has("/live.m3u8", &list(&["a.ts"]));
    named.says("/live.m3u8", elsewhere(&away));
    scene.said("it lies at localhost").await;
    assert!(other.asked().is_empty(), "{:?}", other.asked());
    // The same host may be asked, and its list's names are as that says them.
    named.says("/live.m3u8", elsewhere("/deep/real.m3u8"));
    named.has("/deep/real.m3u8", &list(&["a.ts"]));
    named.has("/deep/a.ts", &packets(3));
    scene.publishes("a.ts").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_elsewhere_are_had_where_the_operator_says_so() {
    let other = Scripted::start();
    other.has("/a.ts", &packets(3));
    let uri = format!("http://localhost:{}/a.ts", other.port);
    let server = Scripted::start();
    server.has("/live.m3u8", &list(&[&uri]));
    let mut scene = Scene::set("not-allowed", server.clone(), &[]).await;
    scene.said("without --pull-allow").await;
    assert!(other.asked().is_empty(), "{:?}", other.asked());
    drop(scene);
    let mut scene = Scene::set("other-port", server.clone(), &["--pull-allow", "localhost"]).await;
    scene.said("without --pull-allow").await;
    assert!(other.asked().is_empty(), "{:?}", other.asked());
    drop(scene);
    let place = format!("localhost:{}", other.port);
    let mut scene = Scene::set("allowed", server, &["--pull-allow", &place]).await;
    scene.publishes("#EXTINF").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_source_is_refused_aloud() {
    let server = Scripted::start();
    let key = "#EXT-X-KEY:METHOD=AES-128,URI=\"https://keys.example/k?token=obviously-fake\"\n";
    let text = String::from_utf8(list(&["a.ts"])).unwrap();
    server.has(
        "/live.m3u8",
        text.replace("#EXTINF", &format!("{key}#EXTINF")).as_bytes(),
    );
    server.has("/a.ts", &packets(3));
    let mut scene = Scene::set("encrypted", server, &[]).await;
    scene.said("already_encrypted").await;
    let told = scene.worker.stdout.text();
    assert!(!told.contains("obviously-fake"), "{told}");
    assert_eq!(scene.spooled(), ["live.m3u8"]);
    assert!(!scene.published().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_list_is_asked_for_by_its_tag() {
    let server = Scripted::start();
    let answer = whole(
        "etag: \"one\"\r\nset-cookie: pass=obviously-fake; Path=/\r\n",
        &list(&["a.ts"]),
    );
    server.says("/live.m3u8", answer);
    server.has("/a.ts", &packets(3));
    let mut scene = Scene::set("tagged", server, &[]).await;
    scene.publishes("a.ts").await;
    asked_by(&scene, "\"one\"", 1).await;
    // From now on it says that nothing has changed: so it stays, and nothing is fetched anew.
    let unchanged = "HTTP/1.1 304 Not Modified\r\nconnection: close\r\n\r\n";
    scene.server.says("/live.m3u8", unchanged);
    let before = scene.server.asked().len();
    asked_by(&scene, "\"one\"", 5).await;
    let since = scene.server.asked().split_off(before);
    assert!(since.iter().all(|head| head.starts_with("GET /live.m3u8")));
    let changed = whole("etag: \"two\"\r\n", &list(&["a.ts", "b.ts"]));
    scene.server.says("/live.m3u8", changed);
    scene.server.has("/b.ts", &packets(3));
    scene.publishes("b.ts").await;
    asked_by(&scene, "\"two\"", 1).await;
    let told = scene.worker.stdout.text();
    assert!(!told.contains("source_failed"), "{told}");
    let asked = scene.server.asked();
    let segment = asked.iter().find(|head| head.starts_with("GET /a.ts"));
    assert!(
        segment.unwrap().contains("cookie: pass=obviously-fake"),
        "{asked:?}"
    );
}

/// Waits until the list was asked for so often with that tag.
async fn asked_by(scene: &Scene, tag: &str, times: usize) {
    let line = format!("if-none-match: {tag}");
    until("it is asked for again", seconds(20), async || {
        let asked = scene.server.asked();
        let lists = asked
            .iter()
            .filter(|head| head.starts_with("GET /live.m3u8"));
        let tagged = lists.filter(|head| head.contains(&line));
        (tagged.count() >= times).then_some(())
    })
    .await;
}
