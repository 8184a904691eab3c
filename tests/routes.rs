//! The authorisation matrix: every endpoint with every kind of credential, in one table.
//!
//! A route of the product that is missing here fails the test. Must not know: how the gate
//! decides.

mod asked;
mod paths;
mod speke;

use hlskey::server::{Listener, ROUTES};

use crate::harness::actor::{Actor, Answer};
use crate::harness::stage::{STREAM, Stage};
use asked::{body_of, path_of};
use paths::*;

/// What a row is asked with, in the order of its statuses.
const WHO: [&str; 6] = [
    "none",
    "garbage",
    "expired",
    "wrong stream",
    "wrong scope",
    "right",
];

/// Whose credential opens a row, and so which one has the wrong scope.
#[derive(Clone, Copy, PartialEq)]
enum Right {
    Viewer,
    Packager,
    Operator,
}

/// One endpoint: listener, method, template, whose it is, the statuses in the order of [`WHO`].
struct Row(Listener, &'static str, &'static str, Right, [u16; 6]);

const OPEN: [u16; 6] = [200; 6];
const DELIVERED: [u16; 6] = [401, 401, 401, 404, 403, 200];
const UNFILED: [u16; 6] = [401, 401, 401, 404, 403, 404];
/// Rows that take something away stand last.
const MATRIX: [Row; 60] = {
    use Listener::{Ops, Public};
    use Right::{Operator, Packager, Viewer};
    let managed = [401, 401, 401, 403, 403, 200];
    // The stage's stream rotates by count.
    let counted = [401, 401, 401, 403, 403, 409];
    [
        Row(Public, "GET", KEY, Viewer, DELIVERED),
        Row(Public, "HEAD", KEY, Viewer, DELIVERED),
        // The stage has no folder of keys.
        Row(Public, "GET", KEY_FILE, Viewer, UNFILED),
        Row(Public, "HEAD", KEY_FILE, Viewer, UNFILED),
        Row(Public, "GET", PLAY, Viewer, managed),
        Row(Public, "HEAD", PLAY, Viewer, managed),
        // Any viewer's token begins a session of its own streams; none of these is a session.
        Row(Public, "POST", "/v1/sessions", Viewer, LISTED),
        Row(Public, "GET", CURRENT, Viewer, SESSIONLESS),
        Row(Public, "DELETE", CURRENT, Viewer, SESSIONLESS),
        Row(
            Public,
            "POST",
            "/v1/sessions/current/renew",
            Viewer,
            SESSIONLESS,
        ),
        Row(Public, "GET", "/hls/{stream}/{file}", Viewer, OPEN),
        Row(Public, "HEAD", "/hls/{stream}/{file}", Viewer, OPEN),
        Row(Public, "GET", "/watch/{stream}", Viewer, OPEN),
        Row(Public, "HEAD", "/watch/{stream}", Viewer, OPEN),
        Row(Public, "GET", PLAYER, Viewer, OPEN),
        Row(Public, "HEAD", PLAYER, Viewer, OPEN),
        Row(Public, "GET", "/v1/openapi.json", Viewer, OPEN),
        Row(Public, "GET", "/v1/streams", Packager, LISTED),
        Row(Public, "GET", STREAMS, Packager, managed),
        Row(Public, "PUT", STREAMS, Packager, managed),
        Row(
            Public,
            "GET",
            "/v1/streams/{stream}/schedule",
            Packager,
            managed,
        ),
        Row(Public, "GET", KEYINFO, Packager, counted),
        Row(Public, "GET", WOWZA, Packager, counted),
        Row(Public, "GET", SHAKA, Packager, counted),
        Row(Public, "GET", BENTO4, Packager, counted),
        Row(Public, "GET", NGINX_VOD, Packager, counted),
        Row(Public, "GET", GOOGLE, Packager, counted),
        Row(Public, "GET", CPIX, Packager, counted),
        Row(Public, "GET", GPAC, Packager, counted),
        Row(Public, "GET", FLUSSONIC, Packager, counted),
        Row(Public, "GET", RAW_KEY, Packager, managed),
        Row(
            Public,
            "POST",
            "/v1/streams/{stream}/rotate",
            Packager,
            managed,
        ),
        Row(
            Public,
            "POST",
            "/v1/streams/{stream}/progress",
            Packager,
            managed,
        ),
        Row(
            Public,
            "POST",
            "/speke/v1.0/copyProtection",
            Packager,
            managed,
        ),
        Row(
            Public,
            "POST",
            "/speke/v2.0/copyProtection",
            Packager,
            managed,
        ),
        Row(
            Public,
            "POST",
            "/speke/v2.1/copyProtection",
            Packager,
            managed,
        ),
        Row(Public, "GET", "/speke/v1.0/heartbeat", Packager, LISTED),
        Row(Ops, "GET", "/healthz", Operator, OPEN),
        Row(Ops, "GET", "/readyz", Operator, OPEN),
        Row(Ops, "GET", "/metrics", Operator, OPEN),
        Row(Ops, "GET", "/v1/viewers", Operator, LISTED),
        Row(Ops, "GET", "/v1/sessions", Operator, LISTED),
        Row(
            Ops,
            "POST",
            "/v1/keys/{kid}/revoke",
            Operator,
            [401, 401, 401, 404, 403, 204],
        ),
        // Rows of streams that are another's are left out.
        Row(Ops, "GET", "/v1/audit", Operator, LISTED),
        Row(Ops, "GET", "/v1/explain/{request_id}", Operator, UNKNOWN),
        Row(Ops, "POST", "/v1/revocations", Operator, managed),
        Row(Ops, "GET", "/v1/revocations", Operator, managed),
        Row(
            Ops,
            "DELETE",
            "/v1/revocations/{id}",
            Operator,
            [401, 401, 401, 403, 403, 404],
        ),
        Row(
            Ops,
            "PUT",
            ENTITLEMENT,
            Operator,
            [401, 401, 401, 403, 403, 200],
        ),
        Row(
            Ops,
            "GET",
            ENTITLEMENT,
            Operator,
            [401, 401, 401, 404, 403, 200],
        ),
        Row(Ops, "GET", "/v1/entitlements", Operator, LISTED),
        Row(
            Ops,
            "POST",
            INVALIDATE,
            Operator,
            [401, 401, 401, 403, 403, 204],
        ),
        // It is signed, whatever else comes with it.
        Row(Public, "POST", INVALIDATE, Viewer, [401; 6]),
        Row(Ops, "GET", CREDENTIALS, Operator, LISTED),
        Row(
            Ops,
            "POST",
            CREDENTIALS,
            Operator,
            [401, 401, 401, 403, 403, 201],
        ),
        // A media server shows its own secret, and no credential stands for it.
        Row(Public, "POST", HOOK, Viewer, [401; 6]),
        Row(Ops, "POST", HOOK, Operator, [401; 6]),
        Row(
            Ops,
            "DELETE",
            CREDENTIAL,
            Operator,
            [401, 401, 401, 404, 403, 204],
        ),
        Row(
            Ops,
            "DELETE",
            ENTITLEMENT,
            Operator,
            [401, 401, 401, 404, 403, 204],
        ),
        Row(
            Public,
            "DELETE",
            STREAMS,
            Packager,
            [401, 401, 401, 403, 403, 204],
        ),
    ]
};

