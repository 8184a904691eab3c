//! Mistakes of SecureToken's signers.
//!
//! Must not know: how the server hashes.

use aws_lc_rs::digest::{Algorithm, SHA256, SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::{Judge, codes, hex, told};

const SECRET: &str = "obviouslyFake";
const SPAN: &str = "wowzatokenendtime=1704070800&wowzatokenstarttime=1704067200";
/// What is right: the secret sorts before `w`.
const RIGHT: &str =
    "live/news?obviouslyFake&wowzatokenendtime=1704070800&wowzatokenstarttime=1704067200";

fn judge(settings: &str) -> Judge {
    let settings = format!("secrets = [\"anotherFake\", {SECRET:?}]\n{settings}");
    Judge::new("securetoken", &settings).ip("192.0.2.7")
}

fn raw(hashed: &str, algorithm: &'static Algorithm) -> Vec<u8> {
    digest(algorithm, hashed.as_bytes()).as_ref().to_vec()
}

fn url_safe(hashed: &str) -> String {
    URL_SAFE.encode(raw(hashed, &SHA256))
}

fn url(hash: &str) -> String {
    format!("https://h/live/news/playlist.m3u8?{SPAN}&wowzatokenhash={hash}")
}

#[test]
fn what_is_hashed_otherwise_is_told() {
    let items = RIGHT.split_once('?').unwrap().1;
    for (hashed, expected) in [
        (
            format!("live/news/playlist.m3u8?{items}"),
            &["path_file"][..],
        ),
        (format!("/live/news?{items}"), &["path_slash"]),
        (format!("live/_definst_/news?{items}"), &["path_instance"]),
        (format!("news?{items}"), &["path_name"]),
        (
            format!("https://h/live/news/playlist.m3u8?{items}"),
            &["path_url"],
        ),
        (format!("live/news?192.0.2.7&{items}"), &["ip_included"]),
        (format!("live/news?{SPAN}&{SECRET}"), &["unsorted"]),
        (format!("live/news?{SECRET}"), &["parameters_none"]),
        (
            "live/news?endtime=1704070800&obviouslyFake&starttime=1704067200".to_owned(),
            &["prefix_missing"],
        ),
        (
            format!("/live/news?192.0.2.7&{items}"),
            &["path_slash", "ip_included"],
        ),
    ] {
        let told = told(
            &judge(""),
            &url(&url_safe(&hashed)),
            &[SECRET, "anotherFake"],
            expected,
        );
        let shown = told["canonical"].as_str().unwrap();
        assert!(
            shown.starts_with("live/news?<secret>&wowzatokenendtime="),
            "{shown}"
        );
        assert!(told["difference"]["at"].is_u64(), "{told}");
    }
    let right = judge("").explains(&url(&url_safe(RIGHT)), &[SECRET]);
    assert_eq!(
        (&right["verdict"], codes(&right)),
        (&"allow".into(), vec![])
    );
}

#[test]
fn the_first_difference_is_where_the_texts_part() {
    let items = RIGHT.split_once('?').unwrap().1;
    let wrong = url_safe(&format!("live/news/playlist.m3u8?{items}"));
    let told = told(&judge(""), &url(&wrong), &[SECRET], &["path_file"]);
    let difference = &told["difference"];
    assert_eq!(difference["at"], "live/news".len());
    assert!(
        difference["right"]
            .as_str()
            .unwrap()
            .starts_with("?<secret>"),
        "{told}"
    );
    assert!(
        difference["hashed"]
            .as_str()
            .unwrap()
            .starts_with("/playlist"),
        "{told}"
    );
    assert_eq!(told["received"], wrong);
}

#[test]
fn a_hash_that_is_written_otherwise_is_told() {
    let bytes = raw(RIGHT, &SHA256);
    let standard = STANDARD.encode(&bytes);
    assert!(
        standard.contains(['+', '/']),
        "{standard}: the test needs another text"
    );
    for (hash, expected) in [
        (hex(&bytes), "hash_hex"),
        (URL_SAFE.encode(hex(&bytes)), "hash_not_raw"),
        (standard, "hash_alphabet"),
    ] {
        told(&judge(""), &url(&hash), &[SECRET], &[expected]);
    }
    let long = URL_SAFE.encode(raw(RIGHT, &SHA512));
    told(&judge(""), &url(&long), &[SECRET], &["algorithm"]);
    let wrapped = format!("{}%0a{}", &long[..76], &long[76..]);
    told(
        &judge("hash = \"sha512\""),
        &url(&wrapped),
        &[SECRET],
        &["hash_wrapped"],
    );
}

#[test]
fn what_else_is_wrong_is_told() {
    let on = judge("include_ip = true");
    told(&on, &url(&url_safe(RIGHT)), &[SECRET], &["ip_missing"]);
    let other = "live/news?myendtime=1704070800&obviouslyFake";
    let other = format!(
        "https://h/live/news/playlist.m3u8?myendtime=1704070800&myhash={}",
        url_safe(other)
    );
    told(&judge(""), &other, &[SECRET], &["prefix"]);
    let late = judge("").at(1_704_070_800 + 7200);
    let late = told(&late, &url(&url_safe(RIGHT)), &[SECRET], &["expired"]);
    assert!(
        late["hints"][0]["sentence"]
            .as_str()
            .unwrap()
            .contains("UTC"),
        "{late}"
    );
    let unknown = told(
        &judge(""),
        &url(&url_safe("something else")),
        &[SECRET],
        &[],
    );
    assert_eq!(unknown["difference"], serde_json::Value::Null);
}
