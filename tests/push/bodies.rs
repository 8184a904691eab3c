//! Bodies: long ones, broken ones, in pieces, awaited.
//!
//! Must not know: what is published.

use crate::harness::push::Push;
use crate::harness::wait::{seconds, until};
use crate::harness::wire::{Said, Terms, Wire};

fn connect(push: &Push) -> Wire {
    let terms = Terms::new(push.serve.authority.pem(), None);
    Wire::connect(push.port, &terms).unwrap()
}

fn head(push: &Push, file: &str, lines: &str) -> String {
    let (path, secret) = (push.path(file), &push.secret);
    format!(
        "PUT {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {secret}\r\n{lines}\r\n"
    )
}

fn code(said: &Said) -> String {
    let body: serde_json::Value = serde_json::from_slice(&said.body).unwrap();
    body["code"].as_str().unwrap().to_owned()
}

/// Pieces of a chunked body, the last one too.
fn chunked(pieces: &[&[u8]]) -> Vec<u8> {
    let mut body = Vec::new();
    for piece in pieces.iter().chain([&&b""[..]]) {
        body.extend(format!("{:x}\r\n", piece.len()).as_bytes());
        body.extend(*piece);
        body.extend(b"\r\n");
    }
    body
}

/// The longest playlist, in bytes.
const LIST: usize = 32 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_chunked_body_is_taken_when_it_is_whole() {
    let push = Push::prepare("test/chunked", "\"never\"").await;
    let _worker = push.start(&[]).await;
    let mut wire = connect(&push);
    let packet = [0x47; 188];
    let body = chunked(&[&packet, &packet, &packet]);
    let head = head(&push, "a.ts", "transfer-encoding: chunked\r\n");
    // Two on one connection, which stays open between them, and while a segment is written.
    for status in [201, 200] {
        wire.send(head.as_bytes()).unwrap();
        wire.send(&body[..200]).unwrap();
        until("it is on its way", seconds(10), async || {
            let names = push.spooled();
            names
                .iter()
                .any(|name| name.ends_with(".tmp"))
                .then_some(())
        })
        .await;
        assert_eq!(push.spooled().contains(&"a.ts".to_owned()), status == 200);
        wire.send(&body[200..]).unwrap();
        assert_eq!(wire.answer().unwrap().status, status);
        assert_eq!(push.spooled(), ["a.ts"]);
    }
    let kept = std::fs::read(push.job.spool().join("a.ts")).unwrap();
    assert_eq!(kept, packet.repeat(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_leaves_nothing() {
    let push = Push::prepare("test/broken", "\"never\"").await;
    let _worker = push.start(&[]).await;
    let lines = ["content-length: 1000\r\n", "transfer-encoding: chunked\r\n"];
    for (n, line) in lines.into_iter().enumerate() {
        let mut wire = connect(&push);
        let head = head(&push, &format!("{n}.ts"), line);
        wire.send(head.as_bytes()).unwrap();
        wire.send(&chunked(&[&[0x47; 188]])[..150]).unwrap();
        until("it is on its way", seconds(10), async || {
            (!push.spooled().is_empty()).then_some(())
        })
        .await;
        drop(wire);
        until("it is forgotten", seconds(10), async || {
            push.spooled().is_empty().then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_as_long_as_its_kind_may_be() {
    let push = Push::prepare("test/long", "\"never\"").await;
    let _worker = push.start(&["--spool-limit", "64"]).await;
    let send = async |file: &str, body: Vec<u8>| {
        let answer = push.offer("PUT", file, body).await;
        (answer.status, answer.code())
    };
    let mut wire = connect(&push);
    let announced = head(&push, "a.ts", "content-length: 536870913\r\n");
    wire.send(announced.as_bytes()).unwrap();
    let said = wire.answer().unwrap();
    assert_eq!((said.status, &*code(&said)), (413, "body_too_large"));

    let mut list = b"#EXTM3U\n".to_vec();
    list.resize(LIST, b'\n');
    assert_eq!(send("a.m3u8", list.clone()).await.0, 201);
    list.push(b'\n');
    let (status, name) = send("b.m3u8", list).await;
    assert_eq!((status, &*name), (413, "body_too_large"));
    let (status, name) = send("c.m3u8", b"<html>no list</html>".to_vec()).await;
    assert_eq!((status, &*name), (422, "unprocessable"));

    let (status, name) = send("a.ts", vec![0x47; LIST + 1]).await;
    assert_eq!((status, &*name), (507, "no_room"));
    assert_eq!(push.spooled(), ["a.m3u8"]);
    assert_eq!(send("a.ts", vec![0x47; LIST]).await.0, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_first_is_told_to_go_on_or_not() {
    let push = Push::prepare("test/awaited", "\"never\"").await;
    let _worker = push.start(&[]).await;
    let lines = "expect: 100-continue\r\ncontent-length: 188\r\n";
    let mut wire = connect(&push);
    wire.send(head(&push, "a.ts", lines).as_bytes()).unwrap();
    assert_eq!(wire.answer().unwrap().status, 100);
    wire.send(&[0x47; 188]).unwrap();
    assert_eq!(wire.answer().unwrap().status, 201);

    let mut wire = connect(&push);
    let path = push.path("b.ts");
    let said = wire.ask("PUT", &path, lines).unwrap();
    assert_eq!(said.status, 401, "{}", said.head);
    assert!(said.head.to_lowercase().contains("www-authenticate: basic"));
    assert_eq!(push.spooled(), ["a.ts"]);
}
