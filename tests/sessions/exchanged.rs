//! EdgeAuth's long-lived token: how long it lasts, who may show it, and what ends it.
//!
//! Must not know: how a token is signed.

use serde_json::{Value, json};

use super::{SESSIONS, cookie, text, with_cookie};
use crate::harness::actor::{Actor, Answer};
use crate::harness::binary::printed;
use crate::harness::clock::SetClock;
use crate::harness::serve::Serve;
use crate::viewers::operator;

const EDGE: &str =
    "[schemes.edgeauth]\nsecrets_hex = [\"0123456789abcdef\"]\nstreams = [\"test/**\"]\n";
const LIST: &str = "/v1/play/test/own/index.m3u8";
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// A server, the path of its stream's key, and a player without a token.
struct Scene {
    serve: Serve,
    key: String,
    player: Actor,
}

impl Scene {
    async fn set(more: &str) -> Self {
        Self::of(Serve::start("\"never\"", &format!("{EDGE}{more}")).await).await
    }

    async fn of(serve: Serve) -> Self {
        let uri = serve.key("test/own").await;
        serve.publish("test/own/index.m3u8", &uri);
        Self {
            key: uri.replace(&serve.url(), ""),
            player: serve.stranger(),
            serve,
        }
    }

    /// A token of a minute, as the query that shows it.
    fn short(&self, more: &[&str]) -> String {
        let config = self.serve.config();
        let fixed = ["token", "mint", "--config", config.to_str().unwrap()];
        let asked = [
            "--scheme", "edgeauth", "--stream", "test/own", "--ttl", "1m",
        ];
        printed(&[&fixed[..], &asked, more].concat())
    }

    /// Both ways in which one is exchanged: a session is begun, and a playlist fetched.
    async fn exchanged(&self, short: &str, headers: &[(&str, &str)]) -> [Answer; 2] {
        let ask = async |method: &str, path: &str, body| {
            let path = format!("{path}?{short}");
            let asked = self.player.try_ask(method, &path, headers, body).await;
            asked.unwrap().expect(200)
        };
        let stream = Some(r#"{"stream":"test/own"}"#);
        [
            ask("POST", SESSIONS, stream).await,
            ask("GET", LIST, None).await,
        ]
    }

    /// The status of a request with that cookie.
    async fn status(&self, path: &str, cookie: &str) -> u16 {
        with_cookie(&self.player, "GET", path, cookie).await.status
    }
}

/// A field of a token, which stands behind its own name.
fn field<'a>(token: &'a str, name: &str) -> Option<&'a str> {
    let (_, fields) = token.split_once('=').unwrap();
    let mut fields = fields.split('~').filter_map(|field| field.split_once('='));
    fields.find_map(|(found, value)| (found == name).then_some(value))
}

fn seconds_of(token: &str, name: &str) -> i64 {
    field(token, name).unwrap().parse().unwrap()
}

