//! Whom a change was about, at the server and by the command line beside it.
//!
//! Must not know: what binds rows.

use std::process::Stdio;

use serde_json::{Value, json};

use super::{audit, whole, written};
use crate::harness::binary::{command, printed, run};
use crate::harness::serve::Serve;
use crate::harness::stage::{STREAM, Stage};

/// The rows of changes, the oldest first.
fn changes(serve: &Serve) -> Vec<Value> {
    let (rows, _) = audit(
        &serve.config(),
        &["ls", "--kind", "changed", "--limit", "1000"],
    );
    rows.as_array().unwrap().clone()
}

/// The arguments with the server's configuration.
fn with_config<'a>(args: &[&'a str], config: &'a str) -> Vec<&'a str> {
    [args, &["--config", config]].concat()
}

#[tokio::test]
async fn a_change_at_the_server_names_its_target() {
    let stage = Stage::set().await;
    let operator = stage.api_key("console", "**", "operate", "1h");
    let operator = stage.serve.ops().with(&operator);
    let key = stage.key_path();
    let kid = key.rsplit('/').next().unwrap();
    let ask = async |method: &str, path: &str, body: &Value, status: u16| {
        let body = (!body.is_null()).then(|| body.to_string());
        let answer = operator.ask(method, path, body.as_deref()).await;
        answer.expect(status)
    };
    let rights = json!({"streams": ["test/*", "vod/**"], "note": "obviously-a-fake note"});
    ask("PUT", "/v1/entitlements/team%2Falice", &rights, 200).await;
    let called_off = json!({"viewer": "bob", "stream": STREAM});
    ask("POST", "/v1/entitlements/invalidate", &called_off, 204).await;
    ask("DELETE", "/v1/entitlements/team%2Falice", &Value::Null, 204).await;
    let until = "2100-01-01T00:00:00.000Z";
    let mallory = json!({"viewer": "mallory", "scheme": "viewers", "until": until});
    let made = ask("POST", "/v1/revocations", &mallory, 200).await.json();
    let id = made["id"].as_str().unwrap();
    let lifted = format!("/v1/revocations/{id}");
    ask("DELETE", &lifted, &Value::Null, 204).await;
    ask("POST", "/v1/revocations", &json!({"key": kid}), 200).await;
    let narrow = stage.api_key("narrow", "test/**", "operate", "1h");
    let narrow = stage.serve.ops().with(&narrow);
    let refused = narrow
        .ask("POST", "/v1/revocations", Some("{\"viewer\": \"eve\"}"))
        .await;
    refused.expect(403);
    written(&stage.serve, 7).await;

    let rows = changes(&stage.serve);
    let by_console = rows.iter().filter(|row| row["viewer"] == "console");
    let told: Vec<_> = by_console
        .map(|row| (&row["detail"]["target"], &row["stream"], &row["kid"]))
        .collect();
    let nothing = Value::Null;
    let expected = [
        json!({"viewer": "team/alice", "streams": ["test/*", "vod/**"]}),
        json!({"viewer": "bob"}),
        json!({"viewer": "team/alice"}),
        json!({"viewer": "mallory", "scheme": "viewers", "until": until, "revocation": id}),
        json!({"revocation": id}),
        Value::Null,
    ];
    let (stream, kid) = (json!(STREAM), json!(kid));
    let places = [
        (&nothing, &nothing),
        (&stream, &nothing),
        (&nothing, &nothing),
        (&nothing, &nothing),
        (&nothing, &nothing),
        (&stream, &kid),
    ];
    let expected: Vec<_> = expected
        .iter()
        .zip(places)
        .map(|(target, (stream, kid))| (target, stream, kid))
        .collect();
    assert_eq!(told, expected);
    let (refusals, _) = audit(&stage.serve.config(), &["ls", "--viewer", "narrow"]);
    assert_eq!(refusals[0]["detail"]["target"], json!({"viewer": "eve"}));
    assert!(!Value::from(rows).to_string().contains("obviously-a-fake"));
}

