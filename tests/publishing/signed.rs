//! OvenMediaEngine asks, and signs what it asks.
//!
//! Must not know: how a signature is looked at.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::{PASSWORD, SECRET, add_user, asked, send};
use crate::harness::issuer::now;

fn signature(secret: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, body.as_bytes()))
}

fn present() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(now()).unwrap()
}

fn question(direction: &str, url: &str) -> String {
    question_at(present(), direction, url)
}

fn question_at(time: OffsetDateTime, direction: &str, url: &str) -> String {
    let time = time.format(&Rfc3339).unwrap();
    format!(
        r#"{{"client":{{"address":"192.0.2.7","port":29291,"user_agent":"x"}},"request":{{
            "direction":"{direction}","protocol":"rtmp","status":"opening","url":"{url}",
            "time":"{time}"}}}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_question_is_answered_and_no_other() {
    let serve = asked("").await;
    add_user(&serve, "User1", "live/*", "publish");
    let ops = serve.ops();
    let ask = async |path: &str, body: &str, signature: &str| {
        let headers = [
            ("content-type", "application/json"),
            ("x-ome-signature", signature),
        ];
        send(&ops, path, &headers, body).await
    };
    let own = format!("user=User1&password={PASSWORD}");
    let url = |app: &str, own: &str| format!("rtmp://media.example.com:1935/{app}/show?{own}");
    let hook = "/v1/hooks/ome";
    for (body, status) in [
        (question("incoming", &url("live", &own)), 200),
        (question("incoming", &url("live8", &own)), 403),
        (
            question("incoming", &url("live", "user=User1&password=another")),
            403,
        ),
        (question("incoming", &url("live", "")), 403),
        (question("outgoing", &url("live", &own)), 403),
        (question("sideways", &url("live", &own)), 403),
    ] {
        let answer = ask(hook, &body, &signature(SECRET, &body))
            .await
            .expect(status);
        assert_eq!(answer.json()["allowed"], status == 200);
    }
    let nobody = question("incoming", &url("live", ""));
    let told = ask(hook, &nobody, &signature(SECRET, &nobody)).await;
    let told = told.json()["reason"].as_str().unwrap().to_owned();
    assert!(
        told.contains("publish 'live/show'") && told.contains("password=PASSWORD"),
        "{told}"
    );
    let good = question("incoming", &url("live", &own));
    let other = question("incoming", &url("live", ""));
    for bad in [
        String::new(),
        signature(SECRET, &other),
        signature("obviously-another-secret", &good),
    ] {
        ask(hook, &good, &bad).await.expect(401);
    }
    // One that is repeated later is refused, and that it is over is not.
    let old = present() - Duration::minutes(6);
    let again = question_at(old, "incoming", &url("live", &own));
    let refused = ask(hook, &again, &signature(SECRET, &again)).await;
    let told = refused.expect(403).json()["reason"].to_string();
    assert!(told.contains("five minutes"), "{told}");
    let over = again.replace("opening", "closing");
    ask(hook, &over, &signature(SECRET, &over))
        .await
        .expect(200);
    // The secret itself is no signature.
    let shown = format!("{hook}?secret={SECRET}");
    ask(&shown, &good, "").await.expect(401);
}
