//! Who may publish: users and passwords of packagers, and the hooks by which media servers ask.
//!
//! Must not know: how a password is kept, or what decides.

mod accounts;
mod document;
mod guessers;
mod nimble;
mod rtmp;
mod shown;
mod signed;
mod strained;
mod users;
mod words;

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::harness::actor::{Actor, Answer};
use crate::harness::authority::private;
use crate::harness::binary;
use crate::harness::serve::Serve;

/// Of every user.
const PASSWORD: &str = "obviously-a-fake-password";
/// Of every media server.
const SECRET: &str = "obviously-a-fake-hook-secret";

/// A server that three media servers may ask about `live/**` and `test/**`.
pub(crate) async fn asked(more: &str) -> Serve {
    let mut serve = prepared(more);
    serve.resume().await;
    serve
}

/// The same, not yet started.
pub(crate) fn prepared(more: &str) -> Serve {
    let hook = |name: &str, kind: &str| {
        format!(
            "[server.hooks.{name}]\nkind = '{kind}'\nsecret_file = 'hook.secret'\n\
             streams = ['live/**', 'live8/**', 'test/**']\n"
        )
    };
    let hooks = [
        hook("rtmp", "nginx-rtmp"),
        hook("srs", "srs"),
        hook("mediamtx", "mediamtx"),
        hook("ome", "oven-media-engine"),
        hook("nimble", "nimble"),
    ];
    let more = format!("{}\n{more}", hooks.join(""));
    let serve = Serve::prepare("{ every = \"10m\" }", &more);
    private(&file(&serve, "hook.secret"), SECRET);
    serve
}

pub(crate) fn file(serve: &Serve, name: &str) -> PathBuf {
    serve.config().parent().unwrap().join(name)
}

/// Adds a credential for a user.
pub(crate) fn add_user(serve: &Serve, user: &str, streams: &str, actions: &str) {
    let secret = file(serve, "user.password");
    private(&secret, &format!("{PASSWORD}\n"));
    let config = serve.config();
    let mut args = vec!["credential", "add", "--config", config.to_str().unwrap()];
    args.extend([
        user,
        "--user",
        user,
        "--streams",
        streams,
        "--actions",
        actions,
    ]);
    args.extend(["--password-file", secret.to_str().unwrap()]);
    assert_eq!(binary::printed(&args), "");
    std::fs::remove_file(secret).unwrap();
}

/// What nginx-rtmp says of a publisher, and how it is answered.
pub(crate) async fn nginx_asks(actor: &Actor, app: &str, own: &str) -> Answer {
    nginx_asks_for(actor, "192.0.2.7", app, own).await
}

