//! Tokens of several viewers in one request: whoever is entitled is heard, and few are asked about.
//!
//! Must not know: what is remembered of an answer.

use serde_json::json;

use super::table;
use crate::viewers::{operator, token_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_is_not_entitled_hides_none_who_is() {
    let (serve, _) = table::scene("").await;
    let operator = operator(&serve, "**");
    let key = serve.key_path("test/own").await;
    serve.publish("test/own/index.m3u8", &format!("{}{key}", serve.url()));
    let row = json!({"streams": ["test/*"]});
    table::put(&operator, "payer", &row, 200).await;
    let nobody = serve.stranger();
    let token = |viewer: &str| format!("token={}", token_of(viewer, viewer, "test/**"));
    let query = |viewers: &[&str]| {
        viewers
            .iter()
            .map(|it| token(it))
            .collect::<Vec<_>>()
            .join("&")
    };
    for (viewers, status) in [
        (&["payer"][..], 200),
        (&["a"], 403),
        (&["a", "payer"], 200),
        (&["payer", "a"], 200),
        (&["a", "b", "payer"], 200),
        // The same viewer is asked about once.
        (&["a", "a", "b", "payer"], 200),
        // And no more than three.
        (&["a", "b", "c", "payer"], 403),
        (&["a", "b", "c"], 403),
    ] {
        for path in [key.as_str(), "/v1/play/test/own/index.m3u8"] {
            let url = format!("{path}?{}", query(viewers));
            let answer = nobody.get(&url).await;
            assert_eq!(answer.status, status, "{viewers:?} {path}");
        }
        let begin = format!("/v1/sessions?{}", query(viewers));
        let body = Some(r#"{"stream":"test/own"}"#);
        let answer = nobody.ask("POST", &begin, body).await;
        assert_eq!(answer.status, status, "{viewers:?}");
    }
}
