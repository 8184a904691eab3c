//! Clients that ask faster than they listen, and what is left of a body that nobody wants.
//!
//! Must not know: how a connection is read.

use std::time::Duration;

use super::heads::resident;
use super::{OPEN, PATH, fresh, measure, server, terms};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};
use crate::harness::wire::{Wire, dial, local};

/// So many bytes of requests, each with a long answer; the system takes them whether or not the
/// server does.
fn questions(bytes: usize) -> Vec<u8> {
    let one = format!("GET {PATH} HTTP/1.1\r\nhost: a\r\n\r\n");
    one.bytes().cycle().take(bytes).collect()
}

fn connect(serve: &Serve) -> Wire {
    Wire::over(dial(local(2), serve.port()).unwrap(), &terms(serve)).unwrap()
}

/// CPU time that a process has used.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    // User and system time are the 14th and 15th field, the name being the second.
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 1000 / TICKS)
}

/// In a second, as Linux tells them to programs whatever it counts in itself.
const TICKS: u64 = 100;

/// Waits until the server has done what it does about what came, and holds that it then rests.
async fn rests(pid: u32, what: &str) {
    let span = seconds(1);
    until(what, seconds(15), async || {
        let before = cpu(pid);
        tokio::time::sleep(span).await;
        (cpu(pid) - before < span / 5).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_and_does_not_listen_costs_no_cpu() {
    let serve = server("").await;
    let pid = serve.process.as_ref().unwrap().pid();
    let mut deaf = connect(&serve);
    deaf.send(&questions(1 << 20)).unwrap();
    rests(pid, "at rest with answers that nobody takes").await;
    // Somebody who takes a piece now and then is waited for, and no less at rest.
    for _ in 0..3 {
        deaf.take(300 << 10).unwrap();
        deaf.send(&questions(300 << 10)).unwrap();
        rests(pid, "at rest after a piece").await;
    }
    assert!(fresh(&serve) < seconds(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_behind_a_long_poll_costs_no_cpu() {
    let serve = server("").await;
    let pid = serve.process.as_ref().unwrap().pid();
    let key = serve.credential("key", "test/**", &["register", "lease", "read"]);
    let key = std::fs::read_to_string(key).unwrap();
    let key = format!("authorization: Bearer {}\r\n", key.trim());
    let path = "/v1/streams/test/a/schedule";
    let mut first = connect(&serve);
    let version = first.ask("GET", path, &key).unwrap();
    let version: serde_json::Value = serde_json::from_slice(&version.body).unwrap();
    let poll = format!(
        "GET {path}?known={}&wait=10 HTTP/1.1\r\nhost: a\r\n{key}\r\n",
        version["version"]
    );
    let mut eager = connect(&serve);
    eager.send(poll.as_bytes()).unwrap();
    eager.send(&questions(1 << 20)).unwrap();
    rests(pid, "at rest while an answer is awaited").await;
    let polled = eager.answer().unwrap();
    assert_eq!(
        polled.status,
        200,
        "{}",
        String::from_utf8_lossy(&polled.body)
    );
    for _ in 0..50 {
        assert_eq!(eager.answer().unwrap().status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_sent_together_are_answered_one_by_one() {
    let serve = server("").await;
    let mut eager = connect(&serve);
    let one = format!(
        "GET {PATH} HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "y".repeat(900)
    );
    eager.send(one.repeat(100).as_bytes()).unwrap();
    for _ in 0..100 {
        assert_eq!(eager.answer().unwrap().status, 200);
    }
    assert_eq!(eager.ask("GET", PATH, "").unwrap().status, 200);
}

/// The answer to the second of two requests comes at once, though the client has not acknowledged
/// the first one: systems delay that by some 40 ms.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_waits_for_an_acknowledgement() {
    let serve = server("").await;
    let mut wire = connect(&serve);
    // Long enough that the two are looked at one after the other.
    let long = format!(
        "GET /v1/keys/x HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "y".repeat(2100)
    );
    let mut took = Vec::new();
    for _ in 0..40 {
        assert_eq!(wire.ask("GET", "/v1/keys/x", "").unwrap().status, 401);
        let begun = std::time::Instant::now();
        wire.send(long.repeat(2).as_bytes()).unwrap();
        for _ in 0..2 {
            assert_eq!(wire.answer().unwrap().status, 401);
        }
        took.push(begun.elapsed());
    }
    took.sort();
    println!(
        "two answers: half within {:?}, all within {:?}",
        took[20], took[39]
    );
    assert!(took[20] < Duration::from_millis(25), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_in_store_hold_little_memory() {
    let serve = server("").await;
    let pid = serve.process.as_ref().unwrap().pid();
    fresh(&serve);
    let before = resident(pid);
    let questions = questions(1 << 20);
    let deaf: Vec<Wire> = (0..40)
        .map(|_| {
            let mut wire = connect(&serve);
            wire.send(&questions).unwrap();
            wire
        })
        .collect();
    rests(pid, "at rest").await;
    let each = resident(pid).saturating_sub(before) / deaf.len();
    println!(
        "a client that asks and does not listen holds {} KB",
        each / 1024
    );
    assert!(each < 400 << 10, "{each} bytes each");
    drop(deaf);
    until("all are gone", seconds(5), async || {
        (measure(&serve, OPEN).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_early_can_still_read_why() {
    let serve = server("").await;
    let key = serve.credential("key", "test/**", &["register"]);
    let key = std::fs::read_to_string(key).unwrap();
    let good = format!("authorization: Bearer {}\r\n", key.trim());
    let bad = "authorization: Bearer hlskey_nobody\r\n";
    for size in [200_usize << 10, 8 << 20] {
        let body = "x".repeat(size);
        let whole = format!("content-length: {size}\r\n\r\n{body}");
        let chunked = format!("transfer-encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n");
        for (credential, rest, status) in [
            (bad, &whole, 401),
            (bad, &chunked, 401),
            (&good, &whole, 413),
            (&good, &chunked, 413),
        ] {
            let mut wire = connect(&serve);
            let head = format!(
                "PUT /v1/streams/test/a HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{credential}"
            );
            wire.send(format!("{head}{rest}").as_bytes()).unwrap();
            let said = wire.answer().unwrap();
            assert_eq!(said.status, status, "{size} {}", said.head);
            let document: serde_json::Value = serde_json::from_slice(&said.body).unwrap();
            assert!(document["request_id"].is_string());
        }
    }
}
