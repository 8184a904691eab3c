//! OvenMediaEngine's `AdmissionWebhooks`: JSON with `client.address` and `request.direction`, `status`, `url`, signed
//! in `X-OME-Signature` by HMAC-SHA1 of the body in base64url; 200 and `{"allowed": true}` allows
//! (OvenMediaEngine documentation, Access Control, Admission Webhooks).
//!
//! Must not know: who may do what.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::told::{Told, Wish};
use crate::crypto::{LegacyHash, LegacyMac, SecretText};

/// The header with the signature.
pub(super) const SIGNATURE: &str = "x-ome-signature";

#[derive(Deserialize)]
struct Body {
    client: Client,
    request: Request,
}

#[derive(Deserialize)]
struct Client {
    #[serde(default)]
    address: String,
}

#[derive(Deserialize)]
struct Request {
    direction: String,
    status: String,
    url: String,
}

/// Whether the body is signed with `secret`. Padding or none: both are seen.
pub(super) fn is_signed(secret: &SecretText, body: &[u8], signature: &str) -> bool {
    let key = LegacyMac::new(LegacyHash::Sha1, secret.expose().as_bytes());
    let mac = URL_SAFE_NO_PAD.decode(signature.trim_end_matches('='));
    mac.is_ok_and(|mac| key.verify(body, &mac))
}

/// `None` for what is no question that is answered.
pub(super) fn told(body: &str) -> Option<Told> {
    let Body { client, request } = serde_json::from_str(body).ok()?;
    let wish = match (request.status.as_str(), request.direction.as_str()) {
        ("closing", _) => Wish::Done,
        ("opening", "incoming") => Wish::Publish,
        ("opening", "outgoing") => Wish::Play,
        _ => return None,
    };
    let (_, behind) = request.url.split_once("://")?;
    let (_, path) = behind.split_once('/')?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Some(Told {
        wish,
        stream: stream(path, wish)?.to_owned(),
        ip: client.address.parse().ok(),
        query: SecretText::new(query.to_owned()),
        basic: None,
    })
}

/// `app/stream`; whoever plays names a file below it too.
fn stream(path: &str, wish: Wish) -> Option<&str> {
    let mut ends = path.match_indices('/').map(|(at, _)| at);
    match (ends.next(), ends.next()) {
        (Some(_), None) => Some(path),
        (Some(_), Some(end)) if wish != Wish::Publish => Some(&path[..end]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(direction: &str, status: &str, url: &str) -> Option<Told> {
        told(&format!(
            r#"{{"client":{{"address":"192.0.2.7","port":1}},"request":{{"direction":"{direction}",
                "protocol":"rtmp","status":"{status}","url":"{url}","time":"2026-01-01T00:00:00.000Z"}}}}"#
        ))
    }

    #[test]
    fn its_question_is_understood() {
        let told = asked("incoming", "opening", "rtmp://h:1935/live/news?token=a.b").unwrap();
        assert_eq!(
            (told.stream.as_str(), told.wish),
            ("live/news", Wish::Publish)
        );
        assert_eq!(told.query.expose(), "token=a.b");
        let told = asked("outgoing", "opening", "https://h/live/news/llhls.m3u8").unwrap();
        assert_eq!((told.stream.as_str(), told.wish), ("live/news", Wish::Play));
        assert!(asked("incoming", "opening", "rtmp://h/live/news/more").is_none());
        assert!(asked("incoming", "opening", "rtmp://h/live").is_none());
        assert!(asked("sideways", "opening", "rtmp://h/live/news").is_none());
        assert!(asked("incoming", "closing", "rtmp://h/live/news").is_some());
    }

    #[test]
    fn a_signature_is_of_the_body_and_of_the_secret() {
        // RFC 2202 §3, case 2.
        let (secret, body) = (
            SecretText::new("Jefe".to_owned()),
            b"what do ya want for nothing?",
        );
        let good = "7_zfauXrL6LSdBbV8YTfnCWafHk";
        let is_good = |body: &[u8], text: &str| is_signed(&secret, body, text);
        assert!(is_good(body, good) && is_good(body, &format!("{good}=")));
        for bad in ["", "8_zfauXrL6LSdBbV8YTfnCWafHk", &good[..26], "%%"] {
            assert!(!is_good(body, bad), "{bad}");
        }
        assert!(!is_good(b"what do ya want for something?", good));
    }
}
