//! `hlskey token mint`: what it prints is taken, and what would not be it refuses to print.
//!
//! Must not know: any scheme's form.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::verdict::Judge;

fn url(file: &str, query: &str) -> String {
    format!("https://video.example/live/news/{file}?{query}")
}

#[test]
fn an_instance_is_found_by_its_kind() {
    let secret = "secret = \"obviously-a-fake-secret-of-40-characters\"";
    let judge = Judge::new("viewers", &format!("kind = \"jwt\"\n{secret}")).now();
    for name in ["jwt", "viewers"] {
        let token = judge.mint(name, &[]).unwrap();
        judge.allows(&url("index.m3u8", &format!("token={token}")));
    }
    let refused = judge.mint("players", &[]).unwrap_err();
    assert!(refused.contains("no [schemes.players]"), "{refused}");
}

#[test]
fn what_would_be_refused_is_not_printed() {
    let secrets = "secrets = [\"obviously-fake\"]\n";
    let hex = "secrets_hex = [\"0123\"]\n";
    let viewer = format!("{secrets}subject_parameter = \"userid\"");
    for (scheme, settings, good, bad, why) in [
        (
            "securetoken",
            &*format!("{secrets}include_ip = true"),
            ["--ip", "192.0.2.7"],
            ["--ttl", "1h"],
            "client's address",
        ),
        (
            "securetoken",
            &format!("{secrets}max_life = \"1h\""),
            ["--ttl", "1h"],
            ["--ttl", "2h"],
            "lives longer",
        ),
        (
            "securetoken",
            &viewer,
            ["--subject", "alice"],
            ["--subject", "a&b"],
            "'&'",
        ),
        (
            "securetoken",
            &viewer,
            ["--subject", "al-1"],
            ["--subject", ""],
            "subject",
        ),
        (
            "wmsauth",
            secrets,
            ["--subject", "05"],
            ["--subject", "192.0.2.105"],
            "the end of another field",
        ),
        (
            "wmsauth",
            secrets,
            ["--subject", "a=b"],
            ["--subject", "a&id=b"],
            "'&'",
        ),
        (
            "wmsauth",
            secrets,
            ["--action", "play"],
            ["--subject", ""],
            "client's address",
        ),
        (
            "edgeauth",
            hex,
            ["--subject", "alice"],
            ["--subject", "a~acl=/*"],
            "'~'",
        ),
        (
            "edgeauth",
            hex,
            ["--file", "a.m3u8"],
            ["--action", "publish"],
            "publish",
        ),
        (
            "hdnts",
            secrets,
            ["--action", "play"],
            ["--file", "a.m3u8"],
            "--file",
        ),
        (
            "urlparams",
            "play = [\"fake.w\"]",
            ["--action", "play"],
            ["--action", "publish"],
            "nothing to sign",
        ),
    ] {
        let judge = Judge::new(scheme, settings);
        judge.mint(scheme, &good).unwrap();
        let told = judge.mint(scheme, &bad).unwrap_err();
        assert!(told.contains(why), "{scheme} {bad:?}: {told}");
    }
}

#[test]
fn an_address_is_bound_or_refused() {
    let ip = ["--ip", "192.0.2.1"];
    let secrets = "secrets = [\"obviously-fake\"]";
    let bound = format!("{secrets}\ninclude_ip = true");
    for (scheme, settings, is_bound) in [
        ("securetoken", &*bound, true),
        ("securetoken", secrets, false),
        ("wmsauth", secrets, true),
        ("hdnts", secrets, true),
        ("edgeauth", "secrets_hex = [\"0123\"]", true),
        ("urlparams", "play = [\"fake.w\"]", false),
        (
            "jwt",
            "secret = \"obviously-a-fake-secret-of-40-characters\"",
            false,
        ),
    ] {
        let judge = Judge::new(scheme, settings).now();
        match judge.mint(scheme, &ip) {
            Ok(query) if is_bound => {
                let url = url("index.m3u8", &query);
                let judge = judge.ip("192.0.2.1");
                judge.allows(&url);
                let elsewhere = judge.ip("192.0.2.2").verdict(&url);
                assert!(!elsewhere.allow, "{scheme}: {elsewhere:?}");
            }
            Err(told) if !is_bound => {
                assert!(told.contains("leave --ip out"), "{scheme}: {told}");
                judge.mint(scheme, &[]).unwrap();
            }
            found => panic!("{scheme}: {found:?}"),
        }
    }
}

#[test]
fn a_token_ends_when_it_shall() {
    let secrets = "secrets = [\"obviously-fake\"]";
    for (scheme, settings) in [
        ("wmsauth", secrets),
        ("securetoken", secrets),
        ("hdnts", secrets),
        ("edgeauth", "secrets_hex = [\"0123\"]"),
    ] {
        let judge = Judge::new(scheme, settings).now();
        let signed = |ttl: &str| url("index.m3u8", &judge.mint(scheme, &[ttl]).unwrap());
        let (gone, minute) = (signed("--ttl=-30s"), signed("--ttl=90s"));
        judge.denies(&gone, "expired");
        let long = signed("--ttl=1h");
        let end = |url: &str| {
            let expires = judge.allows(url).expires.unwrap();
            OffsetDateTime::parse(&expires, &Rfc3339).unwrap()
        };
        // They are not minted at once.
        let apart = (end(&long) - end(&minute)).whole_seconds();
        assert!((3510..3530).contains(&apart), "{scheme}: {apart} s");
    }
}

#[test]
fn an_escaped_subject_comes_out_as_it_went_in() {
    let settings = "secrets_hex = [\"0123\"]\nescape_early = true";
    let judge = Judge::new("edgeauth", settings).now();
    let query = judge.mint("edgeauth", &["--subject", "a@b&c"]).unwrap();
    let verdict = judge.allows(&url("index.m3u8", &query));
    assert_eq!(verdict.subject.as_deref(), Some("a@b&c"));
}

#[test]
fn wmsauth_has_a_basic_form_for_an_address() {
    let judge = Judge::new("wmsauth", "secrets = [\"obviously-fake\"]").now();
    let args = ["--subject", "", "--ip", "192.0.2.7"];
    let url = url("index.m3u8", &judge.mint("wmsauth", &args).unwrap());
    let judge = judge.ip("192.0.2.7");
    judge.allows(&url);
    judge.ip("192.0.2.8").denies(&url, "hash_mismatch");
}

#[test]
fn edgeauth_signs_one_url() {
    let judge = Judge::new("edgeauth", "secrets_hex = [\"0123\"]\nsalt = \"fake\"").now();
    let query = judge
        .mint("edgeauth", &["--file", "v0/index.m3u8"])
        .unwrap();
    assert!(!query.contains("acl"), "{query}");
    judge.allows(&url("v0/index.m3u8", &query));
    judge.denies(&url("v1/index.m3u8", &query), "hash_mismatch");
}

#[test]
fn urlparams_signs_for_who_publishes() {
    let words = "play = [\"fake-word.watch\"]\npublish = [\"fake-other.send\"]";
    let judge = Judge::new("urlparams", words);
    let query = judge.mint("urlparams", &["--action", "publish"]).unwrap();
    assert_eq!(query, "send=fake-other");
    let url = url("index.m3u8", &query);
    judge.denies(&url, "no_token");
    judge.with(&["--action", "publish"]).allows(&url);
}
