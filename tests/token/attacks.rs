//! Every attack that is known of a legacy scheme is refused, for a reason of its own, beside what it is
//! made of; and every list of vectors that other tests leave out.
//!
//! Must not know: how the server hashes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde_json::Value;

use super::edgeauth::sealed_over;
use super::verdict::Judge;
use crate::harness::rust_source::files;

const WOWZA: &str = include_str!("vectors/wowza_securetoken_v2.json");
const PANEL: &str = include_str!("vectors/wmsauth.json");
const AKAMAI: &str = include_str!("vectors/akamai_edgeauth.json");
const WORDS: &str = include_str!("vectors/secureurlparams.json");
const TODAY: &str = "1/1/2024 12:00:00 AM";

fn vectors(file: &str, list: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(file).unwrap();
    all[list].as_array().unwrap().clone()
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_else(|| panic!("{vector}"))
}

#[test]
fn every_list_of_vectors_is_read_by_a_test() {
    let tests = files("tests/token", &[".rs"]);
    let vectors = files("tests/token/vectors", &[".json"]);
    assert_eq!(vectors.len(), 6);
    for file in vectors {
        let all: Value = serde_json::from_str(&file.text).unwrap();
        let all = all.as_object().unwrap().iter();
        for (list, _) in all.filter(|(_, value)| value.is_array()) {
            let name = format!("\"{list}\"");
            let is_read = tests.iter().any(|test| test.text.contains(&name));
            assert!(is_read, "{} {list}", file.path);
        }
    }
}

#[test]
fn every_behaviour_and_attack_of_securetoken_is_met() {
    let judge = |secret: &str| Judge::new("securetoken", &format!("secrets = [{secret:?}]"));
    let own = || judge("mySharedSecret");
    let url = |path: &str| format!("https://h{path}");
    let short = |hash: &str| format!("https://h/live/streamer-1/stream?wowzatokenhash={hash}");
    for vector in vectors(WOWZA, "behaviour_and_attacks") {
        match text(&vector, "name") {
            "padding_stripped" => {
                drop(judge("secret").allows(&short(text(&vector, "url_hash"))));
            }
            "standard_alphabet" => {
                let hash = text(&vector, "url_hash");
                judge("secret").denies(&short(hash), "hash_alphabet");
            }
            "unprefixed_param_ignored" => drop(own().allows(&url(text(&vector, "url")))),
            "encoded_ampersand_injection" => {
                own().allows(&url(text(&vector, "legit_url")));
                own().denies(&url(text(&vector, "attack_url")), "separator");
            }
            "path_traversal" => {
                let attack = url(text(&vector, "attack_url"));
                own().allows(&attack.replace("/../other", ""));
                own().denies(&attack, "path");
            }
            "milliseconds_endtime" => {
                let query = text(&vector, "url_param");
                let url = url(&format!("/live/a?{query}&wowzatokenhash=AA"));
                own().denies(&url, "milliseconds");
                own().denies(&url.replace("000&", "&"), "hash_length");
            }
            other => panic!("nothing tries {other}"),
        }
    }
}