/// The same of a publisher at that address.
async fn nginx_asks_for(actor: &Actor, address: &str, app: &str, own: &str) -> Answer {
    let hook = format!("/v1/hooks/rtmp?secret={SECRET}");
    let body = format!(
        "app={app}&flashver=&swfurl=&tcurl=rtmp%3A%2F%2Fh&pageurl=&addr={address}&clientid=1\
         &call=publish&name=show&type=live&{own}"
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    send(actor, &hook, &form, &body).await
}

async fn send(actor: &Actor, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let answer = actor.try_form(path, headers, body).await;
    answer.unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn user1_may_publish_to_live_and_not_to_live8() {
    let serve = asked("").await;
    add_user(&serve, "User1", "live/*", "publish");
    let own = format!("user=User1&password={PASSWORD}");
    for actor in [serve.ops(), serve.stranger()] {
        nginx_asks(&actor, "live", &own).await.expect(200);
        nginx_asks(&actor, "live8", &own).await.expect(403);
        for bad in [
            "user=User1&password=obviously-another-password",
            "user=nobody&password=obviously-a-fake-password",
            "user=User1",
        ] {
            nginx_asks(&actor, "live", bad).await.expect(401);
        }
        // What the publisher adds to its URL does not pass for what the server says.
        for said in ["app=live", "call=done", "name=other", "addr=127.0.0.1"] {
            let forged = format!("{own}&{said}");
            nginx_asks(&actor, "live8", &forged).await.expect(400);
            nginx_asks(&actor, "live", &forged).await.expect(400);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_publish_may_not_and_one_who_is_removed_no_longer() {
    let serve = asked("").await;
    add_user(&serve, "reader", "live/*", "read");
    add_user(&serve, "sender", "live/*", "read,publish");
    let own = |user: &str| format!("user={user}&password={PASSWORD}");
    let ops = serve.ops();
    nginx_asks(&ops, "live", &own("reader")).await.expect(403);
    nginx_asks(&ops, "live", &own("sender")).await.expect(200);
    let config = serve.config();
    let args = ["credential", "rm", "--config", config.to_str().unwrap()];
    binary::printed(&[&args[..], &["sender"]].concat());
    crate::harness::wait::until(
        "it is refused",
        crate::harness::wait::seconds(15),
        async || {
            let status = nginx_asks(&ops, "live", &own("sender")).await.status;
            (status == 401).then_some(())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_opens_packagers_routes_and_no_password_is_printed_or_kept() {
    let serve = asked("").await;
    add_user(&serve, "packager", "test/**", "register,read");
    let ask = async |path: &str, password: &str| {
        let value = format!("Basic {}", STANDARD.encode(format!("packager:{password}")));
        let headers = [("authorization", value.as_str())];
        let stranger = serve.stranger();
        stranger
            .try_ask("PUT", path, &headers, Some("{}"))
            .await
            .unwrap()
    };
    ask("/v1/streams/test/a", PASSWORD).await.expect(201);
    ask("/v1/streams/live/a", PASSWORD).await.expect(403);
    ask("/v1/streams/test/a", "obviously-another-one")
        .await
        .expect(401);
    let config = serve.config();
    let args = [
        "credential",
        "ls",
        "--json",
        "--config",
        config.to_str().unwrap(),
    ];
    let listed = binary::printed(&args);
    assert!(listed.contains("\"user\": \"packager\""), "{listed}");
    assert!(
        !listed.contains("argon2") && !listed.contains(PASSWORD),
        "{listed}"
    );
    let listed = binary::printed(
        &args[..2]
            .iter()
            .chain(&args[3..])
            .copied()
            .collect::<Vec<_>>(),
    );
    let row = listed.lines().find(|line| line.starts_with("packager "));
    assert_eq!(
        row.unwrap().split_whitespace().nth(1),
        Some("packager"),
        "{listed}"
    );
    for entry in std::fs::read_dir(file(&serve, "keystore")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let holds = |text: &str| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        assert!(!holds(PASSWORD));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_media_server_asks_in_its_own_words() {
    let word = "[schemes.words]\nkind = 'urlparams'\nstreams = ['live/*']\n\
                publish = ['obviously-fake-word.doPublish']\n";
    let serve = asked(word).await;
    add_user(&serve, "User1", "live/*", "publish");
    let ops = serve.ops();
    let json = [("content-type", "application/json")];
    let srs = |app: &str, param: &str| {
        format!(
            r#"{{"action":"on_publish","client_id":"x","ip":"192.0.2.7","vhost":"__defaultVhost__","app":"{app}",
                "tcUrl":"rtmp://h","stream":"show","param":"{param}"}}"#
        )
    };
    let path = format!("/v1/hooks/srs?secret={SECRET}");
    let (good, bad) = ("?doPublish=obviously-fake-word", "?doPublish=another");
    let answer = send(&ops, &path, &json, &srs("live", good))
        .await
        .expect(200);
    assert_eq!(answer.json()["code"], 0);
    send(&ops, &path, &json, &srs("live", bad))
        .await
        .expect(401);
    send(&ops, &path, &json, &srs("live8", good))
        .await
        .expect(403);
    let mediamtx = |action: &str, path: &str, password: &str| {
        format!(
            r#"{{"user":"User1","password":"{password}","token":"","ip":"192.0.2.7",
                "action":"{action}","path":"{path}","protocol":"rtsp","id":null,"query":""}}"#
        )
    };
    let path = format!("/v1/hooks/mediamtx?secret={SECRET}");
    for (action, stream, password, status) in [
        ("publish", "live/show", PASSWORD, 200),
        ("publish", "live8/show", PASSWORD, 403),
        ("publish", "live/show", "obviously-another", 401),
        ("publish", "live/../live8/show", PASSWORD, 403),
        ("api", "live/show", PASSWORD, 400),
    ] {
        let body = mediamtx(action, stream, password);
        send(&ops, &path, &json, &body).await.expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_without_the_media_servers_secret() {
    let serve = asked("").await;
    add_user(&serve, "User1", "**", "publish");
    let body =
        format!("call=publish&app=live&name=show&addr=192.0.2.7&user=User1&password={PASSWORD}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let ops = serve.ops();
    for (path, status) in [
        (format!("/v1/hooks/rtmp?secret={SECRET}"), 200),
        (
            "/v1/hooks/rtmp?secret=obviously-another-secret".to_owned(),
            401,
        ),
        ("/v1/hooks/rtmp".to_owned(), 401),
        (format!("/v1/hooks/none?secret={SECRET}"), 401),
    ] {
        send(&ops, &path, &form, &body).await.expect(status);
    }
    // Streams of others are refused whatever the credential.
    let other = body.replace("app=live", "app=other");
    let path = format!("/v1/hooks/rtmp?secret={SECRET}");
    send(&ops, &path, &form, &other).await.expect(403);
    send(&ops, &path, &form, "call=else&app=live&name=a")
        .await
        .expect(400);
    send(&ops, &path, &form, &"a=b&".repeat(20_000))
        .await
        .expect(413);
}
