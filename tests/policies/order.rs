//! Of several good tokens the policy's order names the one that decides, not the place that it stands in.
//!
//! Must not know: how a policy chooses.

use super::{POLICIES, Sent, key};
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};
use crate::viewers::operator;

const ORDERS: &str = r#"
[[policies]]
streams = ["test/ours-first"]
accept = ["viewers", "partners"]
max_life = "2m"
[[policies]]
streams = ["test/theirs-first"]
accept = ["partners", "viewers"]
max_life = "2m"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_accepted_scheme_decides_wherever_its_token_stands() {
    let serve = Serve::start("\"never\"", &format!("{POLICIES}{ORDERS}")).await;
    let (nobody, operator) = (serve.stranger(), operator(&serve, "**"));
    for (stream, first, second) in [
        ("test/ours-first", "viewers", "partners"),
        ("test/theirs-first", "partners", "viewers"),
    ] {
        let key = key(&serve, stream).await;
        let ask = async |of_first: &str, of_second: &str, expected: u16| {
            let one = serve.minted(first, stream, of_first);
            let other = serve.minted(second, stream, of_second);
            for (bearer, query) in [(&one, &other), (&other, &one)] {
                let sent = Sent {
                    bearers: vec![bearer.clone()],
                    query: format!("token={query}"),
                    headers: Vec::new(),
                };
                let answer = sent.ask(&nobody, &key).await;
                assert_eq!(answer.status, expected, "{stream} {of_first} {of_second}");
            }
        };
        ask("1m", "1m", 200).await;
        let path = format!("/v1/sessions?stream={stream}");
        let vouched = until("the session is listed", seconds(20), async || {
            let listed = operator.get(&path).await.expect(200).json();
            let sessions = listed["sessions"].as_array()?.clone();
            let schemes = sessions
                .iter()
                .map(|one| one["scheme"].as_str().unwrap().to_owned());
            Some(schemes.collect::<Vec<_>>()).filter(|schemes| !schemes.is_empty())
        })
        .await;
        assert!(
            vouched.iter().all(|scheme| scheme == first),
            "{stream}: {vouched:?}"
        );
        // One that the policy does not take masks none that it does.
        ask("1m", "1h", 200).await;
        ask("1h", "1m", 200).await;
        ask("1h", "1h", 403).await;
    }
}

/// A browser shows its cookie with everything: to a page that has a better token it is no hindrance.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_a_policy_does_not_take_masks_no_token() {
    let serve = Serve::start("\"never\"", POLICIES).await;
    let (nobody, key) = (serve.stranger(), key(&serve, "test/short").await);
    let long = serve.minted("viewers", "test/**", "3h");
    let begun = nobody.with(&long).ask("POST", "/v1/sessions", None).await;
    let set = begun.expect(200).header("set-cookie").to_owned();
    let cookie = set.split(';').next().unwrap().to_owned();
    let short = serve.minted("viewers", "test/short", "5m");
    for (query, expected) in [(String::new(), 403), (format!("token={short}"), 200)] {
        let sent = Sent {
            query,
            headers: vec![("cookie", cookie.clone())],
            ..Sent::default()
        };
        assert_eq!(sent.ask(&nobody, &key).await.status, expected, "{expected}");
    }
}
