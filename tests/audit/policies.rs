//! Which policy decided, of whom it refused and of whom it let through.
//!
//! Must not know: how a policy decides.

use std::collections::HashMap;

use serde_json::Value;

use super::audit;
use crate::harness::actor::Actor;
use crate::harness::serve::Serve;

/// The first is for nobody who asks here; each other one refuses for a reason of its own.
const POLICIES: &str = r#"
[schemes.partners]
kind = "jwt"
streams = ["test/*"]
secret = "obviously-a-fake-secret-of-the-partners"
[[policies]]
streams = ["test/unasked"]
[[policies]]
streams = ["test/partners"]
accept = ["partners"]
[[policies]]
streams = ["test/page"]
origins = ["https://player.example"]
[[policies]]
streams = ["test/brief"]
max_life = "10m"
[[policies]]
streams = ["test/bound", "test/page"]
bind_ip = "exact"
"#;
const HOME: &str = "192.0.2.7";

/// One request: the stream, the scheme and life of its token, the page, and what the policy says of it.
struct Case(
    &'static str,
    (&'static str, &'static str),
    Option<&'static str>,
    Result<(), &'static str>,
);

const CASES: [Case; 8] = [
    Case("partners", ("viewers", "1h"), None, Err("policy")),
    Case("partners", ("partners", "1h"), None, Ok(())),
    Case("page", ("viewers", "1h"), None, Err("page")),
    Case(
        "page",
        ("viewers", "1h"),
        Some("https://player.example"),
        Ok(()),
    ),
    Case("brief", ("viewers", "1h"), None, Err("policy")),
    Case("brief", ("viewers", "5m"), None, Ok(())),
    Case("free", ("viewers", "1h"), None, Ok(())),
    Case("free", ("partners", "1h"), None, Ok(())),
];

/// What the trail calls a stream's policy: the first in the configuration that is for it.
fn policy_of(stream: &str) -> Option<&'static str> {
    match stream.trim_start_matches("test/") {
        "partners" => Some("policies[1]"),
        "page" => Some("policies[2]"),
        "brief" => Some("policies[3]"),
        "bound" => Some("policies[4]"),
        _ => None,
    }
}

struct Scene {
    serve: Serve,
    operator: Actor,
}

impl Scene {
    async fn set() -> Self {
        let mut serve = Serve::prepare("\"never\"", POLICIES);
        let proxied = "trusted_proxies = [\"127.0.0.1\"]\n[server.tls]";
        serve.amend("[server.tls]", proxied);
        serve.resume().await;
        let file = serve.credential("operator", "**", &["operate"]);
        let key = std::fs::read_to_string(file).unwrap();
        let operator = serve.ops().with(key.trim());
        Self { serve, operator }
    }

    /// Asks, and wants the row of a refusal to name the reason and the policy.
    async fn ask(
        &self,
        who: &Actor,
        path: &str,
        (ip, page): (&str, Option<&str>),
        (stream, expected): (&str, Result<(), &str>),
    ) {
        let mut headers = vec![("x-forwarded-for", ip)];
        headers.extend(page.map(|page| ("origin", page)));
        let answer = who.try_ask("GET", path, &headers, None).await.unwrap();
        let Err(reason) = expected else {
            return drop(answer.expect(200));
        };
        let id = answer.expect(403).header("x-request-id").to_owned();
        let told = self.operator.get(&format!("/v1/explain/{id}")).await;
        let told = told.expect(200).json();
        assert_eq!(told["reason"], reason, "{told}");
        assert_eq!(told["stream"], stream, "{told}");
        assert_eq!(told["policy"].as_str(), policy_of(stream), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_names_the_policy_that_made_it() {
    let mut scene = Scene::set().await;
    let nobody = scene.serve.stranger();
    let mut keys = HashMap::new();
    for name in ["partners", "page", "brief", "bound", "free"] {
        let stream = format!("test/{name}");
        let key = scene.serve.key(&stream).await;
        scene.serve.publish(&format!("{stream}/index.m3u8"), &key);
        keys.insert(name, key.replace(&scene.serve.url(), ""));
    }
    for Case(name, (scheme, life), page, expected) in CASES {
        let (stream, key) = (format!("test/{name}"), keys[name].as_str());
        let who = nobody.with(&scene.serve.minted(scheme, &stream, life));
        for path in [key, &format!("/v1/play/{stream}/index.m3u8")] {
            let from = (HOME, page);
            scene.ask(&who, path, from, (&stream, expected)).await;
        }
    }
    bound(&scene, &nobody, &keys["bound"]).await;
    // Whom no policy was asked about, none decided: what a packager may do is its credential's.
    let packager = scene.serve.credential("elsewhere", "test/other", &[]);
    let packager = std::fs::read_to_string(packager).unwrap();
    let foreign = "/v1/streams/test/partners/schedule";
    let answer = nobody.with(packager.trim()).get(foreign).await.expect(403);
    let path = format!("/v1/explain/{}", answer.header("x-request-id"));
    let told = scene.operator.get(&path).await.expect(200).json();
    assert_eq!(
        (&told["action"], &told["policy"]),
        (&"lease".into(), &Value::Null)
    );
    scene.serve.pause().await;
    listed(&scene.serve);
}

/// A session that is bound to the address where it began, at another.
async fn bound(scene: &Scene, nobody: &Actor, key: &str) {
    let stream = "test/bound";
    let who = nobody.with(&scene.serve.minted("viewers", stream, "1h"));
    let home = (HOME, None);
    scene.ask(&who, key, home, (stream, Ok(()))).await;
    let moved = ("192.0.2.8", None);
    scene.ask(&who, key, moved, (stream, Err("ip"))).await;
}

/// Every row of a viewer names the policy of its stream, those of keys and playlists that were handed out too.
fn listed(serve: &Serve) {
    let (rows, _) = audit(&serve.config(), &["ls", "--limit", "1000"]);
    let mut seen = Vec::new();
    for row in rows.as_array().unwrap() {
        let [kind, action] = ["kind", "action"].map(|name| row[name].as_str().unwrap());
        let stream = row["stream"].as_str().unwrap_or_default();
        match action {
            "deliver" | "play" => {
                assert_eq!(row["policy"].as_str(), policy_of(stream), "{row}");
                seen.push((kind, action));
            }
            _ => assert_eq!(row["policy"], Value::Null, "{row}"),
        }
    }
    for kind in ["refused", "delivered"] {
        for action in ["deliver", "play"] {
            assert!(seen.contains(&(kind, action)), "{kind} {action}: {rows}");
        }
    }
}
