//! A key server at the other end of HTTPS, as commands ask it: with a credential, over its own API.
//!
//! Must not know: what is asked.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::{Certificate, Client, Method, RequestBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::encrypt::read_credential;
use crate::api::Problem;
use crate::crypto::SecretText;

/// The server, and who asks.
#[derive(Debug, Args)]
pub(super) struct Remote {
    /// The key server, `https://…`.
    #[arg(long, value_name = "URL", env = "HLSKEY_URL")]
    server: String,
    /// Trust this CA besides the public ones (PEM).
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The credential: one line in a file.
    #[arg(long, value_name = "FILE")]
    credential_file: PathBuf,
}

/// A connection with its credential.
pub(super) struct Api {
    client: Client,
    server: String,
    credential: SecretText,
}

impl Remote {
    /// Reads the credential; nothing is sent yet.
    pub(super) fn connect(&self) -> anyhow::Result<Api> {
        let mut client = Client::builder().https_only(true);
        if let Some(ca) = &self.ca {
            let pem = std::fs::read(ca).with_context(|| ca.display().to_string())?;
            for certificate in Certificate::from_pem_bundle(&pem)? {
                client = client.add_root_certificate(certificate);
            }
        }
        Ok(Api {
            client: client.build()?,
            server: self.server.trim_end_matches('/').to_owned(),
            credential: read_credential(&self.credential_file)?,
        })
    }
}

impl Api {
    /// A request for a path of the server.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.server);
        self.client
            .request(method, url)
            .bearer_auth(self.credential.expose())
    }
}

/// The answer as JSON, or the problem that the server described.
pub(super) async fn answer<T: DeserializeOwned + Serialize>(
    request: RequestBuilder,
) -> anyhow::Result<T> {
    Ok(checked(request).await?.json().await?)
}

/// As [`answer`]; `None` if there is no such thing.
pub(super) async fn found<T: DeserializeOwned + Serialize>(
    request: RequestBuilder,
) -> anyhow::Result<Option<T>> {
    let answer = send(request).await?;
    match answer.status().as_u16() {
        404 => Ok(None),
        _ => Ok(Some(judged(answer).await?.json().await?)),
    }
}

/// The answer, or the problem that the server described.
pub(super) async fn checked(request: RequestBuilder) -> anyhow::Result<reqwest::Response> {
    judged(send(request).await?).await
}

async fn send(request: RequestBuilder) -> anyhow::Result<reqwest::Response> {
    let answer = request.send().await;
    answer.context("the key server does not answer; `--ca FILE` trusts a CA of one's own")
}

async fn judged(answer: reqwest::Response) -> anyhow::Result<reqwest::Response> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status();
    match answer.json::<Problem>().await {
        Ok(problem) => {
            let detail = problem
                .detail
                .map(|text| format!(": {text}"))
                .unwrap_or_default();
            bail!(
                "{} ({status}){detail}, request {}",
                problem.title,
                problem.request_id
            )
        }
        Err(_) => bail!("the server answered {status}"),
    }
}
