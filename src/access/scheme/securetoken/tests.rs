//! For whom a token is, however its URL spells that.
//!
//! Must not know: the published vectors.

use super::SecureTokenConfig;
use crate::access::scheme::Fault;
use crate::access::scheme::request::{Purpose, Request, Target};
use crate::crypto::{SecretText, sha256};

/// What is said of a token whose signer hashed `hashed` as the viewer, and whose URL has `written` there.
fn subject(hashed: &str, written: &str) -> Result<String, Fault> {
    let config = SecureTokenConfig {
        secrets: vec![SecretText::new("obviously-fake".to_owned())],
        subject_parameter: Some("userid".to_owned()),
        ..SecureTokenConfig::default()
    };
    let (scheme, _) = config.load("wowza").unwrap();
    let text = format!("live/news?obviously-fake&wowzatokenuserid={hashed}");
    let hash = super::hash::written(&sha256(text.as_bytes()));
    let headers = Vec::new();
    let verified = scheme.verify(&Request {
        content: "live/news",
        stream: Some("live/news"),
        query: &format!("wowzatokenuserid={written}&wowzatokenhash={hash}"),
        headers: &headers,
        method: "GET",
        target: Target::default(),
        alpn: None,
        ip: None,
        purpose: Purpose::Play,
    });
    verified.unwrap().map(|vouched| vouched.subject)
}

#[test]
fn a_viewer_is_called_by_what_was_hashed() {
    for (hashed, spellings) in [
        ("alice", &["alice", "%61lice", "%61%6C%69%63%65"][..]),
        ("a b", &["a%20b", "a+b"]),
        ("a+b", &["a+b", "a%2Bb", "a%2bb"]),
        // Hashed as it stands in the URL: no other URL has that hash.
        ("a%20b", &["a%20b"]),
        ("a%2Bb", &["a%2Bb"]),
        ("%61lice", &["%61lice", "%2561lice"]),
    ] {
        for written in spellings {
            let found = subject(hashed, written);
            assert_eq!(found.as_deref(), Ok(hashed), "{written}");
        }
    }
}

#[test]
fn what_is_not_hashed_so_is_nobody() {
    for (hashed, written, fault) in [
        ("alice", "%2561lice", Fault::Hash),
        ("a%20b", "a b", Fault::Hash),
        ("a%2Bb", "a+b", Fault::Hash),
        ("a%2Bb", "a%2bb", Fault::Hash),
        (
            "alice&wowzatokenx=1",
            "alice%26wowzatokenx=1",
            Fault::Separator,
        ),
        ("", "", Fault::Subject),
    ] {
        assert_eq!(subject(hashed, written), Err(fault), "{hashed} {written}");
    }
}
