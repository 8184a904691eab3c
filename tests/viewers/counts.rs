//! Who watches, by API, metric and command line, while players play and after they left.
//!
//! Must not know: limits.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::harness::binary::{command, printed};
use crate::harness::process::Process;
use crate::harness::wait::{seconds, until};

/// A server whose sessions last so long.
async fn serve(lease: &str) -> Serve {
    let mut serve = Serve::prepare("{ every = \"5s\" }", "");
    let section = format!("[sessions]\nlease = \"{lease}\"\n[grants]");
    serve.amend("[grants]", &section);
    serve.resume().await;
    serve
}

fn pairs(all: &[(&str, u64)]) -> Vec<(String, u64)> {
    all.iter()
        .map(|(stream, count)| ((*stream).to_owned(), *count))
        .collect()
}

/// What the metric says of a stream; `None` if it is silent.
async fn measured(serve: &Serve, stream: &str) -> Option<u64> {
    let text = serve.ops().get("/metrics").await.expect(200).text();
    let name = format!("hlskey_live_viewers{{stream=\"{stream}\"}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&name));
    line.map(|count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_who_watches_its_streams() {
    let serve = serve("15m").await;
    let at = serve.stranger();
    for (stream, sessions) in [("test/a", 3), ("test/b", 2)] {
        let key = serve.key_path(stream).await;
        for n in 0..sessions {
            let token = token_of("alice", &format!("{stream}-{n}"), "test/**");
            for _ in 0..3 {
                watch(&at, &key, &token, "tv").await.expect(200);
            }
        }
    }
    let (all, some) = (operator(&serve, "**"), operator(&serve, "test/b"));
    assert_eq!(
        counted(&all, "").await,
        pairs(&[("test/a", 3), ("test/b", 2)])
    );
    assert_eq!(
        counted(&all, "?stream=test/a").await,
        pairs(&[("test/a", 3)])
    );
    assert_eq!(counted(&all, "?stream=*/b").await, pairs(&[("test/b", 2)]));
    assert_eq!(counted(&some, "").await, pairs(&[("test/b", 2)]));
    assert_eq!(counted(&some, "?stream=test/a").await, []);
    assert_eq!(measured(&serve, "test/a").await, Some(3));
    assert_eq!(measured(&serve, "test/c").await, None);
    all.get("/v1/viewers?stream=a//b").await.expect(400);

    let sessions = async |who: &Actor, query: &str| {
        let view = who
            .get(&format!("/v1/sessions{query}"))
            .await
            .expect(200)
            .json();
        let rows = view["sessions"].as_array().unwrap().clone();
        (rows, view["next"].as_str().map(str::to_owned))
    };
    let (rows, next) = sessions(&all, "").await;
    assert_eq!((rows.len(), next), (5, None));
    let first = &rows[0];
    for (name, value) in [
        ("scheme", "viewers"),
        ("session", "test/a-0"),
        ("viewer", "alice"),
        ("stream", "test/a"),
        ("address", "127.0.0.1"),
    ] {
        assert_eq!(first[name], value, "{first}");
    }
    assert!(first["started"].as_str().unwrap() <= first["seen"].as_str().unwrap());
    assert_eq!(first["displaced"], json!(null));
    let (rows, next) = sessions(&all, "?limit=2").await;
    assert_eq!(rows.len(), 2);
    let (rest, end) = sessions(&all, &format!("?limit=3&after={}", next.unwrap())).await;
    assert_eq!((rest.len(), end), (3, None));
    assert_eq!(rest[0]["session"], "test/a-2");
    assert_eq!(sessions(&some, "").await.0.len(), 2);
    assert_eq!(
        sessions(&all, "?viewer=alice&stream=test/b").await.0.len(),
        2
    );
    assert_eq!(sessions(&all, "?viewer=bob").await.0.len(), 0);
    for bad in [
        "?limit=0",
        "?limit=1001",
        "?limit=x",
        "?after=x",
        "?stream=a*",
    ] {
        all.get(&format!("/v1/sessions{bad}")).await.expect(400);
    }

    let config = serve.config();
    let ls = ["session", "ls", "--config", config.to_str().unwrap()];
    let table = printed(&ls);
    assert_eq!(table.lines().count(), 6, "{table}");
    let json = printed(
        &[
            &ls[..],
            &["--json", "--viewer", "alice", "--stream", "test/a"],
        ]
        .concat(),
    );
    let view: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(view["sessions"].as_array().unwrap().len(), 3, "{view}");
    assert!(
        !table.contains("eyJ") && !json.contains("eyJ"),
        "no token is shown"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn players_are_counted_while_they_play_and_after_they_left() {
    const PLAYERS: usize = 30;
    const STREAM: &str = "test/storm";
    let serve = serve("8s").await;
    serve.key_path(STREAM).await;
    let tokens = serve.config().with_file_name("viewers.tokens");
    let each = (0..PLAYERS).map(|n| token_of(&format!("viewer-{n}"), &format!("s{n}"), STREAM));
    std::fs::write(&tokens, each.collect::<Vec<_>>().join("\n")).unwrap();
    std::fs::set_permissions(&tokens, Permissions::from_mode(0o600)).unwrap();
    let credential = serve.credential("studio", "test/*", &[]);
    let (url, ca) = (serve.url(), serve.ca());
    let paths = [&ca, &credential, &tokens].map(|path| path.to_str().unwrap());
    let players = PLAYERS.to_string();
    let mut args = vec!["storm", "--server", &url, "--ca", paths[0]];
    args.extend(["--credential-file", paths[1], "--token-file", paths[2]]);
    args.extend(["--stream", STREAM, "--players", &players]);
    args.extend(["--target-duration", "2s", "--json"]);
    let mut storm = Process::start(command(&args));
    let operator = operator(&serve, "**");
    until("all are counted", seconds(60), async || {
        assert!(storm.ended().is_none(), "{}", storm.stderr.text());
        let by_metric = measured(&serve, STREAM).await;
        let by_api = counted(&operator, "").await;
        let all = u64::try_from(PLAYERS).unwrap();
        (by_metric == Some(all) && by_api == pairs(&[(STREAM, all)])).then_some(())
    })
    .await;
    let status = storm.end(seconds(60)).await;
    assert!(status.success(), "{}", storm.stdout.text());
    until("they have left", seconds(30), async || {
        let by_metric = measured(&serve, STREAM).await;
        (by_metric.is_none() && counted(&operator, "").await.is_empty()).then_some(())
    })
    .await;
}

/// A word that is everybody's names nobody, and neither does a URL that was passed on.
#[tokio::test(flavor = "multi_thread")]
async fn whom_no_token_tells_apart_are_counted_by_their_addresses() {
    let schemes = "[schemes.urlparams]\nstreams = [\"test/*\"]\nplay = [\"obviously-a-fake-word.watch\"]\n\
        [schemes.securetoken]\nstreams = [\"test/*\"]\nsecrets = [\"obviously-a-fake-secret\"]\n";
    let limited = "[[policies]]\nstreams = [\"test/limited\"]\nmax_sessions = 1\n";
    let mut serve = Serve::prepare("\"never\"", &format!("{schemes}{limited}"));
    let proxied = "trusted_proxies = [\"127.0.0.1\"]\n[server.tls]";
    serve.amend("[server.tls]", proxied);
    serve.resume().await;
    let nobody = serve.stranger();
    for (stream, scheme) in [
        ("test/words", "urlparams"),
        ("test/urls", "securetoken"),
        ("test/named", "viewers"),
        ("test/limited", "urlparams"),
    ] {
        let key = serve.key_path(stream).await;
        let token = serve.minted(scheme, stream, "1h");
        let query = match scheme {
            "viewers" => format!("token={token}"),
            _ => token,
        };
        for ip in [
            "192.0.2.1",
            "192.0.2.2",
            "192.0.2.1",
            "2001:db8::1",
            "2001:db8::2",
        ] {
            let headers = [("x-forwarded-for", ip)];
            let path = format!("{key}?{query}");
            let answer = nobody.try_ask("GET", &path, &headers, None).await;
            answer.unwrap().expect(200);
        }
    }
    // One whom it names is one wherever it is; where sessions are limited, a token is one.
    assert_eq!(
        counted(&operator(&serve, "**"), "").await,
        pairs(&[
            ("test/limited", 1),
            ("test/named", 1),
            ("test/urls", 3),
            ("test/words", 3),
        ])
    );
}
