//! What is around the claims: tags, headers, keys, algorithms, and the places of a token.
//!
//! Must not know: how the server reads a token.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::forge::{END, Parts, SECRET, Seal, array, bytes, int, lasting, map, text};
use super::{KEY, judge, with};
use crate::token::verdict::Judge;

fn payload() -> Vec<u8> {
    map(&[(4, int(END))])
}

fn sealed(protected: Vec<u8>, loose: Vec<u8>) -> String {
    Parts::under(protected, loose, &Seal::Hs256, &payload()).text()
}

const HS256: (i64, i64) = (1, 5);

fn alg() -> (i64, Vec<u8>) {
    (HS256.0, int(HS256.1))
}

/// An instance with these shared secrets: a name, and the two digits that one is made of.
fn sharing(keys: &[(&str, &str)]) -> Judge {
    let key = |(kid, digits): &(&str, &str)| {
        let secret = digits.repeat(32);
        format!("{{ kid = {kid:?}, alg = \"HS256\", secret_hex = {secret:?} }}")
    };
    let keys: Vec<String> = keys.iter().map(key).collect();
    Judge::new("cat", &format!("keys = [{}]", keys.join(", "))).now()
}

#[test]
fn shared_secrets_are_changed_by_their_names() {
    let (old, new) = (("2025", "01"), ("2026", "02"));
    let (before, both, after) = (sharing(&[old]), sharing(&[new, old]), sharing(&[new]));
    let minted = |judge: &Judge| {
        let query = judge.mint("cat", &[]).unwrap();
        format!("https://cdn.example.com/live/news/playlist.m3u8?{query}")
    };
    both.allows(&minted(&before));
    both.allows(&minted(&after));
    after.allows(&minted(&both));
    after.denies(&minted(&before), "unknown_key");
    sharing(&[("2025", "02")]).denies(&minted(&before), "signature");
    sharing(&[("2025", "02"), ("2026", "01")]).denies(&minted(&before), "signature");
}

#[test]
fn a_token_may_stand_in_five_places() {
    let token = lasting(&[]);
    judge("").allows(&with(KEY, &token));
    judge("").allows(&format!("{KEY}?token={token}"));
    let header = format!("CTA-Common-Access-Token: {token}");
    judge("").with(&["--header", &header]).allows(KEY);
    let cookie = format!("CTA-Common-Access-Token={token}");
    judge("")
        .with(&["--cookie", "a=b", "--cookie", &cookie])
        .allows(KEY);
    let bearer = format!("Authorization: Bearer {token}");
    judge("").with(&["--header", &bearer]).allows(KEY);
    judge("").denies(KEY, "no_token");
    judge("").denies(&format!("{KEY}?token=x.y.z"), "no_token");
    judge("").denies(&format!("{KEY}?x={token}"), "no_token");
    // A bad one never masks a good one.
    judge("").allows(&format!("{KEY}?cat=x&cat={token}"));
    judge("")
        .with(&["--header", "cta-common-access-token: x"])
        .allows(&with(KEY, &token));
}

#[test]
fn padding_may_stand_there_and_nothing_else() {
    for claims in [vec![], vec![(2, text("a"))], vec![(2, text("aa"))]] {
        let raw = Parts::new(
            &Seal::Hs256,
            "k1",
            &map(&[&[(4, int(END))], &claims[..]].concat()),
        )
        .raw();
        let padded = URL_SAFE.encode(&raw);
        judge("").allows(&with(KEY, &padded));
        judge("").allows(&with(KEY, &padded.replace('=', "%3D")));
        judge("").denies(&with(KEY, &format!("{padded}AAAA")), "malformed");
        judge("").denies(&with(KEY, &padded[..padded.len() - 8]), "malformed");
    }
    judge("").denies(&with(KEY, &STANDARD.encode(b"\xfb\xff")), "malformed");
    judge("").denies(&with(KEY, &"2D3R".repeat(3000)), "too_long");
}

#[test]
fn tags_are_the_algorithms() {
    let parts = |tags: &[u64]| {
        let mut parts = Parts::new(&Seal::Hs256, "k1", &payload());
        parts.tags = tags.to_vec();
        with(KEY, &parts.text())
    };
    for tags in [&[61, 17][..], &[17], &[]] {
        judge("").allows(&parts(tags));
    }
    for (tags, reason) in [
        (&[61, 18][..], "algorithm"),
        (&[18], "algorithm"),
        (&[61], "malformed"),
        (&[61, 61, 17], "malformed"),
        (&[17, 61], "malformed"),
        (&[98], "malformed"),
        (&[16], "malformed"),
    ] {
        judge("").denies(&parts(tags), reason);
    }
}

