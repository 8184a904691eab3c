//! Where a source's lists may lead: servers by host and port.
//!
//! A port is part of it: behind another one of the same machine may stand what nobody meant to
//! publish. Must not know: requests.

use reqwest::Url;

use super::fault::PullError;

/// The servers that may be asked.
pub(super) struct Allowed(Vec<Place>);

/// One server.
struct Place {
    /// In lower case, as an URL has it.
    host: String,
    /// `None`: that of `http` or `https`, whichever it is.
    port: Option<u16>,
}

impl Allowed {
    /// The one of the operator's own URL, and others that he named: `HOST` or `HOST:PORT`.
    pub(super) fn of(top: &Url, others: &[String]) -> Result<Self, PullError> {
        let others = others.iter().map(|text| {
            let place = Place::written(text);
            place.ok_or_else(|| PullError::Place(text.clone()))
        });
        let own = Place::of(top).ok_or(PullError::NoUrl);
        let places = std::iter::once(own).chain(others).collect::<Result<_, _>>();
        Ok(Self(places?))
    }

    /// Their names.
    pub(super) fn hosts(&self) -> Vec<&str> {
        self.0.iter().map(|place| place.host.as_str()).collect()
    }

    /// Whether `url` is on the operator's own server.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        self.0.first().is_some_and(|own| own.has(url))
    }

    /// Whether `url` may be asked for.
    pub(super) fn has(&self, url: &Url) -> bool {
        self.0.iter().any(|place| place.has(url))
    }
}

impl Place {
    fn of(url: &Url) -> Option<Self> {
        let host = url.host_str()?.to_owned();
        let port = url.port();
        Some(Self { host, port })
    }

    /// `HOST` or `HOST:PORT`. An URL forgets a port that is its scheme's, so it is read as two.
    fn written(text: &str) -> Option<Self> {
        let read = |scheme: &str| Url::parse(&format!("{scheme}://{text}")).ok();
        let (one, other) = (read("https")?, read("http")?);
        let port = one.port().or(other.port());
        Some(Self {
            port,
            ..Self::of(&one)?
        })
    }

    fn has(&self, url: &Url) -> bool {
        let is_port = match self.port {
            None => url.port().is_none(),
            Some(port) => url.port_or_known_default() == Some(port),
        };
        is_port && url.host_str() == Some(&self.host)
    }
}
