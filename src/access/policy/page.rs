//! Which web pages may play: the "domain lock".
//!
//! It keeps other sites from embedding a stream in browsers, which do not lie about these headers;
//! a program can send any it likes. Must not know: credentials.

use std::fmt;
use std::str::FromStr;

use crate::access::Credential;

/// A page, or all under it: `https://www.example.com`, `https://*.example.com`, or with a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    scheme: String,
    /// With the port, where it is not the scheme's own.
    host: Host,
    /// `/tv/`, or `""` for all.
    path: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Exact(String),
    /// Any name below: `.example.com`.
    Below(String),
}

/// The text is no page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no page: https://www.example.com, https://*.example.com, https://host:8443/path/"
)]
pub struct PageError(String);

impl PageError {
    pub(super) fn of(page: &Page) -> Self {
        Self(page.to_string())
    }
}

/// What a policy allows; empty lists allow every page.
#[derive(Debug, Clone, Default)]
pub(super) struct Pages {
    pub(super) origins: Vec<Page>,
    pub(super) referers: Vec<Page>,
    pub(super) without: bool,
}

impl Pages {
    /// Why the page that a request names is not allowed.
    pub(super) fn check(&self, shown: &Credential<'_>) -> Result<(), &'static str> {
        if self.origins.is_empty() && self.referers.is_empty() {
            return Ok(());
        }
        let (origin, referer) = (shown.header("origin"), shown.header("referer"));
        if let Some(origin) = origin {
            let mut known = self.origins.iter().chain(&self.referers);
            // An origin has no path, so what a referer's path would say is not asked.
            let is_known = known.any(|page| page.has_origin(origin));
            return is_known.then_some(()).ok_or("its origin is another");
        }
        match referer {
            Some(referer) => {
                let mut known = self.origins.iter().chain(&self.referers);
                let is_known = known.any(|page| page.takes_in(referer));
                is_known.then_some(()).ok_or("its referer is another")
            }
            None => self.without.then_some(()).ok_or("it names no page"),
        }
    }
}

impl Page {
    pub(super) fn is_origin(&self) -> bool {
        self.path.is_empty()
    }

    fn has_origin(&self, origin: &str) -> bool {
        split(origin).is_some_and(|(scheme, host, path)| {
            path.is_empty() && self.scheme == scheme && self.host.takes_in(&host)
        })
    }

    fn takes_in(&self, url: &str) -> bool {
        split(url).is_some_and(|(scheme, host, path)| {
            let below = path.strip_prefix(self.path.as_str());
            let ends = |rest: &str| {
                self.path.is_empty()
                    || self.path.ends_with('/')
                    || rest.is_empty()
                    || rest.starts_with(['/', '?', '#'])
            };
            self.scheme == scheme && self.host.takes_in(&host) && below.is_some_and(ends)
        })
    }
}

impl Host {
    fn takes_in(&self, host: &str) -> bool {
        match self {
            Self::Exact(own) => own == host,
            Self::Below(end) => host.len() > end.len() && host.ends_with(end.as_str()),
        }
    }
}

/// Scheme, host with its port if it is not the scheme's own, and the rest.
fn split(url: &str) -> Option<(String, String, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() || authority.contains('@') || path.contains("/..") {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let host = authority.to_ascii_lowercase();
    let own_port = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => "",
    };
    let host = host.strip_suffix(own_port).unwrap_or(&host).to_owned();
    Some((scheme, host, path))
}

impl FromStr for Page {
    type Err = PageError;

    fn from_str(text: &str) -> Result<Self, PageError> {
        let error = || PageError(text.to_owned());
        let (scheme, host, path) = split(text).ok_or_else(error)?;
        let is_web = matches!(scheme.as_str(), "https" | "http");
        let (below, name) = match host.strip_prefix('*') {
            Some(end) => (true, end),
            None => (false, host.as_str()),
        };
        let is_bare = !name.contains('*') && !path.contains(['*', '?', '#']);
        if !is_web || !is_bare || (below && !name.starts_with('.')) {
            return Err(error());
        }
        let host = match below {
            true => Host::Below(name.to_owned()),
            false => Host::Exact(name.to_owned()),
        };
        let path = if path == "/" { "" } else { path };
        Ok(Self {
            scheme,
            host,
            path: path.to_owned(),
        })
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Exact(host) => write!(f, "{}://{host}{}", self.scheme, self.path),
            Host::Below(end) => write!(f, "{}://*{end}{}", self.scheme, self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::testing::Sent;

    fn pages(origins: &[&str], referers: &[&str], without: bool) -> Pages {
        let read = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Pages {
            origins: read(origins),
            referers: read(referers),
            without,
        }
    }

    fn from(origin: Option<&str>, referer: Option<&str>) -> Sent {
        let some = [("origin", origin), ("referer", referer)];
        let some = some
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        some.fold(Sent::default(), |sent, (name, value)| {
            sent.with(name, value)
        })
    }

    #[test]
    fn only_listed_pages_play() {
        let pages = pages(
            &[
                "https://www.example.com",
                "https://*.tv.example",
                "http://localhost:8080",
            ],
            &["https://portal.example/live/"],
            false,
        );
        let at = |origin, referer| pages.check(&from(origin, referer).shown()).is_ok();
        for good in [
            "https://www.example.com",
            "https://WWW.example.com:443",
            "https://a.tv.example",
            "https://a.b.tv.example",
            "http://localhost:8080",
            "https://portal.example",
        ] {
            assert!(at(Some(good), None), "{good}");
        }
        for bad in [
            "null",
            "",
            "http://www.example.com",
            "https://www.example.com.evil.example",
            "https://www.example.com:8443",
            "https://tv.example",
            "https://eviltv.example",
            "https://evil.example",
            "https://www.example.com@evil.example",
        ] {
            assert!(!at(Some(bad), None), "{bad}");
            assert!(!at(Some(bad), Some("https://www.example.com/")), "{bad}");
        }
        for good in [
            "https://www.example.com/watch?x=1",
            "https://www.example.com",
            "https://portal.example/live/7",
        ] {
            assert!(at(None, Some(good)), "{good}");
        }
        for bad in [
            "https://evil.example/https://www.example.com/",
            "https://portal.example/liver",
            "https://portal.example/live/../x",
            "https://portal.example/",
            "about:blank",
        ] {
            assert!(!at(None, Some(bad)), "{bad}");
        }
        assert!(!at(None, None));
    }

    #[test]
    fn apps_play_where_they_may() {
        let sent = from(None, None);
        for (without, origins, expected) in [
            (false, &["https://a.example"][..], false),
            (true, &["https://a.example"], true),
            (false, &[], true),
        ] {
            assert_eq!(
                pages(origins, &[], without).check(&sent.shown()).is_ok(),
                expected
            );
        }
    }

    #[test]
    fn a_page_is_written_as_it_was_read() {
        for text in ["https://a.example", "https://*.a.example", "http://a:1/x/"] {
            assert_eq!(text.parse::<Page>().unwrap().to_string(), text);
        }
        for bad in [
            "a.example",
            "*",
            "ftp://a",
            "https://a*.example",
            "https://*",
            "https://a/*",
        ] {
            assert!(bad.parse::<Page>().is_err(), "{bad}");
        }
    }
}
