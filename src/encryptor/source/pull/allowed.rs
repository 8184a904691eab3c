//! Where a source's lists may lead: servers by host and port.
//!
//! A port is part of it: behind another one of the same machine may stand what nobody meant to
//! publish. Must not know: requests.

use reqwest::Url;

use super::fault::PullError;

/// The servers that may be asked.
pub(super) struct Allowed(Vec<Place>);

/// One server.
#[derive(Debug, PartialEq, Eq)]
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
            let url = Url::parse(&format!("https://{text}"));
            let place = url.ok().and_then(|url| Place::of(&url));
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
        let place = Place::of(url);
        place.is_some() && self.0.first() == place.as_ref()
    }

    /// Whether `url` may be asked for.
    pub(super) fn has(&self, url: &Url) -> bool {
        Place::of(url).is_some_and(|place| self.0.contains(&place))
    }
}

impl Place {
    fn of(url: &Url) -> Option<Self> {
        let host = url.host_str()?.to_owned();
        let port = url.port();
        Some(Self { host, port })
    }
}
