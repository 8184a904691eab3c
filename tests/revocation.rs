//! Revocation as an operator asks for it, and what viewers and players then get.
//!
//! Must not know: how a server holds revocations, or matches them.

mod answers;
mod life;
mod player;
mod terms;
mod tokens;

use serde_json::{Value, json};

use crate::harness::actor::{Actor, Answer};
use crate::harness::issuer::Issuer;
use crate::harness::serve::Serve;

/// The stream that everybody watches.
const STREAM: &str = "test/watched";

/// A server with one leased stream, its operator, and an issuer of viewers' tokens.
struct Scene {
    serve: Serve,
    operator: Actor,
    kids: Vec<String>,
}

impl Scene {
    async fn set(rotation: &str) -> Self {
        Self::of(Serve::start(rotation, "").await).await
    }

    async fn of(serve: Serve) -> Self {
        let token = |path| std::fs::read_to_string(path).unwrap().trim().to_owned();
        let packager = token(serve.credential("packager", "test/**", &[]));
        let operator = token(serve.credential("operator", "**", &["operate"]));
        let path = format!("/v1/streams/{STREAM}/schedule");
        let lease = serve.stranger().with(&packager).get(&path).await;
        let lease = lease.expect(200).json();
        let periods = lease["periods"].as_array().unwrap().iter();
        Self {
            operator: serve.ops().with(&operator),
            kids: periods
                .map(|one| one["kid"].as_str().unwrap().to_owned())
                .collect(),
            serve,
        }
    }

    /// A viewer with these claims besides the usual ones.
    fn viewer(&self, claims: &Value) -> Actor {
        viewer(&self.serve, claims)
    }

    /// Asks for a revocation.
    async fn post(&self, body: &Value) -> Answer {
        let body = body.to_string();
        let path = "/v1/revocations";
        self.operator.ask("POST", path, Some(&body)).await
    }

    /// Revokes, and gives the answer's document.
    async fn revoke(&self, body: &Value) -> Value {
        self.post(body).await.expect(200).json()
    }

    /// The status of a viewer's key request; 200 is 16 bytes.
    async fn status(&self, viewer: &Actor) -> u16 {
        let answer = viewer.get(&format!("/v1/keys/{}", self.kids[0])).await;
        assert!(answer.status != 200 || answer.body.len() == 16);
        assert!(answer.status != 403 || answer.code() == "forbidden");
        answer.status
    }

    /// The same, and wants one for each.
    async fn statuses<const N: usize>(&self, viewers: &[Actor; N]) -> [u16; N] {
        let mut statuses = [0; N];
        for (status, viewer) in statuses.iter_mut().zip(viewers) {
            *status = self.status(viewer).await;
        }
        statuses
    }
}

/// A viewer of every test stream with these claims; `null` takes a claim away.
pub(crate) fn viewer(serve: &Serve, claims: &Value) -> Actor {
    serve.stranger().with(&token(claims))
}

/// A token of the servers' scheme `viewers`.
pub(crate) fn token(claims: &Value) -> String {
    signed(b"obviously-a-fake-secret-of-40-characters", claims)
}

/// A viewer's token with these claims besides the usual ones.
fn signed(secret: &[u8], claims: &Value) -> String {
    let now = now_seconds();
    let mut all = json!({
        "sub": "bystander", "streams": ["test/**", "demo/**"], "iat": now - 60, "exp": now + 86_400,
    });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    all.as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    Issuer::Hs256(secret.to_vec()).token(&all)
}

#[expect(
    clippy::disallowed_methods,
    reason = "an issuer has a clock of its own"
)]
fn now_seconds() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs().try_into().unwrap()
}

/// An RFC 3339 time so many seconds from now.
pub(crate) fn at(seconds: i64) -> String {
    let time = time::OffsetDateTime::from_unix_timestamp(now_seconds() + seconds).unwrap();
    let (date, clock) = (time.date(), time.time());
    format!(
        "{date}T{:02}:{:02}:{:02}Z",
        clock.hour(),
        clock.minute(),
        clock.second()
    )
}
