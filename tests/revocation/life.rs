//! What a revocation survives: a restart, a kill, a backup put back, a clock set back; and the command
//! line, which writes to the store itself.
//!
//! Must not know: how a server hears of it.

use serde_json::{Value, json};

use super::Scene;
use crate::harness::binary;
use crate::harness::clock::SetClock;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

#[tokio::test(flavor = "multi_thread")]
async fn it_survives_a_restart_a_kill_and_a_backup() {
    let mut scene = Scene::set("{ every = \"4s\" }").await;
    let viewers = ["alice", "bob"].map(|name| scene.viewer(&json!({"sub": name})));
    scene.revoke(&json!({"viewer": "alice"})).await;
    assert_eq!(scene.statuses(&viewers).await, [403, 200]);
    scene.serve.kill();
    scene.serve.resume().await;
    assert_eq!(scene.statuses(&viewers).await, [403, 200]);
    scene.serve.pause().await;
    scene.serve.resume().await;
    assert_eq!(scene.statuses(&viewers).await, [403, 200]);

    let config = scene.serve.config();
    let config = config.to_str().unwrap();
    let backup = scene.serve.config().with_file_name("backup");
    let backup = backup.to_str().unwrap();
    binary::printed(&["keystore", "backup", "--config", config, backup]);
    let list = scene
        .operator
        .get("/v1/revocations")
        .await
        .expect(200)
        .json();
    let id = list["revocations"][0]["id"].as_str().unwrap();
    let path = format!("/v1/revocations/{id}");
    scene.operator.ask("DELETE", &path, None).await.expect(204);
    assert_eq!(scene.statuses(&viewers).await, [200, 200]);
    scene.serve.pause().await;
    binary::printed(&[
        "keystore",
        "restore",
        "--config",
        config,
        "--replace",
        backup,
    ]);
    scene.serve.resume().await;
    assert_eq!(scene.statuses(&viewers).await, [403, 200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_does_not_lift_it() {
    let clock = SetClock::right();
    let mut serve = Serve::prepare("{ every = \"4s\" }", "");
    serve.resume_as(clock.given_to(serve.command())).await;
    let scene = Scene::of(serve).await;
    // Issued long before the clock's worst time.
    let of = |name: &str| scene.viewer(&json!({"sub": name, "iat": 1_000_000_000}));
    let viewers = ["alice", "bob"].map(of);
    scene.revoke(&json!({"viewer": "alice"})).await;
    scene
        .revoke(&json!({"viewer": "bob", "until": super::at(1800)}))
        .await;
    for set in [-3600, -30 * 86_400, 0, 3000, 0] {
        clock.set(set);
        let lapsed = if set > 1800 { 200 } else { 403 };
        until("the clock is set", seconds(5), async || {
            (scene.statuses(&viewers).await == [403, lapsed]).then_some(())
        })
        .await;
    }
    scene.revoke(&json!({"before": super::at(-60)})).await;
    clock.set(-7200);
    let late = scene.viewer(&json!({"sub": "carol"}));
    assert_eq!(scene.status(&late).await, 200);
    let early = scene.viewer(&json!({"sub": "carol", "iat": 1_000_000_000}));
    assert_eq!(scene.status(&early).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_reaches_a_server_that_runs() {
    let scene = Scene::set("{ every = \"4s\" }").await;
    let config = scene.serve.config();
    let revoke = |args: &[&str]| {
        let all = ["revoke", "--config", config.to_str().unwrap(), "--json"];
        let printed = binary::printed(&[&all[..], args].concat());
        serde_json::from_str::<Value>(&printed).unwrap()
    };
    let claims = json!({"sub": "alice", "sid": "s", "jti": "t", "iat": 1_000_000_000});
    let viewers = [scene.viewer(&claims), scene.viewer(&json!({"sub": "bob"}))];
    let heard = async |statuses: [u16; 2]| {
        // A second of a poll, and what a busy machine takes.
        until("the server has heard", seconds(4), async || {
            (scene.statuses(&viewers).await == statuses).then_some(())
        })
        .await;
    };
    for args in [
        ["--viewer", "alice"],
        ["--session", "s"],
        ["--token", "t"],
        ["--before", "2020-01-01T00:00:00Z"],
    ] {
        let reply = revoke(&args);
        assert!(
            reply["worst_case_seconds"].as_u64().unwrap() > 30,
            "{reply}"
        );
        heard([403, 200]).await;
        let list = scene
            .operator
            .get("/v1/revocations")
            .await
            .expect(200)
            .json();
        assert_eq!(list["revocations"][0]["by"], "command line");
        let path = format!("/v1/revocations/{}", reply["id"].as_str().unwrap());
        scene.operator.ask("DELETE", &path, None).await.expect(204);
        heard([200, 200]).await;
    }
    let args = [
        "session",
        "revoke",
        "--config",
        config.to_str().unwrap(),
        "s",
    ];
    let told = binary::printed(&args);
    assert!(told.contains("the last picture ends within"), "{told}");
    heard([403, 200]).await;
    revoke(&["--key", &scene.kids[0]]);
    heard([403, 410]).await;
    let of = |args: &[&str]| {
        let all = ["revoke", "--config", config.to_str().unwrap()];
        binary::run(&[&all[..], args].concat())
    };
    assert_eq!(of(&[]).status.code(), Some(2));
    assert_eq!(
        of(&["--viewer", "a", "--token", "b"]).status.code(),
        Some(2)
    );
    assert_eq!(of(&["--viewer", ""]).status.code(), Some(1));
    let told = String::from_utf8(of(&["--viewer", "x"]).stdout).unwrap();
    assert!(told.contains("the last picture ends within"), "{told}");
}
