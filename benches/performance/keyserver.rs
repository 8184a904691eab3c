//! `hlskey serve` as an operator would run it on one core: tokens verified, viewers looked up,
//! keys sealed in a store.

use std::fs::Permissions;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use hlskey::access::mint;
use hlskey::api::ScheduleView;
use hlskey::config::Config;
use hlskey::domain::{Clock as _, SystemClock};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::client::{Ask, Client};
use super::process::Server;

/// The program that was built with this benchmark.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_hlskey");
const STREAM: &str = "live/bench";
const VIEWER: &str = "bench-viewer";

pub(crate) struct KeyServer {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
    pub(crate) files: Files,
    /// The path of the key's URI, and what it must give.
    pub(crate) path: String,
    pub(crate) key: Vec<u8>,
    /// The same key asked for with each sort of credential.
    pub(crate) asks: Vec<(&'static str, Ask)>,
    /// Asks that must be refused, and how.
    refused: Vec<(u16, Ask)>,
}

/// What lies in its folder.
pub(crate) struct Files {
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) private_key: PathBuf,
    pub(crate) credential: PathBuf,
    config: PathBuf,
    origin: PathBuf,
}

impl KeyServer {
    pub(crate) fn start(folder: &Path, core: usize) -> anyhow::Result<Self> {
        let files = Files::of(folder);
        certificates(&files)?;
        let address = free_address()?;
        configure(&files, folder, address)?;
        let config = text(&files.config);
        run(&["keystore", "init", "--config", &config])?;
        let log = folder.join("hlskey.log");
        let mut server = Server::start(PROGRAM, &["serve", "--config", &config], core, &log)?;
        server.until(&log, || run(&["health", "--config", &config]).is_ok())?;
        let credential = text(&files.credential);
        run(&[
            "credential",
            "add",
            "studio",
            "--config",
            &config,
            "--streams",
            "live/*",
            "--out",
            &credential,
        ])?;
        let mut started = Self {
            client: Client::new(address, &files.ca)?,
            server,
            address,
            files,
            path: String::new(),
            key: Vec::new(),
            asks: Vec::new(),
            refused: Vec::new(),
        };
        started.add_stream(STREAM, &["--every", "24h"])?;
        started.issue()?;
        started.credentials()?;
        started.verify()?;
        Ok(started)
    }

    /// The address that its certificate is for.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    pub(crate) fn add_stream(&self, stream: &str, rule: &[&str]) -> anyhow::Result<()> {
        let (ca, credential) = (text(&self.files.ca), text(&self.files.credential));
        let url = self.url();
        let at = [
            "--server",
            &url,
            "--ca",
            &ca,
            "--credential-file",
            &credential,
        ];
        run(&[&["stream", "add", stream], rule, &at].concat()).map(drop)
    }

    /// Gated, and sixteen right bytes for whoever may have them.
    pub(crate) fn verify(&self) -> anyhow::Result<()> {
        for (name, ask) in &self.asks {
            let answer = self.client.get(ask)?;
            ensure!(
                answer == (200, self.key.clone()),
                "hlskey, {name}: {}",
                answer.0
            );
        }
        for (status, ask) in &self.refused {
            let answer = self.client.get(ask)?;
            ensure!(answer.0 == *status, "hlskey is not gated: {}", answer.0);
        }
        Ok(())
    }

    /// Has the period of now issued, as an encryptor would.
    fn issue(&mut self) -> anyhow::Result<()> {
        let bearer = std::fs::read_to_string(&self.files.credential)?;
        let (status, body) = self.client.get(&Ask {
            target: format!("/v1/streams/{STREAM}/schedule?count=2"),
            bearer: Some(bearer.trim().to_owned()),
        })?;
        ensure!(status == 200, "the schedule: {status}");
        let mut view: ScheduleView = serde_json::from_slice(&body)?;
        let period = view.periods.pop().context("no period")?;
        self.path = format!("/v1/keys/{}", period.kid.0);
        self.key = period.key.into_key().expose().to_vec();
        Ok(())
    }

    fn credentials(&mut self) -> anyhow::Result<()> {
        let bearer = |token: String| Ask {
            target: self.path.clone(),
            bearer: Some(token),
        };
        let [shared, signed] = ["hs", "es"].map(|scheme| self.token(scheme, VIEWER));
        let (shared, signed) = (shared?, signed?);
        let granted = Ask {
            target: format!("{}?token={}", self.path, self.grant(&signed)?),
            bearer: None,
        };
        self.refused = vec![
            (401, bearer(format!("{signed}x"))),
            (403, bearer(self.token("es", "stranger")?)),
        ];
        self.asks = vec![
            ("HS256 token in `Authorization`", bearer(shared)),
            ("ES256 token in `Authorization`", bearer(signed)),
            ("grant in the URL", granted),
        ];
        Ok(())
    }

    /// Signed with the key of `scheme`.
    fn token(&self, scheme: &str, subject: &str) -> anyhow::Result<String> {
        let mut config = Config::load(&self.files.config)?;
        config.access.schemes.only(scheme);
        let now = SystemClock.now();
        let expires = now.plus(std::time::Duration::from_secs(3600));
        let streams = [STREAM.parse()?];
        let token = mint::viewer_token(&config.access.schemes, &streams, subject, now, expires)?;
        Ok(token.expose().to_owned())
    }

    /// What stands in the key's URI in a viewer's own playlist.
    fn grant(&self, token: &str) -> anyhow::Result<String> {
        let folder = self.files.origin.join(STREAM);
        std::fs::create_dir_all(&folder)?;
        let uri = format!("{}{}", self.url(), self.path);
        let list = format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n#EXT-X-KEY:METHOD=AES-128,\
             URI=\"{uri}\",IV=0x{:032x}\n#EXTINF:6.0,\n0.ts\n#EXT-X-ENDLIST\n",
            1
        );
        std::fs::write(folder.join("index.m3u8"), list)?;
        let (_, body) = self.client.get(&Ask {
            target: format!("/v1/play/{STREAM}/index.m3u8?token={token}"),
            bearer: None,
        })?;
        let body = String::from_utf8(body)?;
        let grant = body.split_once(&format!("{}?token=", self.path));
        let grant = grant.and_then(|(_, rest)| rest.split('"').next());
        Ok(grant
            .with_context(|| format!("no grant in {body}"))?
            .to_owned())
    }
}