/// The whole `Set-Cookie` of it.
fn set_cookie(answer: &Answer) -> Option<&str> {
    let all = answer.headers.get_all("set-cookie").iter();
    let mut all = all.map(|value| value.to_str().unwrap());
    all.find(|text| text.starts_with("hdntl="))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_lasts_as_long_as_was_configured_and_no_longer_than_a_policy_allows() {
    let policy = "[[policies]]\nstreams = [\"test/**\"]\nmax_life = \"2h\"\n";
    let lax = "[sessions]\nhdntl_same_site = \"lax\"\n";
    for (setting, policy, life) in [
        ("", "", 12 * HOUR),
        ("long_life = \"3h\"\n", lax, 3 * HOUR),
        ("long_life = \"3h\"\n", policy, 2 * HOUR),
        ("long_life = \"30m\"\n", policy, 30 * MINUTE),
    ] {
        let scene = Scene::set(&format!("{setting}{policy}")).await;
        let short = scene.short(&[]);
        for answer in scene.exchanged(&short, &[]).await {
            let long = cookie(&answer, "hdntl");
            // The short one was made for a minute.
            let gained = seconds_of(&long, "exp") - seconds_of(&short, "exp");
            let about = life - MINUTE - 2..life - MINUTE + 30;
            assert!(about.contains(&gained), "{setting}{policy}: {gained}");
            let set = set_cookie(&answer).unwrap();
            let same_site = if policy == lax { "Lax" } else { "None" };
            let same_site = format!("; SameSite={same_site}");
            for attribute in ["; Path=/", "; Secure", "; HttpOnly", &same_site] {
                assert!(set.contains(attribute), "{set}");
            }
            let age = set.split("; Max-Age=").nth(1).unwrap();
            let age: i64 = age.split(';').next().unwrap().parse().unwrap();
            assert!((life - 30..=life).contains(&age), "{set}");
            // Not a moment too long for the policy that bounds it.
            assert_eq!(scene.status(&scene.key, &long).await, 200, "{policy}");
            assert_eq!(scene.status(LIST, &long).await, 200, "{policy}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_made_where_it_would_not_last() {
    let scene = Scene::set("long_life = \"0s\"\n").await;
    let [session, list] = scene.exchanged(&scene.short(&[]), &[]).await;
    assert!(session.json().get("hdntl").is_none(), "{}", session.text());
    for answer in [session, list] {
        assert_eq!(set_cookie(&answer), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_goes_on_by_it_at_the_same_urls_when_its_short_token_is_over() {
    let clock = SetClock::right();
    let mut serve = Serve::prepare("\"never\"", EDGE);
    serve.resume_as(clock.given_to(serve.command())).await;
    let scene = Scene::of(serve).await;
    let other = scene.serve.key_path("test/other").await;
    let short = scene.short(&[]);
    let urls = [LIST, &scene.key].map(|path| format!("{path}?{short}"));
    let longs = scene.exchanged(&short, &[]).await;
    let longs = longs.map(|answer| cookie(&answer, "hdntl"));
    for url in &urls {
        scene.player.get(url).await.expect(200);
    }
    clock.set(10 * MINUTE);
    for url in &urls {
        scene.player.get(url).await.expect(401);
        for long in &longs {
            let answer = with_cookie(&scene.player, "GET", url, long).await;
            let answer = answer.expect(200);
            assert_eq!(set_cookie(&answer), None, "it is not exchanged again");
        }
    }
    for long in &longs {
        let list = with_cookie(&scene.player, "GET", LIST, long).await;
        let list = list.expect(200).text();
        let granted = list.split("URI=\"").nth(1).unwrap();
        let granted = granted.split('"').next().unwrap();
        scene.player.get(granted).await.expect(200);
        let in_url = format!("{}?{long}", scene.key);
        scene.player.get(&in_url).await.expect(200);
        assert_eq!(scene.status(&other, long).await, 401);
    }
    clock.set(13 * HOUR);
    for (url, long) in urls.iter().zip(&longs) {
        assert_eq!(scene.status(url, long).await, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_for_the_same_list_viewer_and_address() {
    let mut serve = Serve::prepare("\"never\"", EDGE);
    let proxied = "trusted_proxies = [\"127.0.0.1\"]\n[server.tls]";
    serve.amend("[server.tls]", proxied);
    serve.resume().await;
    let scene = Scene::of(serve).await;
    let short = scene.short(&["--subject", "alice", "--ip", "192.0.2.7"]);
    let at = |address| [("x-forwarded-for", address)];
    for answer in scene.exchanged(&short, &at("192.0.2.7")).await {
        let long = cookie(&answer, "hdntl");
        for (name, value) in [("acl", "/test/own/*"), ("id", "alice"), ("ip", "192.0.2.7")] {
            assert_eq!(field(&long, name), Some(value), "{long}");
            assert_eq!(field(&short, name), Some(value), "{short}");
        }
        for (address, status) in [
            ("192.0.2.7", 200),
            ("::ffff:192.0.2.7", 200),
            ("192.0.2.8", 401),
        ] {
            for path in [LIST, &scene.key] {
                let headers = [("cookie", long.as_str()), at(address)[0]];
                let answer = scene.player.try_ask("GET", path, &headers, None).await;
                assert_eq!(answer.unwrap().status, status, "{path} from {address}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_falls_with_its_short_token_and_with_its_viewer() {
    let scene = Scene::set("").await;
    let operator = operator(&scene.serve, "**");
    let mut viewers = Vec::new();
    for name in ["alice", "bob", "carol"] {
        let short = scene.short(&["--subject", name]);
        let [session, list] = scene.exchanged(&short, &[]).await;
        let longs = [cookie(&session, "hdntl"), cookie(&list, "hdntl")];
        viewers.push((longs, text(&session.json(), "grant").to_owned(), short));
    }
    let name = |at: usize| {
        let data = field(&viewers[at].0[0], "data").unwrap();
        data.strip_prefix("hdntl,").unwrap().to_owned()
    };
    let mut fallen = [false; 3];
    let revocations: [(usize, Value); 2] = [
        (0, json!({"token": name(0)})),
        (1, json!({"viewer": "bob"})),
    ];
    for revocation in [None].into_iter().chain(revocations.map(Some)) {
        if let Some((at, body)) = revocation {
            let body = body.to_string();
            let path = "/v1/revocations";
            let answer = operator.ask("POST", path, Some(&body)).await;
            answer.expect(200);
            fallen[at] = true;
        }
        for ((longs, grant, short), fallen) in viewers.iter().zip(fallen) {
            let status = if fallen { 403 } else { 200 };
            for path in [LIST, &scene.key] {
                for long in longs {
                    assert_eq!(scene.status(path, long).await, status, "{long}");
                }
                let shown = format!("{path}?{short}");
                scene.player.get(&shown).await.expect(status);
            }
            let granted = scene.player.with(grant).get(&scene.key).await;
            granted.expect(status);
        }
    }
    // One that was revoked hides no other.
    let both = format!("{}?{}", scene.key, viewers[0].2);
    assert_eq!(scene.status(&both, &viewers[2].0[0]).await, 200);
}
