//! What RTMP publishers have room for in their URL: an API key, a token, a word.
//!
//! Must not know: the media servers' own words, which stand one floor up.

use serde_json::json;

use super::{PASSWORD, SECRET, add_user, asked, nginx_asks, send};
use crate::harness::issuer::{Issuer, now};

const SENDERS: &str = "obviously-a-fake-secret-of-senders-alone";

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_opens_what_it_is_for() {
    let serve = asked("").await;
    let key = |name: &str, action: &str| {
        let file = serve.credential(name, "live/*", &[action]);
        std::fs::read_to_string(file).unwrap().trim().to_owned()
    };
    let (good, narrow) = (key("sender", "publish"), key("reader", "read"));
    let ops = serve.ops();
    for own in [format!("token={good}"), format!("user=any&password={good}")] {
        nginx_asks(&ops, "live", &own).await.expect(200);
        nginx_asks(&ops, "live8", &own).await.expect(403);
        nginx_asks(&ops, "live", &format!("{own}0"))
            .await
            .expect(401);
    }
    let own = format!("token={narrow}");
    nginx_asks(&ops, "live", &own).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_says_what_it_is_for_and_a_viewers_is_for_nothing_here() {
    let senders = format!(
        "[schemes.senders]\nkind = 'jwt'\nalgorithms = ['HS256']\nsecret = '{SENDERS}'\n\
         streams = ['live/*', 'test/*']\nactions = ['publish']\n"
    );
    let serve = asked(&senders).await;
    let issuer = Issuer::Hs256(SENDERS.into());
    let token = |streams: &str, actions: &[&str], seconds: i64| {
        let exp = now() + seconds;
        let claims = json!({"sub": "van", "streams": streams, "actions": actions, "exp": exp});
        format!("token={}", issuer.token(&claims))
    };
    let ops = serve.ops();
    for (app, own, status) in [
        ("live", token("live/*", &["publish"], 60), 200),
        ("live", token("live/other", &["publish"], 60), 403),
        ("live", token("live/*", &["publish"], -60), 401),
        ("live", token("live/*", &["deliver"], 60), 403),
        // Not its issuer's, whatever it says.
        ("live8", token("**", &["publish"], 60), 403),
    ] {
        nginx_asks(&ops, app, &own).await.expect(status);
    }
    let viewers = serve.minted("viewers", "live/show", "1h");
    let own = format!("token={viewers}");
    nginx_asks(&ops, "live", &own).await.expect(403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_stands_behind_the_stream_or_behind_the_application() {
    let words = "[schemes.words]\nkind = 'urlparams'\nstreams = ['live/*']\n\
                 publish = ['obviously-fake-word.doPublish']\nplay = ['obviously-fake-seat.doPlay']\n";
    let serve = asked(words).await;
    let ops = serve.ops();
    for (app, own, status) in [
        ("live", "doPublish=obviously-fake-word", 200),
        ("live8", "doPublish=obviously-fake-word", 403),
        ("live", "doPublish=another", 401),
        ("live", "doPlay=obviously-fake-seat", 401),
    ] {
        nginx_asks(&ops, app, own).await.expect(status);
        let body = format!(
            "app={app}&tcurl=rtmp://h/{app}%3F{}&addr=192.0.2.7&call=publish&name=show&type=live",
            own.replace('&', "%26")
        );
        let hook = format!("/v1/hooks/rtmp?secret={SECRET}");
        let form = [("content-type", "application/x-www-form-urlencoded")];
        send(&ops, &hook, &form, &body).await.expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_plays_is_a_viewer_and_the_end_is_nobodys_to_refuse() {
    let serve = asked("").await;
    add_user(&serve, "User1", "live/*", "publish");
    let ops = serve.ops();
    let ask = async |call: &str, own: &str| {
        let hook = format!("/v1/hooks/rtmp?secret={SECRET}");
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let body = format!("app=live&tcurl=&addr=192.0.2.7&call={call}&name=show&{own}");
        send(&ops, &hook, &form, &body).await
    };
    let viewer = format!("token={}", serve.minted("viewers", "live/show", "1h"));
    let other = format!("token={}", serve.minted("viewers", "live/other", "1h"));
    let sender = format!("user=User1&password={PASSWORD}");
    for (own, status) in [
        (&viewer, 200),
        (&other, 403),
        (&sender, 403),
        (&String::new(), 401),
    ] {
        ask("play", own).await.expect(status);
        ask("done", own).await.expect(200);
    }
}
