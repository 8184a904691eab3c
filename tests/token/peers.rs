//! Legacy tokens of others, judged here, and ours, made again by them: Akamai's own library, and the
//! media servers' published formulas, run by PHP.
//!
//! Must not know: how the server hashes.

use std::process::Command;

use serde_json::{Value, json};

use super::verdict::Judge;
use crate::harness::issuer::now;
use crate::harness::python;
use crate::harness::rust_source::root;

const KEY: &str = "0123456789abcdef";
/// The hour in which `Judge` stands.
const START: i64 = 1_704_067_200;
const END: i64 = START + 3600;
const IP: &str = "192.0.2.10";

/// What Akamai's library signs; `more` are its settings.
fn akamai(path: &str, is_url: bool, more: &Value) -> String {
    let mut order = json!({
        "path": path, "is_url": is_url, "key": KEY, "start_time": START, "end_time": END,
    });
    for (name, value) in more.as_object().unwrap() {
        order[name] = value.clone();
    }
    python::printed("edgeauth.py", &[&order.to_string()])
}

fn edgeauth(more: &str) -> Judge {
    Judge::new("edgeauth", &format!("secrets_hex = [{KEY:?}]\n{more}")).ip(IP)
}

#[test]
fn akamais_tokens_are_taken_as_its_settings_are() {
    let url = |path: &str, token: &str| format!("https://h{path}?hdnts={token}");
    let own = "/live/news/playlist.m3u8";
    for (path, is_url, settings, more) in [
        ("/live/news/*", false, "", json!({})),
        ("/live/news/*", false, "", json!({"ip": IP})),
        ("/live/news/*", false, "", json!({"session_id": "alice"})),
        (
            "/live/news/*",
            false,
            "",
            json!({"session_id": "a", "payload": "x=1;y=2"}),
        ),
        (
            "/live/news/*",
            false,
            "salt = \"fake\"",
            json!({"salt": "fake"}),
        ),
        (
            "/live/news/*",
            false,
            "hash = \"sha1\"",
            json!({"algorithm": "sha1"}),
        ),
        (
            "/live/news/*",
            false,
            "hash = \"md5\"",
            json!({"algorithm": "md5", "ip": IP}),
        ),
        (
            "/live/news/*",
            false,
            "",
            json!({"escape_early": true, "session_id": "a@b&c"}),
        ),
        (own, true, "", json!({})),
        (own, true, "", json!({"escape_early": true, "ip": IP})),
        (
            own,
            true,
            "hash = \"md5\"\nsalt = \"fake\"",
            json!({"algorithm": "md5", "salt": "fake"}),
        ),
        (
            own,
            true,
            "salt = \"fake\"",
            json!({"salt": "fake", "session_id": "alice"}),
        ),
    ] {
        let token = akamai(path, is_url, &more);
        edgeauth(settings).allows(&url(own, &token));
        edgeauth(settings)
            .at(END + 1)
            .denies(&url(own, &token), "expired");
        edgeauth("salt = \"other\"").denies(&url(own, &token), "hash_mismatch");
        let elsewhere = url("/live/sport/playlist.m3u8", &token);
        let reason = if is_url { "hash_mismatch" } else { "path" };
        edgeauth(settings).denies(&elsewhere, reason);
        if more["ip"] == IP {
            edgeauth(settings)
                .ip("192.0.2.11")
                .denies(&url(own, &token), "ip");
        }
    }
}

