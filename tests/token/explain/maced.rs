//! Mistakes of signers of `hdnts` and EdgeAuth tokens.
//!
//! Must not know: how the server signs.

use aws_lc_rs::hmac;

use super::{Judge, hex, parts_from, told};

const HEX_SECRET: &str = "aabbccddeeff00112233445566778899";
const FIELDS: &str = "st=1704067200~exp=1704070800";

fn mac(algorithm: hmac::Algorithm, key: &[u8], text: &str) -> String {
    hex(hmac::sign(&hmac::Key::new(algorithm, key), text.as_bytes()).as_ref())
}

fn raw(text: &str) -> String {
    mac(hmac::HMAC_SHA256, HEX_SECRET.as_bytes(), text)
}

fn bytes() -> Vec<u8> {
    let digits = HEX_SECRET.as_bytes().chunks(2);
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(pair).collect()
}

fn decoded(text: &str) -> String {
    mac(hmac::HMAC_SHA256, &bytes(), text)
}

#[test]
fn mistakes_of_hdnts_are_told() {
    let judge = || Judge::new("hdnts", &format!("secrets = [{HEX_SECRET:?}]"));
    let url = |fields: &str, mac: &str| {
        format!("https://h/live/news/playlist.m3u8?hdnts={fields}~hmac={mac}")
    };
    let text = format!("{FIELDS}~stream_id=news");
    judge().allows(&url(FIELDS, &raw(&text)));
    let sha1 = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
    for (mac, expected) in [
        (decoded(&text), "secret_hex"),
        (mac(sha1, HEX_SECRET.as_bytes(), &text), "algorithm"),
    ] {
        let told = told(&judge(), &url(FIELDS, &mac), &[HEX_SECRET], &[expected]);
        assert_eq!(told["canonical"], text);
        parts_from(&told, &text);
    }
    for (hashed, expected) in [
        (FIELDS.to_owned(), "stream_id_missing"),
        (format!("{FIELDS}~stream_id=live"), "stream_id"),
        (format!("{FIELDS}~stream_id=live/news"), "stream_id"),
        (
            "exp=1704070800~st=1704067200~stream_id=news".to_owned(),
            "field_order",
        ),
    ] {
        let url = url(FIELDS, &raw(&hashed));
        let told = told(&judge(), &url, &[HEX_SECRET], &[expected]);
        assert_eq!(told["canonical"], text);
        parts_from(&told, &hashed);
    }
}

#[test]
fn mistakes_of_edgeauth_are_told() {
    let judge = |more: &str| {
        Judge::new(
            "edgeauth",
            &format!("secrets_hex = [{HEX_SECRET:?}]\n{more}"),
        )
    };
    let url = |fields: &str, mac: &str| {
        format!("https://h/live/news/playlist.m3u8?hdnts={fields}~hmac={mac}")
    };
    let fields = format!("{FIELDS}~acl=/live/news/*~id=a%20b");
    let salted = "salt = \"obviouslySalt\"";
    judge("").allows(&url(&fields.replace('%', "%25"), &decoded(&fields)));
    judge(salted).allows(&url(
        &fields.replace('%', "%25"),
        &decoded(&format!("{fields}~salt=obviouslySalt")),
    ));
    let secrets = [HEX_SECRET, "obviouslySalt"];
    let told_of = |settings: &str, mac: &str, expected: &str| {
        let url = url(&fields.replace('%', "%25"), mac);
        told(&judge(settings), &url, &secrets, &[expected])
    };
    let sha1 = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
    parts_from(&told_of("", &raw(&fields), "secret_text"), &fields);
    parts_from(
        &told_of("", &mac(sha1, &bytes(), &fields), "algorithm"),
        &fields,
    );
    let with_url = format!("{fields}~url=/live/news/playlist.m3u8");
    for (settings, hashed, expected) in [
        (salted, &fields, "salt_missing"),
        ("", &with_url, "url_and_acl"),
        ("", &fields.replace("a%20b", "a+b"), "escape"),
    ] {
        let told = told_of(settings, &decoded(hashed), expected);
        let salt = if settings.is_empty() {
            ""
        } else {
            "~salt=<secret>"
        };
        assert_eq!(told["canonical"], format!("{fields}{salt}"));
        parts_from(&told, hashed);
    }
    let elsewhere = format!("{FIELDS}~acl=/live/sports/*");
    let acl = url(&elsewhere, &decoded(&elsewhere));
    let acl = told(&judge(""), &acl, &[HEX_SECRET], &["acl"]);
    parts_from(&acl, &elsewhere);
    for (hashed, expected) in [
        ("~url=live/news/playlist.m3u8", "url_slash"),
        ("~url=https://h/live/news/playlist.m3u8", "url"),
        ("", "url_missing"),
    ] {
        let hashed = format!("{FIELDS}{hashed}");
        let url = url(FIELDS, &decoded(&hashed));
        let told = told(&judge(""), &url, &[HEX_SECRET], &[expected]);
        parts_from(&told, &hashed);
    }
}
