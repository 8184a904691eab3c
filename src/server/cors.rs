//! Cross-origin rules (Fetch standard, "CORS protocol"): which pages may read our answers.
//!
//! The headers stand on every answer, refusals too, or a page sees "CORS error" where it should
//! see 401. Must not know: routes, credentials.

use actix_web::http::Uri;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

/// The origins that may ask.
#[derive(Debug, Clone)]
pub(super) struct Origins {
    /// These may also send cookies.
    exact: Vec<HeaderValue>,
    /// Any other may ask without cookies.
    any: bool,
}

/// An entry of `server.allowed_origins` is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "server.allowed_origins: '{0}' is not '*' or an origin such as https://player.example.org: \
     scheme and host in lower case, a port only if it is not the scheme's own, no path"
)]
pub struct OriginError(String);

/// What a page may send besides what it always may: the credential, byte ranges, revalidation,
/// and CTA-5004's request headers, which players add by themselves.
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, cta-common-access-token, content-type, range, accept, cache-control, pragma, if-none-match, \
     if-modified-since, if-range, x-requested-with, cmcd-request, cmcd-object, cmcd-status, \
     cmcd-session",
);
/// What a page may read besides what it always may.
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "x-request-id, retry-after, content-length, content-range, etag, date, www-authenticate, \
     cta-common-access-token",
);
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, PUT, POST, DELETE, OPTIONS");
/// Two hours, the most that Chrome keeps a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const ANY: HeaderValue = HeaderValue::from_static("*");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const ORIGIN: HeaderValue = HeaderValue::from_static("origin");

impl Origins {
    /// From `server.allowed_origins`.
    pub(super) fn new(list: &[String]) -> Result<Self, OriginError> {
        let exact = list.iter().filter(|entry| *entry != "*");
        Ok(Self {
            exact: exact.map(|entry| origin(entry)).collect::<Result<_, _>>()?,
            any: list.iter().any(|entry| entry == "*"),
        })
    }

    /// No page may ask, as on the ops listener.
    pub(super) fn none() -> Self {
        Self {
            exact: Vec::new(),
            any: false,
        }
    }

    /// Whether pages of `origin` may send cookies.
    pub(super) fn lists(&self, origin: &HeaderValue) -> bool {
        self.exact.contains(origin)
    }

    /// Puts the headers for a page at `origin` on an answer.
    pub(super) fn stamp(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        if !self.exact.is_empty() {
            headers.append(header::VARY, ORIGIN);
        }
        if let Some(listed) = origin.filter(|origin| self.exact.contains(origin)) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, listed.clone());
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        } else if self.any {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        } else {
            return;
        }
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }

    /// Adds what only a preflight's answer says.
    pub(super) fn stamp_preflight(headers: &mut HeaderMap) {
        headers.insert(header::ALLOW, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
}

/// Whether `entry` is an origin as browsers spell it.
pub(super) fn is_origin(entry: &str) -> bool {
    origin(entry).is_ok() && !entry.contains([' ', ';', ',', '\'', '*'])
}

/// Browsers send an origin in one spelling (RFC 6454 §6.2), so any other entry would never match.
fn origin(entry: &str) -> Result<HeaderValue, OriginError> {
    let error = || OriginError(entry.to_owned());
    let uri: Uri = entry.parse().map_err(|_| error())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(error());
    };
    let default_port = matches!(
        (scheme, uri.port_u16()),
        ("https", Some(443)) | ("http", Some(80))
    );
    let spelling = format!("{scheme}://{authority}").to_ascii_lowercase();
    if spelling != entry || default_port || authority.as_str().contains('@') {
        return Err(error());
    }
    HeaderValue::from_str(entry).map_err(|_| error())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "https://player.example.org";

    fn stamped(list: &[&str], origin: Option<&'static str>) -> HeaderMap {
        let list: Vec<_> = list.iter().map(|entry| (*entry).to_owned()).collect();
        let mut headers = HeaderMap::new();
        let origin = origin.map(HeaderValue::from_static);
        Origins::new(&list)
            .unwrap()
            .stamp(origin.as_ref(), &mut headers);
        headers
    }

    fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn a_listed_origin_may_send_cookies() {
        let headers = stamped(&[PAGE, "*"], Some(PAGE));
        assert_eq!(text(&headers, "access-control-allow-origin"), Some(PAGE));
        assert_eq!(
            text(&headers, "access-control-allow-credentials"),
            Some("true")
        );
        assert_eq!(text(&headers, "vary"), Some("origin"));
    }

    #[test]
    fn any_other_origin_is_anonymous_or_refused() {
        let other = Some("https://player.example.org.evil.example");
        let anonymous = stamped(&[PAGE, "*"], other);
        assert_eq!(text(&anonymous, "access-control-allow-origin"), Some("*"));
        assert_eq!(text(&anonymous, "access-control-allow-credentials"), None);
        for refused in [
            stamped(&[PAGE], other),
            stamped(&[PAGE], Some("null")),
            stamped(&[PAGE], None),
        ] {
            assert_eq!(text(&refused, "access-control-allow-origin"), None);
            assert_eq!(text(&refused, "vary"), Some("origin"));
        }
    }

    #[test]
    fn an_answer_that_never_varies_says_so() {
        assert_eq!(text(&stamped(&["*"], Some(PAGE)), "vary"), None);
        assert!(stamped(&[], Some(PAGE)).is_empty());
    }

    #[test]
    fn entries_no_browser_sends_are_refused() {
        let bad = [
            "player.example.org",
            "https://player.example.org/",
            "https://Player.example.org",
            "https://player.example.org:443",
            "https://user@player.example.org",
            "https://*.example.org/x",
            "null",
            "",
        ];
        for entry in bad {
            assert!(Origins::new(&[entry.to_owned()]).is_err(), "{entry:?}");
        }
        for good in ["http://localhost:8080", "https://[::1]:8443", PAGE] {
            assert!(Origins::new(&[good.to_owned()]).is_ok(), "{good}");
        }
    }
}
