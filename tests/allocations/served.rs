//! A server in this process, set up through the library alone: a store, a packager, a viewer, a key.
//!
//! Must not know: what is counted.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hlskey::access::audit::Trail;
use hlskey::access::{ApiKey, Credential, Gate, Lease, Permit, Target, mint};
use hlskey::config::Config;
use hlskey::crypto::KeyRing;
use hlskey::domain::{Action, Clock as _, Kid, StreamId, SystemClock, SystemEntropy};
use hlskey::keys::{Keys, LeaseRequest};
use hlskey::server::{Deps, Server};
use hlskey::store::{CredentialRow, Store};

const STREAM: &str = "live/counted";

/// A server that answers.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) ca: PathBuf,
    /// A key's.
    pub(crate) path: String,
    /// A viewer's token, and the grant that stands in the key's URI in its playlist.
    pub(crate) token: String,
    pub(crate) grant: String,
}

/// A server with one worker on a thread of this process, for as long as that lives.
pub(crate) fn served(folder: &Path) -> Served {
    let config = configured(folder);
    let (ready, started) = std::sync::mpsc::channel();
    let ca = folder.join("server.pem");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let store = Store::open(&config.store).await.unwrap();
            let gate = Gate::new(
                &config.access,
                store.clone(),
                Arc::new(SystemClock),
                Arc::new(SystemEntropy),
            );
            let gate = Arc::new(gate.unwrap());
            let ring = KeyRing::load(&config.keys.master_keys).unwrap();
            let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
            let keys = Keys::new(&config.keys, store.clone(), ring, clock, entropy);
            let keys = Arc::new(keys);
            keys.follow(vec![gate.clone()]).await.unwrap();
            let kid = issued(&store, &gate, &keys).await;
            let token = viewer(&config);
            let grant = grant(&gate, &token, kid).await;
            let ring = KeyRing::load(&config.keys.master_keys).unwrap();
            let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
            let (trail, writer) = Trail::open(&config.audit, store.clone(), ring, clock, entropy);
            let deps = Deps {
                gate,
                keys,
                clock: Arc::new(SystemClock),
                entropy: Arc::new(SystemEntropy),
                trail,
                pages: Vec::new(),
            };
            let server = Server::bind(&config.server, deps).unwrap();
            ready.send((server.address(), kid, token, grant)).unwrap();
            tokio::select! {
                ended = server.run(std::future::pending()) => ended.unwrap(),
                () = writer.run(std::future::pending()) => {}
            }
        });
    });
    let (address, kid, token, grant) = started.recv().unwrap();
    Served {
        address,
        ca,
        path: format!("/v1/keys/{kid}"),
        token,
        grant,
    }
}

/// A key of the stream, leased by a packager.
async fn issued(store: &Store, gate: &Gate, keys: &Keys) -> Kid {
    let (token, id, digest) = ApiKey::generate(&SystemEntropy);
    let row = CredentialRow {
        id,
        name: "packager".to_owned(),
        digest,
        streams: vec![STREAM.parse().unwrap()],
        actions: vec![Action::Lease],
        created: SystemClock.now(),
        expires: None,
    };
    store.add_credential(&row).await.unwrap();
    let who = gate.admit_bearer(&token).await.unwrap();
    let permit: Permit<Lease> = gate.manage(&who, &stream()).unwrap();
    let ask = LeaseRequest::default();
    let holding = keys.hold(&permit, &ask).await.unwrap();
    let lease = keys.lease(&permit, &ask, holding).await.unwrap();
    lease.periods[0].period.kid
}

async fn grant(gate: &Gate, token: &str, kid: Kid) -> String {
    let headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
    let shown = Credential {
        headers: &headers,
        query: "",
        method: "GET",
        target: Target::default(),
        alpn: None,
        ip: None,
        certificate: None,
    };
    let who = gate.hear(&shown).await.unwrap();
    let permit = gate.play(&who, &shown, &stream()).await.unwrap();
    gate.grants().for_key(&permit, kid).expose().to_owned()
}

fn stream() -> StreamId {
    STREAM.parse().unwrap()
}

fn viewer(config: &Config) -> String {
    let now = SystemClock.now();
    let expires = now.plus(std::time::Duration::from_secs(3600));
    let streams = [STREAM.parse().unwrap()];
    let token = mint::viewer_token(&config.access.schemes, &streams, "viewer", now, expires);
    token.unwrap().expose().to_owned()
}

fn configured(folder: &Path) -> Config {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let secret = "obviously-a-fake-secret-of-40-characters";
    for (name, text) in [
        ("server.pem", made.cert.pem()),
        ("server.key", made.signing_key.serialize_pem()),
        ("master.key", "ab".repeat(32)),
        ("grant.key", "cd".repeat(32)),
        ("viewers.secret", secret.to_owned()),
        ("hlskey.toml", CONFIG.to_owned()),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    Config::load(&folder.join("hlskey.toml")).unwrap()
}

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
workers = 1
[server.tls]
certificate = "server.pem"
private_key = "server.key"
[server.ops]
listen = "127.0.0.1:0"
[store]
url = "sqlite:hlskey.db"
[keys]
public_url = "https://localhost"
master_keys = ["master.key"]
[[keys.templates]]
streams = "live/*"
rotation = "never"
[schemes.jwt]
secret_file = "viewers.secret"
[grants]
key_files = ["grant.key"]
[entitlement]
source = "static"
[[entitlement.viewers]]
subject = "viewer"
streams = ["live/*"]
"#;
