//! MediaMTX's `authMethod: http`: JSON with `user`, `password`, `token`, `ip`, `action`, `path`, `query`; 2xx
//! allows, 401 refuses (MediaMTX documentation, Authentication).
//!
//! Must not know: who may do what.

use serde::Deserialize;

use super::told::{Said, Told, Wish};
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
pub(super) fn said(body: &str) -> Option<Said> {
    let body: Body = serde_json::from_str(body).ok()?;
    let wish = match body.action.as_str() {
        "publish" => Wish::Publish,
        "read" | "playback" => Wish::Play,
        _ => return None,
    };
    // A bearer token is tried as a password is.
    let secrets = body.password.into_iter().chain(body.token);
    let some = secrets.filter(|text| !text.expose().is_empty());
    let told = Told {
        stream: body.path,
        host: None,
        ip: body.ip.parse().ok(),
        query: SecretText::new(body.query),
        headers: Vec::new(),
        basic: some.map(|text| (body.user.clone().into(), text)).collect(),
    };
    Some(Said::Asks(wish, told))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_question_is_understood_and_its_own_api_is_not_opened() {
        let asked = |action: &str| {
            said(&format!(
                r#"{{"user":"u","password":"p","token":"","ip":"192.0.2.7","action":"{action}",
                    "path":"live/news","protocol":"rtsp","id":null,"query":"a=b"}}"#
            ))
        };
        let Some(Said::Asks(Wish::Publish, told)) = asked("publish") else {
            panic!("no question");
        };
        assert_eq!(told.stream, "live/news");
        assert_eq!(told.basic[0].1.expose(), "p");
        assert!(asked("read").is_some());
        for action in ["api", "metrics", "pprof", ""] {
            assert!(asked(action).is_none(), "{action}");
        }
    }
}
