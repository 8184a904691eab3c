//! Mistakes of `WMSAuth`'s signers.
//!
//! Must not know: how the server hashes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

use super::{Judge, hex, parts_from, told};

const SECRET: &str = "obviouslyFake";
const TODAY: &str = "1/1/2024 12:00:00 AM";

fn judge() -> Judge {
    let settings = format!("secrets = [\"anotherFake\", {SECRET:?}]");
    Judge::new("wmsauth", &settings).ip("192.0.2.7")
}

/// A URL whose token has these fields besides, and the hash of `hashed`.
fn url(hashed: &str, fields: &str) -> String {
    with_hash(&STANDARD.encode(Md5::digest(hashed)), fields)
}

fn with_hash(hash: &str, fields: &str) -> String {
    let inner = format!("server_time={TODAY}&hash_value={hash}&validminutes=20{fields}");
    let sign = STANDARD.encode(inner);
    format!("https://h/live/news/playlist.m3u8?wmsAuthSign={sign}")
}

#[test]
fn what_is_hashed_otherwise_is_told() {
    let key = format!("{SECRET}{TODAY}20");
    for (hashed, fields, expected) in [
        (key.clone(), "", "ip_missing"),
        (format!("192.0.2.7ID{key}"), "&id=ID", "ip_included"),
        (format!("ID{key}"), "&id=ID&checkip=true", "ip_missing"),
        (
            format!("192.0.2.7{key}"),
            "&id=ID&checkip=true",
            "id_missing",
        ),
        (
            format!("ID192.0.2.7{key}"),
            "&id=ID&checkip=true",
            "id_order",
        ),
        (
            format!("192.0.2.7{key}live/news"),
            "&strm_len=5",
            "strm_len",
        ),
        (format!("192.0.2.7{key}"), "&strm_len=9", "path_missing"),
        (
            format!("192.0.2.7{key}/live/news"),
            "&strm_len=9",
            "path_slash",
        ),
        (format!("192.0.2.7{key}news"), "&strm_len=9", "path_name"),
        (
            format!("192.0.2.7{SECRET}01/01/2024 12:00:00 AM20"),
            "",
            "date",
        ),
    ] {
        let told = told(
            &judge(),
            &url(&hashed, fields),
            &[SECRET, "anotherFake"],
            &[expected],
        );
        let canonical = told["canonical"].as_str().unwrap();
        assert!(
            canonical.contains("<secret>1/1/2024 12:00:00 AM20"),
            "{told}"
        );
        parts_from(&told, &hashed.replace(SECRET, "<secret>"));
    }
    judge().allows(&url(&format!("192.0.2.7{key}"), ""));
}

#[test]
fn a_hash_or_a_form_that_is_none_is_told() {
    let digest = Md5::digest(format!("192.0.2.7{SECRET}{TODAY}20"));
    let not_raw = with_hash(&STANDARD.encode(hex(&digest)), "");
    let not_raw = told(&judge(), &not_raw, &[SECRET], &["hash_not_raw"]);
    parts_from(&not_raw, &format!("192.0.2.7<secret>{TODAY}20"));
    let bare = with_hash(&hex(&digest), "");
    told(&judge(), &bare, &[SECRET], &["hash_not_raw"]);
    let inner = STANDARD.encode(format!("server_time={TODAY}&hash_value=AA=="));
    let url = format!("https://h/live/news/playlist.m3u8?wmsAuthSign={inner}");
    told(&judge(), &url, &[SECRET], &["field_missing"]);
    let url = "https://h/live/news/playlist.m3u8?wmsAuthSign=!!";
    told(&judge(), url, &[SECRET], &["not_base64"]);
    let right = url_of_now();
    let late = judge().at(1_704_067_200 + 3600 + 1200);
    let told = told(&late, &right, &[SECRET], &["expired"]);
    assert!(
        told["hints"][0]["sentence"]
            .as_str()
            .unwrap()
            .contains("UTC"),
        "{told}"
    );
}

fn url_of_now() -> String {
    url(&format!("192.0.2.7{SECRET}{TODAY}20"), "")
}
