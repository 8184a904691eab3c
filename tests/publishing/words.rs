//! What media servers say besides that somebody publishes: who connects, who goes on, and what is over.
//!
//! Must not know: what decides.

use super::{PASSWORD, SECRET, add_user, asked, file, nginx_asks, prepared, send};
use crate::harness::actor::{Actor, Answer};
use crate::harness::authority::private;
use crate::harness::binary;
use crate::harness::database;
use crate::harness::issuer::{Issuer, now};
use crate::harness::wait::{seconds, until};

async fn nginx_says(actor: &Actor, body: &str) -> Answer {
    let hook = format!("/v1/hooks/rtmp?secret={SECRET}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    send(actor, &hook, &form, body).await
}

async fn srs_says(actor: &Actor, body: &str) -> Answer {
    let json = [("content-type", "application/json")];
    let hook = format!("/v1/hooks/srs?secret={SECRET}");
    send(actor, &hook, &json, body).await
}

fn srs(action: &str, vhost: &str, param: &str) -> String {
    format!(
        r#"{{"action":"{action}","client_id":"x","ip":"192.0.2.7","vhost":"{vhost}","app":"live",
            "tcUrl":"rtmp://h/live{param}","stream":"show","param":"{param}"}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_never_refused() {
    let serve = asked("").await;
    let ops = serve.ops();
    for call in [
        "done",
        "publish_done",
        "play_done",
        "disconnect",
        "record_done",
    ] {
        for odd in [
            "app=live&name=show",
            "app=../..&name=a%00b",
            "app=other&name=show",
            "name=a&name=b&app=live",
        ] {
            let body = format!("call={call}&{odd}&user=nobody&password=wrong");
            nginx_says(&ops, &body).await.expect(200);
        }
    }
    for action in ["on_unpublish", "on_stop", "on_close", "on_dvr", "on_hls"] {
        for body in [
            srs(action, "else", "?user=nobody&password=wrong"),
            format!(r#"{{"action":"{action}","app":7}}"#),
        ] {
            let answer = srs_says(&ops, &body).await.expect(200);
            assert_eq!(answer.json()["code"], 0);
        }
    }
    srs_says(&ops, &srs("on_publish", "__defaultVhost__", ""))
        .await
        .expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_connects_is_let_in_unless_what_it_shows_is_bad() {
    let serve = asked("").await;
    add_user(&serve, "User1", "live/*", "publish");
    let ops = serve.ops();
    let good = format!("?user=User1&password={PASSWORD}");
    let viewer = format!("?token={}", serve.minted("viewers", "live/show", "1h"));
    for (shown, status) in [
        ("", 200),
        (good.as_str(), 200),
        (viewer.as_str(), 200),
        ("?user=User1&password=obviously-another-password", 401),
        ("?token=a.b.c", 401),
    ] {
        let url = format!("rtmp://h/live{shown}")
            .replace('?', "%3F")
            .replace('&', "%26");
        let body = format!("call=connect&app=live&tcurl={url}&addr=192.0.2.7&epoch=1");
        nginx_says(&ops, &body).await.expect(status);
        let body = srs("on_connect", "__defaultVhost__", shown);
        srs_says(&ops, &body).await.expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_is_asked_about_again_and_uses_nothing_up() {
    const SENDERS: &str = "obviously-a-fake-secret-of-senders-alone";
    let serve = asked(&format!(
        "[schemes.senders]\nkind = 'jwt'\nalgorithms = ['HS256']\nsecret = '{SENDERS}'\n\
         streams = ['live/*']\nactions = ['publish']\n"
    ))
    .await;
    add_user(&serve, "User1", "live/*", "publish");
    let ops = serve.ops();
    let update = async |own: &str| {
        let body = format!(
            "app=live&tcurl=&addr=192.0.2.7&call=update_publish&time=10&timestamp=9&name=show&{own}"
        );
        nginx_says(&ops, &body).await
    };
    let own = format!("user=User1&password={PASSWORD}");
    nginx_asks(&ops, "live", &own).await.expect(200);
    update(&own).await.expect(200);
    update("").await.expect(401);
    let claims = serde_json::json!({"sub": "van", "streams": "live/*", "actions": ["publish"],
        "exp": now() + 60, "maxuses": 1, "jti": "obviously-one"});
    let token = format!("token={}", Issuer::Hs256(SENDERS.into()).token(&claims));
    nginx_asks(&ops, "live", &token).await.expect(200);
    update(&token).await.expect(200);
    update(&token).await.expect(200);
    nginx_asks(&ops, "live", &token).await.expect(401);
    let config = serve.config();
    let args = [
        "credential",
        "rm",
        "--config",
        config.to_str().unwrap(),
        "User1",
    ];
    binary::printed(&args);
    until("it may not go on", seconds(15), async || {
        (update(&own).await.status == 401).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_two_vhosts_are_two_streams() {
    let mut serve = prepared("");
    serve.amend(
        "[server.hooks.srs]\n",
        "[server.hooks.srs]\nvhosts = ['ours.example.com']\n",
    );
    serve.amend(
        "streams = ['live/**', 'live8/**', 'test/**']\n[server.hooks.mediamtx]",
        "streams = ['**']\n[server.hooks.mediamtx]",
    );
    serve.resume().await;
    add_user(&serve, "User1", "live/*", "publish");
    add_user(&serve, "User2", "theirs.example.com/live/*", "publish");
    let ops = serve.ops();
    for (vhost, user, status) in [
        ("__defaultVhost__", "User1", 200),
        ("", "User1", 200),
        ("ours.example.com", "User1", 200),
        ("theirs.example.com", "User1", 403),
        ("theirs.example.com", "User2", 200),
        ("__defaultVhost__", "User2", 403),
    ] {
        let shown = format!("?user={user}&password={PASSWORD}");
        let answer = srs_says(&ops, &srs("on_publish", vhost, &shown)).await;
        answer.expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_credentials_the_one_that_is_allowed_decides() {
    let serve = asked("").await;
    add_user(&serve, "User1", "live/*", "publish");
    add_user(&serve, "User2", "live8/*", "publish");
    let key = serve.credential("sender", "live/*", &["publish"]);
    let key = std::fs::read_to_string(key).unwrap();
    let (good, key) = (format!("user=User1&password={PASSWORD}"), key.trim());
    let other = format!("user=User2&pass={PASSWORD}");
    let wrong = "user=User1&password=obviously-another-password";
    let ops = serve.ops();
    for (own, status) in [
        (format!("{wrong}&{good}"), 200),
        (format!("{good}&{wrong}"), 200),
        (format!("{other}&{good}"), 200),
        (format!("{wrong}&token={key}"), 200),
        (format!("token=a.b.c&token={key}"), 200),
        (format!("{good}&token=a.b.c"), 200),
        (format!("{other}&{wrong}"), 403),
        (format!("{wrong}&token=a.b.c"), 401),
        // A colon is no way to another's name.
        (format!("user=User1:{PASSWORD}&password=x"), 401),
    ] {
        nginx_asks(&ops, "live", &own).await.expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_does_not_hide_that_another_credential_could_not_be_looked_at() {
    let serve = asked("").await;
    add_user(&serve, "User1", "live/*", "publish");
    let key = serve.credential("sender", "live8/*", &["publish"]);
    let key = std::fs::read_to_string(key).unwrap();
    let own = format!("token={}&user=User1&password={PASSWORD}", key.trim());
    let ops = serve.ops();
    let alone = format!("token={}", key.trim());
    nginx_asks(&ops, "live", &alone).await.expect(403);
    let url = format!("sqlite:{}", file(&serve, "keystore/hlskey.db").display());
    database::run(&url, "ALTER TABLE credentials RENAME TO lost").await;
    // The key is known for five seconds, and the user never was.
    nginx_asks(&ops, "live", &own).await.expect(503);
    database::run(&url, "ALTER TABLE lost RENAME TO credentials").await;
    nginx_asks(&ops, "live", &own).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_a_colon_is_not_made() {
    let serve = asked("").await;
    let secret = file(&serve, "user.password");
    private(&secret, PASSWORD);
    let config = serve.config();
    let args = [
        "credential",
        "add",
        "odd",
        "--user",
        "a:b",
        "--streams",
        "live/*",
    ];
    let more = [
        "--password-file",
        secret.to_str().unwrap(),
        "--config",
        config.to_str().unwrap(),
    ];
    let done = binary::run(&[&args[..], &more].concat());
    assert!(!done.status.success());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(said.contains("no colon"), "{said}");
}

/// The media server's log is where its operator looks.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_is_told_what_was_expected() {
    let serve = asked("").await;
    add_user(&serve, "User1", "live/*", "publish");
    let ops = serve.ops();
    let told = |answer: Answer, status: u16| {
        let answer = answer.expect(status).json();
        answer["detail"].as_str().unwrap_or_default().to_owned()
    };
    let body = "call=publish&app=live&name=show";
    let none = told(nginx_says(&ops, body).await, 401);
    assert!(
        none.contains("publish 'live/show'") && none.contains("?user=NAME&password=PASSWORD"),
        "{none}"
    );
    let body = format!("call=publish&app=live8&name=show&user=User1&password={PASSWORD}");
    let other = told(nginx_says(&ops, &body).await, 403);
    assert!(other.contains("publish 'live8/show'"), "{other}");
    assert!(!other.contains(PASSWORD), "{other}");
    let body = format!("call=play&app=live&name=show&user=User1&password={PASSWORD}");
    let play = told(nginx_says(&ops, &body).await, 403);
    assert!(play.contains("play 'live/show'"), "{play}");
    let odd = told(nginx_says(&ops, "call=fly&app=live&name=show").await, 400);
    assert!(odd.contains("call=publish"), "{odd}");
    let odd = told(srs_says(&ops, &srs("on_forward", "v", "")).await, 400);
    assert!(odd.contains("on_publish"), "{odd}");
    let wrong = format!("?user=User1&password=obviously-another-{PASSWORD}");
    let wrong = told(
        srs_says(&ops, &srs("on_publish", "__defaultVhost__", &wrong)).await,
        401,
    );
    assert!(
        wrong.contains("publish 'live/show'") && !wrong.contains(PASSWORD),
        "{wrong}"
    );
}
