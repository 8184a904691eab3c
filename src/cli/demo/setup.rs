//! What the demo needs before it can run: folders, secrets, certificates, configuration,
//! credentials. All of it lies under one folder and survives a restart.
//!
//! Must not know: how the parts run.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::certificate::DevCertificates;
use super::{MASTER, STREAM, page};
use crate::access::{Gate, mint};
use crate::cli::credential;
use crate::cli::encrypt::read_credential;
use crate::cli::keystore::ensure_secret;
use crate::cli::private_file;
use crate::config::Config;
use crate::crypto::SecretText;
use crate::domain::{
    Action, Boundary, Clock as _, Rotation, Stream, StreamPattern, StreamPolicy, SystemClock,
};
use crate::keys::Keys;
use crate::server::Page;
use crate::store::Store;

/// Everything prepared.
pub(super) struct Setup {
    pub(super) config: Config,
    pub(super) config_path: PathBuf,
    pub(super) store: Store,
    pub(super) certificates: DevCertificates,
    /// The clear live source.
    pub(super) source: PathBuf,
    /// The file in which the live source remembers when it began.
    pub(super) state: PathBuf,
    /// The encrypted output, by stream.
    pub(super) origin: PathBuf,
    /// The packager's credential file.
    pub(super) packager: PathBuf,
    /// The operator's credential file.
    pub(super) operator: PathBuf,
    /// The viewer's token.
    pub(super) token: SecretText,
    pub(super) public_url: String,
    rotate: Duration,
}

/// Which streams the demo's credentials and token open.
const OPEN: [&str; 2] = ["demo/**", "test/**"];
const TOKEN_LIFE: Duration = Duration::from_secs(12 * 3600);

impl Setup {
    /// Makes what is missing under `dir` and keeps what is there.
    pub(super) async fn prepare(
        dir: &Path,
        listen: SocketAddr,
        rotate: Duration,
    ) -> anyhow::Result<Self> {
        private_file::create_dir(dir)?;
        let dir = dir.canonicalize()?;
        let now = SystemClock.now();
        let certificates = DevCertificates::ensure(&dir.join("certs"), now)?;
        for secret in ["master.key", "grant.key", "viewers.secret"] {
            ensure_secret(&dir.join("keystore").join(secret))?;
        }
        let config_path = dir.join("hlskey.toml");
        let before = Config::load(&config_path).ok();
        let listen = free_address(listen, before.as_ref().map(|c| c.server.listen))?;
        let ops = SocketAddr::from(([127, 0, 0, 1], 0));
        let ops = free_address(ops, before.as_ref().map(|c| c.server.ops.listen))?;
        let public_url = format!("https://{listen}");
        let text = configuration(&public_url, listen, ops, rotate);
        private_file::replace(&config_path, text.as_bytes())?;
        let config = Config::load(&config_path)?;
        let store = Store::open(&config.store).await?;
        let packager = dir.join("packager.credential");
        ensure_credential(&store, &packager, "demo-packager", &OPEN, &Action::PACKAGER).await?;
        let operator = dir.join("operator.credential");
        let operate = [
            Action::Operate,
            Action::Register,
            Action::Read,
            Action::Rotate,
        ];
        ensure_credential(&store, &operator, "demo-operator", &["**"], &operate).await?;
        let (origin, source) = (dir.join("hls"), dir.join("source"));
        for folder in [&origin.join(STREAM), &source] {
            private_file::create_dir(folder)?;
        }
        let opened = patterns(&OPEN)?;
        let expires = now.plus(TOKEN_LIFE);
        let token =
            mint::viewer_token(&config.access.schemes, &opened, "demo-viewer", now, expires)?;
        let state = dir.join("source.epoch");
        Ok(Self {
            config,
            config_path,
            store,
            certificates,
            source,
            state,
            origin,
            packager,
            operator,
            token,
            public_url,
            rotate,
        })
    }

    /// The shared multivariant playlist.
    pub(super) fn master(&self) -> String {
        format!("{}/hls/{STREAM}/{MASTER}", self.public_url)
    }

    /// The viewer's own.
    pub(super) fn play(&self) -> String {
        format!("{}/v1/play/{STREAM}/{MASTER}", self.public_url)
    }

