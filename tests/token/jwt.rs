//! JSON Web Tokens at the command line.
//!
//! Must not know: how a token is signed.

use super::verdict::Judge;
use crate::harness::binary::command;

const SECRET: &str = "obviously-a-fake-secret-of-40-characters";
const OTHER: &str = "obviously-another-fake-secret-of-40-char";

/// A token for `live/news`; `secret` comes by the environment over the file's.
fn minted(judge: &Judge, secret: Option<&str>) -> String {
    let mut mint = command(&[
        "token",
        "mint",
        "--stream",
        "live/news",
        "--config",
        judge.file(),
    ]);
    if let Some(secret) = secret {
        mint.env("HLSKEY_SCHEMES__JWT__SECRET", secret);
    }
    let output = mint.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_viewers_token_watches_its_streams_and_publishes_nothing() {
    let judge = || Judge::new("jwt", &format!("secret = {SECRET:?}")).now();
    let token = minted(&judge(), None);
    let url = |stream: &str| format!("https://h/{stream}/playlist.m3u8?token={token}");
    assert_eq!(judge().allows(&url("live/news")).streams, ["live/news"]);
    judge().denies(&url("live/sport"), "stream");
    let publish = judge().with(&["--action", "publish"]);
    publish.denies(&url("live/news"), "action");
}

#[test]
fn the_environment_wins_over_the_file() {
    let judge = || Judge::new("jwt", &format!("secret = {SECRET:?}")).now();
    let url = |token: &str| format!("https://h/live/news/playlist.m3u8?token={token}");
    judge().allows(&url(&minted(&judge(), Some(SECRET))));
    judge().denies(&url(&minted(&judge(), Some(OTHER))), "signature");
}
