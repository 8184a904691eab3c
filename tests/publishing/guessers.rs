//! Guessers at one address, and publishers and packagers at others.
//!
//! Must not know: how a password is looked at, or who waits for whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::task::JoinHandle;

use super::{PASSWORD, add_user, asked, nginx_asks_for, prepared};
use crate::harness::serve::Serve;

const GUESSERS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_from_one_address_holds_up_nobody_from_elsewhere() {
    let serve = asked("").await;
    let users: Vec<_> = (1..=6).map(|number| format!("User{number}")).collect();
    for user in &users {
        add_user(&serve, user, "live/*", "publish,read");
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let flood: Vec<_> = (0..GUESSERS)
        .map(|number| guesses(&serve, number, &is_over))
        .collect();
    // At another listener than the flood, which has few connections. None of them was ever heard before.
    let stranger = serve.stranger();
    for (number, user) in users.iter().enumerate() {
        match number % 2 {
            0 => {
                let own = format!("user={user}&password={PASSWORD}");
                let address = format!("198.51.100.{number}");
                let answer = nginx_asks_for(&stranger, &address, "live", &own).await;
                answer.expect(200);
            }
            _ => {
                let value = format!("Basic {}", STANDARD.encode(format!("{user}:{PASSWORD}")));
                let headers = [("authorization", value.as_str())];
                let route = "/v1/streams/live/none";
                let answer = stranger.try_ask("GET", route, &headers, None).await;
                answer.unwrap().expect(404);
            }
        }
    }
    is_over.store(true, Ordering::Relaxed);
    let mut answers = Vec::new();
    for guess in flood {
        answers.extend(guess.await.unwrap());
    }
    let count = |status| answers.iter().filter(|found| **found == status).count();
    println!(
        "{} guesses were looked at, {} were not",
        count(401),
        count(503)
    );
    assert!(count(503) > 0 && count(401) > 0, "{answers:?}");
}

/// Wrong passwords of one address, one after the other until it is over.
fn guesses(serve: &Serve, number: usize, is_over: &Arc<AtomicBool>) -> JoinHandle<Vec<u16>> {
    let (ops, is_over) = (serve.ops(), Arc::clone(is_over));
    tokio::spawn(async move {
        let mut answers = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            let guess = answers.len();
            let own = format!("user=User1&password=obviously-a-guess-{number}-{guess}");
            let answer = nginx_asks_for(&ops, "192.0.2.66", "live", &own).await;
            answers.push(answer.status);
        }
        answers
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_counted_by_the_publishers_own_address() {
    let mut serve = prepared("");
    serve.amend("refusals_per_minute = 0", "refusals_per_minute = 2");
    serve.resume().await;
    add_user(&serve, "User1", "live/*", "publish");
    let ops = serve.ops();
    let ask = async |address: &str, password: &str| {
        let own = format!("user=User1&password={password}");
        nginx_asks_for(&ops, address, "live", &own).await
    };
    for guess in 0..4 {
        let guess = format!("obviously-a-guess-{guess}");
        ask("192.0.2.66", &guess).await.expect(401);
    }
    let answer = ask("192.0.2.66", "obviously-a-guess").await.expect(429);
    assert_ne!(answer.header("retry-after"), "");
    // Another's are its own, and what is right is never held up.
    ask("198.51.100.1", "obviously-a-guess").await.expect(401);
    ask("192.0.2.66", PASSWORD).await.expect(200);
    // Whoever is no media server counts nobody's guesses.
    for _ in 0..6 {
        let body = "app=live&addr=203.0.113.9&call=publish&name=show&type=live";
        let form = [("content-type", "application/x-www-form-urlencoded")];
        super::send(&ops, "/v1/hooks/rtmp", &form, body)
            .await
            .expect(401);
    }
    ask("203.0.113.9", "obviously-a-guess").await.expect(401);
    let told = serve.process.as_ref().unwrap().stderr.text();
    // Its own address is what a firewall needs.
    assert!(told.contains("192.0.2.66"), "{told}");
}
