//! `hlskey serve` on a configuration, keystore and certificates of the test's own.
//!
//! Must not know: what is asked of it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::Signal;
use tempfile::TempDir;

use super::actor::Actor;
use super::authority::{Authority, private};
use super::binary;
use super::process::Process;
use super::wait::{seconds, until};

/// A server, running or stopped, with its folder.
pub(crate) struct Serve {
    dir: TempDir,
    port: u16,
    ops: u16,
    /// Who signed its certificate.
    pub(crate) authority: Authority,
    pub(crate) process: Option<Process>,
}

impl Serve {
    /// Starts one that registers `test/**` on first sight with `rotation` (TOML), and whose
    /// configuration ends in `more`.
    pub(crate) async fn start(rotation: &str, more: &str) -> Self {
        let mut serve = Self::prepare(rotation, more);
        serve.resume().await;
        serve
    }

    /// Everything but the process.
    pub(crate) fn prepare(rotation: &str, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let serve = Self {
            port: free_port(),
            ops: free_port(),
            authority: Authority::new(),
            dir,
            process: None,
        };
        std::fs::create_dir_all(serve.certs()).unwrap();
        private(&serve.ca(), serve.authority.pem());
        serve.authority.server(2040).write(&serve.certs());
        let secret = serve.dir.path().join("viewers.secret");
        private(&secret, "obviously-a-fake-secret-of-40-characters");
        std::fs::write(serve.config(), serve.text(rotation, more)).unwrap();
        binary::printed(&[
            "keystore",
            "init",
            "--config",
            serve.config().to_str().unwrap(),
        ]);
        serve
    }

    /// Another server on the database at `url`, with this one's secrets: they are two of one
    /// service. `stale_after` is a span as the configuration has it.
    pub(crate) fn prepare_on(url: &str, stale_after: &str, like: Option<&Self>) -> Self {
        let serve = Self::prepare("{ every = \"10m\" }", "");
        let store = format!("{url}\"\nstale_after = \"{stale_after}");
        serve.amend("sqlite:keystore/hlskey.db", &store);
        for name in ["keystore/master.key", "keystore/grant.key"] {
            if let Some(like) = like {
                std::fs::copy(like.dir.path().join(name), serve.dir.path().join(name)).unwrap();
            }
        }
        serve
    }

    fn text(&self, rotation: &str, more: &str) -> String {
        let Self { port, ops, .. } = self;
        format!(
            r#"
[server]
listen = "127.0.0.1:{port}"
origin = "hls"
allowed_origins = ["https://player.example"]
refusals_per_minute = 0
[server.tls]
certificate = "certs/server.pem"
private_key = "certs/server.key"
[server.ops]
listen = "127.0.0.1:{ops}"
[store]
url = "sqlite:keystore/hlskey.db"
[keys]
public_url = "https://localhost:{port}"
master_keys = ["keystore/master.key"]
[[keys.templates]]
streams = "test/**"
rotation = {rotation}
[schemes.viewers]
kind = "jwt"
streams = ["**"]
algorithms = ["HS256"]
secret_file = "viewers.secret"
[grants]
key_files = ["keystore/grant.key"]
[entitlement]
source = "allow"
{more}
"#
        )
    }

    /// Puts other text in the configuration, for the next start.
    pub(crate) fn amend(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(self.config(), text.replacen(from, to, 1)).unwrap();
    }

    /// Starts the process again, on the same port and folder.
    pub(crate) async fn resume(&mut self) {
        self.resume_as(self.command()).await;
        let process = self.process.as_mut().unwrap();
        if let Some(status) = process.ended() {
            panic!("the server ended, {status}: {}", process.stderr.text());
        }
    }

    /// The command that starts the process.
    pub(crate) fn command(&self) -> Command {
        binary::command(&["serve", "--config", self.config().to_str().unwrap()])
    }

    /// Starts the process by a command of the caller's, and waits until it is ready or has ended.
    pub(crate) async fn resume_as(&mut self, command: Command) {
        let ready = self.ops();
        let process = self.process.insert(Process::start(command));
        until("the server is ready", seconds(30), async || {
            let answer = ready.try_ask("GET", "/readyz", &[], None).await;
            let is_ready = answer.is_ok_and(|answer| answer.status == 200);
            (is_ready || process.ended().is_some()).then_some(())
        })
        .await;
    }

    /// Stops the process and keeps the rest.
    pub(crate) async fn pause(&mut self) {
        self.process.take().unwrap().stop(Signal::TERM).await;
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("hlskey.toml")
    }

