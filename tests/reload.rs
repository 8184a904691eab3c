//! SIGHUP: what decides who gets in is read anew while the server runs, and nothing else is.
//!
//! Must not know: how the rules in force are kept.

use rustix::process::Signal;
use serde_json::json;

use crate::harness::actor::Actor;
use crate::harness::binary::printed;
use crate::harness::issuer::now;
use crate::harness::oidc::Oidc;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

const EDGE: &str = r#"
[schemes.edge]
kind = "securetoken"
streams = ["test/**"]
secrets = ["obviously-a-fake-secret"]
include_ip = true
"#;

/// A server and a key of `test/live`.
struct Stage {
    serve: Serve,
    key: String,
}

impl Stage {
    async fn set() -> Self {
        Self::set_with("").await
    }

    /// With more in its configuration.
    async fn set_with(more: &str) -> Self {
        let serve = Serve::start("\"never\"", &format!("{EDGE}{more}")).await;
        let key = serve.key_path("test/live").await;
        Self { serve, key }
    }

    /// Somebody with a token of the instance `edge`, for some address or for none.
    fn viewer(&self, ip: Option<&str>) -> (Actor, String) {
        let config = self.serve.config();
        let config = config.to_str().unwrap();
        let mut args = vec!["token", "mint", "--config", config, "--scheme", "edge"];
        args.extend(["--stream", "test/live", "--ttl", "1h"]);
        args.extend(ip.iter().flat_map(|ip| ["--ip", *ip]));
        let query = printed(&args);
        (self.serve.stranger(), format!("{}?{query}", self.key))
    }

    /// Sends SIGHUP, and waits until the server has said `said` once more.
    async fn reload(&mut self, said: &str) {
        let process = self.serve.process.as_mut().unwrap();
        let count = |process: &crate::harness::process::Process| {
            process.stderr.text().matches(said).count()
        };
        let before = count(process);
        process.signal(Signal::HUP);
        until(said, seconds(10), async || {
            (count(process) > before).then_some(())
        })
        .await;
    }

    fn log(&self) -> String {
        self.serve.process.as_ref().unwrap().stderr.text()
    }
}

const TAKEN: &str = "the configuration is read anew";
const KEPT: &str = "the configuration is not taken";

