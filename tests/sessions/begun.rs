//! What a stream's policy says when a session begins: its slot is taken then, and it is bound to an
//! address by the stream's own policy alone.
//!
//! Must not know: how a session is kept.

use super::{CURRENT, PAGE, begin, cookie, from_page, with_cookie};
use crate::harness::serve::Serve;

const LIMITED: &str =
    "[[policies]]\nstreams = [\"test/one\"]\nmax_sessions = 1\nlimit = \"hard\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_is_taken_when_a_session_begins_and_given_back_when_it_ends() {
    let serve = Serve::start("\"never\"", LIMITED).await;
    let key = serve.key_path("test/one").await;
    let token = serve.minted("viewers", "test/one", "1h");
    let one = Some(r#"{"stream":"test/one"}"#);
    let first = cookie(
        &begin(&serve, &token, one).await.expect(200),
        "hlskey_session",
    );
    let nobody = serve.stranger();
    for _ in 0..2 {
        begin(&serve, &token, one).await.expect(403);
    }
    with_cookie(&nobody, "GET", &key, &first).await.expect(200);
    from_page(&nobody, "DELETE", CURRENT, &first, PAGE)
        .await
        .expect(204);
    let second = cookie(
        &begin(&serve, &token, one).await.expect(200),
        "hlskey_session",
    );
    with_cookie(&nobody, "GET", &key, &second).await.expect(200);
    with_cookie(&nobody, "GET", &key, &first).await.expect(403);
}

const BOUND: &str = "[[policies]]\nstreams = [\"test/bound\"]\nbind_ip = \"exact\"\n";
const HOME: &str = "192.0.2.1";
const AWAY: &str = "192.0.2.99";

#[tokio::test(flavor = "multi_thread")]
async fn one_bound_stream_binds_no_session_of_another() {
    let mut serve = Serve::prepare("\"never\"", BOUND);
    let proxied = "trusted_proxies = [\"127.0.0.1\"]\n[server.tls]";
    serve.amend("[server.tls]", proxied);
    serve.resume().await;
    let (bound, free) = (
        serve.key_path("test/bound").await,
        serve.key_path("test/free").await,
    );
    let token = serve.minted("viewers", "test/*", "1h");
    let nobody = serve.stranger();
    let at = async |path: &str, cookie: &str, address: &str| {
        let headers = [("cookie", cookie), ("x-forwarded-for", address)];
        nobody
            .try_ask("GET", path, &headers, None)
            .await
            .unwrap()
            .status
    };
    for body in [None, Some(r#"{"stream":"test/free"}"#)] {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("x-forwarded-for", HOME),
        ];
        let begun = nobody
            .try_ask("POST", "/v1/sessions", &headers, body)
            .await
            .unwrap();
        let session = cookie(&begun.expect(200), "hlskey_session");
        for address in [HOME, AWAY, HOME] {
            assert_eq!(
                at(&free, &session, address).await,
                200,
                "{body:?} {address}"
            );
        }
        if body.is_none() {
            assert_eq!(at(&bound, &session, HOME).await, 200);
            assert_eq!(at(&bound, &session, AWAY).await, 403);
        }
    }
    let headers = [
        ("authorization", &*format!("Bearer {token}")),
        ("x-forwarded-for", HOME),
    ];
    let body = Some(r#"{"stream":"test/bound"}"#);
    let begun = nobody
        .try_ask("POST", "/v1/sessions", &headers, body)
        .await
        .unwrap();
    let session = cookie(&begun.expect(200), "hlskey_session");
    assert_eq!(at(&bound, &session, AWAY).await, 403, "begun elsewhere");
    assert_eq!(at(&bound, &session, HOME).await, 200);
}