#[tokio::test]
async fn a_command_leaves_a_row_in_the_one_chain_of_commands() {
    let mut serve = Serve::start("\"never\"", "").await;
    let key = serve.key_path("test/a").await; // which adds a credential
    let kid = key.rsplit('/').next().unwrap().to_owned();
    let config = serve.config();
    let config = config.to_str().unwrap();
    let token = printed(&with_config(
        &["credential", "add", "console", "--streams", "live/**"],
        config,
    ));
    for args in [
        &["credential", "rm", "console"][..],
        &["entitlement", "add", "alice", "--streams", "live/*"],
        &["entitlement", "rm", "alice"],
        &["revoke", "--viewer", "mallory", "--scheme", "viewers"],
        &["session", "revoke", "s-1"],
        &["revoke", "--key", &kid],
        &["keystore", "rekey"],
    ] {
        printed(&with_config(args, config));
    }
    let failed = run(&with_config(&["credential", "rm", "nobody"], config));
    assert!(!failed.status.success());
    let rows = changes(&serve);
    assert!(rows.iter().all(|row| row["viewer"] == "command line"
        && row["action"] == "operate"
        && row["chain"] == rows[0]["chain"]));
    let told: Vec<_> = rows[1..]
        .iter()
        .map(|row| {
            let target = row["detail"]["target"].as_object();
            let names = target.into_iter().flatten().map(|(name, _)| name.as_str());
            let names: Vec<_> = names.collect();
            (row["detail"]["command"].as_str().unwrap(), names.join(" "))
        })
        .collect();
    assert_eq!(
        told.iter()
            .map(|(what, names)| (*what, names.as_str()))
            .collect::<Vec<_>>(),
        [
            ("credential add", "actions credential streams"),
            ("credential rm", "credential"),
            ("entitlement add", "streams viewer"),
            ("entitlement rm", "viewer"),
            ("revoke", "revocation scheme viewer"),
            ("revoke", "revocation session"),
            ("revoke", ""),
            ("keystore rekey", "sealing"),
        ]
    );
    assert_eq!(
        (&rows[7]["kid"], &rows[7]["stream"]),
        (&json!(kid), &json!("test/a"))
    );
    let secret = token.trim();
    assert!(!Value::from(rows).to_string().contains(secret));
    whole(&serve);
    serve.pause().await;
    whole(&serve);
}

#[tokio::test]
async fn commands_at_once_each_leave_a_row() {
    let serve = Serve::prepare("\"never\"", "");
    let config = serve.config();
    let config = config.to_str().unwrap();
    let names: Vec<String> = (0..8).map(|n| format!("viewer-{n}")).collect();
    let add = |name: &String| {
        let args = ["entitlement", "add", name, "--streams", "live/*"];
        let mut command = command(&with_config(&args, config));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let all: Vec<_> = names.iter().map(add).collect();
    for child in all {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("audit trail"), "{said}");
    }
    let rows = changes(&serve);
    let mut told: Vec<_> = rows
        .iter()
        .map(|row| row["detail"]["target"]["viewer"].as_str().unwrap())
        .collect();
    told.sort_unstable();
    assert_eq!(told, names);
    assert_eq!(whole(&serve)["chains"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_could_not_be_written_down_is_not_done_where_no_row_may_be_missing() {
    let serve = Serve::prepare("\"never\"", "[audit]\non_overflow = \"refuse\"\n");
    let config = serve.config();
    let config = config.to_str().unwrap();
    let add = |name: &str| {
        run(&with_config(
            &["entitlement", "add", name, "--streams", "live/*"],
            config,
        ))
    };
    assert!(add("alice").status.success());
    let key = serve.config().with_file_name("keystore").join("master.key");
    std::fs::rename(&key, key.with_extension("away")).unwrap();
    let output = add("bob");
    assert!(!output.status.success());
    serve.amend("\"refuse\"", "\"drop\"");
    let output = add("carol");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("no row of it"),
        "{said}"
    );
    let listed = printed(&with_config(&["entitlement", "ls"], config));
    let is_there = ["alice", "bob", "carol"].map(|name| listed.contains(name));
    assert_eq!(is_there, [true, false, true]);
    std::fs::rename(key.with_extension("away"), &key).unwrap();
    assert_eq!(whole(&serve)["rows"], 1);
}
