//! A URL that requests may be sent to.
//!
//! Must not know: where its host lies; that is looked at when a connection is made.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

use super::reach::is_localhost;

/// `https://host…`, or `http://` to this machine. No user, no password, no fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

/// Why a text is no address. None holds the text: there may be a secret in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a URL with a host.
    #[error("not a URL such as https://host/path")]
    Form,
    /// In the clear to another machine.
    #[error("must begin with https:// (http:// only to this machine: localhost, 127.0.0.1, ::1)")]
    Scheme,
    /// Credentials in it.
    #[error("must have no user or password before its host, and no # in it")]
    Extra,
}

impl Address {
    /// The host, as it stands in the URL: a name in lower case, or a literal address.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// With a path put behind it, as OpenID Connect Discovery 1.0 §4.1 does.
    #[must_use]
    pub fn below(&self, path: &str) -> Self {
        let mut url = self.0.clone();
        url.set_query(None);
        url.set_path(&format!("{}/{path}", self.0.path().trim_end_matches('/')));
        Self(url)
    }

    /// The host's address, if it is one literally.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        literal(&self.0)
    }

    pub(super) fn url(&self) -> Url {
        self.0.clone()
    }
}

pub(super) fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(host).parse().ok()
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text).map_err(|_| AddressError::Form)?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(AddressError::Form)?;
        let is_here = literal(&url).map_or(is_localhost(host), |ip| ip.is_loopback());
        if !(url.scheme() == "https" || (url.scheme() == "http" && is_here)) {
            return Err(AddressError::Scheme);
        }
        let is_plain = url.username().is_empty() && url.password().is_none();
        if !is_plain || url.fragment().is_some() {
            return Err(AddressError::Extra);
        }
        Ok(Self(url))
    }
}

/// Without the query, which may hold a secret.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.0.clone();
        url.set_query(None);
        f.write_str(url.as_str())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_goes_out_and_http_stays_here() {
        for good in [
            "https://login.example/keys",
            "https://login.example:8443/?tenant=1",
            "https://10.0.0.1/",
            "http://127.0.0.1:8080/keys",
            "http://127.1/keys",
            "http://localhost/keys",
            "http://[::1]:1/keys",
        ] {
            assert!(good.parse::<Address>().is_ok(), "{good}");
        }
        for (bad, error) in [
            ("", AddressError::Form),
            ("login.example", AddressError::Form),
            ("https://", AddressError::Form),
            ("file:///etc/passwd", AddressError::Form),
            ("http://login.example/", AddressError::Scheme),
            ("http://10.0.0.1/", AddressError::Scheme),
            ("http://localhost.evil.example/", AddressError::Scheme),
            ("ftp://127.0.0.1/", AddressError::Scheme),
            ("https://u@login.example/", AddressError::Extra),
            ("https://u:p@login.example/", AddressError::Extra),
            ("https://login.example/#x", AddressError::Extra),
        ] {
            assert_eq!(bad.parse::<Address>(), Err(error), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_has_no_query() {
        let address: Address = "https://h.example/a?key=hush".parse().unwrap();
        assert_eq!(address.to_string(), "https://h.example/a");
        assert_eq!(format!("{address:?}"), "Address(https://h.example/a)");
        for (base, expected) in [
            ("https://h.example", "https://h.example/x/y"),
            ("https://h.example/", "https://h.example/x/y"),
            ("https://h.example/t/", "https://h.example/t/x/y"),
            ("https://h.example/t?q=1", "https://h.example/t/x/y"),
        ] {
            let base: Address = base.parse().unwrap();
            assert_eq!(base.below("x/y").url().as_str(), expected);
        }
    }
}