/// One parameter that would be read as two, in a name or in a value, and signed as it stands: that the
/// signer meant.
#[test]
fn a_separator_in_disguise_is_told_and_what_was_signed_with_it_is_good() {
    use aws_lc_rs::digest::{SHA256, digest};
    use base64::engine::general_purpose::URL_SAFE;
    let judge = || Judge::new("securetoken", "secrets = [\"mySharedSecret\"]");
    let url = |query: &str, hashed: &str| {
        let text = format!("live/a?mySharedSecret&{hashed}");
        let hash = URL_SAFE.encode(digest(&SHA256, text.as_bytes()));
        format!("https://h/live/a/playlist.m3u8?{query}&wowzatokenhash={hash}")
    };
    let meant = "wowzatokenA=b&wowzatokenendtime=1704070800";
    judge().allows(&url(meant, meant));
    for disguised in [
        "wowzatokenA=b%26wowzatokenendtime%3D1704070800",
        "wowzatokenA%3Db%26wowzatokenendtime=1704070800",
        "wowzatokenA=b%23&wowzatokenendtime=1704070800",
        "wowzatokenA=b%3f&wowzatokenendtime=1704070800",
        "wowzatokenA=b%0a&wowzatokenendtime=1704070800",
    ] {
        let plain = percent_encoding::percent_decode_str(disguised)
            .decode_utf8()
            .unwrap();
        judge().denies(&url(disguised, &plain), "separator");
    }
    let whole = "wowzatokenA=b%26c";
    judge().allows(&url(whole, whole));
    judge().denies(&url("wowzatokenA=b", "wowzatokenA=c"), "hash_mismatch");
}

fn panel(settings: &str, ip: &str) -> Judge {
    let settings = format!("secrets = [\"defaultpassword\"]\n{settings}");
    Judge::new("wmsauth", &settings).ip(ip)
}

fn sign_url(path: &str, inner: &str) -> String {
    let sign = STANDARD.encode(inner);
    format!("https://h/{path}/playlist.m3u8?wmsAuthSign={sign}")
}

#[test]
fn tokens_of_wmsauth_that_hash_alike_pass_for_no_other() {
    let inner = |hash: &str, id: &str| {
        format!("server_time={TODAY}&hash_value={hash}&validminutes=240&id={id}&checkip=true")
    };
    for vector in vectors(PANEL, "canonicalisation_attacks") {
        let (one, other) = (text(&vector, "string_a"), text(&vector, "string_b"));
        let hash = STANDARD.encode(Md5::digest(one));
        assert!(one == other && hash == text(&vector, "hash"), "{vector}");
        for side in ["a", "b"] {
            let (ip, id) = text(&vector, side).trim().split_once(',').unwrap();
            let (ip, id) = (
                ip.strip_prefix("ip=").unwrap(),
                id.strip_prefix("id=").unwrap(),
            );
            let url = sign_url("live/stream", &inner(&hash, id));
            panel("", ip).denies(&url, "ambiguous");
        }
    }
    // A basic token with an id put behind it, and a viewer's without its own.
    let hash = STANDARD.encode(Md5::digest(format!("192.0.2.105defaultpassword{TODAY}240")));
    let plain = format!("server_time={TODAY}&hash_value={hash}&validminutes=240");
    panel("", "192.0.2.105").allows(&sign_url("live/stream", &plain));
    for id in ["5", ".5", "05"] {
        panel("", "192.0.2.10").denies(&sign_url("live/stream", &inner(&hash, id)), "ambiguous");
    }
    // What begins with a letter ends no address, whatever its first and last are.
    let hash = STANDARD.encode(Md5::digest(format!(
        "192.0.2.12x7defaultpassword{TODAY}240"
    )));
    let viewer = inner(&hash, "x7");
    panel("", "192.0.2.12").allows(&sign_url("live/stream", &viewer));
    panel("", "192.0.2.1").denies(&sign_url("live/stream", &viewer), "hash_mismatch");
    panel("", "192.0.2.1").denies(&sign_url("live/stream", &inner(&hash, "2x7")), "ambiguous");
    // Without checkip no address stands before the id.
    let hash = STANDARD.encode(Md5::digest(format!("007defaultpassword{TODAY}240")));
    let viewer = format!("server_time={TODAY}&hash_value={hash}&validminutes=240&id=007");
    panel("", "192.0.2.1").allows(&sign_url("live/stream", &viewer));
    // The minutes' last digit as the path's first: 20 and live hash as 2 and 0live.
    let hash = STANDARD.encode(Md5::digest(format!(
        "192.0.2.10defaultpassword{TODAY}20live/a"
    )));
    let of = |minutes: &str, length: usize| {
        format!("server_time={TODAY}&hash_value={hash}&validminutes={minutes}&strm_len={length}")
    };
    panel("", "192.0.2.10").allows(&sign_url("live/a", &of("20", 6)));
    panel("", "192.0.2.10").denies(&sign_url("0live/a", &of("2", 7)), "ambiguous");
    // Where what it would pass for is no stream of the instance, an application may begin so.
    let own = |streams: &str| panel(&format!("streams = [{streams}]"), "192.0.2.10");
    own("\"0live/*\"").allows(&sign_url("0live/a", &of("2", 7)));
    own("\"0live/*\", \"live/*\"").denies(&sign_url("0live/a", &of("2", 7)), "ambiguous");
    // A stream whose name goes on, and a token that names none where it must.
    panel("", "192.0.2.10").denies(&sign_url("live/abc", &of("20", 6)), "path");
    let hash = STANDARD.encode(Md5::digest(format!("192.0.2.10defaultpassword{TODAY}20")));
    let basic = format!("server_time={TODAY}&hash_value={hash}&validminutes=20");
    panel("", "192.0.2.10").allows(&sign_url("live/any", &basic));
    let strict = panel("require_stream = true", "192.0.2.10");
    strict.denies(&sign_url("live/any", &basic), "no_stream");
}