#[test]
fn every_route_is_in_the_matrix() {
    for route in ROUTES {
        let mut rows = MATRIX.iter();
        let found = rows.find(|Row(listener, method, path, ..)| {
            (*listener, *method, *path) == (route.listener, route.method, route.path)
        });
        assert!(
            found.is_some(),
            "{} {} is in no row",
            route.method,
            route.path
        );
    }
    assert_eq!(ROUTES.len(), MATRIX.len());
}

/// The credentials of each row: expired, for another stream, of another scope, right.
struct Wallet {
    expired: String,
    elsewhere: String,
    narrow: String,
    right: String,
}

impl Wallet {
    fn viewer(stage: &Stage) -> Self {
        Self {
            expired: stage.token(STREAM, "-1h"),
            elsewhere: stage.token("test/other", "1h"),
            narrow: stage.api_key("not-a-viewer", "test/**", "lease", "1h"),
            right: stage.token(STREAM, "1h"),
        }
    }

    fn packager(stage: &Stage) -> Self {
        let right = std::fs::read_to_string(&stage.packager).unwrap();
        Self {
            expired: stage.api_key("late-packager", "test/**", PACKAGER, "-1h"),
            elsewhere: packager_of(stage, "test/other"),
            narrow: stage.token(STREAM, "1h"),
            right: right.trim().to_owned(),
        }
    }

    fn operator(stage: &Stage) -> Self {
        Self {
            expired: stage.api_key("late-operator", "**", "operate", "-1h"),
            elsewhere: stage.api_key("other-operator", "test/other", "operate", "1h"),
            narrow: stage.api_key("no-operator", "**", "rotate", "1h"),
            right: stage.api_key("operator", "**", "operate", "1h"),
        }
    }

