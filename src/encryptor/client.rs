//! The key server as the encryptor sees it: schedule, progress, and a key as a player gets it.
//!
//! HTTPS only, no redirects, no proxy, bounded bodies; neither the credential nor a probe stands
//! in any error. Must not know: what a lease is used for.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{RequestBuilder, Response, Url};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::options::Options;
use crate::api::{PeriodView, Problem, ProgressReply, ProgressReport, ScheduleView};
use crate::crypto::{ContentKey, SecretText};
use crate::domain::{Kid, Rendition};
use crate::outbound::{TrustError, authorities, causes, identity};

/// Why the server could not be asked, or what it said. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not `https://host…`.
    #[error("the server's address {0:?} is not an https URL")]
    Address(String),
    /// The file of authorities, or that of the client certificate.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The credential cannot be sent in a header.
    #[error("the credential is empty or holds characters that a header cannot carry")]
    Credential,
    /// The TLS client cannot be made.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
    /// No answer.
    #[error("the key server cannot be reached: {reason}")]
    Unreachable {
        /// What happened.
        reason: String,
        /// Whether the request may have arrived all the same.
        sent: bool,
    },
    /// An answer that is not 200.
    #[error("the key server answered {status} {code}{}", detail.as_deref().map(|d| format!(": {d}")).unwrap_or_default())]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem document's code, if it was one.
        code: String,
        /// What it said besides.
        detail: Option<String>,
    },
    /// An answer that does not hold to the protocol.
    #[error("the key server's answer is malformed: {0}")]
    Malformed(String),
}

impl ClientError {
    /// Whether asking again cannot help: the credential or the stream is wrong.
    pub(super) fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                status: 401 | 403 | 404 | 410,
                ..
            }
        )
    }
}

/// What to ask of the schedule; an absent field leaves the choice to the server.
#[derive(Debug, Clone, Default)]
pub(super) struct Ask {
    /// The first period's index.
    pub(super) from: Option<i64>,
    /// How many periods.
    pub(super) count: Option<u32>,
    /// Whose keys, where renditions have their own.
    pub(super) rendition: Option<Rendition>,
    /// Hold the answer back for `wait` while the version is still this. It acknowledges the
    /// version, as a report does.
    pub(super) known: Option<u64>,
    /// Whole seconds, at most [`POLL`].
    pub(super) wait: Duration,
}

/// Asks one server about one stream.
pub(super) struct Client {
    http: reqwest::Client,
    bearer: Option<HeaderValue>,
    stream_url: String,
    /// Whose lease it is.
    instance: String,
}

/// The longest that the server may hold a poll's answer.
pub(super) const POLL: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);
const MAX_BODY: usize = 8 << 20;

