//! A customer's entitlement service, as a process of its own: `tests/entitlement/service.py`.
//!
//! Must not know: what the product makes of its answers.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::actor::Actor;
use super::authority::private;
use super::process::Process;
use super::rust_source::root;
use super::serve::{Serve, free_port};
use super::wait::{seconds, until};

/// What it signs with; the second is known to it as well.
pub(crate) const SECRETS: [&str; 2] = [
    "obviously-a-fake-entitlement-secret-of-the-tests",
    "obviously-a-fake-entitlement-secret-of-old-times",
];

/// The service, running or not, and where it is told what to do.
pub(crate) struct Service {
    pub(crate) process: Option<Process>,
    port: u16,
    control: Actor,
    args: Vec<String>,
    _dir: tempfile::TempDir,
}

impl Service {
    /// Starts it for `serve`, which need not run. `tls`: certificate, key and, where clients must
    /// show one, their authority.
    pub(crate) async fn start(serve: &Serve, tls: &[PathBuf]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let secrets = dir.path().join("secrets");
        private(&secrets, &SECRETS.join("\n"));
        let (port, control) = (free_port(), free_port());
        let files = [&secrets].into_iter().chain(tls);
        let files = files.map(|path| path.to_str().unwrap().to_owned());
        let ports = [port, control].map(|port| port.to_string());
        let mut service = Self {
            process: None,
            port,
            control: Actor::new(&format!("http://127.0.0.1:{control}"), &serve.ca()),
            args: ports.into_iter().chain(files).collect(),
            _dir: dir,
        };
        service.resume().await;
        service
    }

    /// Starts it again; its knobs are as at first.
    pub(crate) async fn resume(&mut self) {
        let mut command = Command::new("python3");
        command.arg(root().join("tests/entitlement/service.py"));
        command
            .args(&self.args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin");
        let process = self.process.insert(Process::start(command));
        until("the entitlement service runs", seconds(30), async || {
            if let Some(status) = process.ended() {
                panic!("it ended, {status}: {}", process.stderr.text());
            }
            let seen = self.control.try_ask("GET", "/", &[], None).await;
            seen.is_ok_and(|answer| answer.status == 200).then_some(())
        })
        .await;
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    /// Where it is asked, without a scheme.
    pub(crate) fn place(&self) -> String {
        format!("localhost:{}/entitled", self.port)
    }

    /// Changes how it answers from now on.
    pub(crate) async fn set(&self, knobs: Value) {
        let knobs = knobs.to_string();
        let answer = self.control.ask("POST", "/", Some(&knobs)).await;
        answer.expect(204);
    }

    /// What it saw so far.
    pub(crate) async fn seen(&self) -> Value {
        self.control.ask("GET", "/", None).await.expect(200).json()
    }

    /// How often it was asked so far.
    pub(crate) async fn asked(&self) -> u64 {
        self.seen().await["asked"].as_u64().unwrap()
    }

    /// Has it call answers off at `serve`; `how` may change how it signs.
    pub(crate) async fn push(&self, serve: &Serve, body: &Value, how: Value) -> u16 {
        let mut order = how;
        order["url"] = json!(format!("{}/v1/entitlements/invalidate", serve.url()));
        order["ca"] = json!(serve.ca());
        order["body"] = json!(body.to_string());
        let order = order.to_string();
        let answer = self.control.ask("POST", "/push", Some(&order)).await;
        u16::try_from(answer.expect(200).json().as_u64().unwrap()).unwrap()
    }
}

/// Makes `serve` ask the service, by `https` or `http`; `more` are settings of `[entitlement.http]` and
/// tables after it.
pub(crate) fn ask_there(serve: &Serve, url: &str, more: &str) {
    let secrets = serve.config().with_file_name("entitlement.secrets");
    private(&secrets, SECRETS[0]);
    let http = format!(
        "source = \"http\"\n[entitlement.http]\nurl = \"{url}\"\n\
         secrets_file = \"entitlement.secrets\"\n{more}"
    );
    serve.amend("source = \"allow\"", &http);
}

/// Names a file that a server's configuration names.
pub(crate) fn beside(serve: &Serve, name: &str) -> PathBuf {
    Path::new(&serve.config()).with_file_name(name)
}
