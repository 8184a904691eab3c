//! Of several good tokens the policy's order names the one that decides, not the place that it stands in.
//!
//! Must not know: how a policy chooses.

use super::{POLICIES, Sent, key};
use crate::harness::serve::Serve;

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
    let nobody = serve.stranger();
    for (stream, first, second) in [
        ("test/ours-first", "viewers", "partners"),
        ("test/theirs-first", "partners", "viewers"),
    ] {
        let key = key(&serve, stream).await;
        for (of_first, of_second, expected) in
            [("1m", "1h", 200), ("1h", "1m", 403), ("1m", "1m", 200)]
        {
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
        }
    }
}