#[test]
fn the_times_of_wmsauth_are_as_the_vectors_have_them() {
    let generated = vectors(PANEL, "generated");
    let basic = generated.iter().find(|it| it["name"] == "basic").unwrap();
    let url = format!(
        "https://h/live/stream/playlist.m3u8?wmsAuthSign={}",
        text(basic, "wmsAuthSign")
    );
    for vector in vectors(PANEL, "time_semantics") {
        assert!(text(&vector, "token").starts_with("basic "), "{vector}");
        let settings = format!("tolerance = {}", vector["tolerance"]);
        let at = vector["now"].as_i64().unwrap();
        let judge = |ip: &str| panel(&settings, ip).at(at);
        match text(&vector, "expect") {
            "accept" => drop(judge("192.0.2.10").allows(&url)),
            expect => {
                let ip = expect.rsplit(' ').next().unwrap();
                judge(ip).denies(&url, "hash_mismatch");
            }
        }
    }
}

/// Tokens of live services, with another secret: their shapes are read.
#[test]
fn every_shape_of_wmsauth_that_was_seen_is_read() {
    for vector in vectors(PANEL, "seen_in_the_wild") {
        let shape = text(&vector, "decoded_shape");
        let ip = "192.0.2.10";
        let shape = shape.replace("<hex>", "feed").replace("<digits>", "7");
        let field = |name: &str| {
            let mut fields = shape.split('&').filter_map(|field| field.split_once('='));
            fields
                .find(|(found, _)| *found == name)
                .map(|(_, value)| value)
        };
        let path = "live/some/stream";
        let length: usize = field("strm_len").map_or(0, |length| length.parse().unwrap());
        let bound = field("checkip").map_or("", |_| ip);
        let hashed = [
            bound,
            field("id").unwrap(),
            "defaultpassword",
            field("server_time").unwrap(),
            field("validminutes").unwrap(),
            &path[..length],
        ];
        let hash = STANDARD.encode(Md5::digest(hashed.concat()));
        let good = shape.replace("<24 chars>", &hash);
        let at = match field("server_time").unwrap() {
            "11/27/2024 9:56:36 AM" => 1_732_701_396,
            "02/23/2026 06:30:10 PM" => 1_771_871_410,
            other => panic!("when is {other}?"),
        };
        let judge = || panel("", ip).at(at);
        assert_eq!(
            judge().allows(&sign_url(path, &good)).subject.as_deref(),
            field("id")
        );
        let other = shape.replace("<24 chars>", &STANDARD.encode([7; 16]));
        judge().denies(&sign_url(path, &other), "hash_mismatch");
        panel("", ip)
            .at(at + 86_401)
            .denies(&sign_url(path, &good), "expired");
    }
}

