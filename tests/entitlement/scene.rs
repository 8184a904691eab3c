//! A server, a customer's service, one stream's key, and viewers by name.
//!
//! Must not know: what is asserted.

use serde_json::Value;

use crate::harness::actor::Answer;
use crate::harness::binary::printed;
use crate::harness::entitlement::{Service, ask_there};
use crate::harness::serve::Serve;

pub(super) const STREAM: &str = "test/paid";

pub(super) struct Scene {
    pub(super) serve: Serve,
    pub(super) service: Service,
    /// The URI of the stream's key.
    pub(super) key: String,
}

impl Scene {
    /// A server that asks the service over plain HTTP on this machine; `more` as in [`ask_there`].
    pub(super) async fn set(more: &str) -> Self {
        let mut serve = Serve::prepare("\"never\"", "");
        let service = Service::start(&serve, &[]).await;
        ask_there(&serve, &format!("http://{}", service.place()), more);
        serve.resume().await;
        let key = serve.key(STREAM).await;
        Self {
            serve,
            service,
            key,
        }
    }

    /// What the key is answered with to a viewer of that name.
    pub(super) async fn fetch(&self, viewer: &str) -> Answer {
        fetch(&self.serve, &self.key, viewer).await
    }

    pub(super) async fn status(&self, viewer: &str) -> u16 {
        self.fetch(viewer).await.status
    }

    /// The service's knobs.
    pub(super) async fn turn(&self, knobs: Value) {
        self.service.set(knobs).await;
    }
}

/// What a key is answered with to a viewer of that name.
pub(super) async fn fetch(serve: &Serve, key: &str, viewer: &str) -> Answer {
    let token = token(serve, viewer);
    serve.stranger().with(&token).get(key).await
}

/// A viewer's token.
pub(super) fn token(serve: &Serve, viewer: &str) -> String {
    let config = serve.config();
    let config = config.to_str().unwrap();
    let args = ["token", "mint", "--config", config, "--stream", "test/**"];
    printed(&[&args[..], &["--subject", viewer, "--ttl", "3h"]].concat())
}

/// The value of one of the server's metrics.
pub(super) async fn counted(serve: &Serve, name: &str) -> u64 {
    let metrics = serve.ops().get("/metrics").await.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |count| count.trim().parse().unwrap())
}
