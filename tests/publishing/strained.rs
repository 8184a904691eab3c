//! Publishing while the store does not answer, and while somebody guesses passwords by the hundred.
//!
//! Must not know: how a password is looked at.

use tokio::task::JoinHandle;

use super::{PASSWORD, add_user, asked, file, nginx_asks};
use crate::harness::database;
use crate::harness::serve::Serve;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_lets_nobody_publish() {
    let serve = asked("").await;
    add_user(&serve, "User1", "live/*", "publish");
    add_user(&serve, "User2", "live/*", "publish");
    let own = |user: &str| format!("user={user}&password={PASSWORD}");
    let ops = serve.ops();
    nginx_asks(&ops, "live", &own("User1")).await.expect(200);
    let url = format!("sqlite:{}", file(&serve, "keystore/hlskey.db").display());
    database::run(&url, "ALTER TABLE credentials RENAME TO lost").await;
    let away = nginx_asks(&ops, "live", &own("User2")).await.expect(503);
    assert_eq!(away.code(), "unavailable");
    database::run(&url, "ALTER TABLE lost RENAME TO credentials").await;
    nginx_asks(&ops, "live", &own("User2")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_registered_by_its_template_before_its_first_byte() {
    let serve =
        asked("[[keys.templates]]\nstreams = 'live/*'\nrotation = { every = '10m' }\n").await;
    add_user(&serve, "User1", "**", "publish,read");
    let basic = {
        use base64::Engine as _;
        let pair = format!("User1:{PASSWORD}");
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(pair)
        )
    };
    let stranger = serve.stranger();
    let show = async |stream: &str| {
        let path = format!("/v1/streams/{stream}");
        let headers = [("authorization", basic.as_str())];
        stranger
            .try_ask("GET", &path, &headers, None)
            .await
            .unwrap()
            .status
    };
    let ops = serve.ops();
    let wrong = "user=User1&password=obviously-another-password";
    nginx_asks(&ops, "live", wrong).await.expect(401);
    assert_eq!(show("live/show").await, 404);
    let own = format!("user=User1&password={PASSWORD}");
    nginx_asks(&ops, "live", &own).await.expect(200);
    assert_eq!(show("live/show").await, 200);
    // No template is for this one: it may be sent, and nobody has a key of it.
    nginx_asks(&ops, "live8", &own).await.expect(200);
    assert_eq!(show("live8/show").await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_guesses_holds_up_no_key_and_nobody_who_is_known() {
    let serve = asked("").await;
    add_user(&serve, "User1", "live/*", "publish");
    let own = format!("user=User1&password={PASSWORD}");
    // At another listener than the flood, which has few connections.
    let stranger = serve.stranger();
    nginx_asks(&stranger, "live", &own).await.expect(200);
    let key = serve.key_path("test/a").await;
    let viewer = serve.viewer("test/a");
    viewer.get(&key).await.expect(200);
    let flood: Vec<_> = (0..48).map(|number| guesses(&serve, number)).collect();
    let mut asked = 0;
    while !flood.iter().all(JoinHandle::is_finished) {
        viewer.get(&key).await.expect(200);
        nginx_asks(&stranger, "live", &own).await.expect(200);
        asked += 1;
    }
    let mut answers = Vec::new();
    for guess in flood {
        answers.extend(guess.await.unwrap());
    }
    let count = |status| answers.iter().filter(|found| **found == status).count();
    assert_eq!(count(401) + count(503), 48 * GUESSES, "{answers:?}");
    assert!(count(503) > 0 && count(401) > 0, "{answers:?}");
    assert!(asked >= 10, "{asked} keys while so many were answered");
    println!(
        "{asked} keys, {} hashes, {} refused unheard",
        count(401),
        count(503)
    );
}

const GUESSES: usize = 6;

/// So many wrong passwords, one after the other.
fn guesses(serve: &Serve, number: usize) -> JoinHandle<Vec<u16>> {
    let ops = serve.ops();
    tokio::spawn(async move {
        let mut answers = Vec::new();
        for guess in 0..GUESSES {
            let own = format!("user=User1&password=obviously-a-guess-{number}-{guess}");
            answers.push(nginx_asks(&ops, "live", &own).await.status);
        }
        answers
    })
}
