//! A session's text opens as it was signed and in no other form, character by character.
//!
//! Must not know: what it says, or how it is signed.

use super::{begin, cookie, text, with_cookie};
use crate::harness::binary::mint;
use crate::harness::serve::Serve;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_changed_anywhere_opens_nothing() {
    let serve = Serve::start("\"never\"", "").await;
    let own = serve.key_path("test/own").await;
    let token = mint(&serve.config(), "test/own", "1h");
    let begun = begin(&serve, &token, None).await.expect(200);
    let cookie = cookie(&begun, "hlskey_session");
    let (name, good) = cookie.split_once('=').unwrap();
    let grant = text(&begun.json(), "grant").to_owned();
    let nobody = serve.stranger();
    with_cookie(&nobody, "GET", &own, &cookie).await.expect(200);
    nobody.with(&grant).get(&own).await.expect(200);
    for at in 0..good.len() {
        let forged = format!("{name}={}", changed(good, at));
        with_cookie(&nobody, "GET", &own, &forged).await.expect(401);
    }
    for at in 0..grant.len() {
        let forged = nobody.with(&changed(&grant, at));
        forged.get(&own).await.expect(401);
    }
}

/// With another character there, of the same alphabet.
fn changed(text: &str, at: usize) -> String {
    let mut bytes = text.as_bytes().to_vec();
    bytes[at] = if bytes[at] == b'A' { b'Q' } else { b'A' };
    String::from_utf8(bytes).unwrap()
}
