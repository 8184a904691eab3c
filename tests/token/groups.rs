//! Tokens for a group of streams, `smil:` or `ngrp:`: they open the streams that the configuration lists.
//!
//! Must not know: how the server hashes.

use serde_json::Value;

use super::verdict::Judge;
use crate::harness::binary::{printed, run};
use crate::harness::serve::Serve;

const GROUPS: &str = r#"
[schemes.securetoken]
streams = ["test/**"]
secrets = ["obviously-a-fake-secret"]
groups = { "test/smil:x.smil" = "test/x", "test/ngrp:x_all" = ["test/x", "test/y"] }
[schemes.wmsauth]
streams = ["test/**"]
secrets = ["obviously-another-secret"]
groups = { "test/smil:x.smil" = "test/x", "test/ngrp:x_all" = ["test/x", "test/y"] }
"#;

fn signed(serve: &Serve, scheme: &str, group: &str) -> String {
    let config = serve.config();
    let config = config.to_str().unwrap();
    printed(&[
        "token", "mint", "--config", config, "--scheme", scheme, "--stream", group,
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_groups_token_opens_the_keys_of_its_streams_alone() {
    let serve = Serve::start("\"never\"", GROUPS).await;
    let mut keys = Vec::new();
    for stream in ["test/x", "test/y", "test/z", "test/smil:x.smil"] {
        keys.push(serve.key(stream).await);
    }
    let nobody = serve.stranger();
    for scheme in ["securetoken", "wmsauth"] {
        for (group, expected) in [
            ("test/smil:x.smil", [200, 401, 401, 404]),
            ("test/ngrp:x_all", [200, 200, 401, 401]),
        ] {
            let token = signed(&serve, scheme, group);
            for (key, status) in keys.iter().zip(expected) {
                let answer = nobody.get(&format!("{key}?{token}")).await;
                assert_eq!(answer.status, status, "{scheme} {group} {key}");
            }
            let broken = token.replace(['a', 'b', 'c', 'A'], "d");
            nobody
                .get(&format!("{}?{broken}", keys[0]))
                .await
                .expect(401);
        }
    }
}

#[test]
fn the_verdict_says_what_a_group_opens() {
    let serve = Serve::prepare("\"never\"", GROUPS);
    let config = serve.config();
    let config = config.to_str().unwrap();
    for scheme in ["securetoken", "wmsauth"] {
        let token = signed(&serve, scheme, "test/ngrp:x_all");
        let verdict = |path: &str| -> Value {
            let url = format!("https://video.example/{path}/playlist.m3u8?{token}");
            let args = [
                "token", "verify", "--json", "--config", config, "--scheme", scheme,
            ];
            let output = run(&[&args[..], &["--url", &url]].concat());
            serde_json::from_slice(&output.stdout).unwrap()
        };
        for path in ["test/ngrp:x_all", "test/x", "test/y"] {
            let found = verdict(path);
            assert_eq!(found["verdict"], "allow", "{scheme} {path}: {found}");
            assert_eq!(found["streams"].to_string(), r#"["test/x","test/y"]"#);
        }
        for path in ["test/z", "test/smil:x.smil"] {
            assert_eq!(verdict(path)["verdict"], "deny", "{scheme} {path}");
        }
    }
}

#[test]
fn a_bad_group_is_told_by_name() {
    for (groups, told) in [
        (
            "{ \"live/g\" = \"vod/x\" }",
            "'vod/x' of 'live/g' lies outside",
        ),
        ("{ \"live/g\" = [] }", "'live/g' has no stream"),
        (
            "{ \"live/g\" = 7 }",
            "a group is a stream or a list of streams",
        ),
    ] {
        for scheme in ["securetoken", "wmsauth"] {
            let settings = format!(
                "secrets = [\"obviously-fake\"]\nstreams = [\"live/*\"]\ngroups = {groups}"
            );
            let judge = Judge::new(scheme, &settings);
            let url = "https://h/live/g/playlist.m3u8";
            let args = [
                "token",
                "verify",
                "--config",
                judge.file(),
                "--scheme",
                scheme,
            ];
            let output = run(&[&args[..], &["--url", url]].concat());
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && said.contains(told), "{said}");
        }
    }
}