    /// The page with its settings.
    pub(super) fn pages(&self, registered: &Stream) -> anyhow::Result<Vec<Page>> {
        let settings = serde_json::json!({
            "master": self.master(),
            "play": self.play(),
            "token": self.token.expose(),
            "stream": STREAM,
            "rotate_ms": u64::try_from(self.rotate.as_millis())?,
            "origin_ms": grid_origin(registered, self.rotate)?,
        });
        let settings = Page {
            path: "/demo/demo.json".to_owned(),
            content_type: "application/json",
            body: settings.to_string().into(),
        };
        let files = page::files()?
            .into_iter()
            .map(|(path, content_type, body)| Page {
                path: format!("/demo/{path}"),
                content_type,
                body: body.into(),
            });
        Ok(files.chain([settings]).collect())
    }

    /// Registers the stream as its packager would, so that another `--rotate` than the last
    /// run's takes effect.
    pub(super) async fn register(&self, gate: &Gate, keys: &Keys) -> anyhow::Result<Stream> {
        let who = gate.admit_bearer(&read_credential(&self.packager)?).await?;
        let permit = gate.manage(&who, &super::stream()?)?;
        let policy = StreamPolicy {
            rotation: Rotation::every(self.rotate)?,
            ..StreamPolicy::default()
        };
        Ok(keys.register(&permit, policy).await?.stream)
    }
}

/// When the period with index 0 began, or would have, on the grid of the stream's last era.
fn grid_origin(stream: &Stream, rotate: Duration) -> anyhow::Result<i64> {
    let era = stream.schedule.last();
    let Boundary::Time(start) = era.start else {
        bail!("the demo rotates by time");
    };
    Ok(start.millis() - era.base * i64::try_from(rotate.as_millis())?)
}

/// `wanted`, or with port 0 the last run's port where it is free: key URIs hold the port, and a
/// published URI should go on to work.
fn free_address(wanted: SocketAddr, last: Option<SocketAddr>) -> anyhow::Result<SocketAddr> {
    let same_host = |last: &SocketAddr| wanted.port() == 0 && last.ip() == wanted.ip();
    if let Some(last) = last.filter(same_host)
        && TcpListener::bind(last).is_ok()
    {
        return Ok(last);
    }
    let bound = TcpListener::bind(wanted)
        .with_context(|| format!("{wanted}; `--listen 127.0.0.1:0` takes a free port"))?;
    Ok(bound.local_addr()?)
}

fn configuration(
    public_url: &str,
    listen: SocketAddr,
    ops: SocketAddr,
    rotate: Duration,
) -> String {
    let rotate = humantime::format_duration(rotate);
    let templates: String = OPEN
        .iter()
        .map(|open| format!("\n[[keys.templates]]\nstreams = \"{open}\"\nrotation = {{ every = \"{rotate}\" }}\n"))
        .collect();
    format!(
        r#"# Written by `hlskey demo` on each start; `hlskey serve --config` takes it as it is.

[log]
filter = "warn"

[server]
listen = "{listen}"
origin = "hls"
allowed_origins = ["*"]

[server.watch]

[server.tls]
certificate = "certs/server.pem"
private_key = "certs/server.key"

[server.ops]
listen = "{ops}"

[store]
url = "sqlite:keystore/hlskey.db"

[keys]
public_url = "{public_url}"
master_keys = ["keystore/master.key"]
{templates}
[schemes.viewers]
kind = "jwt"
streams = ["demo/**", "test/**"]
algorithms = ["HS256"]
secret_file = "keystore/viewers.secret"

[grants]
key_files = ["keystore/grant.key"]

# Everyone with a good token may watch.
[entitlement]
source = "allow"
"#
    )
}

fn patterns(texts: &[&str]) -> anyhow::Result<Vec<StreamPattern>> {
    Ok(texts
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_, _>>()?)
}

/// Keeps the credential of `file` if the store still knows it, else makes another.
async fn ensure_credential(
    store: &Store,
    file: &Path,
    name: &str,
    streams: &[&str],
    actions: &[Action],
) -> anyhow::Result<()> {
    let known = store
        .credentials()
        .await?
        .iter()
        .any(|row| row.name == name);
    if known && read_credential(file).is_ok() {
        return Ok(());
    }
    store.remove_credential(name).await?;
    let (token, row) =
        credential::make(name.to_owned(), patterns(streams)?, actions.to_vec(), None);
    store.add_credential(&row).await?;
    if file.exists() {
        fs::remove_file(file)?;
    }
    private_file::create(file, format!("{}\n", token.expose()).as_bytes())?;
    Ok(())
}
