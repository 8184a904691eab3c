//! SRS's `http_hooks`: JSON with `action`, `vhost`, `app`, `stream`, `param`, `ip`; HTTP 200 and `{"code":0}`
//! allows (SRS documentation, HTTP Callback).
//!
//! Must not know: who may do what.

use serde::Deserialize;

use super::told::{Said, Told, Wish, behind};
use crate::crypto::SecretText;

#[derive(Deserialize)]
struct Action {
    action: String,
}

#[derive(Deserialize)]
struct Body {
    app: String,
    #[serde(default)]
    stream: String,
    #[serde(default)]
    vhost: String,
    #[serde(default)]
    param: String,
    #[serde(default, rename = "tcUrl")]
    tc_url: String,
    #[serde(default)]
    ip: String,
}

/// `None` for what is no question that is answered. What is only news is not read further.
pub(super) fn said(body: &str) -> Option<Said> {
    let Action { action } = serde_json::from_str(body).ok()?;
    let wish = match action.as_str() {
        "on_publish" => Some(Wish::Publish),
        "on_play" => Some(Wish::Play),
        "on_connect" => None,
        "on_close" | "on_unpublish" | "on_stop" | "on_dvr" | "on_hls" | "on_hls_notify" => {
            return Some(Said::News);
        }
        _ => return None,
    };
    let body: Body = serde_json::from_str(body).ok()?;
    Some(match wish {
        Some(wish) => {
            let query = body.param.trim_start_matches('?').to_owned();
            Said::Asks(wish, body.told(query))
        }
        None => {
            let query = behind(&body.tc_url).to_owned();
            Said::Connects(body.told(query))
        }
    })
}

/// The host of those that have none of their own.
const DEFAULT: &str = "__defaultVhost__";

impl Body {
    fn told(self, query: String) -> Told {
        let host = Some(self.vhost).filter(|host| !host.is_empty() && host != DEFAULT);
        Told {
            stream: format!("{}/{}", self.app, self.stream),
            host,
            ip: self.ip.parse().ok(),
            query: SecretText::new(query),
            headers: Vec::new(),
            basic: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(action: &str, vhost: &str) -> Option<Said> {
        said(&format!(
            r#"{{"action":"{action}","client_id":"x","ip":"192.0.2.7","vhost":"{vhost}","app":"live",
                "tcUrl":"rtmp://h/live?user=u","stream":"news","param":"?token=a.b"}}"#
        ))
    }

    #[test]
    fn its_question_is_understood() {
        let Some(Said::Asks(Wish::Publish, told)) = asked("on_publish", "v") else {
            panic!("no question");
        };
        assert_eq!(told.stream, "live/news");
        assert_eq!(told.host.as_deref(), Some("v"));
        assert_eq!(told.query.expose(), "token=a.b");
        for none in ["", DEFAULT] {
            let Some(Said::Asks(Wish::Play, told)) = asked("on_play", none) else {
                panic!("no question");
            };
            assert_eq!(told.host, None);
        }
        let Some(Said::Connects(told)) = asked("on_connect", "v") else {
            panic!("nobody connects");
        };
        assert_eq!(told.query.expose(), "user=u");
        assert!(asked("on_else", "v").is_none());
    }

    #[test]
    fn what_is_over_is_not_read_further() {
        for action in ["on_close", "on_stop", "on_unpublish"] {
            assert!(matches!(asked(action, "v"), Some(Said::News)), "{action}");
            let odd = format!(r#"{{"action":"{action}","app":7}}"#);
            assert!(matches!(said(&odd), Some(Said::News)), "{action}");
        }
    }
}
