//! JSON Web Tokens at the command line.
//!
//! Must not know: how a token is signed.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, SignatureAlgorithm};

use super::verdict::Judge;
use crate::harness::binary::{command, run};

const SECRET: &str = "obviously-a-fake-secret-of-40-characters";
const OTHER: &str = "obviously-another-fake-secret-of-40-char";

/// A token for `live/news`; `secret` comes by the environment over the file's.
fn minted(judge: &Judge, secret: Option<&str>) -> String {
    let mut mint = command(&[
        "token",
        "mint",
        "--stream",
        "live/news",
        "--config",
        judge.file(),
    ]);
    if let Some(secret) = secret {
        mint.env("HLSKEY_SCHEMES__JWT__SECRET", secret);
    }
    let output = mint.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_viewers_token_watches_its_streams_and_publishes_nothing() {
    let judge = || Judge::new("jwt", &format!("secret = {SECRET:?}")).now();
    let token = minted(&judge(), None);
    let url = |stream: &str| format!("https://h/{stream}/playlist.m3u8?token={token}");
    assert_eq!(judge().allows(&url("live/news")).streams, ["live/news"]);
    judge().denies(&url("live/sport"), "stream");
    let publish = judge().with(&["--action", "publish"]);
    publish.denies(&url("live/news"), "action");
}

/// A token for `live/news` until 2040 that lists these actions, signed by openssl.
fn signed(actions: &str) -> String {
    let claims = format!(
        r#"{{"sub":"encoder","streams":["live/news"],"exp":2208988800,"actions":{actions}}}"#
    );
    let text = [r#"{"alg":"HS256","typ":"JWT"}"#, &claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let args = ["dgst", "-sha256", "-hmac", SECRET, "-binary"];
    let mut openssl = Command::new("openssl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let mac = openssl.wait_with_output().unwrap().stdout;
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac))
}

#[test]
fn to_publish_is_an_action_of_its_own() {
    let settings = format!("secret = {SECRET:?}\nactions = [\"publish\", \"lease\", \"deliver\"]");
    let judge = || {
        Judge::new("jwt", &settings)
            .now()
            .with(&["--action", "publish"])
    };
    let url = |actions: &str| {
        format!(
            "https://h/live/news/playlist.m3u8?token={}",
            signed(actions)
        )
    };
    judge().allows(&url(r#"["publish"]"#));
    judge().denies(&url(r#"["lease"]"#), "action");
    judge().denies(&url(r#"["deliver"]"#), "action");
}

#[test]
fn the_environment_wins_over_the_file() {
    let judge = || Judge::new("jwt", &format!("secret = {SECRET:?}")).now();
    let url = |token: &str| format!("https://h/live/news/playlist.m3u8?token={token}");
    judge().allows(&url(&minted(&judge(), Some(SECRET))));
    judge().denies(&url(&minted(&judge(), Some(OTHER))), "signature");
}

/// A key of a curve is for its own algorithm, and no other curve's signature passes by it.
#[test]
fn a_curve_has_one_algorithm() {
    let entry = |algorithm: &str, sort: &'static SignatureAlgorithm| {
        let public = KeyPair::generate_for(sort).unwrap().public_key_pem();
        format!("keys = [{{ alg = {algorithm:?}, public_key_pem = {public:?} }}]")
    };
    let (p384, p521) = (&PKCS_ECDSA_P384_SHA384, &PKCS_ECDSA_P521_SHA512);
    for (settings, told) in [
        (entry("ES512", p384), "alg is ES512"),
        (entry("ES384", p521), "alg is ES384"),
        (entry("ES521", p521), "keys[0].alg is none"),
    ] {
        let judge = Judge::new("jwt", &settings);
        let args = ["token", "verify", "--scheme", "jwt", "--config"];
        let output = run(&[&args[..], &[judge.file(), "--url", "/live/news/i.m3u8"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty());
        assert!(said.contains(told), "{settings}: {said}");
    }
    for (own, sort) in [("ES384", p384), ("ES512", p521)] {
        for named in ["ES384", "ES512"] {
            let reason = if named == own {
                "signature"
            } else {
                "algorithm"
            };
            // R and S of nothing, too short, and longer than any.
            for length in [96, 132, 0, 200] {
                let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":{named:?}}}"#));
                let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"alice","exp":1704070800}"#);
                let seal = URL_SAFE_NO_PAD.encode(vec![0; length]);
                let url = format!("https://h/live/news/i.m3u8?token={header}.{claims}.{seal}");
                Judge::new("jwt", &entry(own, sort)).denies(&url, reason);
            }
        }
    }
}
