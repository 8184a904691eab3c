//! Mistakes of signers of `hdnts` and EdgeAuth tokens.
//!
//! Must not know: how the server signs.

use aws_lc_rs::hmac;

use super::{Judge, hex, told};

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
    for (mac, expected) in [
        (decoded(&text), "secret_hex"),
        (
            mac(
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                HEX_SECRET.as_bytes(),
                &text,
            ),
            "algorithm",
        ),
        (raw(FIELDS), "stream_id_missing"),
        (raw(&format!("{FIELDS}~stream_id=live")), "stream_id"),
        (raw(&format!("{FIELDS}~stream_id=live/news")), "stream_id"),
        (
            raw("exp=1704070800~st=1704067200~stream_id=news"),
            "field_order",
        ),
    ] {
        let told = told(&judge(), &url(FIELDS, &mac), &[HEX_SECRET], &[expected]);
        assert_eq!(told["canonical"], text);
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
    let cases = [
        ("", raw(&fields), "secret_text"),
        (
            "",
            mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &bytes(), &fields),
            "algorithm",
        ),
        (salted, decoded(&fields), "salt_missing"),
        (
            "",
            decoded(&format!("{fields}~url=/live/news/playlist.m3u8")),
            "url_and_acl",
        ),
        ("", decoded(&fields.replace("a%20b", "a+b")), "escape"),
    ];
    for (settings, mac, expected) in cases {
        let url = url(&fields.replace('%', "%25"), &mac);
        let told = told(
            &judge(settings),
            &url,
            &[HEX_SECRET, "obviouslySalt"],
            &[expected],
        );
        let canonical = told["canonical"].as_str().unwrap();
        assert_eq!(
            canonical.ends_with("~salt=<secret>"),
            !settings.is_empty(),
            "{told}"
        );
    }
    let elsewhere = format!("{FIELDS}~acl=/live/sports/*");
    told(
        &judge(""),
        &url(&elsewhere, &decoded(&elsewhere)),
        &[HEX_SECRET],
        &["acl"],
    );
    for (hashed, expected) in [
        ("~url=live/news/playlist.m3u8", "url_slash"),
        ("~url=https://h/live/news/playlist.m3u8", "url"),
        ("", "url_missing"),
    ] {
        let mac = decoded(&format!("{FIELDS}{hashed}"));
        told(&judge(""), &url(FIELDS, &mac), &[HEX_SECRET], &[expected]);
    }
}