    /// Its database, as another program reaches it.
    pub(crate) fn database(&self) -> String {
        let config: toml::Table = std::fs::read_to_string(self.config())
            .unwrap()
            .parse()
            .unwrap();
        let url = config["store"]["url"].as_str().unwrap();
        match url.strip_prefix("sqlite:") {
            Some(path) => format!("sqlite:{}", self.dir.path().join(path).display()),
            None => url.to_owned(),
        }
    }

    /// The folder behind `/hls/`.
    pub(crate) fn origin(&self) -> PathBuf {
        self.dir.path().join("hls")
    }

    /// Where the encryptors of `stream` have their state folders.
    pub(crate) fn state(&self, stream: &str) -> PathBuf {
        self.dir.path().join("states").join(stream)
    }

    /// The folder of certificates and their keys.
    pub(crate) fn certs(&self) -> PathBuf {
        self.dir.path().join("certs")
    }

    /// What a client has to trust.
    pub(crate) fn ca(&self) -> PathBuf {
        self.certs().join("ca.pem")
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where its operator connects.
    pub(crate) fn ops_port(&self) -> u16 {
        self.ops
    }

    /// The server's address.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// A stranger at the server.
    pub(crate) fn stranger(&self) -> Actor {
        Actor::new(&self.url(), &self.ca())
    }

    /// A stranger at the ops listener.
    pub(crate) fn ops(&self) -> Actor {
        Actor::new(&format!("http://127.0.0.1:{}", self.ops), &self.ca())
    }

    /// A viewer of `stream`, for longer than any test sets a clock ahead.
    pub(crate) fn viewer(&self, stream: &str) -> Actor {
        self.stranger()
            .with(&binary::mint(&self.config(), stream, "3h"))
    }

    /// What `token mint` prints for an instance: a query, or a token that stands for itself.
    pub(crate) fn minted(&self, scheme: &str, stream: &str, ttl: &str) -> String {
        let config = self.config();
        let fixed = ["token", "mint", "--config", config.to_str().unwrap()];
        let more = ["--scheme", scheme, "--stream", stream, "--ttl", ttl];
        binary::printed(&[&fixed[..], &more].concat())
    }

    /// A new credential in a file.
    pub(crate) fn credential(&self, name: &str, streams: &str, actions: &[&str]) -> PathBuf {
        let out = self.dir.path().join(format!("{name}.credential"));
        let config = self.config();
        let mut args = vec!["credential", "add", "--config", config.to_str().unwrap()];
        args.extend([name, "--streams", streams, "--out", out.to_str().unwrap()]);
        args.extend(actions.iter().flat_map(|action| ["--action", *action]));
        binary::printed(&args);
        out
    }

    /// The absolute URI of the first key of `stream`, leased by a new packager of it.
    pub(crate) async fn key(&self, stream: &str) -> String {
        let name = format!("packager-of-{}", stream.replace('/', "-"));
        let credential = std::fs::read_to_string(self.credential(&name, stream, &[])).unwrap();
        let packager = self.stranger().with(credential.trim());
        let schedule = format!("/v1/streams/{stream}/schedule");
        let lease = packager.get(&schedule).await.expect(200).json();
        lease["periods"][0]["uri"].as_str().unwrap().to_owned()
    }

    /// The path of such a URI.
    pub(crate) async fn key_path(&self, stream: &str) -> String {
        let uri = self.key(stream).await;
        uri.split_at(uri.find("/v1/").unwrap()).1.to_owned()
    }

    /// Puts a playlist of one segment under this key at the origin.
    pub(crate) fn publish(&self, file: &str, key: &str) {
        let path = self.origin().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let iv = format!("0x{:032x}", 1);
        let list = format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:6\n\
             #EXT-X-KEY:METHOD=AES-128,URI=\"{key}\",IV={iv}\n#EXTINF:6.0,\n0.ts\n#EXT-X-ENDLIST\n"
        );
        std::fs::write(path, list).unwrap();
    }
}

/// A port that nothing listens on now, and that the system gives to no connection later.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    // Each test is a process of its own: they begin apart.
    let mut ports = std::iter::repeat_with(|| {
        let next = std::process::id() * 16 + NEXT.fetch_add(1, Ordering::Relaxed);
        10_000 + u16::try_from(next % 22_000).unwrap()
    });
    ports.find(is_free).unwrap()
}
