//! A gate with files, store and clock of its own, for tests of this floor and those above.
//!
//! Must not know: what is tested.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{
    Admitted, ApiKey, ClientCertificate, Config, Credential, Deliver, Gate, Permit, Play, Target,
    Way,
};
use crate::crypto::SecretText;
use crate::domain::{Action, Clock, Denied, KeyFacts, StreamId, SystemEntropy, Timestamp};
use crate::store::testing::{Scratch, scratch};
use crate::store::{CredentialRow, Heed as _, News, Store};

/// When tests begin: a whole hour, in seconds 1_800_000_000.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A shared secret of 32 bytes, one for each letter.
pub(crate) fn fake_secret(letter: char) -> String {
    format!("obviously-a-fake-{}", String::from(letter).repeat(15))
}

/// A clock that stands until it is moved.
pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn at(time: Timestamp) -> Self {
        Self(AtomicI64::new(time.millis()))
    }

    pub(crate) fn set(&self, to: Timestamp) {
        self.0.store(to.millis(), Ordering::Relaxed);
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.set(self.now().plus(by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    /// Stands still: the news stay fresh.
    fn steady(&self) -> Duration {
        Duration::ZERO
    }
}

/// A gate and what stands around it. All files are gone with it.
pub(crate) struct Bench {
    pub(crate) dir: Scratch,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) config: Config,
    pub(crate) gate: Gate,
}

impl Bench {
    /// With these schemes and `[entitlement]` in TOML; grants have a key.
    pub(crate) async fn new(access: &str) -> Self {
        let (dir, store) = scratch().await;
        let key = private_file(dir.path(), "grant.key", &"ab".repeat(32));
        let grants = format!("[grants]\nkey_files = [{key:?}]\n");
        let config: Config = toml::from_str(&(grants + access)).unwrap();
        let clock = Arc::new(ManualClock(AtomicI64::new(START.millis())));
        let gate = Gate::new(
            &config,
            store.clone(),
            Arc::clone(&clock) as _,
            Arc::new(SystemEntropy),
        )
        .unwrap();
        gate.heed(&News::Lost).await.unwrap();
        store.freshness().told(clock.steady());
        Self {
            dir,
            store,
            clock,
            config,
            gate,
        }
    }

    /// With no scheme, letting everybody in who holds an API key or a grant.
    pub(crate) async fn open() -> Self {
        Self::new("[entitlement]\nsource = \"allow\"").await
    }

    /// Adds an API key to the store.
    pub(crate) async fn api_key(&self, name: &str, stream: &str, actions: &[Action]) -> SecretText {
        let (text, id, digest) = ApiKey::generate(&SystemEntropy);
        let row = CredentialRow {
            id,
            name: name.to_owned(),
            digest,
            password: None,
            certificate: None,
            streams: vec![stream.parse().unwrap()],
            actions: actions.to_vec(),
            created: START,
            expires: None,
        };
        self.store.add_credential(&row).await.unwrap();
        text
    }

    /// Asks for a key as somebody who was admitted.
    pub(crate) async fn deliver(
        &self,
        who: &Admitted,
        key: Option<&KeyFacts>,
    ) -> Result<Permit<Deliver>, Denied> {
        let sent = Sent::default();
        self.gate
            .deliver(&self.gate.caller(&[who]), &sent.shown(), key)
            .await
    }

    /// Asks for a playlist as somebody who was admitted.
    pub(crate) async fn play(
        &self,
        who: &Admitted,
        stream: &StreamId,
    ) -> Result<Permit<Play>, Denied> {
        let sent = Sent::default();
        self.gate
            .play(&self.gate.caller(&[who]), &sent.shown(), stream)
            .await
    }

    /// Presents one token as bearer.
    pub(crate) async fn admit(&self, token: &SecretText) -> Result<Admitted, Denied> {
        self.gate.admit(&bearer(token).shown()).await
    }
}

/// A request as it was sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) query: String,
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
}

impl Sent {
    pub(crate) fn query(query: &str) -> Self {
        Self {
            query: query.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a parameter `token`.
    pub(crate) fn token(mut self, token: &SecretText) -> Self {
        self.query = format!("{}&token={}", self.query, token.expose());
        self
    }

    pub(crate) fn basic(self, token: &SecretText) -> Self {
        let pair = STANDARD.encode(format!("anyone:{}", token.expose()));
        self.with("authorization", &format!("Basic {pair}"))
    }

    pub(crate) fn shown(&self) -> Credential<'_> {
        Credential {
            headers: &self.headers,
            query: &self.query,
            method: "GET",
            target: Target::default(),
            alpn: None,
            ip: Some("192.0.2.7".parse().unwrap()),
            certificate: self.certificate.as_ref(),
            way: Way::Direct,
        }
    }
}

/// A request with this bearer and nothing else.
pub(crate) fn bearer(token: &SecretText) -> Sent {
    Sent::default().with("authorization", &format!("Bearer {}", token.expose()))
}

/// A request with this token in its URL and nothing else.
pub(crate) fn in_query(token: &SecretText) -> Sent {
    Sent::default().token(token)
}

/// Writes a file that only its owner may read.
pub(crate) fn private_file(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}
