//! Two teams at one server, each with an instance of every kind, its own secret and its own streams:
//! neither opens anything of the other's.
//!
//! Must not know: any scheme's form.

use std::io::Write as _;

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::harness::actor::Actor;
use crate::harness::binary::{printed, run};
use crate::harness::serve::Serve;

/// Each kind, where its secret stands (`<…>` in it is the team's), and what a team's token for its own
/// stream meets at the other team's: it is no good there, or good and for something else.
const KINDS: [(&str, &str, u16); 6] = [
    ("securetoken", "secrets = [\"obviously-fake-<…>\"]", 401),
    ("wmsauth", "secrets = [\"obviously-fake-<…>\"]", 401),
    ("hdnts", "secrets = [\"obviously-fake-<…>\"]", 401),
    ("edgeauth", "secrets_hex = [\"<…>\"]", 401),
    ("urlparams", "play = [\"obviously-fake-<…>.watch\"]", 404),
    (
        "cat",
        "keys = [{ kid = \"k1\", alg = \"HS256\", secret_hex = \"<…><…><…><…>\" }]",
        401,
    ),
];
const TEAMS: [(&str, &str); 2] = [("home", "0123456789abcdef"), ("away", "fedcba9876543210")];

/// Both teams' instances, each for the streams that `streams` says for its team.
fn schemes(streams: fn(&str) -> String) -> String {
    let mut all = String::new();
    for (team, secret) in TEAMS {
        for (kind, setting, _) in KINDS {
            let setting = setting.replace("<…>", secret);
            let streams = streams(team);
            all.push_str(&format!(
                "[schemes.{team}-{kind}]\nkind = \"{kind}\"\nstreams = [\"{streams}\"]\n{setting}\n"
            ));
        }
    }
    all
}

/// What a team signs with its own secret, for whatever stream it likes.
fn signed(signer: &NamedTempFile, team: &str, kind: &str, stream: &str) -> String {
    let (config, scheme) = (signer.path(), format!("{team}-{kind}"));
    let config = config.to_str().unwrap();
    printed(&[
        "token", "mint", "--config", config, "--scheme", &scheme, "--stream", stream,
    ])
}

/// Why an instance refuses a query at a stream, as the command line has it.
fn reason(serve: &Serve, scheme: &str, stream: &str, query: &str) -> String {
    let (config, url) = (
        serve.config(),
        format!("https://h/{stream}/index.m3u8?{query}"),
    );
    let config = config.to_str().unwrap();
    let args = ["token", "verify", "--json", "--config", config];
    let output = run(&[&args[..], &["--scheme", scheme, "--url", &url]].concat());
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    verdict["reason"].as_str().unwrap().to_owned()
}

async fn status(nobody: &Actor, key: &str, query: &str) -> u16 {
    nobody.get(&format!("{key}?{query}")).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teams_tokens_open_its_own_streams_and_nothing_of_the_other_teams() {
    let own_streams = schemes(|team| format!("test/{team}/*"));
    let serve = Serve::start("\"never\"", &own_streams).await;
    let mut signer = NamedTempFile::new().unwrap();
    let every_stream = schemes(|_| "test/**".to_owned());
    signer.write_all(every_stream.as_bytes()).unwrap();
    let nobody = serve.stranger();
    let streams = ["test/home/one", "test/away/one"];
    let keys = [serve.key(streams[0]).await, serve.key(streams[1]).await];
    for (kind, _, other) in KINDS {
        for (own, foreign) in [(0, 1), (1, 0)] {
            let ((team, _), (rival, _)) = (TEAMS[own], TEAMS[foreign]);
            let [at_home, abroad] = [team, rival].map(|team| format!("{team}-{kind}"));
            let good = signed(&signer, team, kind, streams[own]);
            assert_eq!(status(&nobody, &keys[own], &good).await, 200, "{at_home}");
            assert_eq!(
                status(&nobody, &keys[foreign], &good).await,
                other,
                "{at_home}"
            );
            // Signed with its own secret for the other's stream: the instance speaks for none of those.
            let claimed = signed(&signer, team, kind, streams[foreign]);
            assert_eq!(
                status(&nobody, &keys[foreign], &claimed).await,
                404,
                "{at_home}"
            );
            assert_eq!(
                reason(&serve, &at_home, streams[foreign], &claimed),
                "stream"
            );
            // The other's secret at its stream, for this one's: it is not asked.
            let borrowed = signed(&signer, rival, kind, streams[own]);
            assert_eq!(
                status(&nobody, &keys[own], &borrowed).await,
                404,
                "{abroad}"
            );
            let refused = reason(&serve, &at_home, streams[own], &borrowed);
            let expected = match kind {
                "urlparams" | "cat" => "signature",
                _ => "hash_mismatch",
            };
            assert_eq!(refused, expected, "{at_home}");
        }
    }
}
