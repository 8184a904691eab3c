//! The command line: help, completions, tokens, credentials, configuration.
//!
//! Must not know: the server, which has tests of its own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::harness::binary::{mint, printed, run};
use crate::harness::serve::Serve;

const COMMANDS: [&str; 11] = [
    "demo",
    "serve",
    "encrypt",
    "stream",
    "token",
    "credential",
    "session",
    "keystore",
    "config",
    "storm",
    "completions",
];

#[test]
fn help_names_every_command_and_wrong_usage_is_told() {
    let help = printed(&["--help"]);
    for command in COMMANDS {
        assert!(
            help.contains(&format!("  {command}")),
            "{command} is not in\n{help}"
        );
        assert!(printed(&[command, "--help"]).contains("Usage"), "{command}");
    }
    assert!(printed(&["--version"]).starts_with("hlskey "));
    let wrong = run(&["nonsense"]);
    assert_eq!((wrong.status.code(), wrong.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("nonsense"));
}

#[test]
fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        assert!(
            script.contains("hlskey") && script.contains("encrypt"),
            "{shell}"
        );
    }
    assert!(!run(&["completions", "nonsense"]).status.success());
}

fn claims(token: &str) -> Value {
    let body = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

#[test]
fn tokens_live_as_long_as_they_are_told() {
    let serve = Serve::prepare("\"never\"", "");
    let config = serve.config();
    let token = mint(&config, "test/a", "1h");
    let lives = claims(&token);
    let span = |claims: &Value| claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
    assert_eq!(span(&lives), 3600, "{lives}");
    assert!(lives.to_string().contains("test/a"), "{lives}");
    let dead = claims(&mint(&config, "test/a", "-1h"));
    assert!(
        dead["exp"].as_i64().unwrap() <= lives["exp"].as_i64().unwrap() - 7000,
        "{dead}"
    );
    let at = ["token", "mint", "--config", config.to_str().unwrap()];
    for bad in [
        &["--stream", "a//b", "--ttl", "1h"][..],
        &["--stream", "test/a", "--ttl", "soon"],
        &["--ttl", "1h"],
    ] {
        let refused = run(&[&at[..], bad].concat());
        assert!(
            !refused.status.success() && refused.stdout.is_empty(),
            "{bad:?}"
        );
    }
    let nowhere = run(&[
        "token",
        "mint",
        "--config",
        "/nowhere.toml",
        "--stream",
        "a",
    ]);
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("/nowhere.toml"));
}

#[test]
fn credentials_are_shown_once_and_can_be_removed() {
    let serve = Serve::prepare("\"never\"", "");
    let config = serve.config();
    let at = |command| vec!["credential", command, "--config", config.to_str().unwrap()];
    let with = |command, more: &[&'static str]| [at(command), more.to_vec()].concat();
    let secret = printed(&with(
        "add",
        &["studio", "--streams", "live/*", "--action", "lease"],
    ));
    assert!(
        secret.starts_with("hlskey_") && secret.len() > 40,
        "its form"
    );
    let list: Value = serde_json::from_str(&printed(&with("ls", &["--json"]))).unwrap();
    assert_eq!(list[0]["name"], "studio");
    assert_eq!(list[0]["actions"], serde_json::json!(["lease"]));
    assert_eq!(list[0]["streams"], serde_json::json!(["live/*"]));
    let tail = secret.rsplit('_').next().unwrap();
    for shown in [list.to_string(), printed(&at("ls"))] {
        assert!(shown.contains("studio") && !shown.contains(tail));
    }
    let twice = run(&with("add", &["studio", "--streams", "live/*"]));
    assert!(!twice.status.success() && twice.stdout.is_empty());
    // A file that is there is never overwritten, and nobody has the token of what was not written.
    let taken = at("add")[3].to_owned();
    let unwritten = run(&[
        &with("add", &["lost", "--streams", "live/*"])[..],
        &["--out", &taken],
    ]
    .concat());
    assert!(!unwritten.status.success() && !printed(&at("ls")).contains("lost"));
    let wrong = run(&with(
        "add",
        &["other", "--streams", "live/*", "--action", "fly"],
    ));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("fly"));
    printed(&with("rm", &["studio"]));
    assert_eq!(printed(&with("ls", &["--json"])), "[]");
    assert!(!run(&with("rm", &["studio"])).status.success());
}