impl Files {
    fn of(folder: &Path) -> Self {
        Self {
            ca: folder.join("ca.pem"),
            certificate: folder.join("server.pem"),
            private_key: folder.join("server.key"),
            credential: folder.join("studio.credential"),
            config: folder.join("hlskey.toml"),
            origin: folder.join("hls"),
        }
    }
}

/// Runs the program to its good end.
pub(crate) fn run(args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(PROGRAM).args(args).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "hlskey {args:?}: {errors}");
    Ok(String::from_utf8(output.stdout)?)
}

pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// An address on loopback that nothing listens on now.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// A CA and an ECDSA P-256 certificate for localhost.
fn certificates(files: &Files) -> anyhow::Result<()> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate()?;
    let ca = params.self_signed(&ca_key)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let leaf = leaf.signed_by(&key, &Issuer::new(params, ca_key))?;
    std::fs::write(&files.ca, ca.pem())?;
    std::fs::write(&files.certificate, leaf.pem())?;
    private(&files.private_key, &key.serialize_pem())
}

fn private(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text)?;
    Ok(std::fs::set_permissions(
        path,
        Permissions::from_mode(0o600),
    )?)
}

fn configure(files: &Files, folder: &Path, address: SocketAddr) -> anyhow::Result<()> {
    let issuer = KeyPair::generate()?;
    private(&folder.join("issuer.key"), &issuer.serialize_pem())?;
    std::fs::write(folder.join("issuer.pem"), issuer.public_key_pem())?;
    private(
        &folder.join("viewers.secret"),
        &"obviously-a-fake-".repeat(3),
    )?;
    let (ops, port) = (free_address()?, address.port());
    let config = format!(
        r#"[server]
listen = "{address}"
origin = "hls"
workers = 1
[server.tls]
certificate = "server.pem"
private_key = "server.key"
[server.ops]
listen = "{ops}"
[store]
url = "sqlite:keystore/hlskey.db"
[keys]
public_url = "https://localhost:{port}"
master_keys = ["keystore/master.key"]
[schemes.es]
kind = "jwt"
public_key_file = "issuer.pem"
signing_key_file = "issuer.key"
[schemes.hs]
kind = "jwt"
secret_file = "viewers.secret"
[grants]
key_files = ["keystore/grant.key"]
[entitlement]
source = "static"
[[entitlement.viewers]]
subject = "{VIEWER}"
streams = ["live/*"]
"#
    );
    Ok(std::fs::write(&files.config, config)?)
}
