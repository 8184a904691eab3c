//! Streams without a fault: a made-up site, and the product's own output by each transport.
//!
//! Must not know: the faults.

use super::row::{Base, Bench, Found};
use super::site::media;
use crate::harness::binary::{mint, run};
use crate::harness::encrypt::Encrypt;
use crate::harness::packager::Packager;
use crate::harness::serve::Serve;

const STREAM: &str = "test/doctor";

fn well(found: &Found, playing: &[&str]) {
    assert_eq!(found.codes().len(), 0, "{}", found.text);
    assert_eq!(found.exit, 0, "{}", found.text);
    for client in ["native", "hls.js", "casting", "app"] {
        let expected = playing.contains(&client);
        assert_eq!(found.plays(client), expected, "{client}: {}", found.text);
    }
}

#[test]
fn a_site_without_fault_has_none() {
    let bench = Bench::new();
    let all = ["native", "hls.js", "casting", "app"];
    let site = bench.site(Base::Vod, |_, _| {});
    well(&bench.look(&site.url("https"), ""), &all);
    let site = bench.site(Base::Live, |_, _| {});
    well(&bench.look(&site.url("https"), ""), &all);
    let site = bench.site(Base::Bare, |_, _| {});
    let found = bench.look(&site.url("https"), "--bearer-file {dir}/token");
    well(&found, &["hls.js", "app"]);
    let found = bench.look(&site.url("https"), "--cookie-file {dir}/cookie");
    well(&found, &["native", "hls.js"]);
}

/// `EXT-X-DEFINE:QUERYPARAM`: the token goes from the URL to the children's and to the keys'.
#[test]
fn a_shared_playlist_with_a_variable_has_no_fault() {
    let bench = Bench::new();
    let site = bench.site(Base::Vod, |request, reply| {
        let define = "#EXT-X-VERSION:11\n#EXT-X-DEFINE:QUERYPARAM=\"token\"\n";
        if request.is_list() {
            reply.replace("#EXT-X-VERSION:6\n", define);
        }
        if request.path.ends_with("master.m3u8") {
            reply.replace("/index.m3u8", "/index.m3u8?token={$token}");
        } else if request.is_media() {
            reply.replace("grant=good", "token={$token}");
        }
    });
    let found = bench.look(&site.url("https"), "--token-file {dir}/token");
    well(&found, &["native", "hls.js", "casting", "app"]);
    assert_eq!(found.report["transports"][0]["transport"], "define");
    let found = bench.look(&site.url("https"), "");
    assert!(
        found.codes().contains("define-without-value"),
        "{}",
        found.text
    );
}

/// METHOD=NONE says that what follows is meant to be clear.
#[test]
fn an_advertisement_in_the_clear_is_no_fault() {
    let bench = Bench::new();
    let site = bench.site(Base::Vod, |request, reply| {
        if request.is_media() {
            let text = media(request, 7, true).replace("#EXT-X-ENDLIST\n", "");
            let none = "#EXT-X-KEY:METHOD=NONE\n#EXTINF:1.0,\n10.ts\n#EXT-X-ENDLIST\n";
            reply.body = format!("{text}{none}").into_bytes();
        } else if request.is_segment() && request.msn() == 10 {
            reply.body = super::site::clear();
        }
    });
    well(
        &bench.look(&site.url("https"), ""),
        &["native", "hls.js", "casting", "app"],
    );
}

/// The report has the documented fields.
#[test]
fn the_report_has_its_documented_form() {
    let bench = Bench::new();
    let site = bench.site(Base::Vod, |request, reply| {
        if request.path == "/live/v1/index.m3u8" {
            reply.set("content-type", "text/plain");
        }
    });
    let found = bench.look(&site.url("https"), "");
    let fields = |value: &serde_json::Value| {
        let object = value.as_object().unwrap();
        object.keys().cloned().collect::<Vec<_>>()
    };
    let report = &found.report;
    assert_eq!(
        fields(report),
        ["clients", "faults", "renditions", "transports", "url"]
    );
    assert_eq!(fields(&report["clients"][0]), ["client", "plays", "why"]);
    assert_eq!(fields(&report["transports"][0]), ["serves", "transport"]);
    assert_eq!(
        fields(&report["renditions"][0]),
        ["encrypted", "keys", "kind", "live", "rendition", "segments"]
    );
    let fault = &report["faults"][0];
    assert_eq!(
        fields(fault),
        [
            "change",
            "clients",
            "code",
            "rendition",
            "seen",
            "severity",
            "times",
            "url"
        ]
    );
    assert_eq!(fault["rendition"], "v1/index.m3u8");
    assert_eq!(fault["times"], 4);
}

/// A stream of the product's own, and its doctor.
struct Own {
    serve: Serve,
    _source: tempfile::TempDir,
    dir: tempfile::TempDir,
}

impl Own {
    async fn start() -> Self {
        let serve = Serve::start("\"never\"", "").await;
        let source = tempfile::tempdir().unwrap();
        let mut packager = Packager::ladder(source.path());
        packager.write_vod(4);
        let sink = serve.origin().join(STREAM);
        std::fs::create_dir_all(&sink).unwrap();
        Encrypt::at(&serve, STREAM, source.path(), &sink).once_well();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("token"),
            mint(&serve.config(), STREAM, "1h"),
        )
        .unwrap();
        Self {
            serve,
            _source: source,
            dir,
        }
    }

    fn look(&self, path: &str, origin: &str, args: &[&str]) -> Found {
        let url = format!("{}{path}/{STREAM}/master.m3u8", self.serve.url());
        let ca = self.serve.ca();
        let fixed = [
            "doctor",
            &url,
            "--json",
            "--ca",
            ca.to_str().unwrap(),
            "--origin",
            origin,
        ];
        Found::of(&run(&[&fixed[..], args].concat()))
    }

    fn file(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_products_own_streams_have_no_fault() {
    let own = Own::start().await;
    let (page, token) = ("https://player.example", own.file("token"));
    let found = own.look(
        "/v1/play",
        page,
        &["--token-file", &token, "--from", "127.0.0.2"],
    );
    well(&found, &["native", "hls.js", "casting", "app"]);
    assert_eq!(found.report["transports"][0]["transport"], "rewrite");
    let found = own.look("/hls", page, &["--bearer-file", &token]);
    well(&found, &["hls.js", "app"]);
    assert_eq!(found.report["transports"][0]["transport"], "header");
    let token = std::fs::read_to_string(own.file("token")).unwrap();
    let viewer = own.serve.stranger().with(token.trim());
    let begun = viewer.ask("POST", "/v1/sessions", None).await;
    std::fs::write(own.dir.path().join("cookie"), begun.header("set-cookie")).unwrap();
    let here = own.serve.url();
    let found = own.look("/hls", &here, &["--cookie-file", &own.file("cookie")]);
    well(&found, &["native", "hls.js"]);
    assert_eq!(found.report["transports"][0]["transport"], "cookie");
    assert!(!found.text.contains(token.trim()));
}

/// The token of a playlist's URL that does not reach the key: each fault by its name.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_does_not_go_on_is_told() {
    let own = Own::start().await;
    let found = own.look(
        "/hls",
        "https://player.example",
        &["--token-file", &own.file("token")],
    );
    assert!(found.codes().contains("token-not-on-key"), "{}", found.text);
    assert!(!found.plays("native") && found.exit == 1);
    let token = std::fs::read_to_string(own.file("token")).unwrap();
    assert!(!found.text.contains(token.trim()));
}
