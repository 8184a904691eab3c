//! Clients that take their time: with the handshake, a head, a body, an answer.
//!
//! Must not know: the numbers of others.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use super::{OPEN, fresh, measure, server, terms, turned};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};
use crate::harness::wire::{Wire, dial, local};

/// More than the 256 for each core that actix's own TLS listener lets shake hands at once.
const SILENT: usize = 1200;

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_that_never_end_keep_nobody_out() {
    let serve = server("connections_per_address = 0").await;
    let silent: Vec<TcpStream> = (0..SILENT)
        .map(|n| {
            let mut stream = dial(local(2), serve.port()).unwrap();
            if n % 2 == 0 {
                stream.write_all(b"\x16\x03\x01").unwrap(); // the beginning of a greeting
            }
            stream
        })
        .collect();
    let begun = Instant::now();
    let waited = fresh(&serve);
    assert!(waited < seconds(3), "{waited:?}");
    let slow = turned("slow");
    until("every silent one is dropped", seconds(20), async || {
        (measure(&serve, &slow).await >= SILENT as i64).then_some(())
    })
    .await;
    let lasted = begun.elapsed();
    assert!(
        lasted > seconds(8),
        "a slow network has its time: {lasted:?}"
    );
    drop(silent);
}

const HEAD: &str = "GET / HTTP/1.1\r\nhost: localhost\r\n";
const LINE: &str = "x: y\r\n";

/// Says `text` and then `more` over and over, four bytes a second, until the other end has enough
/// or `limit` is over; how long that was.
fn trickle(wire: &mut Wire, text: &str, more: &str, limit: Duration) -> Duration {
    let begun = Instant::now();
    for byte in text.bytes().chain(more.bytes().cycle()) {
        if wire.send(&[byte]).is_err() || wire.is_closed_within(Duration::from_millis(250)) {
            break;
        }
        assert!(begun.elapsed() < limit, "{:?}", begun.elapsed());
    }
    begun.elapsed()
}

fn connect(serve: &Serve) -> Wire {
    Wire::over(dial(local(2), serve.port()).unwrap(), &terms(serve)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_head_and_no_body_lasts_for_ever() {
    let serve = server("").await;
    let key = serve.credential("key", "test/**", &["register"]);
    let key = std::fs::read_to_string(key).unwrap();

    let mut first = connect(&serve);
    let first = spawn(move || trickle(&mut first, HEAD, LINE, seconds(20)));
    // A second request's head: actix has a timer for the first one only.
    let mut second = connect(&serve);
    assert_eq!(second.ask("GET", super::PATH, "").unwrap().status, 200);
    let second = spawn(move || trickle(&mut second, HEAD, LINE, seconds(32)));
    // The same, with its first byte sent together with the request before.
    let mut joined = connect(&serve);
    let whole = format!("GET {} HTTP/1.1\r\nhost: localhost\r\n\r\nG", super::PATH);
    joined.send(whole.as_bytes()).unwrap();
    assert_eq!(joined.answer().unwrap().status, 200);
    let joined = spawn(move || trickle(&mut joined, &HEAD[1..], LINE, seconds(32)));
    let mut body = connect(&serve);
    let head = format!(
        "PUT /v1/streams/test/a HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 60000\r\n\r\n",
        key.trim()
    );
    body.send(head.as_bytes()).unwrap();
    let body = spawn(move || trickle(&mut body, "{", " ", seconds(20)));

    let waited = fresh(&serve);
    assert!(waited < seconds(3), "{waited:?}");
    for (what, thread, least) in [
        ("a first head", first, 8),
        ("a second head", second, 20),
        ("a second head that began early", joined, 20),
        ("a body", body, 8),
    ] {
        let lasted = thread.join().unwrap();
        assert!(lasted > seconds(least), "{what}: {lasted:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_on_this_machine_keeps_the_operator_out() {
    let serve = server("").await;
    let whole = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let hold = |_| {
        let mut stream = dial(local(1), serve.ops_port()).unwrap();
        stream.write_all(whole).unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        stream.write_all(b"G").unwrap();
        stream
    };
    // As many as there may be, each in the midst of its second question.
    let held: Vec<TcpStream> = (0..64).map(hold).collect();
    until("the operator is let in", seconds(40), async || {
        let asking = serve.ops();
        let asking = asking.get("/readyz");
        let answer = tokio::time::timeout(seconds(1), asking).await;
        answer.ok().filter(|answer| answer.status == 200)
    })
    .await;
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_takes_is_given_up() {
    let serve = server("").await;
    let folder = serve.origin().join("test/big");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.ts"), vec![0; 32 << 20]).unwrap();
    let ask = b"GET /hls/test/big/a.ts HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut deaf = connect(&serve);
    deaf.send(ask).unwrap();
    // One that reads slowly, but does, gets all of it.
    let mut steady = connect(&serve);
    let steady = spawn(move || {
        steady.send(ask).unwrap();
        sleep(seconds(15));
        steady.take(32 << 20)
    });
    until("both are there", seconds(5), async || {
        (measure(&serve, OPEN).await == 2).then_some(())
    })
    .await;
    let slow = turned("slow");
    // Its system may take a last piece for it with one of the later probes of a closed window, and
    // patience counts from that.
    until("the deaf one is given up", seconds(60), async || {
        (measure(&serve, &slow).await == 1).then_some(())
    })
    .await;
    steady.join().unwrap().unwrap();
    assert!(fresh(&serve) < seconds(3));
}
