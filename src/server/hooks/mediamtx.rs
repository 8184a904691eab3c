//! MediaMTX's `authMethod: http`: JSON with `user`, `password`, `token`, `ip`, `action`, `path`, `query`; 2xx
//! allows, 401 refuses (MediaMTX documentation, Authentication).
//!
//! Must not know: who may do what.

use serde::Deserialize;

use super::told::{Told, Wish};
use crate::crypto::SecretText;

#[derive(Deserialize)]
struct Body {
    action: String,
    path: String,
    #[serde(default)]
    user: String,
    password: Option<SecretText>,
    token: Option<SecretText>,
    #[serde(default)]
    ip: String,
    #[serde(default)]
    query: String,
}

/// `None` for what is no question that is answered: its API and its measures are its operator's.
pub(super) fn told(body: &str) -> Option<Told> {
    let body: Body = serde_json::from_str(body).ok()?;
    let wish = match body.action.as_str() {
        "publish" => Wish::Publish,
        "read" | "playback" => Wish::Play,
        _ => return None,
    };
    // A bearer token is tried as a password is: whoever sends one has no other.
    let some = |text: &SecretText| !text.expose().is_empty();
    let secret = body.password.filter(some).or(body.token.filter(some));
    Some(Told {
        wish,
        stream: body.path,
        ip: body.ip.parse().ok(),
        query: SecretText::new(body.query),
        basic: secret.map(|secret| (body.user.into(), secret)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_question_is_understood_and_its_own_api_is_not_opened() {
        let asked = |action: &str| {
            told(&format!(
                r#"{{"user":"u","password":"p","token":"","ip":"192.0.2.7","action":"{action}",
                    "path":"live/news","protocol":"rtsp","id":null,"query":"a=b"}}"#
            ))
        };
        let told = asked("publish").unwrap();
        assert_eq!(
            (told.stream.as_str(), told.wish),
            ("live/news", Wish::Publish)
        );
        assert_eq!(told.basic.unwrap().1.expose(), "p");
        assert!(asked("read").is_some());
        for action in ["api", "metrics", "pprof", ""] {
            assert!(asked(action).is_none(), "{action}");
        }
    }
}
