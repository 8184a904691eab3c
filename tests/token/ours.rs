//! Grants and sessions that the command line makes: judged by it, and taken by a running server.
//!
//! Must not know: what stands in their texts.

use std::path::Path;

use serde_json::Value;

use crate::harness::actor::Answer;
use crate::harness::authority::private;
use crate::harness::binary::{printed, run};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// A stream of many keys, and policies that ask for more.
const POLICIES: &str = r#"
[schemes.edge]
kind = "securetoken"
streams = ["test/**"]
secrets = ["obviously-a-fake-secret"]
[[policies]]
streams = ["test/picky"]
accept = ["viewers"]
[[policies]]
streams = ["test/both"]
require = ["viewers", "edge"]
[[policies]]
streams = ["test/single"]
max_sessions = 1
limit = "hard"
"#;

async fn serve() -> Serve {
    Serve::start("{ segments = 1 }", POLICIES).await
}

fn args<'a>(config: &'a Path, scheme: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let config = config.to_str().unwrap();
    let fixed = ["token", "mint", "--config", config, "--scheme", scheme];
    [&fixed, more].concat()
}

fn minted(serve: &Serve, scheme: &str, more: &[&str]) -> String {
    printed(&args(&serve.config(), scheme, more))
}

/// The reason that `token verify` gives, and whom it names; `token explain` gives the same.
fn judged(serve: &Serve, scheme: &str, stream: &str, shown: &[&str]) -> (String, Value) {
    let (config, url) = (serve.config(), format!("https://h/{stream}/index.m3u8"));
    let said = ["verify", "explain"].map(|command| {
        let fixed = ["token", command, "--json", "--config"];
        let asked = [config.to_str().unwrap(), "--scheme", scheme, "--url", &url];
        let output = run(&[&fixed[..], &asked, shown].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        let view: Value = serde_json::from_slice(&output.stdout).expect(&errors);
        let is_allowed = view["verdict"] == "allow";
        assert_eq!(output.status.success(), is_allowed, "{view}");
        (view["reason"].as_str().unwrap().to_owned(), view)
    });
    let [verified, explained] = said;
    assert_eq!(verified.0, explained.0);
    verified
}

/// The paths of the first two keys of `stream`.
async fn keys(serve: &Serve, stream: &str) -> [String; 2] {
    let name = format!("second-packager-of-{}", stream.replace('/', "-"));
    let credential = std::fs::read_to_string(serve.credential(&name, stream, &[])).unwrap();
    let packager = serve.stranger().with(credential.trim());
    let path = format!("/v1/streams/{stream}/schedule?from=0&count=2");
    let lease = packager.get(&path).await.expect(200).json();
    let uri = |at: usize| lease["periods"][at]["uri"].as_str().unwrap().to_owned();
    [0, 1].map(|at| uri(at).replace(&serve.url(), ""))
}

fn publish(serve: &Serve, stream: &str, key: &str) {
    let folder = serve.origin().join(stream);
    std::fs::create_dir_all(&folder).unwrap();
    let key = format!(
        "METHOD=AES-128,URI=\"{}{key}\",IV=0x{:032x}",
        serve.url(),
        1
    );
    let list = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-KEY:{key}\n#EXTINF:6,\n0.ts\n#EXT-X-ENDLIST\n"
    );
    std::fs::write(folder.join("index.m3u8"), list).unwrap();
}