impl Client {
    /// A client of the server that `options` name, for their stream, trusting the system's
    /// authorities and those that they add. `instance` is the encryptor's name.
    pub(super) fn new(options: &Options, instance: &str) -> Result<Self, ClientError> {
        let Options { server, stream, .. } = options;
        let base = https(server).ok_or_else(|| ClientError::Address(server.clone()))?;
        let authorities = options.ca.as_deref().map(authorities);
        let authorities = authorities.transpose()?.unwrap_or_default();
        let identity = options.client_certificate.as_deref().map(identity);
        let mut http = reqwest::Client::builder();
        if let Some(identity) = identity.transpose()? {
            http = http.identity(identity);
        }
        let http = http
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .tls_certs_merge(authorities)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| ClientError::Tls(causes(error)))?;
        let base = base.as_str().trim_end_matches('/');
        Ok(Self {
            http,
            bearer: options.credential.as_ref().map(bearer).transpose()?,
            stream_url: format!("{base}/v1/streams/{stream}"),
            instance: instance.to_owned(),
        })
    }

    /// `GET …/schedule`: the lease.
    pub(super) async fn schedule(&self, ask: &Ask) -> Result<ScheduleView, ClientError> {
        let mut query = vec![("instance", self.instance.clone())];
        query.extend(ask.from.map(|from| ("from", from.to_string())));
        query.extend(ask.count.map(|count| ("count", count.to_string())));
        query.extend(ask.rendition.iter().map(|r| ("rendition", r.to_string())));
        if let Some(known) = ask.known {
            query.push(("known", known.to_string()));
            query.push(("wait", ask.wait.as_secs().to_string()));
        }
        let request = self.http.get(format!("{}/schedule", self.stream_url));
        let request = request.query(&query).timeout(POLL + TIMEOUT);
        self.json(request).await
    }

    /// `GET …/schedule?kid=`: the period of one of the stream's keys; `None` if it has none of that
    /// name.
    pub(super) async fn period_of(&self, kid: Kid) -> Result<Option<PeriodView>, ClientError> {
        let request = self.http.get(format!("{}/schedule", self.stream_url));
        let request = request.query(&[("kid", kid.to_string())]);
        let view: ScheduleView = self.json(request).await?;
        Ok(view.periods.into_iter().find(|period| period.kid.0 == kid))
    }

    /// `POST …/progress`: heartbeat and claims.
    pub(super) async fn progress(
        &self,
        report: &ProgressReport,
    ) -> Result<ProgressReply, ClientError> {
        let request = self.http.post(format!("{}/progress", self.stream_url));
        self.json(request.json(report)).await
    }

    /// The key behind `uri`, fetched with `probe` and nothing else, as a player would.
    pub(super) async fn served_key(
        &self,
        uri: &str,
        probe: &SecretText,
    ) -> Result<ContentKey, ClientError> {
        let url = https(uri).ok_or_else(|| malformed("a key URI is not https"))?;
        let request = self.http.get(url).query(&[("token", probe.expose())]);
        let body = body_of(answer(request).await?).await?;
        ContentKey::from_slice(&body).ok_or_else(|| malformed("a key is not 16 bytes"))
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ClientError> {
        let request = match &self.bearer {
            Some(bearer) => request.header(AUTHORIZATION, bearer.clone()),
            None => request,
        };
        let body = body_of(answer(request).await?).await?;
        serde_json::from_slice(&body).map_err(|error| {
            let at = format!("line {} column {}", error.line(), error.column());
            malformed(&format!("not the expected JSON at {at}"))
        })
    }
}

fn https(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    (url.scheme() == "https" && url.has_host() && plain).then_some(url)
}

fn bearer(credential: &SecretText) -> Result<HeaderValue, ClientError> {
    let token = credential.expose().trim();
    if token.is_empty() {
        return Err(ClientError::Credential);
    }
    let text = Zeroizing::new(format!("Bearer {token}"));
    let mut value = HeaderValue::from_str(&text).map_err(|_| ClientError::Credential)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Sends; anything but 200 becomes the problem that the server described.
async fn answer(request: RequestBuilder) -> Result<Response, ClientError> {
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status().as_u16();
    if status == 200 {
        return Ok(response);
    }
    let body = body_of(response).await.unwrap_or_default();
    let problem = serde_json::from_slice::<Problem>(&body).ok();
    let (code, detail) = problem.map_or((String::new(), None), |p| (p.code, p.detail));
    Err(ClientError::Refused {
        status,
        code: printable(&code),
        detail: detail.map(|text| printable(&text)),
    })
}

async fn body_of(mut response: Response) -> Result<Zeroizing<Vec<u8>>, ClientError> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(malformed("longer than 8 MiB"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unreachable(error: reqwest::Error) -> ClientError {
    let sent = !error.is_connect();
    let reason = causes(error);
    ClientError::Unreachable { reason, sent }
}

fn malformed(what: &str) -> ClientError {
    ClientError::Malformed(what.to_owned())
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encryptor::options::plain;

    fn made(server: &str, credential: &str) -> Result<Client, ClientError> {
        let options = Options {
            server: server.to_owned(),
            credential: Some(SecretText::new(credential.to_owned())),
            ..plain("/state".as_ref())
        };
        Client::new(&options, "one")
    }

    #[test]
    fn only_https_servers_and_sendable_credentials_are_taken() {
        for bad in [
            "",
            "localhost",
            "http://a",
            "https://",
            "https://u@a",
            "https://a/?x",
        ] {
            assert!(
                matches!(made(bad, "obviously-a-fake"), Err(ClientError::Address(_))),
                "{bad}"
            );
        }
        for bad in ["", " \n", "a\nb"] {
            assert!(
                matches!(made("https://a", bad), Err(ClientError::Credential)),
                "{bad:?}"
            );
        }
        let client = made("https://a:8443/base/", "obviously-a-fake\n").unwrap();
        assert_eq!(client.stream_url, "https://a:8443/base/v1/streams/live/a");
        assert!(client.bearer.unwrap().is_sensitive());
    }
}
