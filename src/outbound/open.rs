//! Answers that are taken piece by piece, and only as far as they are wanted.
//!
//! Must not know: what is asked.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Response, Url};

use super::address::literal;
use super::{Client, OutboundError, failure};

/// The head of an answer, whatever the status, and its body to come.
#[derive(Debug)]
pub struct Opened {
    /// The status.
    pub status: u16,
    response: Response,
}

impl Client {
    /// `GET` of any URL, with these headers. A user and a password in it are sent as basic. The
    /// body must come within the terms' time.
    pub async fn open(
        &self,
        url: &Url,
        headers: &[(HeaderName, String)],
    ) -> Result<Opened, OutboundError> {
        let host = url.host_str().unwrap_or_default();
        if let Some(ip) = literal(url)
            && !self.reach.allows(host, ip)
        {
            return Err(OutboundError::Forbidden(host.to_owned()));
        }
        let mut sent = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::try_from(value).map_err(|_| OutboundError::Header)?;
            sent.insert(name.clone(), value);
        }
        let request = self.http.get(url.clone()).headers(sent);
        let response = request.send().await.map_err(failure)?;
        Ok(Opened {
            status: response.status().as_u16(),
            response,
        })
    }
}

impl Opened {
    /// The first header of that name, if it is text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The next piece of the body; `None` at its end. A body that is shorter than its head says is
    /// an error.
    pub async fn piece(&mut self) -> Result<Option<impl AsRef<[u8]> + use<>>, OutboundError> {
        self.response.chunk().await.map_err(failure)
    }
}
