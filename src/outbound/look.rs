//! Any request, for who looks at what others get; and where a host lies.
//!
//! Must not know: what is looked for.

use std::net::SocketAddr;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

use super::address::literal;
use super::{Answer, Client, OutboundError, answer_of};

impl Client {
    /// Asks for any URL by any method, with these headers; whatever the status, a body longer than
    /// `limit` bytes is an error. Redirects are not followed, no content coding is taken off.
    pub async fn look(
        &self,
        method: Method,
        url: &Url,
        headers: &[(HeaderName, String)],
        limit: usize,
    ) -> Result<Answer, OutboundError> {
        self.check_literal(url.host_str().unwrap_or_default(), literal(url))?;
        let mut sent = HeaderMap::new();
        for (name, value) in headers {
            let mut value = HeaderValue::try_from(value).map_err(|_| OutboundError::Header)?;
            value.set_sensitive(true);
            sent.append(name.clone(), value);
        }
        let request = self.http.request(method, url.clone()).headers(sent);
        answer_of(request, limit).await
    }

    /// Where the host of `url` lies, as far as requests may go there; never empty.
    pub async fn places(&self, url: &Url) -> Result<Vec<SocketAddr>, OutboundError> {
        let host = url.host_str().unwrap_or_default();
        self.check_literal(host, literal(url))?;
        let port = url.port_or_known_default().unwrap_or(443);
        if let Some(ip) = literal(url) {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let found = tokio::net::lookup_host((host, port)).await;
        let found = found.map_err(|error| OutboundError::Unreachable(error.to_string()))?;
        let allowed: Vec<_> = found
            .filter(|place| self.reach.allows(host, place.ip()))
            .collect();
        match allowed.is_empty() {
            true => Err(OutboundError::Forbidden(host.to_owned())),
            false => Ok(allowed),
        }
    }
}
