//! Somebody at the other end of HTTPS: a viewer, a packager, an operator, a stranger.
//!
//! Must not know: what an answer should be.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::header::HeaderMap;
use reqwest::{Certificate, Client, Method, RequestBuilder, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

/// One answer, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's text, empty if it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).map(|value| value.to_str().unwrap());
        value.unwrap_or_default()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{} {}: {e}", self.status, self.text()))
    }

    /// The `code` of a problem document, empty if it is none.
    pub(crate) fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Itself, if the status is `status`.
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// A client of one server with one credential, or none.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    client: Client,
    base: String,
    ca: PathBuf,
    bearer: Option<String>,
}

impl Actor {
    /// A stranger who trusts the CA in `ca`; `base` is the server.
    pub(crate) fn new(base: &str, ca: &Path) -> Self {
        let pem = std::fs::read(ca).unwrap_or_else(|e| panic!("{ca:?}: {e}"));
        let client = Client::builder()
            .tls_certs_only([Certificate::from_pem(&pem).unwrap()])
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        Self {
            client: client.build().unwrap(),
            base: base.to_owned(),
            ca: ca.to_owned(),
            bearer: None,
        }
    }

    /// The same with a bearer credential.
    #[must_use]
    pub(crate) fn with(&self, bearer: &str) -> Self {
        let bearer = Some(bearer.to_owned());
        Self {
            bearer,
            ..self.clone()
        }
    }

    /// The same without.
    #[must_use]
    pub(crate) fn without(&self) -> Self {
        Self {
            bearer: None,
            ..self.clone()
        }
    }

    /// Asks, if the server can be reached. `path` is a path of the server, or a whole URL.
    pub(crate) async fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Answer, String> {
        let mut request = self.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            let json = request.header("content-type", "application/json");
            request = json.body(body.to_owned());
        }
        answer(request).await
    }

    /// Posts a body of whatever type, if the server can be reached.
    pub(crate) async fn try_form(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, String> {
        let mut request = self.request("POST", path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.body(body.to_owned())).await
    }

    /// Sends a file, if the server can be reached.
    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        file: Vec<u8>,
    ) -> Result<Answer, String> {
        answer(self.request(method, path).body(file)).await
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = match path.starts_with('/') {
            true => format!("{}{path}", self.base),
            false => path.to_owned(),
        };
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, Url::parse(&url).unwrap());
        match &self.bearer {
            Some(bearer) => request.bearer_auth(bearer),
            None => request,
        }
    }

    /// Asks, and wants an answer of whatever status.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<&str>) -> Answer {
        let answer = self.try_ask(method, path, &[], body).await;
        answer.unwrap_or_else(|e| panic!("{method} {path}: {e}"))
    }

    /// The status of a `GET` whose path is sent as it stands: no client tidies its `..` away.
    pub(crate) fn raw_status(&self, path: &str) -> u16 {
        let place = self.base.trim_start_matches("https://");
        let bearer = self.bearer.as_deref().unwrap_or_default();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {place}\r\nauthorization: Bearer {bearer}\r\n\
             connection: close\r\n\r\n"
        );
        let answer = exchange(place, &self.ca, &request);
        let status = answer
            .split(' ')
            .nth(1)
            .unwrap_or_else(|| panic!("{path}: {answer}"));
        status.parse().unwrap()
    }

    /// `GET`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None).await
    }
}

async fn answer(request: RequestBuilder) -> Result<Answer, String> {
    let answer = request.send().await.map_err(|e| format!("{e:?}"))?;
    Ok(Answer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        body: answer.bytes().await.map_err(|e| e.to_string())?.to_vec(),
    })
}

/// Sends bytes over TLS and gives what comes back until the other end closes.
fn exchange(place: &str, ca: &Path, request: &str) -> String {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).unwrap())
        .unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let host = place.split(':').next().unwrap().to_owned();
    let tls = ClientConnection::new(Arc::new(config), host.try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(tls, TcpStream::connect(place).unwrap());
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer); // some servers close without a TLS goodbye
    String::from_utf8_lossy(&answer).into_owned()
}