/// As Akamai's edge writes lists, and with the parts of a URL that stand behind its path.
#[test]
fn akamais_lists_may_be_encoded_and_its_urls_have_a_query() {
    let url = |path: &str, token: &str| format!("https://h{path}?hdnts={token}");
    let own = "/live/news/playlist.m3u8";
    for list in ["%2f*", "%2Flive%2Fnews%2F*", "/other/*!%2flive%2f*"] {
        let token = akamai(list, false, &json!({}));
        edgeauth("").allows(&url(own, &token));
        let sport = url("/live/sport/playlist.m3u8", &token);
        if list.contains("news") {
            edgeauth("").denies(&sport, "path");
        } else {
            edgeauth("").allows(&sport);
        }
    }
    let token = akamai(
        "/live/*",
        false,
        &json!({"session_id": "al ice+", "escape_early": true}),
    );
    let verdict = edgeauth("escape_early = true").allows(&url(own, &token));
    assert_eq!(verdict.subject.as_deref(), Some("al ice+"));
    let whole = format!("{own}?cdn=1&x=a%20b");
    for more in [json!({}), json!({"escape_early": true})] {
        let token = akamai(&whole, true, &more);
        for behind in ["cdn=1&x=a%20b&", "x=a%20b&cdn=1&", ""] {
            let shown = url(own, &token).replace('?', &format!("?{behind}"));
            if behind.starts_with("cdn") {
                edgeauth("").allows(&shown);
            } else {
                edgeauth("").denies(&shown, "hash_mismatch");
            }
        }
    }
}

#[test]
fn akamais_library_makes_our_tokens_again() {
    for (settings, args, path, more) in [
        (
            "",
            vec!["--ip", IP],
            "/live/news/*",
            json!({"ip": IP, "session_id": "viewer"}),
        ),
        (
            "salt = \"fake\"\nescape_early = true",
            vec!["--subject", "a@b&c"],
            "/live/news/*",
            json!({"salt": "fake", "escape_early": true, "session_id": "a@b&c"}),
        ),
        (
            "escape_early = true",
            vec!["--subject", "", "--file", "v0/a_b.m3u8"],
            "/live/news/v0/a_b.m3u8",
            json!({"escape_early": true}),
        ),
        (
            "hash = \"sha1\"",
            vec!["--subject", "alice"],
            "/live/news/*",
            json!({"algorithm": "sha1", "session_id": "alice"}),
        ),
        (
            "hash = \"md5\"\nsalt = \"fake\"",
            vec!["--subject", "", "--file", "index.m3u8"],
            "/live/news/index.m3u8",
            json!({"algorithm": "md5", "salt": "fake"}),
        ),
    ] {
        let judge = edgeauth(settings);
        let query = judge.mint("edgeauth", &args).unwrap();
        let ours = query.strip_prefix("hdnts=").unwrap();
        let time = |name: &str| -> i64 {
            let mut fields = ours.split('~').filter_map(|field| field.strip_prefix(name));
            fields.next().unwrap().parse().unwrap()
        };
        let mut order = more.clone();
        (order["start_time"], order["end_time"]) = (json!(time("st=")), json!(time("exp=")));
        let is_url = args.contains(&"--file");
        assert_eq!(akamai(path, is_url, &order), ours);
    }
}

