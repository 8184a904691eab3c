//! SRS's `http_hooks`: JSON with `action`, `app`, `stream`, `param`, `ip`; HTTP 200 and `{"code":0}` allows
//! (SRS documentation, HTTP Callback).
//!
//! Must not know: who may do what.

use serde::Deserialize;

use super::told::{Told, Wish};
use crate::crypto::SecretText;

#[derive(Deserialize)]
struct Body {
    action: String,
    app: String,
    stream: String,
    #[serde(default)]
    param: String,
    #[serde(default)]
    ip: String,
}

/// `None` for what is no question that is answered.
pub(super) fn told(body: &str) -> Option<Told> {
    let body: Body = serde_json::from_str(body).ok()?;
    let wish = match body.action.as_str() {
        "on_publish" => Wish::Publish,
        "on_play" => Wish::Play,
        "on_unpublish" | "on_stop" => Wish::Done,
        _ => return None,
    };
    let query = body.param.trim_start_matches('?').to_owned();
    Some(Told {
        wish,
        stream: format!("{}/{}", body.app, body.stream),
        ip: body.ip.parse().ok(),
        query: SecretText::new(query),
        basic: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_question_is_understood() {
        let told = told(
            r#"{"action":"on_publish","client_id":"x","ip":"192.0.2.7","vhost":"v","app":"live",
                "tcUrl":"rtmp://h/live","stream":"news","param":"?token=a.b"}"#,
        )
        .unwrap();
        assert_eq!(
            (told.stream.as_str(), told.wish),
            ("live/news", Wish::Publish)
        );
        assert_eq!(told.query.expose(), "token=a.b");
        assert!(super::told(r#"{"action":"on_dvr","app":"a","stream":"b"}"#).is_none());
    }
}