async fn status((viewer, path): &(Actor, String)) -> u16 {
    viewer.get(path).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_no_longer_counts_does_not_count_at_once() {
    let mut stage = Stage::set().await;
    stage.serve.amend("include_ip = true", "include_ip = false");
    let without = stage.viewer(None);
    assert_eq!(
        status(&without).await,
        401,
        "the file alone changes nothing"
    );
    stage.reload(TAKEN).await;
    assert_eq!(status(&without).await, 200);
    let plain = stage
        .log()
        .replace("\u{1b}[0m", "")
        .replace("\u{1b}[2m", "");
    assert!(plain.contains("version=2"), "{plain}");
    stage.serve.amend("include_ip = false", "include_ip = true");
    stage.reload(TAKEN).await;
    assert_eq!(status(&without).await, 401);
    assert_eq!(status(&stage.viewer(Some("127.0.0.1"))).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_changed_without_a_stop() {
    let mut stage = Stage::set().await;
    let old = stage.serve.viewer("test/**");
    let path = stage.key.clone();
    old.get(&path).await.expect(200);
    let secret = stage.serve.config().with_file_name("viewers.secret");
    std::fs::write(&secret, "obviously-another-fake-secret-of-40-chars").unwrap();
    old.get(&path).await.expect(200);
    stage.reload(TAKEN).await;
    // A token that verified before is not remembered.
    old.get(&path).await.expect(401);
    stage.serve.viewer("test/**").get(&path).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_holds_from_the_next_request_on() {
    let mut stage = Stage::set().await;
    let (viewer, path) = (stage.serve.viewer("test/**"), stage.key.clone());
    viewer.get(&path).await.expect(200);
    let policy = "[[policies]]\nstreams = [\"test/live\"]\naccept = [\"edge\"]\n[schemes.edge]";
    stage.serve.amend("[schemes.edge]", policy);
    stage.reload(TAKEN).await;
    viewer.get(&path).await.expect(403);
    assert_eq!(status(&stage.viewer(Some("127.0.0.1"))).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_changes_nothing() {
    let mut stage = Stage::set().await;
    let (viewer, path) = (stage.serve.viewer("test/**"), stage.key.clone());
    let wrong = [
        ("include_ip = true", "include_ip = \"perhaps\""),
        ("kind = \"securetoken\"", "kind = \"securetokn\""),
        (
            "secret_file = \"viewers.secret\"",
            "secret_file = \"nowhere\"",
        ),
    ];
    for (from, to) in wrong {
        stage.serve.amend(from, to);
        stage.reload(KEPT).await;
        viewer.get(&path).await.expect(200);
        assert_eq!(status(&stage.viewer_of_old(from, to)).await, 200);
    }
    assert!(!stage.log().contains("obviously-a-fake-secret"));
    stage.reload(TAKEN).await;
    viewer.get(&path).await.expect(200);
}

impl Stage {
    /// Mends the file, and shows a token that it makes then.
    fn viewer_of_old(&self, from: &str, to: &str) -> (Actor, String) {
        self.serve.amend(to, from);
        self.viewer(Some("127.0.0.1"))
    }
}

/// A token by `issuer` that nobody has seen.
async fn token(issuer: &Oidc, who: &str) -> String {
    let claims = json!({"sub": who, "streams": ["test/live"], "exp": now() + 3600});
    issuer.sign("ec-1", &claims).await
}

/// The two issuers have keys of one name.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_an_issuer_outlive_a_reload_while_it_is_away() {
    let (mut issuer, mut other) = (Oidc::start(&["ec-1"]).await, Oidc::prepare());
    let scheme = "[schemes.oidc]\nkind = \"jwt\"\njwks_url";
    let mut stage = Stage::set_with(&format!("{scheme} = \"{}/keys\"\n", issuer.url())).await;
    let mut tokens = Vec::new();
    for who in ["fetched", "once", "twice", "moved", "replaced"] {
        tokens.push(token(&issuer, who).await);
    }
    let status = async |stage: &Stage, token: &str| {
        let viewer = stage.serve.stranger().with(token);
        viewer.get(&stage.key).await.status
    };
    assert_eq!(status(&stage, &tokens[0]).await, 200);
    issuer.kill();
    // Something else changes, and changes back.
    for (from, to, new) in [("true", "false", &tokens[1]), ("false", "true", &tokens[2])] {
        let include = |value| format!("include_ip = {value}");
        stage.serve.amend(&include(from), &include(to));
        stage.reload(TAKEN).await;
        assert_eq!(status(&stage, new).await, 200, "{to}");
    }
    // Keys that came from elsewhere are nobody's, and soon another's are there.
    stage.serve.amend(&issuer.url(), &other.url());
    stage.reload(TAKEN).await;
    for token in [&tokens[2], &tokens[3]] {
        assert_eq!(status(&stage, token).await, 503);
    }
    other.resume(&["ec-1"]).await;
    let others = token(&other, "other").await;
    until("the other's keys are fetched", seconds(40), async || {
        (status(&stage, &others).await == 200).then_some(())
    })
    .await;
    assert_eq!(status(&stage, &tokens[4]).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_restart_is_said() {
    let mut stage = Stage::set().await;
    stage
        .serve
        .amend("source = \"allow\"", "source = \"table\"");
    stage.reload(TAKEN).await;
    let viewer = stage.serve.viewer("test/**");
    viewer.get(&stage.key).await.expect(200);
    let log = stage.log();
    assert!(
        log.contains("need a restart") && log.contains("entitlement"),
        "{log}"
    );
}
