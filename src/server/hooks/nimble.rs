//! Nimble Streamer's handlers: for publishers a batch, `PublishAuthRequest` with `seq`, `id`, `ip`, `stream`, answered by
//! `PublishAuthResponse` with `success` or `fail`; for viewers JSON with `url`, `ip`, `user_agent`, `referer`, answered by
//! `return_code` (Softvelum, Publish control; Playback session authorization).
//!
//! Nimble verifies a publisher's signature itself, and asks about the id in it alone. Must not know: who may do
//! what.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::told::{Said, Told, Vouched, Wish, behind};
use crate::crypto::SecretText;

#[derive(Deserialize)]
struct Batch {
    #[serde(rename = "PublishAuthRequest")]
    asked: Vec<Publisher>,
}

#[derive(Deserialize)]
struct Publisher {
    seq: Value,
    id: String,
    stream: String,
    #[serde(default)]
    ip: String,
}

#[derive(Deserialize)]
struct Viewer {
    url: String,
    #[serde(default)]
    ip: String,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    referer: String,
}

/// What is answered of a batch.
#[derive(Serialize)]
pub(super) struct Answers {
    #[serde(rename = "PublishAuthResponse")]
    answers: Vec<Answer>,
}

#[derive(Serialize)]
struct Answer {
    seq: Value,
    status: &'static str,
}

/// The most publishers of one batch.
const MOST: usize = 64;
/// What a viewer's refusal is told by: with any other code Nimble may let everybody in.
pub(super) const FORBIDDEN: &str = r#"{"return_code": 403}"#;

/// `None` for what is no question that is answered.
pub(super) fn said(body: &str) -> Option<Said> {
    if let Ok(batch) = serde_json::from_str::<Batch>(body) {
        let is_bounded = batch.asked.len() <= MOST;
        let vouched = batch.asked.into_iter().map(|one| Vouched {
            seq: one.seq,
            user: one.id,
            stream: one.stream.trim_start_matches('/').to_owned(),
            ip: one.ip.parse().ok(),
        });
        return is_bounded.then(|| Said::Batch(vouched.collect()));
    }
    let viewer: Viewer = serde_json::from_str(body).ok()?;
    let path = path(&viewer.url);
    let mut ends = path.match_indices('/').map(|(at, _)| at);
    let (_, end) = (ends.next()?, ends.next());
    let header = |name: &str, value: String| (!value.is_empty()).then(|| (name.to_owned(), value));
    let headers = [
        header("user-agent", viewer.user_agent),
        header("referer", viewer.referer),
    ];
    let told = Told {
        stream: path[..end.unwrap_or(path.len())].to_owned(),
        host: None,
        query: SecretText::new(behind(&viewer.url).to_owned()),
        basic: Vec::new(),
        headers: headers.into_iter().flatten().collect(),
        ip: viewer.ip.parse().ok(),
    };
    Some(Said::Asks(Wish::Play, told))
}

/// Of a URL or a path: without a slash before it, and without the query.
fn path(url: &str) -> &str {
    let path = url.split('?').next().unwrap_or_default();
    let behind = path.split_once("://").map(|(_, behind)| behind);
    let path = behind.map_or(path, |behind| behind.split_once('/').unwrap_or_default().1);
    path.trim_start_matches('/')
}

/// The answer to a batch, in its order.
pub(super) fn answers(decided: Vec<(Value, bool)>) -> Answers {
    let each = decided.into_iter().map(|(seq, is_allowed)| Answer {
        seq,
        status: if is_allowed { "success" } else { "fail" },
    });
    Answers {
        answers: each.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_understood_and_bounded() {
        let one = r#"{"seq":"1","id":"User1","ip":"192.0.2.7","stream":"live/news"}"#;
        let batch = |count: usize| {
            let all = vec![one; count].join(",");
            said(&format!(r#"{{"PublishAuthRequest":[{all}]}}"#))
        };
        let Some(Said::Batch(all)) = batch(MOST) else {
            panic!("no batch");
        };
        assert_eq!(
            (all[0].user.as_str(), all[0].stream.as_str()),
            ("User1", "live/news")
        );
        assert!(batch(MOST + 1).is_none());
    }

    #[test]
    fn a_viewers_url_names_its_stream() {
        for url in [
            "/live/news/playlist.m3u8?a=b",
            "http://h:8081/live/news/playlist.m3u8?a=b",
        ] {
            let asked =
                format!(r#"{{"url":"{url}","ip":"192.0.2.7","referer":"https://e.example/"}}"#);
            let Some(Said::Asks(Wish::Play, told)) = said(&asked) else {
                panic!("no question");
            };
            assert_eq!(
                (told.stream.as_str(), told.query.expose()),
                ("live/news", "a=b")
            );
            assert_eq!(
                told.headers,
                [("referer".to_owned(), "https://e.example/".to_owned())]
            );
        }
        assert!(said(r#"{"url":"/live"}"#).is_none());
        assert!(said("{}").is_none());
    }
}