async fn in_cookie(serve: &Serve, method: &str, path: &str, session: &str) -> Answer {
    let cookie = format!("hlskey_session={session}");
    let headers = [
        ("cookie", cookie.as_str()),
        ("origin", "https://player.example"),
    ];
    let nobody = serve.stranger();
    nobody.try_ask(method, path, &headers, None).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minted_grant_opens_its_playlists_or_its_key_and_no_other() {
    let serve = serve().await;
    let [first, second] = keys(&serve, "test/own").await;
    let [other, _] = keys(&serve, "test/other").await;
    publish(&serve, "test/own", &first);
    publish(&serve, "test/other", &other);
    let nobody = serve.stranger();
    let (own, kid) = (["--stream", "test/own"], first.rsplit('/').next().unwrap());
    let play = minted(&serve, "grant", &own);
    let key = minted(&serve, "grant", &[&own[..], &["--kid", kid]].concat());
    let list = "/v1/play/test/own/index.m3u8";
    for (grant, path, status) in [
        (&play, list, 200),
        (&play, "/v1/play/test/other/index.m3u8", 403),
        (&play, &first, 403),
        (&key, &first, 200),
        (&key, &second, 404),
        (&key, &other, 404),
        (&key, list, 403),
    ] {
        let answer = nobody.get(&format!("{path}?token={grant}")).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    let text = nobody.get(&format!("{list}?token={play}")).await.text();
    let granted = text.split("URI=\"").nth(1).unwrap();
    let granted = granted.split('"').next().unwrap();
    nobody.get(granted).await.expect(200);
    // A grant begins no session.
    let begin = nobody.with(&play).ask("POST", "/v1/sessions", None).await;
    begin.expect(403);
    for grant in [&play, &key] {
        let bearer = format!("Authorization: Bearer {grant}");
        let shown = ["--header", bearer.as_str()];
        let (reason, view) = judged(&serve, "grant", "test/own", &shown);
        assert_eq!((&*reason, &view["subject"]), ("ok", &"viewer".into()));
        assert_eq!(judged(&serve, "grant", "test/other", &shown).0, "stream");
        let cookie = format!("hlskey_session={grant}");
        let in_cookie = judged(&serve, "grant", "test/own", &["--cookie", &cookie]);
        assert_eq!(in_cookie.0, "unknown_form");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minted_session_is_one_that_no_server_has_to_know_before() {
    let serve = serve().await;
    let [own, _] = keys(&serve, "test/own").await;
    let [other, _] = keys(&serve, "test/other").await;
    let more = ["--stream", "test/own", "--subject", "alice"];
    let session = minted(&serve, "session", &more);
    let bearer = serve.stranger().with(&session);
    let query = format!("{own}?token={session}");
    serve.stranger().get(&query).await.expect(200);
    bearer.get(&own).await.expect(200);
    bearer.get(&other).await.expect(404);
    in_cookie(&serve, "GET", &own, &session).await.expect(200);
    in_cookie(&serve, "GET", &other, &session).await.expect(404);
    let current = "/v1/sessions/current";
    let view = in_cookie(&serve, "GET", current, &session)
        .await
        .expect(200);
    assert_eq!(view.json()["viewer"], "alice");
    let renew = format!("{current}/renew");
    in_cookie(&serve, "POST", &renew, &session)
        .await
        .expect(200);
    for shown in [
        ["--cookie", &format!("hlskey_session={session}")],
        ["--header", &format!("Authorization: Bearer {session}")],
    ] {
        let (reason, view) = judged(&serve, "session", "test/own", &shown);
        assert_eq!((&*reason, &view["subject"]), ("ok", &"alice".into()));
        assert_eq!(judged(&serve, "session", "test/other", &shown).0, "stream");
        // Neither is the other.
        assert_eq!(
            judged(&serve, "grant", "test/own", &shown).0,
            "unknown_form"
        );
    }
    in_cookie(&serve, "DELETE", current, &session)
        .await
        .expect(204);
    in_cookie(&serve, "GET", &own, &session).await.expect(403);
    bearer.get(&own).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_bound_or_of_another_ring_is_refused() {
    let serve = serve().await;
    let [own, _] = keys(&serve, "test/own").await;
    let kid = own.rsplit('/').next().unwrap();
    let stranger = Serve::prepare("\"never\"", "");
    for (scheme, narrow) in [("grant", &["--kid", kid][..]), ("session", &[])] {
        let mint = |serve: &Serve, more: &[&str]| {
            minted(
                serve,
                scheme,
                &[&["--stream", "test/own"], narrow, more].concat(),
            )
        };
        let [away, home] = ["192.0.2.9", "127.0.0.1"].map(|ip| mint(&serve, &["--ip", ip]));
        for (token, status, code, ip) in [
            (mint(&serve, &["--ttl=-1m"]), 401, "expired", None),
            (mint(&stranger, &[]), 401, "signature", None),
            (away.clone(), 403, "ok", Some("192.0.2.9")),
            (away.clone(), 403, "ip", Some("192.0.2.8")),
            (away, 403, "ip", None),
            (home.clone(), 200, "ok", Some("127.0.0.1")),
            (home.clone(), 200, "ok", Some("::ffff:127.0.0.1")),
            (home, 200, "ip", Some("::1")),
            (mint(&serve, &[]), 200, "ok", None),
        ] {
            let answer = serve.stranger().with(&token).get(&own).await;
            assert_eq!(answer.status, status, "{scheme} {code} {ip:?}");
            let bearer = format!("Authorization: Bearer {token}");
            let from = ip.map(|ip| ["--ip", ip]).unwrap_or(["--method", "GET"]);
            let shown = [&["--header", bearer.as_str()], &from[..]].concat();
            assert_eq!(
                judged(&serve, scheme, "test/own", &shown).0,
                code,
                "{scheme}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_ask_the_same_of_what_was_minted() {
    let serve = serve().await;
    let by = |names: &[&'static str]| -> Vec<&'static str> {
        names
            .iter()
            .flat_map(|name| ["--vouched-by", *name])
            .collect()
    };
    let [picky, _] = keys(&serve, "test/picky").await;
    let [both, _] = keys(&serve, "test/both").await;
    for (stream, key, vouched_by, grant, session) in [
        ("test/picky", &picky, by(&[]), 403, 403),
        ("test/picky", &picky, by(&["edge"]), 403, 403),
        ("test/picky", &picky, by(&["viewers"]), 200, 200),
        ("test/both", &both, by(&["viewers"]), 200, 403),
        ("test/both", &both, by(&["viewers", "edge"]), 0, 200),
    ] {
        let kid = key.rsplit('/').next().unwrap();
        for (scheme, narrow, status) in [
            ("grant", &["--kid", kid][..], grant),
            ("session", &[], session),
        ] {
            let more = [&["--stream", stream], narrow, &vouched_by].concat();
            if status == 0 {
                let output = run(&args(&serve.config(), scheme, &more));
                assert!(!output.status.success());
                continue;
            }
            let token = minted(&serve, scheme, &more);
            let answer = serve.stranger().with(&token).get(key).await;
            assert_eq!(answer.status, status, "{scheme} {stream} {vouched_by:?}");
        }
    }
    // Each is a session of its own: a viewer has as many as the policy says.
    let [key, _] = keys(&serve, "test/single").await;
    let [first, second] = [0; 2].map(|_| minted(&serve, "session", &["--stream", "test/single"]));
    for (session, status) in [(&first, 200), (&second, 403), (&first, 200)] {
        serve
            .stranger()
            .with(session)
            .get(&key)
            .await
            .expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_minted_falls_with_its_viewer() {
    let serve = serve().await;
    let [key, _] = keys(&serve, "test/own").await;
    let kid = key.rsplit('/').next().unwrap();
    let minted = |viewer: &'static str| {
        [("grant", &["--kid", kid][..]), ("session", &[])].map(|(scheme, narrow)| {
            let more = ["--stream", "test/own", "--subject", viewer];
            let token = minted(&serve, scheme, &[&more, narrow].concat());
            (scheme, serve.stranger().with(&token))
        })
    };
    let (alices, bobs) = (minted("alice"), minted("bob"));
    for (_, viewer) in alices.iter().chain(&bobs) {
        viewer.get(&key).await.expect(200);
    }
    let config = serve.config();
    let revoke = ["revoke", "--viewer", "alice", "--config"];
    printed(&[&revoke[..], &[config.to_str().unwrap()]].concat());
    for (scheme, viewer) in &alices {
        until(
            &format!("her {scheme} is refused"),
            seconds(10),
            async || (viewer.get(&key).await.status == 403).then_some(()),
        )
        .await;
    }
    for (_, viewer) in &bobs {
        viewer.get(&key).await.expect(200);
    }
}

#[test]
fn what_is_none_of_ours_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    private(&dir.path().join("grant.key"), &"5a".repeat(32));
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let jwt = "[schemes.jwt]\nsecret = \"obviously-a-fake-secret-of-40-characters\"\n";
    let ring = "[grants]\nkey_files = [\"grant.key\"]\n";
    let (both, no_ring) = (
        write("both.toml", &format!("{ring}{jwt}")),
        write("none.toml", jwt),
    );
    let (one, many) = (["--stream", "live/a"], ["--stream", "live/*"]);
    let kid = ["--kid", "00000000-0000-4000-8000-000000000000"];
    let long = "x".repeat(2_000);
    for (config, scheme, more, why) in [
        (&no_ring, "grant", [&one[..], &[]], "no [grants]"),
        (&no_ring, "session", [&one, &[]], "no [grants]"),
        (&both, "grant", [&many, &[]], "one stream"),
        (&both, "grant", [&one, &one], "one stream"),
        (&both, "grant", [&one, &["--subject", ""]], "--subject"),
        (&both, "session", [&one, &["--subject", ""]], "--subject"),
        (&both, "grant", [&one, &["--subject", &long]], "too long"),
        (&both, "session", [&one, &kid], "--kid is a grant's"),
        (&both, "grant", [&one, &["--action", "publish"]], "--action"),
        (&both, "session", [&one, &["--file", "i.m3u8"]], "--file"),
        (
            &both,
            "grant",
            [&one, &["--vouched-by", "x"]],
            "[schemes.x]",
        ),
        (&both, "jwt", [&one, &kid], "--scheme grant"),
        (
            &both,
            "jwt",
            [&one, &["--vouched-by", "jwt"]],
            "--scheme grant",
        ),
    ] {
        let output = run(&args(config, scheme, &more.concat()));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{scheme} {more:?}");
        assert!(said.contains(why), "{scheme} {more:?}: {said}");
        assert!(output.stdout.is_empty());
    }
    for (scheme, more) in [("grant", one), ("session", one), ("session", many)] {
        printed(&args(&both, scheme, &more));
    }
    printed(&args(&both, "grant", &[one, kid].concat()));
    printed(&args(
        &both,
        "session",
        &[one, one, ["--vouched-by", "jwt"]].concat(),
    ));
}
