//! EdgeAuth's token as a part of the path: on the command line, and at a running server.
//!
//! Must not know: how the server takes a path apart.

use super::edgeauth::sealed_over;
use super::verdict::Judge;
use crate::harness::serve::Serve;

const KEY: &str = "0123456789abcdef";
const SCHEME: &str = "[schemes.edgeauth]\nsecrets_hex = [\"0123456789abcdef\"]\n";

fn judge(settings: &str) -> Judge {
    Judge::new("edgeauth", &format!("secrets_hex = [{KEY:?}]\n{settings}"))
}

fn sealed(fields: &str) -> String {
    let fields = format!("exp=4102444800~{fields}");
    sealed_over(KEY, &fields, &fields)
}

/// With the last digit of its hash changed.
fn altered(token: &str) -> String {
    let (rest, last) = token.split_at(token.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

#[test]
fn a_token_in_the_path_is_judged_and_is_no_part_of_it() {
    let long = sealed("acl=/live/a/*~data=hdntl");
    for name in ["hdntl", "hdnts", "hdnea", "__token__"] {
        for url in [
            format!("https://h/live/a/{name}={long}/playlist.m3u8"),
            format!("https://h/live/a/{name}={long}/v0/chunklist.m3u8?x=1"),
            format!("https://h/live/{name}={long}/a/playlist.m3u8"),
            format!("https://h/v1/play/live/a/{name}={long}/playlist.m3u8"),
            format!("/{name}={long}/live/a/playlist.m3u8?r=http://x/y"),
        ] {
            judge("").allows(&url);
        }
    }
    let encoded = long
        .replace('~', "%7E")
        .replace('/', "%2f")
        .replace('*', "%2A");
    judge("").allows(&format!("https://h/live/a/hdntl={encoded}/playlist.m3u8"));
    // A token for one URL is for the path without it.
    let one = sealed_over(
        KEY,
        "exp=4102444800",
        "exp=4102444800~url=/live/a/playlist.m3u8",
    );
    judge("").allows(&format!("https://h/live/a/hdnts={one}/playlist.m3u8"));
    judge("").denies(
        &format!("https://h/live/b/hdnts={one}/playlist.m3u8"),
        "hash_mismatch",
    );
    let named = format!("https://h/live/a/t={long}/playlist.m3u8");
    judge("name = \"t\"").allows(&named);
    judge("").denies(&named, "no_token");
}

#[test]
fn a_bad_token_in_the_path_is_refused_and_hides_no_other() {
    let (good, other) = (sealed("acl=/live/a/*"), sealed("acl=/live/b/*"));
    let at = |token: &str| format!("https://h/live/a/hdntl={token}/playlist.m3u8");
    for (bad, reason) in [(altered(&good), "hash_mismatch"), (other, "path")] {
        judge("").denies(&at(&bad), reason);
        judge("").allows(&format!("{}?hdntl={good}", at(&bad)));
        judge("").allows(&format!("{}?hdnts={good}", at(&bad)));
        judge("").allows(&format!("{}?hdntl={bad}", at(&good)));
        judge("").denies(&format!("{}?hdntl={bad}", at(&bad)), reason);
        let cookie = format!("hdntl={bad}");
        judge("").with(&["--cookie", &cookie]).allows(&at(&good));
    }
    // Of two that are good the query's decides.
    let [alice, bob] = ["alice", "bob"].map(|id| sealed(&format!("acl=/live/a/*~id={id}")));
    let verdict = judge("").verdict(&format!("{}?hdntl={bob}", at(&alice)));
    assert_eq!(verdict.subject.as_deref(), Some("bob"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_takes_it_on_lists_and_on_keys() {
    let serve = Serve::start("\"never\"", SCHEME).await;
    let (key, other) = (
        serve.key_path("test/own").await,
        serve.key_path("test/other").await,
    );
    let uri = format!("{}{key}", serve.url());
    serve.publish("test/own/index.m3u8", &uri);
    let nobody = serve.stranger();
    let long = sealed("acl=/test/own/*~data=hdntl");
    let (bad, foreign) = (altered(&long), sealed("acl=/test/other/*"));
    let list = |token: &str| format!("/v1/play/test/own/hdntl={token}/index.m3u8");
    let within =
        |path: &str, token: &str| path.replace("/v1/keys/", &format!("/v1/keys/hdntl={token}/"));
    let text = nobody.get(&list(&long)).await.expect(200).text();
    assert!(
        !text.contains("hmac"),
        "what we write is our own grant: {text}"
    );
    let granted = text.split("URI=\"").nth(1).unwrap();
    let granted = granted.split('"').next().unwrap();
    nobody.get(granted).await.expect(200);
    assert_eq!(
        nobody
            .get(&within(&key, &long))
            .await
            .expect(200)
            .body
            .len(),
        16
    );
    nobody.get(&within(&other, &long)).await.expect(401);
    for token in [&bad, &foreign] {
        for path in [list(token), within(&key, token)] {
            nobody.get(&path).await.expect(401);
            let good = format!("{path}?hdntl={long}");
            nobody.get(&good).await.expect(200);
        }
    }
    // What anybody may have is had with a token too, whatever it is worth.
    for token in [&long, &bad] {
        let shared = format!("/hls/test/own/hdntl={token}/index.m3u8");
        nobody.get(&shared).await.expect(200);
    }
    // Nothing else has such a part.
    let stray = format!("/v1/hdntl={long}/sessions/current");
    nobody.get(&stray).await.expect(404);
}
