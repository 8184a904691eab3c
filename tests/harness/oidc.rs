//! An issuer of tokens as a process of its own, with keys at a URL, which behaves as it is told.
//!
//! Must not know: what the product makes of it.

use std::path::PathBuf;

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::authority::Authority;
use super::process::Process;
use super::python;
use super::serve::free_port;
use super::wait::{seconds, until};

/// The issuer. Its keys outlast its process.
pub(crate) struct Oidc {
    port: u16,
    dir: TempDir,
    /// Who signed its certificate, if it has one.
    authority: Option<Authority>,
    process: Option<Process>,
}

impl Oidc {
    /// One that serves the keys of these names; a name begins with `rsa`, `ec` or `ed`.
    pub(crate) async fn start(kids: &[&str]) -> Self {
        let mut issuer = Self::prepare();
        issuer.resume(kids).await;
        issuer
    }

    /// One by HTTPS.
    pub(crate) async fn start_secure(kids: &[&str]) -> Self {
        let mut issuer = Self::prepare();
        let authority = Authority::new();
        authority.server(2040).write(issuer.dir.path());
        std::fs::write(issuer.ca(), authority.pem()).unwrap();
        issuer.authority = Some(authority);
        issuer.resume(kids).await;
        issuer
    }

    /// One that does not run yet.
    pub(crate) fn prepare() -> Self {
        Self {
            port: free_port(),
            dir: tempfile::tempdir().unwrap(),
            authority: None,
            process: None,
        }
    }

    /// Starts the process, again too.
    pub(crate) async fn resume(&mut self, kids: &[&str]) {
        let path = |name: &str| self.dir.path().join(name).to_str().unwrap().to_owned();
        let mut args = vec![self.port.to_string(), path("keys.json")];
        if self.authority.is_some() {
            args.extend([path("server.pem"), path("server.key")]);
        }
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let mut process = Process::start(python::script("issuer.py", &args));
        until("the issuer is ready", seconds(20), async || {
            assert!(process.ended().is_none(), "{}", process.stderr.text());
            (process.stdout.text() == "ready").then_some(())
        })
        .await;
        self.process = Some(process);
        self.tell(&json!({ "kids": kids })).await;
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    /// Changes what it serves: `mode`, `kids`, `issuer`, `jwks_uri`, `headers`.
    pub(crate) async fn tell(&self, state: &Value) {
        self.post("/state", state).await;
    }

    /// A token by the key of that name.
    pub(crate) async fn sign(&self, kid: &str, claims: &Value) -> String {
        self.post("/sign", &json!({ "kid": kid, "claims": claims }))
            .await
    }

    /// A token by the key of that name that says another, or none.
    pub(crate) async fn sign_as(&self, kid: &str, named: Option<&str>, claims: &Value) -> String {
        let order = json!({ "kid": kid, "named": named, "claims": claims });
        self.post("/sign", &order).await
    }

    /// How often it was asked for its keys.
    pub(crate) async fn asked(&self) -> u64 {
        self.asked_for("keys").await
    }

    /// How often it was asked for its `keys`, or for its `configuration`.
    pub(crate) async fn asked_for(&self, what: &str) -> u64 {
        let answer = self.client().get(format!("{}/asked", self.url())).send();
        let text = answer.await.unwrap().text().await.unwrap();
        let counts: Value = serde_json::from_str(&text).unwrap();
        counts[what].as_u64().unwrap()
    }

    /// What it calls itself.
    pub(crate) fn url(&self) -> String {
        let scheme = self.authority.as_ref().map_or("http", |_| "https");
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// What its clients have to trust.
    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    async fn post(&self, path: &str, body: &Value) -> String {
        let request = self.client().post(format!("{}{path}", self.url()));
        let answer = request.body(body.to_string()).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        answer.text().await.unwrap()
    }

    fn client(&self) -> Client {
        let mut client = Client::builder().no_proxy();
        if let Some(authority) = &self.authority {
            let pem = authority.pem().as_bytes();
            client = client.tls_certs_only([reqwest::Certificate::from_pem(pem).unwrap()]);
        }
        client.build().unwrap()
    }
}
