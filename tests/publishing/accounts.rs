//! `/v1/credentials`: an operator's users with passwords.
//!
//! Must not know: how a password is kept.

use super::document::{block, blocks, run, text};
use super::{PASSWORD, asked, nginx_asks};
use crate::harness::actor::Actor;
use crate::harness::authority::private;
use crate::harness::database;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

const CREDENTIALS: &str = "/v1/credentials";

fn operator(serve: &Serve, name: &str, streams: &str) -> Actor {
    let file = serve.credential(name, streams, &["operate"]);
    operator_of(serve, &std::fs::read_to_string(file).unwrap())
}

fn user(name: &str, streams: &str, actions: &str) -> String {
    format!(
        r#"{{"name":"{name}","user":"{name}","password":"{PASSWORD}",
            "streams":["{streams}"],"actions":["{actions}"]}}"#
    )
}

async fn add(who: &Actor, body: &str, status: u16) -> serde_json::Value {
    let answer = who.try_ask("POST", CREDENTIALS, &[], Some(body)).await;
    answer.unwrap().expect(status).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_made_listed_and_removed_and_no_password_is_kept() {
    let serve = asked("").await;
    let operator = operator(&serve, "operator", "**");
    let made = add(&operator, &user("User1", "live/*", "publish"), 201).await;
    assert_eq!(made["user"], "User1");
    let own = format!("user=User1&password={PASSWORD}");
    nginx_asks(&serve.ops(), "live", &own).await.expect(200);
    nginx_asks(&serve.ops(), "live8", &own).await.expect(403);
    let taken = add(&operator, &user("User1", "live8/*", "publish"), 409).await;
    assert_eq!(taken["code"], "conflict");
    let listed = operator.get(CREDENTIALS).await.expect(200).text();
    assert!(listed.contains("User1"), "{listed}");
    let trail = until("it is in the trail", seconds(15), async || {
        let trail = operator.get("/v1/audit").await.expect(200).text();
        trail.contains("User1").then_some(trail)
    })
    .await;
    let told = serve.process.as_ref().unwrap().stderr.text();
    for text in [listed, trail, told] {
        assert!(
            !text.contains(PASSWORD) && !text.contains("argon2"),
            "{text}"
        );
    }
    let url = format!(
        "sqlite:{}",
        super::file(&serve, "keystore/hlskey.db").display()
    );
    let argon =
        "SELECT count(*) FROM credentials WHERE verifier LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'";
    assert_eq!(database::number(&url, argon).await, 1);
    let gone = format!("{CREDENTIALS}/User1");
    let remove = async || operator.try_ask("DELETE", &gone, &[], None).await.unwrap();
    remove().await.expect(204);
    remove().await.expect(404);
    until("it is refused", seconds(15), async || {
        let status = nginx_asks(&serve.ops(), "live", &own).await.status;
        (status == 401).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_hands_out_what_is_its_own_and_makes_no_operator() {
    let serve = asked("").await;
    let (all, narrow) = (
        operator(&serve, "all", "**"),
        operator(&serve, "narrow", "live/*"),
    );
    add(&narrow, &user("own", "live/*", "publish"), 201).await;
    add(&narrow, &user("foreign", "live8/*", "publish"), 403).await;
    add(&narrow, &user("wide", "**", "publish"), 403).await;
    add(&all, &user("foreign", "live8/*", "publish"), 201).await;
    for action in ["operate", "deliver", "play"] {
        add(&all, &user("more", "live/*", action), 400).await;
    }
    for bad in [
        user("a/b", "live/*", "publish"),
        user("a:b", "live/*", "publish"),
        user("short", "live/*", "publish").replace(PASSWORD, "short"),
        user("more", "live/*", "publish").replace("\"user\"", "\"uses\""),
    ] {
        add(&all, &bad, 400).await;
    }
    let seen = narrow.get(CREDENTIALS).await.expect(200).json();
    let names: Vec<_> = seen["credentials"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["narrow", "own"]);
    for (name, status) in [
        ("foreign", 404),
        ("all", 404),
        ("narrow", 404),
        ("own", 204),
    ] {
        let path = format!("{CREDENTIALS}/{name}");
        narrow
            .try_ask("DELETE", &path, &[], None)
            .await
            .unwrap()
            .expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documents_way_makes_lists_and_removes_a_user() {
    let serve = asked("").await;
    let key = std::fs::read_to_string(serve.credential("operator", "**", &["operate"])).unwrap();
    let body = block("json", "User3");
    std::fs::write(super::file(&serve, "User3.json"), &body).unwrap();
    let there = format!("127.0.0.1:{}", serve.ops_port());
    let script = block("sh", "curl").replace("127.0.0.1:9443", &there);
    let said = run(&serve, &script, &[("OPERATOR", key.trim())]);
    assert_eq!(said.matches("\"User3\"").count(), 4, "{said}");
    let left = operator_of(&serve, &key)
        .get(CREDENTIALS)
        .await
        .expect(200)
        .text();
    assert!(!left.contains("User3"), "{left}");
}

fn operator_of(serve: &Serve, key: &str) -> Actor {
    serve.ops().with(key.trim())
}

#[test]
fn every_section_of_the_document_is_taken_and_every_hook_is_one_of_them() {
    let sections = blocks("toml").join("\n");
    let serve = Serve::prepare("{ every = \"10m\" }", &sections);
    for name in ["rtmp", "srs", "mediamtx", "ome", "nimble", "senders"] {
        let secret = super::file(&serve, &format!("keystore/{name}.secret"));
        private(&secret, "obviously-a-fake-secret-of-40-characters");
    }
    let customers = super::file(&serve, "keystore/customers.url");
    private(
        &customers,
        "postgres://hlskey@customers.example.com/customers",
    );
    run(&serve, "hlskey config check --config hlskey.toml", &[]);
    let document = text();
    let asked: Vec<_> = document.split("/v1/hooks/").skip(1).collect();
    assert!(asked.len() >= 6);
    for hook in asked {
        let name = hook.split(['?', '<']).next().unwrap();
        assert!(
            sections.contains(&format!("[server.hooks.{name}]")),
            "{name}"
        );
    }
}
