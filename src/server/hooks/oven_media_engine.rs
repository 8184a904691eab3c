//! OvenMediaEngine's `AdmissionWebhooks`: JSON with `client.address` and `request.direction`, `status`, `url`, `time`, signed
//! in `X-OME-Signature` by HMAC-SHA1 of the body in base64url; 200 and `{"allowed": true}` allows
//! (OvenMediaEngine documentation, Access Control, Admission Webhooks).
//!
//! Must not know: who may do what.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::told::{Said, Told, Wish};
use crate::api::Text;
use crate::crypto::{LegacyHash, LegacyMac, SecretText};
use crate::domain::Timestamp;

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
    #[serde(default)]
    url: String,
    time: Option<Text<Timestamp>>,
}

/// Whether the body is signed with `secret`. Padding or none: both are seen.
pub(super) fn is_signed(secret: &SecretText, body: &[u8], signature: &str) -> bool {
    let key = LegacyMac::new(LegacyHash::Sha1, secret.expose().as_bytes());
    let mac = URL_SAFE_NO_PAD.decode(signature.trim_end_matches('='));
    mac.is_ok_and(|mac| key.verify(body, &mac))
}

/// `None` for what is no question that is answered.
pub(super) fn said(body: &str, now: Timestamp) -> Option<Said> {
    let Body { client, request } = serde_json::from_str(body).ok()?;
    let wish = match (request.status.as_str(), request.direction.as_str()) {
        ("closing", _) => return Some(Said::News),
        ("opening", "incoming") => Wish::Publish,
        ("opening", "outgoing") => Wish::Play,
        _ => return None,
    };
    if !is_fresh(request.time.as_ref().map(|text| text.0), now) {
        return Some(Said::Old);
    }
    let (_, behind) = request.url.split_once("://")?;
    let (_, path) = behind.split_once('/')?;
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let told = Told {
        stream: stream(path, wish)?.to_owned(),
        host: None,
        ip: client.address.parse().ok(),
        query: SecretText::new(query.to_owned()),
        headers: Vec::new(),
        basic: Vec::new(),
    };
    Some(Said::Asks(wish, told))
}

/// How far its clock may be from ours, before it and behind.
const SKEW: Duration = Duration::from_secs(300);

/// Whether a question was signed a short while ago. One that does not say when is of a version that never
/// does: whoever repeats another's cannot take the time out, which is signed too.
fn is_fresh(asked: Option<Timestamp>, now: Timestamp) -> bool {
    asked.is_none_or(|asked| asked.since(now) <= SKEW && now.since(asked) <= SKEW)
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

    const NOW: &str = "2026-01-01T00:00:00.000Z";

    fn asked_at(time: &str, status: &str, url: &str) -> Option<Said> {
        let body = format!(
            r#"{{"client":{{"address":"192.0.2.7","port":1}},"request":{{"direction":"incoming",
                "protocol":"rtmp","status":"{status}","url":"{url}"{time}}}}}"#
        );
        said(&body, NOW.parse().unwrap())
    }

    fn asked(direction: &str, status: &str, url: &str) -> Option<Said> {
        let body = format!(
            r#"{{"client":{{"address":"192.0.2.7","port":1}},"request":{{"direction":"{direction}",
                "protocol":"rtmp","status":"{status}","url":"{url}","time":"{NOW}"}}}}"#
        );
        said(&body, NOW.parse().unwrap())
    }

    #[test]
    fn its_question_is_understood() {
        let url = "rtmp://h:1935/live/news?token=a.b";
        let Some(Said::Asks(Wish::Publish, told)) = asked("incoming", "opening", url) else {
            panic!("no question");
        };
        assert_eq!(told.stream, "live/news");
        assert_eq!(told.query.expose(), "token=a.b");
        let url = "https://h/live/news/llhls.m3u8";
        let Some(Said::Asks(Wish::Play, told)) = asked("outgoing", "opening", url) else {
            panic!("no question");
        };
        assert_eq!(told.stream, "live/news");
        assert!(asked("incoming", "opening", "rtmp://h/live/news/more").is_none());
        assert!(asked("incoming", "opening", "rtmp://h/live").is_none());
        assert!(asked("sideways", "opening", "rtmp://h/live/news").is_none());
        let over = asked("incoming", "closing", "odd");
        assert!(matches!(over, Some(Said::News)));
    }

    #[test]
    fn a_question_is_taken_for_five_minutes() {
        let at = |time: &str| asked_at(time, "opening", "rtmp://h/live/news");
        for fresh in [
            "",
            r#","time":"2025-12-31T23:55:00.000Z""#,
            r#","time":"2026-01-01T09:05:00.000+09:00""#,
        ] {
            assert!(matches!(at(fresh), Some(Said::Asks(..))), "{fresh}");
        }
        for old in [
            r#","time":"2025-12-31T23:54:59.999Z""#,
            r#","time":"2026-01-01T00:05:00.001Z""#,
        ] {
            assert!(matches!(at(old), Some(Said::Old)), "{old}");
        }
        assert!(at(r#","time":"soon""#).is_none());
        // That it is over is never refused.
        let old = r#","time":"2025-12-31T00:00:00.000Z""#;
        assert!(matches!(asked_at(old, "closing", ""), Some(Said::News)));
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
