//! Wowza's ModuleSecureURLParams.
//!
//! Must not know: how the server compares.

use super::verdict::Judge;
use crate::harness::authority::private;

fn judge(settings: &str, action: &str) -> Judge {
    Judge::new("urlparams", settings).with(&["--action", action])
}

fn url(query: &str) -> String {
    format!("rtmp://h/live/news?{query}")
}

#[test]
fn a_word_opens_its_own_action_alone() {
    let settings = "publish = [\"123.doPublish, 456.doPublish\"]\nplay = [\"a.b.doPlay\"]";
    for query in [
        "doPublish=123",
        "doPublish=456",
        "x=1&doPublish=12%33",
        "doPublish=9&doPublish=123",
    ] {
        judge(settings, "publish").allows(&url(query));
        judge(settings, "play").denies(&url(query), "no_token");
    }
    // What is compared is the whole of VALUE.NAME.
    judge(settings, "play").allows(&url("doPlay=a.b"));
    judge(settings, "play").allows(&url("b.doPlay=a"));
    judge(settings, "play").denies(&url("a.b.doPlay="), "no_token");
    judge(settings, "play").denies(&url("doPlay=a"), "signature");
    judge(settings, "publish").denies(&url("dopublish=123"), "no_token");
    judge(settings, "publish").denies(&url("doPublish=1234"), "signature");
}

#[test]
fn where_nothing_is_configured_nobody_is_let_in() {
    judge("publish = [\"1.a\"]", "play").denies(&url("a=1"), "no_token");
    judge("publish = [\"1.a\"]", "play").denies(&url(""), "no_token");
}

#[test]
fn what_is_minted_is_encoded() {
    let judge = Judge::new("urlparams", "play = [\"a b.n&x\"]");
    let query = judge.mint("urlparams", &[]).unwrap();
    assert_eq!(query, "n%26x=a%20b");
    judge.allows(&url(&query));
}

/// The module's empty property: nobody gets in, which programs are told too.
#[test]
fn a_configuration_that_cannot_be_used_is_a_no() {
    let empty = judge("play = []\npublish = []", "play");
    empty.denies(&url("a=1"), "config");
    judge("play = [\"1.a\"]", "play").allows(&url("a=1"));
    for secret in ["short", "obviously-a-fake-secret-of-40-characters"] {
        let keys = format!("keys = [{{ alg = \"HS256\", secret = {secret:?} }}]");
        let jwt = Judge::new("jwt", &keys);
        let reason = match secret {
            "short" => "config",
            _ => "no_token",
        };
        jwt.denies("https://h/live/a/index.m3u8", reason);
    }
}

#[test]
fn a_parameter_is_never_a_path() {
    let judge = judge("publish = [\"123.doPublish\"]", "publish");
    judge.denies(&url("toml=..%2Fhlskey"), "file_path");
    judge.denies(&url("..%5Chlskey=toml"), "file_path");
    judge.denies(&url("doPublish=..%2Fhlskey"), "signature");
    judge.denies(&url("toml=a..b%2Fhlskey"), "no_token");
}

#[test]
fn the_words_may_stand_in_files() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        private(&path, text);
        path
    };
    let play = file("play", "\n1.a\n2.b, 3.c\n");
    let publish = file("publish", "4.d\n");
    let settings = format!("play = [\"5.e\"]\nplay_file = {play:?}\npublish_file = {publish:?}");
    for query in ["a=1", "b=2", "c=3", "e=5"] {
        judge(&settings, "play").allows(&url(query));
        judge(&settings, "publish").denies(&url(query), "no_token");
    }
    judge(&settings, "publish").allows(&url("d=4"));
    judge(&settings, "publish").denies(&url("d=1"), "signature");
}

/// As RTMP's clients write it: the stream behind the application's query.
#[test]
fn a_stream_behind_the_query_is_the_one_that_is_asked_for() {
    let judge = judge("publish = [\"xyz.doPublish\"]", "publish");
    let verdict = judge.allows("rtmp://h/live?doPublish=xyz/news");
    assert_eq!(verdict.streams, ["live/news"]);
    judge.denies("rtmp://h/live?doPublish=other/news", "signature");
}
