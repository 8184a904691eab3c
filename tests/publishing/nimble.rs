//! Nimble asks: of publishers several at once, of viewers one by one.
//!
//! Must not know: how its questions are read.

use serde_json::json;

use super::{PASSWORD, SECRET, add_user, asked, file, nginx_asks_for, prepared, send};
use crate::harness::actor::{Actor, Answer};
use crate::harness::database;
use crate::harness::wait::{seconds, until};

async fn says(actor: &Actor, body: &serde_json::Value) -> Answer {
    let json = [("content-type", "application/json")];
    let hook = format!("/v1/hooks/nimble?secret={SECRET}");
    send(actor, &hook, &json, &body.to_string()).await
}

fn publisher(seq: &str, id: &str, stream: &str) -> serde_json::Value {
    json!({"seq": seq, "id": id, "ip": "192.0.2.7", "stream": stream})
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_several_publishers_is_told_apart() {
    let serve = asked("").await;
    add_user(&serve, "User1", "live/*", "publish");
    add_user(&serve, "reader", "live/*", "read");
    let ops = serve.ops();
    let batch = json!({"PublishAuthRequest": [
        publisher("1", "User1", "live/show"),
        publisher("2", "User1", "live8/show"),
        publisher("3", "nobody", "live/show"),
        publisher("4", "reader", "live/show"),
        publisher("5", "User1", "live/../live8/show"),
        publisher("6", "", "live/show"),
    ]});
    let answer = says(&ops, &batch).await.expect(200).json();
    let expected = ["success", "fail", "fail", "fail", "fail", "fail"];
    let told = answer["PublishAuthResponse"].as_array().unwrap();
    assert_eq!(told.len(), expected.len());
    for (at, (one, status)) in told.iter().zip(expected).enumerate() {
        assert_eq!(
            (&one["seq"], &one["status"]),
            (&json!((at + 1).to_string()), &json!(status))
        );
    }
    let operator =
        std::fs::read_to_string(serve.credential("operator", "**", &["operate"])).unwrap();
    let operator = ops.with(operator.trim());
    until("each has a row", seconds(15), async || {
        let trail = operator.get("/v1/audit").await.expect(200).text();
        (trail.contains("live8/show") && trail.contains("live/show")).then_some(())
    })
    .await;
    // What cannot be decided is no answer to any.
    let url = format!("sqlite:{}", file(&serve, "keystore/hlskey.db").display());
    database::run(&url, "ALTER TABLE credentials RENAME TO lost").await;
    let late = json!({"PublishAuthRequest": [publisher("1", "User2", "live/show")]});
    says(&ops, &late).await.expect(503);
    // Nor is one without its media server's secret, which is refused in words that Nimble takes for a no.
    let json = [("content-type", "application/json")];
    for hook in [
        "/v1/hooks/nimble",
        "/v1/hooks/nimble?secret=obviously-another",
    ] {
        let refused = send(&ops, hook, &json, &batch.to_string()).await;
        assert_eq!(refused.expect(403).json(), json!({"return_code": 403}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewers_refusal_is_403_and_says_so() {
    let serve = asked("").await;
    add_user(&serve, "User1", "live/*", "publish");
    let ops = serve.ops();
    let good = serve.minted("viewers", "live/show", "1h");
    let other = serve.minted("viewers", "live/other", "1h");
    let ask = async |query: &str| {
        let url = format!("/live/show/playlist.m3u8{query}");
        let body =
            json!({"url": url, "host": "h", "ip": "192.0.2.7", "user_agent": "x", "referer": ""});
        says(&ops, &body).await
    };
    let answer = ask(&format!("?token={good}")).await.expect(200);
    assert_eq!(answer.json()["return_code"], 200);
    for bad in [
        String::new(),
        format!("?token={other}"),
        "?token=a.b.c".to_owned(),
        format!("?user=User1&password={PASSWORD}"),
    ] {
        let answer = ask(&bad).await.expect(403);
        assert_eq!(answer.json()["return_code"], 403, "{bad}");
    }
    // What is not understood is no yes either.
    for odd in [json!({"url": "/live"}), json!({}), json!([1])] {
        let answer = says(&ops, &odd).await.expect(403);
        assert_eq!(answer.json()["return_code"], 403, "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_counted_and_are_still_told_403() {
    let mut serve = prepared("");
    serve.amend("refusals_per_minute = 0", "refusals_per_minute = 2");
    serve.resume().await;
    let ops = serve.ops();
    for guess in 0..6 {
        let url = format!("/live/show/playlist.m3u8?token=a.b.{guess}");
        let body = json!({"url": url, "ip": "192.0.2.66"});
        let answer = says(&ops, &body).await.expect(403);
        assert_eq!(answer.json()["return_code"], 403);
    }
    // The same address, by another media server's word, is another's.
    let own = "user=User1&password=obviously-a-guess";
    nginx_asks_for(&ops, "192.0.2.66", "live", own)
        .await
        .expect(401);
    let operator = serve.credential("operator", "**", &["operate"]);
    let operator = std::fs::read_to_string(operator).unwrap();
    let operator = ops.with(operator.trim());
    // Four as they happen, and the first that is too many.
    until("refusals are written", seconds(15), async || {
        let trail = operator.get("/v1/audit").await.expect(200).text();
        let of = trail.matches("192.0.2.66").count();
        (of >= 6).then_some(of)
    })
    .await;
    let told = uncoloured(&serve.process.as_ref().unwrap().stderr.text());
    let lines: Vec<_> = told
        .lines()
        .filter(|it| it.contains("192.0.2.66"))
        .collect();
    assert!(lines.len() >= 7, "{told}");
    for line in lines {
        let told = ["publisher=192.0.2.66", "client=127.0.0.1"];
        assert!(told.iter().all(|it| line.contains(it)), "{line}");
    }
}

/// A log without a terminal's escapes.
fn uncoloured(text: &str) -> String {
    let (first, rest) = text.split_once('\u{1b}').unwrap_or((text, ""));
    let rest = rest.split('\u{1b}').filter_map(|part| part.split_once('m'));
    rest.fold(first.to_owned(), |all, (_, part)| all + part)
}
