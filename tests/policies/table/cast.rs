//! Who asks in the table: a credential of each kind for each stream, good, late, or another stream's, and the
//! server that they ask.
//!
//! Must not know: what is answered.

use std::collections::HashMap;

use crate::harness::actor::{Actor, Answer};
use crate::harness::database;
use crate::harness::entitlement::beside;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// The stream whose key nobody here may have.
pub(super) const FAR: &str = "test/far/away";
/// Every kind that signs, and what its instance is called.
const SIGNERS: [&str; 7] = [
    "jwt",
    "securetoken",
    "wmsauth",
    "hdnts",
    "edgeauth",
    "cat",
    "urlparams",
];
/// What is made of a signed token.
const MADE: [&str; 4] = ["grant", "cookie", "bearer", "hdntl"];
const LISTED: &str = "https://player.example";
const LINKED: &str = "https://portal.example/live/a";
const HOME: &str = "192.0.2.7";

/// One instance of each kind. `partners` is another issuer.
const SCHEMES: &str = r#"
[schemes.jwt]
streams = ["test/*"]
secret = "obviously-a-fake-secret-of-the-jwt-issuer"
[schemes.securetoken]
streams = ["test/*"]
secrets = ["obviously-a-fake-secret"]
[schemes.wmsauth]
streams = ["test/*"]
secrets = ["obviously-a-fake-secret"]
[schemes.hdnts]
streams = ["test/*"]
secrets = ["obviously-a-fake-secret"]
[schemes.edgeauth]
streams = ["test/*"]
name = "__token__"
secrets_hex = ["0123456789abcdef"]
[schemes.cat]
streams = ["test/*"]
keys = [{ kid = "k1", alg = "HS256", secret_hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" }]
[schemes.urlparams]
streams = ["test/*"]
play = ["obviously-a-fake-word.watch"]
[schemes.aside]
kind = "urlparams"
streams = ["test/far/*"]
play = ["obviously-a-fake-word.aside"]
[schemes.partners]
kind = "jwt"
streams = ["test/*"]
secret = "obviously-a-fake-secret-of-the-partners"
[[policies]]
streams = ["test/refuses"]
accept = ["partners"]
[[policies]]
streams = ["test/page"]
origins = ["https://player.example"]
[[policies]]
streams = ["test/brief"]
max_life = "10m"
[[policies]]
streams = ["test/bound"]
bind_ip = "exact"
[[policies]]
streams = ["test/near"]
bind_ip = "network"
[[policies]]
streams = ["test/portal"]
referers = ["https://portal.example/live/"]
[[policies]]
streams = ["test/free"]
entitlement = false
"#;
/// The customer's database, where nobody has paid for two of the streams.
const UNPAID: &str = "source = \"sql\"\n[entitlement.sql]\nurl = \"sqlite:customers.db\"\n\
    query = \"SELECT :viewer <> '' AND :stream NOT IN ('test/unpaid', 'test/free') AS allow\"\n";

/// The two policies that name a kind.
fn policies() -> String {
    let of = |kind: &&str| {
        format!(
            "[[policies]]\nstreams = [\"test/accepts-{kind}\"]\naccept = [\"{kind}\"]\n\
             [[policies]]\nstreams = [\"test/requires-{kind}\"]\nrequire = [\"{kind}\", \"partners\"]\n"
        )
    };
    SIGNERS.iter().map(of).collect()
}

/// The kind of token that this is, or is made of: nobody asks as a JWT.
fn signer(kind: &str) -> &str {
    match kind {
        "hdntl" => "edgeauth",
        kind if SIGNERS.contains(&kind) => kind,
        _ => "jwt",
    }
}

/// What a request shows.
#[derive(Default, Clone)]
pub(super) struct Shown {
    bearer: Option<String>,
    query: Vec<String>,
    cookie: Option<String>,
    origin: Option<&'static str>,
    referer: Option<&'static str>,
    ip: Option<&'static str>,
}

impl Shown {
    pub(super) async fn ask(
        &self,
        nobody: &Actor,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Answer {
        let mut headers = vec![("x-forwarded-for", self.ip.unwrap_or(HOME))];
        headers.extend(self.cookie.as_deref().map(|cookie| ("cookie", cookie)));
        headers.extend(self.origin.map(|origin| ("origin", origin)));
        headers.extend(self.referer.map(|referer| ("referer", referer)));
        let who = match &self.bearer {
            Some(bearer) => nobody.with(bearer),
            None => nobody.clone(),
        };
        let path = format!("{path}?{}", self.query.join("&"));
        who.try_ask(method, &path, &headers, body).await.unwrap()
    }

    fn bearing(bearer: String) -> Self {
        Self {
            bearer: Some(bearer),
            ..Self::default()
        }
    }
}

/// The server, and its streams' keys.
pub(super) struct Cast {
    pub(super) serve: Serve,
    keys: HashMap<String, String>,
}

impl Cast {
    pub(super) async fn gather() -> Self {
        let mut serve = Serve::prepare("\"never\"", &format!("{SCHEMES}{}", policies()));
        let proxied = "trusted_proxies = [\"127.0.0.1\"]\n[server.tls]";
        serve.amend("[server.tls]", proxied);
        let url = format!("sqlite:{}", beside(&serve, "customers.db").display());
        database::run(&url, "CREATE TABLE customers (name TEXT)").await;
        serve.amend("source = \"allow\"\n", UNPAID);
        serve.resume().await;
        let of = |kind: &&str| {
            [
                format!("test/accepts-{kind}"),
                format!("test/requires-{kind}"),
            ]
        };
        let shared = [
            "test/refuses",
            "test/page",
            "test/brief",
            "test/bound",
            "test/near",
            "test/portal",
            "test/unpaid",
            "test/free",
            "test/aside",
            FAR,
        ];
        let streams = SIGNERS.iter().flat_map(of);
        let streams: Vec<_> = streams.chain(shared.map(str::to_owned)).collect();
        let file = serve.credential("packager", "test/**", &[]);
        let packager = std::fs::read_to_string(file).unwrap();
        let packager = serve.stranger().with(packager.trim());
        let mut keys = HashMap::new();
        for stream in streams {
            let schedule = format!("/v1/streams/{stream}/schedule");
            let lease = packager.get(&schedule).await.expect(200).json();
            let uri = lease["periods"][0]["uri"].as_str().unwrap();
            serve.publish(&format!("{stream}/index.m3u8"), uri);
            keys.insert(stream, uri.replace(&serve.url(), ""));
        }
        Self { serve, keys }
    }

    /// The path of the stream's key.
    pub(super) fn key(&self, stream: &str) -> &str {
        &self.keys[stream]
    }

    /// Why each of these requests was refused, by its id: what the trail has.
    pub(super) async fn reasons(&self, refused: &[&str]) -> HashMap<String, String> {
        let file = self.serve.credential("operator", "**", &["operate"]);
        let key = std::fs::read_to_string(file).unwrap();
        let operator = self.serve.ops().with(key.trim());
        until("the trail is written", seconds(60), async || {
            let told = told(&operator).await;
            let is_whole = refused.iter().all(|id| told.contains_key(*id));
            is_whole.then_some(told)
        })
        .await
    }

    /// The stream of a policy for who asks, and what they show.
    pub(super) async fn scene(&self, who: &str, policy: &str) -> (String, Shown) {
        let kind = who.rsplit('-').next().unwrap();
        let named = signer(kind);
        let stream = match policy {
            "accepts" => format!("test/accepts-{named}"),
            "requires" | "both" => format!("test/requires-{named}"),
            "refuses" | "unpaid" | "free" => format!("test/{policy}"),
            "pageless" | "listed" | "foreign" => "test/page".to_owned(),
            "long" | "short" => "test/brief".to_owned(),
            "home" | "moved" => "test/bound".to_owned(),
            "near" | "away" => "test/near".to_owned(),
            "linked" | "copied" => "test/portal".to_owned(),
            other => panic!("no policy is {other}"),
        };
        let life = if policy == "short" { "5m" } else { "1h" };
        let mut shown = match who.split_once('-') {
            Some(("expired", kind)) => self.signed(kind, &stream, "-1h"),
            Some((_, "urlparams")) => self.signed("aside", "test/far/x", life),
            Some((_, kind)) if MADE.contains(&kind) => self.made(kind, "test/aside", life).await,
            Some((_, kind)) => self.signed(kind, "test/aside", life),
            None if who == "none" => Shown::default(),
            None if MADE.contains(&who) && ["refuses", "unpaid"].contains(&policy) => {
                self.wide(who).await
            }
            None if MADE.contains(&who) => self.made(who, &stream, life).await,
            None => self.signed(who, &stream, life),
        };
        if policy == "both" {
            let partner = self.serve.minted("partners", &stream, life);
            shown.query.push(format!("token={partner}"));
        }
        shown.origin = match policy {
            "listed" => Some(LISTED),
            "foreign" => Some("https://evil.example"),
            _ => None,
        };
        shown.referer = match policy {
            "linked" => Some(LINKED),
            "copied" => Some("https://portal.example/other"),
            _ => None,
        };
        let elsewhere = match policy {
            "moved" => Some("192.0.2.8"),
            "near" => Some("192.0.2.200"),
            "away" => Some("198.51.100.8"),
            _ => None,
        };
        if elsewhere.is_some() {
            // What names no address is bound to the first that it comes from.
            let key = self.key(&stream);
            shown.ask(&self.serve.stranger(), "GET", key, None).await;
            shown.ip = elsewhere;
        }
        (stream, shown)
    }

    /// A token of the instance, where players show it.
    fn signed(&self, scheme: &str, stream: &str, life: &str) -> Shown {
        let token = self.serve.minted(scheme, stream, life);
        match scheme {
            "jwt" => Shown::bearing(token),
            _ => Shown {
                query: vec![token],
                ..Shown::default()
            },
        }
    }

    /// What a viewer is given who shows all that the stream asks for, at home.
    async fn made(&self, what: &str, stream: &str, life: &str) -> Shown {
        let mut viewer = self.signed(signer(what), stream, life);
        if stream.starts_with("test/requires-") {
            let partner = self.serve.minted("partners", stream, life);
            viewer.query.push(format!("token={partner}"));
        }
        match stream {
            "test/portal" => viewer.referer = Some(LINKED),
            _ => viewer.origin = Some(LISTED),
        }
        let nobody = self.serve.stranger();
        if what == "grant" {
            let path = format!("/v1/play/{stream}/index.m3u8");
            let text = viewer
                .ask(&nobody, "GET", &path, None)
                .await
                .expect(200)
                .text();
            let uri = text
                .split("URI=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap();
            return Shown {
                query: vec![uri.split_once('?').unwrap().1.to_owned()],
                ..Shown::default()
            };
        }
        self.begun(what, &viewer, &format!("{{\"stream\":\"{stream}\"}}"))
            .await
    }

    /// A session for all that the instance is for.
    async fn wide(&self, what: &str) -> Shown {
        let viewer = self.signed("jwt", "test/*", "1h");
        self.begun(what, &viewer, "{}").await
    }

    async fn begun(&self, what: &str, viewer: &Shown, body: &str) -> Shown {
        let nobody = self.serve.stranger();
        let begun = viewer
            .ask(&nobody, "POST", "/v1/sessions", Some(body))
            .await;
        assert_eq!(begun.status, 200, "{what} for {body}: {}", begun.text());
        if what == "bearer" {
            return Shown::bearing(begun.json()["grant"].as_str().unwrap().to_owned());
        }
        let name = if what == "hdntl" {
            "hdntl="
        } else {
            "hlskey_session="
        };
        let cookies = begun.headers.get_all("set-cookie").iter();
        let mut cookies = cookies.filter_map(|it| it.to_str().unwrap().split(';').next());
        let cookie = cookies.find(|cookie| cookie.starts_with(name));
        Shown {
            cookie: Some(
                cookie
                    .unwrap_or_else(|| panic!("no {name} for {body}"))
                    .to_owned(),
            ),
            ..Shown::default()
        }
    }
}

/// The reason of every refusal in the trail, by the request's id.
async fn told(operator: &Actor) -> HashMap<String, String> {
    let (mut reasons, mut after) = (HashMap::new(), String::new());
    loop {
        let path = format!("/v1/audit?kind=refused&limit=1000{after}");
        let page = operator.get(&path).await.expect(200).json();
        for row in page["rows"].as_array().unwrap() {
            let [id, reason] = ["request_id", "reason"].map(|name| row[name].as_str());
            reasons.insert(id.unwrap().to_owned(), reason.unwrap().to_owned());
        }
        let Some(next) = page["next"].as_str() else {
            return reasons;
        };
        after = format!("&after={next}");
    }
}