#[test]
fn headers_are_read_from_what_is_sealed() {
    let kid = (4, bytes(b"k1"));
    let empty = || map(&[]);
    for good in [
        sealed(map(&[alg(), kid.clone()]), empty()),
        sealed(map(&[alg()]), map(std::slice::from_ref(&kid))),
        sealed(map(&[alg(), (4, text("k1"))]), empty()),
        sealed(map(&[alg()]), empty()),
        sealed(map(&[alg(), (16, text("application/cwt"))]), empty()),
    ] {
        judge("").allows(&with(KEY, &good));
    }
    let crit = (2, array(&[int(1)]));
    for (bad, reason) in [
        (sealed(empty(), map(&[alg(), kid.clone()])), "header"),
        (sealed(vec![], map(&[alg(), kid.clone()])), "header"),
        (sealed(map(&[alg()]), map(&[alg(), kid.clone()])), "header"),
        (
            sealed(map(&[alg(), kid.clone()]), map(std::slice::from_ref(&kid))),
            "header",
        ),
        (sealed(map(&[alg(), (4, int(1))]), empty()), "header"),
        (
            sealed(map(&[alg(), kid.clone(), crit.clone()]), empty()),
            "extension",
        ),
        (
            sealed(map(&[alg(), kid.clone()]), map(&[crit])),
            "extension",
        ),
        (
            sealed(map(&[(1, int(4)), kid.clone()]), empty()),
            "algorithm",
        ),
        (
            sealed(map(&[(1, int(6)), kid.clone()]), empty()),
            "algorithm",
        ),
        (
            sealed(map(&[(1, int(-7)), kid.clone()]), empty()),
            "algorithm",
        ),
        (
            sealed(map(&[(1, text("HS256")), kid.clone()]), empty()),
            "algorithm",
        ),
        (
            sealed(map(&[alg(), (4, bytes(b"k9"))]), empty()),
            "unknown_key",
        ),
    ] {
        judge("").denies(&with(KEY, &bad), reason);
    }
}

#[test]
fn nothing_of_it_can_be_changed() {
    let whole = || Parts::new(&Seal::Hs256, "k1", &payload());
    judge("").allows(&with(KEY, &whole().text()));
    let mut parts = whole();
    parts.payload = map(&[(4, int(END + 1))]);
    judge("").denies(&with(KEY, &parts.text()), "signature");
    for length in [0, 8, 16, 31, 33] {
        let mut parts = whole();
        parts.seal.resize(length, 0);
        judge("").denies(&with(KEY, &parts.text()), "signature");
    }
    let mut parts = whole();
    parts.protected = map(&[alg(), (16, int(1))]);
    judge("").denies(&with(KEY, &parts.text()), "signature");
    let other = format!(
        "keys = [{{ kid = \"k1\", alg = \"HS256\", secret_hex = \"{}\" }}]",
        "ab".repeat(32)
    );
    Judge::new("cat", &other).denies(&with(KEY, &whole().text()), "signature");
}

#[test]
fn claims_are_one_map() {
    let sealed = |payload: &[u8]| with(KEY, &Parts::new(&Seal::Hs256, "k1", payload).text());
    let once = [int(4), int(END)].concat();
    let twice = [vec![0xa2], once.clone(), once.clone()].concat();
    let wide = [vec![0xa2], once.clone(), vec![0x18, 4], int(END)].concat();
    let endless = [vec![0xbf], once.clone(), vec![0xff]].concat();
    let more = [payload(), int(0)].concat();
    for bad in [twice, wide, endless, more, array(&[]), vec![], text("{}")] {
        judge("").denies(&sealed(&bad), "malformed");
    }
    // A length may be written wider than it need be, as some encoders do.
    judge("").allows(&sealed(&[vec![0xb9, 0, 1], once].concat()));
}

fn pem(der: &[u8]) -> String {
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(der)
    )
}

fn public(alg: &str, der: &[u8]) -> Judge {
    let other = format!("{{ kid = \"other\", alg = \"HS256\", secret_hex = {SECRET:?} }}");
    let key = format!(
        "{{ kid = \"pub\", alg = {alg:?}, public_key_pem = {:?} }}",
        pem(der)
    );
    Judge::new("cat", &format!("keys = [{other}, {key}]"))
}

#[test]
fn public_keys_verify_and_their_text_is_no_secret() {
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let ec_der = ec.public_key().as_der().unwrap();
    let rsa_der = rsa.public_key().as_der().unwrap();
    let cases = [
        ("ES256", Seal::Es256(&ec), ec_der.as_ref()),
        ("PS256", Seal::Ps256(&rsa), rsa_der.as_ref()),
    ];
    for (alg, seal, der) in cases {
        let whole = || Parts::new(&seal, "pub", &payload());
        public(alg, der).allows(&with(KEY, &whole().text()));
        let mut parts = whole();
        parts.payload = map(&[(4, int(END + 1))]);
        public(alg, der).denies(&with(KEY, &parts.text()), "signature");
        let mut parts = whole();
        parts.tags = vec![61, 17];
        public(alg, der).denies(&with(KEY, &parts.text()), "algorithm");
        // The MAC of a shared secret, under the public key's name.
        let mac = Parts::new(&Seal::Hs256, "pub", &payload());
        public(alg, der).denies(&with(KEY, &mac.text()), "algorithm");
    }
    let stranger = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let forged = Parts::new(&Seal::Es256(&stranger), "pub", &payload());
    public("ES256", ec_der.as_ref()).denies(&with(KEY, &forged.text()), "signature");
}
