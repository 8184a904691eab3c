//! Requests that the server itself makes: for key sets, for entitlement.
//!
//! HTTPS, no redirects, no proxy, bounded in time and size. Where a connection goes is looked at
//! when it is made, so that a name cannot lead elsewhere in between. Must not know: what is asked.

mod address;
mod config;
mod look;
mod open;
mod reach;
mod resolve;
mod trust;

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Response};

use crate::domain::Network;
use reach::Reach;
use resolve::{Forbidden, Resolver};
use trust::authorities_of;

pub use address::{Address, AddressError};
pub use config::Config;
pub use open::Opened;
pub use trust::{TrustError, authorities, identity};

/// What one client may do.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Hosts that the operator wrote down himself: they may lie on this machine and in private
    /// networks. Those that another's document names may not.
    pub hosts: &'a [&'a str],
    /// Private networks that any host may lie in.
    pub allow: &'a [Network],
    /// PEM files of authorities to trust besides the system's.
    pub authorities: &'a [&'a Path],
    /// A PEM file with a client certificate and its key.
    pub identity: Option<&'a Path>,
    /// Whether cookies are kept, each for its host, and sent again.
    pub cookies: bool,
    /// Which address of this machine requests come from; `None`: the system chooses.
    pub from: Option<IpAddr>,
    /// How long a connection may take.
    pub connect: Duration,
    /// How long all of a request may take, its answer included.
    pub total: Duration,
    /// How long nothing may come. Where it is said it holds in place of `total`: what is asked for may
    /// be long.
    pub silence: Option<Duration>,
}

impl Default for Terms<'_> {
    fn default() -> Self {
        Self {
            hosts: &[],
            allow: &[],
            authorities: &[],
            identity: None,
            cookies: false,
            from: None,
            connect: Duration::from_secs(3),
            total: Duration::from_secs(10),
            silence: None,
        }
    }
}

/// Asks others, within its terms.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    reach: Reach,
    /// The SHA-256 of each file of authorities.
    authorities: Vec<[u8; 32]>,
}

/// What came back, whatever the status. Redirects are not followed.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A file of its terms.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// Why there is no answer. No variant holds a query, a header or a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The host lies where requests may not go.
    #[error("{0} lies in a network that requests may not go to ([outbound] allow)")]
    Forbidden(String),
    /// A header that cannot be sent.
    #[error("a header holds characters that none can carry")]
    Header,
    /// No answer in time.
    #[error("no whole answer in time")]
    Late,
    /// No connection, or it broke.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// More than the caller takes.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

impl Client {
    /// A client that trusts the system's authorities and those of its terms.
    pub fn new(terms: &Terms<'_>) -> Result<Self, ClientError> {
        let reach = Reach::new(terms.hosts.iter().copied(), terms.allow);
        let mut http = reqwest::Client::builder();
        let mut digests = Vec::new();
        for path in terms.authorities {
            let (found, digest) = authorities_of(path)?;
            http = http.tls_certs_merge(found);
            digests.push(digest);
        }
        if let Some(path) = terms.identity {
            http = http.identity(identity(path)?);
        }
        let http = http
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .cookie_store(terms.cookies)
            .local_address(terms.from)
            .referer(false)
            .user_agent(concat!("hlskey/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Resolver(reach.clone()))
            .connect_timeout(terms.connect);
        let http = match terms.silence {
            Some(silence) => http.read_timeout(silence),
            None => http.timeout(terms.total),
        };
        let http = http
            .build()
            .map_err(|error| ClientError::Tls(causes(error)))?;
        Ok(Self {
            http,
            reach,
            authorities: digests,
        })
    }

    /// Whether both may go to the same places, and trust the same files as each found them.
    pub fn believes_as(&self, other: &Self) -> bool {
        self.reach == other.reach && self.authorities == other.authorities
    }

    /// `GET`; a body longer than `limit` bytes is an error.
    pub async fn get(&self, address: &Address, limit: usize) -> Result<Answer, OutboundError> {
        self.send(address, self.http.get(address.url()), limit)
            .await
    }

    /// `POST` of `body` with these headers; an answer longer than `limit` bytes is an error.
    pub async fn post(
        &self,
        address: &Address,
        headers: &[(&str, &str)],
        body: Vec<u8>,
        limit: usize,
    ) -> Result<Answer, OutboundError> {
        let mut sent = HeaderMap::new();
        for (name, value) in headers {
            let (name, mut value) = (
                HeaderName::try_from(*name).map_err(|_| OutboundError::Header)?,
                HeaderValue::try_from(*value).map_err(|_| OutboundError::Header)?,
            );
            value.set_sensitive(true);
            sent.append(name, value);
        }
        let request = self.http.post(address.url()).headers(sent).body(body);
        self.send(address, request, limit).await
    }

    async fn send(
        &self,
        address: &Address,
        request: RequestBuilder,
        limit: usize,
    ) -> Result<Answer, OutboundError> {
        self.check_literal(address.host(), address.literal())?;
        answer_of(request, limit).await
    }

    /// A literal address is looked up by nobody, and so would pass the resolver by.
    fn check_literal(&self, host: &str, literal: Option<IpAddr>) -> Result<(), OutboundError> {
        match literal {
            Some(ip) if !self.reach.allows(host, ip) => {
                Err(OutboundError::Forbidden(host.to_owned()))
            }
            _ => Ok(()),
        }
    }
}

async fn answer_of(request: RequestBuilder, limit: usize) -> Result<Answer, OutboundError> {
    let response = request.send().await.map_err(failure)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = body_of(response, limit).await?;
    Ok(Answer {
        status,
        headers,
        body,
    })
}

impl Answer {
    /// The first header of that name, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers of that name that are text, in their order.
    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let all = self.headers.get_all(name).into_iter();
        all.filter_map(|value| value.to_str().ok())
    }
}

async fn body_of(mut response: Response, limit: usize) -> Result<Vec<u8>, OutboundError> {
    let is_longer = |length: u64| usize::try_from(length).is_ok_and(|it| it > limit);
    if response.content_length().is_some_and(is_longer) {
        return Err(OutboundError::TooLong(limit));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failure)? {
        if body.len() + chunk.len() > limit {
            return Err(OutboundError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn failure(error: reqwest::Error) -> OutboundError {
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(it) = cause {
        if let Some(Forbidden(host)) = it.downcast_ref() {
            return OutboundError::Forbidden(host.clone());
        }
        cause = it.source();
    }
    match error.is_timeout() {
        true => OutboundError::Late,
        false => OutboundError::Unreachable(causes(error)),
    }
}

/// The error and its causes, without the URL, which may hold a secret.
pub fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut next = std::error::Error::source(&error);
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
