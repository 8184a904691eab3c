//! A server in this process, set up through the library alone: a store, a packager, a viewer, a key.
//!
//! Must not know: what is counted.

use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hlskey::access::audit::Trail;
use hlskey::access::check::{Instance, Order, Purpose};
use hlskey::access::{ApiKey, Credential, Gate, Lease, Permit, Target, mint};
use hlskey::config::Config;
use hlskey::crypto::KeyRing;
use hlskey::domain::{Action, Clock as _, Kid, SystemClock, SystemEntropy, Timestamp};
use hlskey::keys::{Keys, LeaseRequest};
use hlskey::server::{Deps, Server};
use hlskey::store::{CredentialRow, EntitlementRow, Store};
use hlskey::telemetry::StoreMeasures;

use crate::service::Service;

/// The streams, by what they ask of a viewer: nothing more, a limit of sessions, a token of these
/// schemes.
pub(crate) const STREAMS: [&str; 4] = ["live/counted", "live/limited", "live/legacy", "live/cat"];
const SECRET: &str = "obviously-a-fake-secret-of-40-characters";

/// How a server is configured: what else verifies tokens, or who says that the viewer may watch.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Viewers' JWTs, and the configuration says who may watch.
    Plain,
    /// With schemes beside it that sign URLs.
    Signed,
    /// A row of the table says it.
    Table,
    /// A service says it.
    Http,
}

/// A server that answers.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) ca: PathBuf,
    config: Config,
    /// The key of each of [`STREAMS`].
    kids: Vec<Kid>,
    /// A viewer's, and the grant that stands in the first key's URI in its playlist.
    token: String,
    pub(crate) grant: String,
    store: StoreMeasures,
    service: Service,
}

impl Served {
    /// The path of a stream's key.
    pub(crate) fn path(&self, stream: usize) -> String {
        format!("/v1/keys/{}", self.kids[stream])
    }

    /// The header that shows the viewer's token.
    pub(crate) fn bearer(&self) -> String {
        format!("authorization: Bearer {}\r\n", self.token)
    }

    /// The query that an instance signs for a stream.
    pub(crate) fn signed(&self, scheme: &str, stream: usize) -> String {
        let access = &self.config.access;
        let instance = Instance::load(&access.schemes, &access.outbound, scheme);
        let (start, end) = an_hour();
        let order = Order {
            stream: STREAMS[stream],
            file: None,
            purpose: Purpose::Play,
            subject: "viewer",
            ip: None,
            start,
            end,
            id: [7; 16],
        };
        let query = instance.unwrap().sign(order).unwrap();
        query.expose().to_owned()
    }

    /// How often its store was turned to so far, and how often its service was asked.
    pub(crate) fn asked(&self) -> (u64, u64) {
        (self.store.turns(), self.service.asked())
    }
}

/// A server with one worker on a thread of this process, for as long as that lives.
pub(crate) fn served(folder: &Path, kind: Kind) -> Served {
    let service = Service::start();
    let config = configured(folder, kind, &service);
    let (ready, started) = std::sync::mpsc::channel();
    let ca = folder.join("server.pem");
    let (own, token) = (config.clone(), viewer(&config));
    let bearer = token.clone();
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
            entitle(&store).await;
            keys.follow(vec![gate.clone()]).await.unwrap();
            let mut kids = Vec::new();
            for stream in STREAMS {
                kids.push(issued(&store, &gate, &keys, stream).await);
            }
            let grant = grant(&gate, &bearer, kids[0]).await;
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
            let measures = store.measures().clone();
            ready
                .send((server.address(), kids, grant, measures))
                .unwrap();
            tokio::select! {
                ended = server.run(std::future::pending()) => ended.unwrap(),
                () = writer.run(std::future::pending()) => {}
            }
        });
    });
    let (address, kids, grant, store) = started.recv().unwrap();
    Served {
        address,
        ca,
        config: own,
        kids,
        token,
        grant,
        store,
        service,
    }
}

/// A row for the source that reads such.
async fn entitle(store: &Store) {
    let row = EntitlementRow {
        viewer: "viewer".to_owned(),
        stream: "live/*".parse().unwrap(),
        from: None,
        until: None,
        max_sessions: None,
        note: String::new(),
        changed: SystemClock.now(),
    };
    store.put_entitlements("viewer", &[row]).await.unwrap();
}

/// A key of a stream, leased by a packager of its own.
async fn issued(store: &Store, gate: &Gate, keys: &Keys, stream: &str) -> Kid {
    let (token, id, digest) = ApiKey::generate(&SystemEntropy);
    let row = CredentialRow {
        id,
        name: format!("packager of {stream}"),
        digest,
        password: None,
        certificate: None,
        streams: vec![stream.parse().unwrap()],
        actions: vec![Action::Lease],
        created: SystemClock.now(),
        expires: None,
    };
    store.add_credential(&row).await.unwrap();
    let who = gate.admit_bearer(&token).await.unwrap();
    let permit: Permit<Lease> = gate.manage(&who, &stream.parse().unwrap()).unwrap();
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
        way: hlskey::access::Way::Direct,
    };
    let who = gate.hear(&shown).await.unwrap();
    let stream = STREAMS[0].parse().unwrap();
    let permit = gate.play(&who, &shown, &stream).await.unwrap();
    gate.grants().for_key(&permit, kid).expose().to_owned()
}

fn an_hour() -> (Timestamp, Timestamp) {
    let now = SystemClock.now();
    (now, now.plus(Duration::from_secs(3600)))
}

fn viewer(config: &Config) -> String {
    let (now, expires) = an_hour();
    let streams = ["live/*".parse().unwrap()];
    let token = mint::viewer_token(&config.access.schemes, &streams, "viewer", now, expires);
    token.unwrap().expose().to_owned()
}

fn configured(folder: &Path, kind: Kind, service: &Service) -> Config {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let source = match kind {
        Kind::Plain => STATIC.to_owned(),
        Kind::Signed => format!("{STATIC}{SIGNED}"),
        Kind::Table => "source = \"table\"\n".to_owned(),
        Kind::Http => format!(
            "source = \"http\"\n[entitlement.http]\nurl = \"http://localhost:{}/\"\n\
             secrets = [\"{SECRET}\"]\n",
            service.port
        ),
    };
    for (name, text) in [
        ("server.pem", made.cert.pem()),
        ("server.key", made.signing_key.serialize_pem()),
        ("master.key", "ab".repeat(32)),
        ("grant.key", "cd".repeat(32)),
        ("viewers.secret", SECRET.to_owned()),
        ("hlskey.toml", format!("{CONFIG}{source}")),
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
[[policies]]
streams = ["live/limited"]
accept = ["jwt"]
max_sessions = 2
limit = "hard"
[grants]
key_files = ["grant.key"]
[entitlement]
cache = { ttl = "1h" }
"#;

const STATIC: &str = r#"
source = "static"
[[entitlement.viewers]]
subject = "viewer"
streams = ["live/*"]
"#;

const SIGNED: &str = r#"
[schemes.securetoken]
streams = ["live/legacy"]
secrets = ["obviously-a-fake-secret"]
subject_parameter = "viewer"
[schemes.cat]
streams = ["live/cat"]
keys = [{ kid = "obviously-fake", alg = "HS256", secret_hex = "abababababababababababababababababababababababababababababababab" }]
"#;
