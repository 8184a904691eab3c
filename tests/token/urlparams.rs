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
    judge(settings, "play").allows(&url("doPlay=a.b"));
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