/// What PHP signs by a published formula (`sign`), or says of what is signed (`verify`).
fn php(work: &str, scheme: &str, order: &Value) -> String {
    let mut command = Command::new("php");
    let script = root().join(format!("tests/php/{work}.php"));
    command.arg("-n").arg(script);
    let output = command.args([scheme, &order.to_string()]).output();
    let output = output.expect("php-cli is missing: `tools/need.sh php=php-cli`");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

fn url(query: &str) -> String {
    format!("https://h/live/news/playlist.m3u8?{query}")
}

#[test]
fn the_php_formula_of_securetoken_is_ours() {
    for (hash, ip) in [
        ("sha256", None),
        ("sha384", Some(IP)),
        ("sha512", Some("2001:db8::7")),
    ] {
        let order = json!({
            "path": "live/news", "secret": "obviouslyFake", "ip": ip, "hash": hash,
            "parameters": {
                "wowzatokenstarttime": START.to_string(), "wowzatokenendtime": END.to_string(),
                "wowzatokenCustom": "a-1", "wowzatoken2": "b",
            },
        });
        let with_ip = ip.is_some();
        let judge = |secret: &str| {
            let settings =
                format!("secrets = [{secret:?}]\nhash = {hash:?}\ninclude_ip = {with_ip}");
            Judge::new("securetoken", &settings).ip(ip.unwrap_or(IP))
        };
        let theirs = url(&php("sign", "securetoken", &order));
        judge("obviouslyFake").allows(&theirs);
        judge("obviouslyFake")
            .at(END + 1)
            .denies(&theirs, "expired");
        judge("obviouslyOther").denies(&theirs, "hash_mismatch");
    }
}

#[test]
fn the_php_formula_of_wmsauth_is_ours() {
    for (id, ip, path) in [
        (None, Some(IP), ""),
        (None, Some(IP), "live/news"),
        (Some("alice"), None, "live/news"),
        (Some("alice"), Some(IP), "live/news"),
    ] {
        let order = json!({
            "path": path, "secret": "obviouslyFake", "ip": ip, "id": id, "start": START,
            "minutes": 60,
        });
        let judge = |secret: &str| Judge::new("wmsauth", &format!("secrets = [{secret:?}]")).ip(IP);
        let theirs = url(&php("sign", "wmsauth", &order));
        let subject = judge("obviouslyFake").allows(&theirs).subject;
        assert!(id.is_none() || subject.as_deref() == id);
        judge("obviouslyFake")
            .at(END + 1)
            .denies(&theirs, "expired");
        judge("obviouslyOther").denies(&theirs, "hash_mismatch");
    }
}

/// What is minted for `live/news` now verifies there by the formula, and nothing near it does.
fn is_verified_by_php(scheme: &str, judge: &Judge, args: &[&str], more: &Value) {
    let query = judge.mint(scheme, &[args, &["--ttl", "10m"]].concat());
    let now = now();
    let query = query.unwrap();
    judge.allows(&url(&query));
    let mut order = json!({
        "query": query, "path": "live/news", "secret": "obviouslyFake", "ip": null, "now": now,
    });
    for (name, value) in more.as_object().unwrap() {
        order[name] = value.clone();
    }
    let said = |name: &str, value: Value| {
        let mut order = order.clone();
        order[name] = value;
        php("verify", scheme, &order)
    };
    assert_eq!(said("now", json!(now + 1)), "ok", "{query}");
    assert_eq!(said("now", json!(now + 540)), "ok", "{query}");
    // Minutes are whole ones.
    assert_eq!(said("now", json!(now + 662)), "time", "{query}");
    assert_eq!(said("now", json!(now - 60)), "time", "{query}");
    assert_eq!(said("secret", json!("obviouslyOther")), "hash", "{query}");
    assert_eq!(said("path", json!("live/sport")), "hash", "{query}");
    if !order["ip"].is_null() {
        let is_bound = args.contains(&"--ip");
        let elsewhere = if is_bound { "hash" } else { "ok" };
        assert_eq!(said("ip", json!("198.51.100.7")), elsewhere, "{query}");
    }
}

#[test]
fn the_php_formula_of_securetoken_verifies_what_is_minted() {
    for (hash, ip, more) in [
        ("sha256", None, ""),
        ("sha384", Some(IP), ""),
        (
            "sha512",
            Some("2001:db8::7"),
            "subject_parameter = \"wowzatokenViewer\"",
        ),
    ] {
        let with_ip = ip.is_some();
        let settings = format!(
            "secrets = [\"obviouslyFake\"]\nhash = {hash:?}\ninclude_ip = {with_ip}\n{more}"
        );
        let judge = Judge::new("securetoken", &settings)
            .ip(ip.unwrap_or(IP))
            .now();
        let args = ip.map(|ip| vec!["--ip", ip]).unwrap_or_default();
        let order = json!({"hash": hash, "ip": ip});
        is_verified_by_php("securetoken", &judge, &args, &order);
    }
}

#[test]
fn the_php_formula_of_wmsauth_verifies_what_is_minted() {
    let judge = Judge::new("wmsauth", "secrets = [\"obviouslyFake\"]")
        .ip(IP)
        .now();
    for args in [
        vec!["--subject", "", "--ip", IP],
        vec!["--subject", "alice"],
        vec!["--subject", "alice", "--ip", IP],
    ] {
        is_verified_by_php("wmsauth", &judge, &args, &json!({"ip": IP}));
    }
}
