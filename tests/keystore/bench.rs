//! A server with keys on a database of either kind, and the keystore's commands beside it.
//!
//! Must not know: what they should print.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::actor::Actor;
use crate::harness::binary;
use crate::harness::database;
use crate::harness::postgres::Cluster;
use crate::harness::serve::Serve;

/// Keys by their paths, as they are served.
pub(super) type Served = BTreeMap<String, Vec<u8>>;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
}

pub(super) const BOTH: [Kind; 2] = [Kind::Sqlite, Kind::Postgres];

/// A server, running or not, and its database.
pub(super) struct Bench {
    pub(super) serve: Serve,
    pub(super) url: String,
    cluster: Option<Cluster>,
}

impl Bench {
    /// Everything but the process.
    pub(super) fn prepare(kind: Kind) -> Self {
        let cluster = match kind {
            Kind::Sqlite => None,
            Kind::Postgres => Some(Cluster::start()),
        };
        let serve = Serve::prepare("{ every = \"1h\" }", "");
        let file = serve.config().with_file_name("keystore").join("hlskey.db");
        let url = match &cluster {
            None => format!("sqlite:{}", file.display()),
            Some(cluster) => cluster.url(),
        };
        serve.amend("sqlite:keystore/hlskey.db", &url);
        let bench = Self {
            serve,
            url,
            cluster,
        };
        // `prepare` made the secrets beside another database.
        assert_eq!(bench.cluster.is_some(), kind == Kind::Postgres);
        bench
    }

    /// One that serves.
    pub(super) async fn start(kind: Kind) -> Self {
        let mut bench = Self::prepare(kind);
        bench.serve.resume().await;
        bench
    }

    /// A file of the server's folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.serve.config().with_file_name(name)
    }

    /// `hlskey keystore …` on this configuration.
    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = binary::command(&["keystore"]);
        command.args(args).arg("--config").arg(self.serve.config());
        command
    }

    /// Runs it to its end.
    pub(super) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs it to its good end; gives what it printed.
    pub(super) fn printed(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let errors = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{args:?}: {errors}{text}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same, with `--json`.
    pub(super) fn json(&self, args: &[&str]) -> Value {
        let text = self.printed(&[args, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
    }

    /// Runs it to a bad end; gives what it said of it.
    pub(super) fn refused(&self, args: &[&str]) -> String {
        said(&self.run(args))
    }

    /// What `hlskey serve` says when it refuses to start.
    pub(super) fn will_not_start(&self) -> String {
        said(&binary::run(&[
            "serve",
            "--config",
            self.serve.config().to_str().unwrap(),
        ]))
    }

    /// A packager of every stream.
    pub(super) fn packager(&self) -> Actor {
        let file = self.path("studio.credential");
        if !file.exists() {
            let actions = ["lease", "register", "read"];
            self.serve.credential("studio", "**", &actions);
        }
        let token = std::fs::read_to_string(file).unwrap();
        self.serve.stranger().with(token.trim())
    }

    /// Has keys of a stream issued.
    pub(super) async fn issue(&self, stream: &str, count: usize) -> Served {
        issue(&self.packager(), stream, count).await
    }

    /// Every key is served, as it was.
    pub(super) async fn serves(&self, keys: &Served) {
        let viewer = self.serve.viewer("**");
        for (path, key) in keys {
            let answer = viewer.get(path).await.expect(200);
            assert!(answer.body == *key, "{path} is another key now");
        }
    }

    /// The ring of the configuration, from the next start on.
    pub(super) fn ring(&self, files: &[&str]) {
        let text = std::fs::read_to_string(self.serve.config()).unwrap();
        let line = text.lines().find(|line| line.starts_with("master_keys"));
        let files: Vec<String> = files.iter().map(|file| format!("\"{file}\"")).collect();
        let ring = format!("master_keys = [{}]", files.join(", "));
        self.serve.amend(line.unwrap(), &ring);
    }

    /// The number that a query of the database gives.
    pub(super) async fn number(&self, sql: &str) -> i64 {
        database::number(&self.url, sql).await
    }
}

/// Has keys issued to a packager.
pub(super) async fn issue(packager: &Actor, stream: &str, count: usize) -> Served {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let path = format!("/v1/streams/{stream}/schedule");
    let now = packager
        .get(&format!("{path}?count=1"))
        .await
        .expect(200)
        .json();
    let from = now["periods"][0]["index"].as_i64().unwrap();
    let query = format!("{path}?from={from}&count={count}");
    let lease = packager.get(&query).await.expect(200).json();
    let periods = lease["periods"].as_array().unwrap();
    assert_eq!(periods.len(), count);
    let one = |period: &Value| {
        let path = format!("/v1/keys/{}", period["kid"].as_str().unwrap());
        (
            path,
            STANDARD.decode(period["key"].as_str().unwrap()).unwrap(),
        )
    };
    periods.iter().map(one).collect()
}

/// What a command said that failed, as it should.
pub(super) fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}{printed}");
    text
}

/// Writes a secret file.
pub(super) fn write_secret(path: &Path, text: &str, mode: u32) {
    let _ = std::fs::remove_file(path);
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}
