//! A client against servers on this machine that answer well, badly, slowly, and elsewhere.
//!
//! Must not know: the grounds of addresses; `reach` has them.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// A server that answers each request with this text.
async fn server(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut asked = [0; 4096];
                while stream.read(&mut asked).await.is_ok_and(|n| n > 0) {
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    port
}

fn client(hosts: &[&str], allow: &[Network]) -> Client {
    let terms = Terms {
        hosts,
        allow,
        total: Duration::from_millis(500),
        ..Terms::default()
    };
    Client::new(&terms).unwrap()
}

async fn get(client: &Client, url: &str, limit: usize) -> Result<Answer, OutboundError> {
    client.get(&url.parse().unwrap(), limit).await
}

const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncache-control: max-age=7\r\n\r\nhello";

#[tokio::test]
async fn an_answer_is_whole_or_none() {
    let port = server(GOOD).await;
    let url = format!("http://127.0.0.1:{port}/x");
    let client = client(&["127.0.0.1"], &[]);
    let answer = get(&client, &url, 5).await.unwrap();
    assert_eq!((answer.status, &*answer.body), (200, &b"hello"[..]));
    assert_eq!(answer.header("cache-control"), Some("max-age=7"));
    assert_eq!(
        get(&client, &url, 4).await.err(),
        Some(OutboundError::TooLong(4))
    );
}

#[tokio::test]
async fn what_does_not_say_its_length_is_counted() {
    let port = server(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n",
    )
    .await;
    let url = format!("http://127.0.0.1:{port}/x");
    let client = client(&["127.0.0.1"], &[]);
    assert_eq!(get(&client, &url, 6).await.unwrap().body, b"abcdef");
    assert_eq!(
        get(&client, &url, 5).await.err(),
        Some(OutboundError::TooLong(5))
    );
}

#[tokio::test]
async fn a_server_that_stops_in_between_is_late() {
    for part in ["", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell"] {
        let port = server(part).await;
        let url = format!("http://127.0.0.1:{port}/x");
        let outcome = get(&client(&["127.0.0.1"], &[]), &url, 99).await;
        assert_eq!(outcome.err(), Some(OutboundError::Late), "{part}");
    }
}

/// A server that says a head at once, then `body` byte by byte, each so long after the one before, and
/// then no more.
async fn slow_server(body: &'static str, pause: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let _asked = stream.read(&mut [0; 4096]).await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let mut pace = tokio::time::interval(pause);
        for byte in body.bytes() {
            pace.tick().await;
            stream.write_all(&[byte]).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    port
}

/// What is long takes long: where silence is bounded nothing else is.
#[tokio::test]
async fn what_goes_on_is_waited_for_and_what_stops_is_late() {
    for (body, expected) in [("and slow", Ok(8)), ("half", Err(OutboundError::Late))] {
        let port = slow_server(body, Duration::from_millis(100)).await;
        let client = Client::new(&Terms {
            hosts: &["127.0.0.1"],
            total: Duration::from_millis(300),
            silence: Some(Duration::from_millis(1000)),
            ..Terms::default()
        })
        .unwrap();
        let url = format!("http://127.0.0.1:{port}/x").parse().unwrap();
        let mut opened = client.open(&url, &[]).await.unwrap();
        let mut len = 0;
        let outcome = loop {
            match opened.piece().await {
                Ok(Some(piece)) => len += piece.as_ref().len(),
                Ok(None) => break Ok(len),
                Err(error) => break Err(error),
            }
        };
        assert_eq!(outcome, expected);
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let port =
        server("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
            .await;
    let url = format!("http://127.0.0.1:{port}/x");
    let answer = get(&client(&["127.0.0.1"], &[]), &url, 99).await.unwrap();
    assert_eq!(answer.status, 302);
}

#[tokio::test]
async fn this_machine_is_reached_by_a_configured_name_alone() {
    let port = server(GOOD).await;
    let loopback = ["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{port}/x");
        let forbidden = OutboundError::Forbidden(host.to_owned());
        assert_eq!(
            get(&client(&["login.example"], &[]), &url, 99).await.err(),
            Some(forbidden)
        );
        for allowing in [client(&[host], &[]), client(&[], &loopback)] {
            assert_eq!(get(&allowing, &url, 99).await.unwrap().status, 200);
        }
    }
    let metadata = "https://169.254.169.254/latest";
    let everything = ["0.0.0.0/0".parse().unwrap()];
    let outcome = get(&client(&["169.254.169.254"], &everything), metadata, 99).await;
    assert!(matches!(outcome, Err(OutboundError::Forbidden(_))));
}

#[tokio::test]
async fn no_failure_tells_a_secret() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let url: Address = format!("http://127.0.0.1:{port}/x?key=hush")
        .parse()
        .unwrap();
    let client = client(&["127.0.0.1"], &[]);
    let body = b"hush".to_vec();
    let error = client.post(&url, &[("x-mac", "hush")], body, 9).await;
    let error = error.unwrap_err();
    assert!(matches!(error, OutboundError::Unreachable(_)), "{error}");
    assert!(!format!("{error} {error:?} {url:?}").contains("hush"));
    let bad = client.post(&url, &[("x-mac", "a\nb")], Vec::new(), 9).await;
    assert_eq!(bad.err(), Some(OutboundError::Header));
}

#[test]
fn clients_believe_alike_where_their_terms_and_files_are_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    let authority = || {
        let made = rcgen::generate_simple_self_signed(["ca.example".to_owned()]);
        std::fs::write(&path, made.unwrap().cert.pem()).unwrap();
    };
    let trusting = || {
        let terms = Terms {
            authorities: &[&path],
            ..Terms::default()
        };
        Client::new(&terms).unwrap()
    };
    authority();
    let (one, same) = (trusting(), trusting());
    assert!(one.believes_as(&same));
    authority();
    assert!(!one.believes_as(&trusting()));
    assert!(!one.believes_as(&client(&[], &[])));
    let allow = ["10.0.0.0/8".parse().unwrap()];
    assert!(client(&[], &allow).believes_as(&client(&[], &allow)));
    assert!(!client(&[], &allow).believes_as(&client(&[], &[])));
    assert!(!client(&["ca.example"], &[]).believes_as(&client(&[], &[])));
}