/// What else these services sign is no viewer's token, whichever parameter it is put in.
#[test]
fn a_signature_for_something_else_opens_nothing() {
    let url = |query: &str| format!("https://h/live/stream/playlist.m3u8?{query}");
    let both = "secrets = [\"defaultpassword\", \"waidoengii6Nohr4EecohdeNeu2ohc\"]";
    let judge = || Judge::new("wmsauth", both).ip("127.0.0.1");
    for vector in vectors(PANEL, "publish_sign") {
        let sign = text(&vector, "publishsign");
        let hash = STANDARD.encode(Md5::digest(text(&vector, "string_hashed")));
        assert_eq!(hash, text(&vector, "sign"), "{vector}");
        judge().denies(&url(&format!("publishsign={sign}")), "no_token");
        judge().denies(&url(&format!("wmsAuthSign={sign}")), "malformed");
        let publish = judge().with(&["--action", "publish"]);
        publish.denies(&url(&format!("publishsign={sign}")), "no_token");
    }
    for vector in vectors(PANEL, "pay_per_view") {
        let parts = ["ID", "Puzzle", "token"].map(|name| text(&vector, name));
        let sign = text(&vector, "Signature");
        assert_eq!(
            STANDARD.encode(Md5::digest(parts.concat())),
            sign,
            "{vector}"
        );
        let [id, ..] = parts;
        let inner = format!("server_time={TODAY}&hash_value={sign}&validminutes=20&id={id}");
        judge().denies(&sign_url("live/stream", &inner), "hash_mismatch");
        judge().denies(&url(&format!("wmsAuthSign={sign}")), "malformed");
    }
}

#[test]
fn what_was_published_of_edgeauth_and_is_wrong_does_not_verify() {
    for vector in vectors(AKAMAI, "published") {
        assert_eq!(vector["verifies"], false, "{vector}");
        let (key, token) = (text(&vector, "key"), text(&vector, "token"));
        let judge =
            || Judge::new("edgeauth", &format!("secrets_hex = [{key:?}]")).at(1_498_386_100);
        let url = |token: &str| format!("https://h/protected/a/index.m3u8?hdnts={token}");
        judge().denies(&url(token), "hash_mismatch");
        let (fields, _) = token.rsplit_once("~hmac=").unwrap();
        judge().allows(&url(&sealed_over(key, fields, fields)));
    }
}

/// The module's own configuration and query, but where nothing is configured nobody is let in; there
/// is no `connect` apart from watching.
#[test]
fn every_case_of_the_words_is_met() {
    let url = |query: &str| format!("rtmp://h/live/news?{query}");
    let mut met = Vec::new();
    let vectors = vectors(WORDS, "cases");
    for vector in &vectors {
        let words = vector["config"]["publish"]
            .as_str()
            .unwrap_or("123.doPublish");
        let action = text(vector, "action");
        let judge = |action: &str| {
            let settings = format!("publish = [{words:?}]");
            Judge::new("urlparams", &settings).with(&["--action", action])
        };
        let (query, expect) = (text(vector, "query"), text(vector, "expect"));
        met.push(match (action, expect.split([' ', ':']).next().unwrap()) {
            ("publish", "allow") => {
                judge(action).allows(&url(query));
                judge("play").denies(&url(query), "no_token");
                judge(action).denies(&url(&format!("{query}9")), "signature");
                "allow"
            }
            ("connect", "allow" | "deny") => {
                judge("play").denies(&url(query), "no_token");
                "nothing"
            }
            ("publish", "MUST") => {
                judge(action).denies(&url(query), "file_path");
                judge("play").denies(&url(query), "file_path");
                "path"
            }
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(
        met,
        ["allow", "nothing", "allow", "allow", "nothing", "path"]
    );
}