    /// In the order of [`WHO`].
    fn actors(&self, stranger: &Actor) -> [Actor; 6] {
        [
            stranger.without(),
            stranger.with("obviously-garbage"),
            stranger.with(&self.expired),
            stranger.with(&self.elsewhere),
            stranger.with(&self.narrow),
            stranger.with(&self.right),
        ]
    }
}

/// A packager with the usual actions for one stream alone.
fn packager_of(stage: &Stage, stream: &str) -> String {
    let file = stage.serve.credential("other-packager", stream, &[]);
    std::fs::read_to_string(file).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_answers_every_credential_as_the_table_says() {
    let stage = Stage::set().await;
    let wallets = [
        (Right::Viewer, Wallet::viewer(&stage)),
        (Right::Packager, Wallet::packager(&stage)),
        (Right::Operator, Wallet::operator(&stage)),
    ];
    let mut wrong = Vec::new();
    for Row(listener, method, template, right, statuses) in &MATRIX {
        let (_, wallet) = wallets.iter().find(|(whose, _)| whose == right).unwrap();
        let stranger = match listener {
            Listener::Ops => stage.serve.ops(),
            _ => stage.serve.stranger(),
        };
        let path = path_of(template, &stage);
        for ((who, actor), status) in WHO.iter().zip(wallet.actors(&stranger)).zip(statuses) {
            let answer = actor
                .try_ask(
                    method,
                    &path,
                    speke::headers_of(template),
                    body_of(method, template),
                )
                .await
                .unwrap();
            if let Err(fault) = judged(&answer, *status, method) {
                wrong.push(format!("{method} {template} with {who}: {fault}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The status, and for an error its code and document.
fn judged(answer: &Answer, status: u16, method: &str) -> Result<(), String> {
    if answer.status != status {
        return Err(format!(
            "{}, not {status}: {}",
            answer.status,
            answer.text()
        ));
    }
    let code = match status {
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        _ => return Ok(()),
    };
    if answer.header("content-type") != "application/problem+json" {
        return Err(format!("its type is {}", answer.header("content-type")));
    }
    match method == "HEAD" || answer.code() == code {
        true => Ok(()),
        false => Err(format!("its code is {}", answer.code())),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_credential_is_found_among_bad_ones_and_narrow_ones_stay_narrow() {
    let stage = Stage::set().await;
    let (good, expired) = (stage.token(STREAM, "1h"), stage.token(STREAM, "-1h"));
    let key = stage.key_path();
    for (bearer, query, status) in [
        (&good, &expired, 200),
        (&expired, &good, 200),
        (&expired, &expired, 401),
    ] {
        let actor = stage.serve.stranger().with(bearer);
        actor
            .get(&format!("{key}?token={query}"))
            .await
            .expect(status);
    }
    let unknown = "/v1/keys/00000000-0000-4000-8000-000000000000";
    let viewer = stage.serve.stranger().with(&good);
    assert_eq!(viewer.get(unknown).await.expect(404).code(), "not_found");
    let stranger = stage.serve.stranger();
    // Without a credential nobody learns what exists: the answers differ by their id alone.
    let [known, unknown] = [stranger.get(&key).await, stranger.get(unknown).await];
    assert_eq!(without_id(&known), without_id(&unknown));

    let granted = granted_key(&stage, &viewer).await;
    stage.serve.stranger().get(&granted).await.expect(200);
    let token = granted.split_once("token=").unwrap().1;
    let other = format!("/v1/streams/{STREAM}/schedule?token={token}");
    stage.serve.stranger().get(&other).await.expect(403);
    let play = format!("/v1/play/{STREAM}/master.m3u8?token={token}");
    stage.serve.stranger().get(&play).await.expect(403);
}

fn without_id(answer: &Answer) -> serde_json::Value {
    let mut document = answer.json();
    document["request_id"] = serde_json::Value::Null;
    document
}

/// A key URI of the viewer's own playlist.
async fn granted_key(stage: &Stage, viewer: &Actor) -> String {
    let path = format!("/v1/play/{STREAM}/{}", stage.rendition);
    let text = viewer.get(&path).await.expect(200).text();
    let tag = text
        .lines()
        .find_map(|line| line.strip_prefix("#EXT-X-KEY:"))
        .unwrap();
    let uri = crate::independent::playlist::quoted(tag, "URI").unwrap();
    uri.replace(&stage.serve.url(), "")
}
