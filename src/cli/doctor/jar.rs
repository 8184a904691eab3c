//! Cookies as a browser and AVPlayer send them: by host, path, security and site (RFC 6265).
//!
//! Must not know: what is in one.

use reqwest::Url;

use crate::crypto::SecretText;

/// The cookies of one client.
#[derive(Debug, Clone, Default)]
pub(super) struct Jar(Vec<Cookie>);

#[derive(Debug, Clone)]
struct Cookie {
    name: String,
    value: SecretText,
    /// A host, or with what lies below it.
    host: String,
    has_domain: bool,
    path: String,
    is_secure: bool,
    /// `SameSite=None`: it is sent from pages of other sites too.
    is_cross_site: bool,
}

impl Jar {
    /// Takes a `Set-Cookie` line, or `name=value` alone, which came from `url`.
    pub(super) fn set(&mut self, line: &str, url: &Url) {
        let Some(cookie) = Cookie::read(line, url) else {
            return;
        };
        self.0.retain(|it| {
            (&it.name, &it.host, &it.path) != (&cookie.name, &cookie.host, &cookie.path)
        });
        self.0.push(cookie);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The header's value for a request for `url`; of those cookies that fit `top` too.
    pub(super) fn header(
        &self,
        url: &Url,
        top: Option<&Url>,
        page: Option<&Url>,
    ) -> Option<String> {
        let sent = self.0.iter().filter(|cookie| {
            cookie.fits(url) && top.is_none_or(|top| cookie.fits(top)) && cookie.passes(url, page)
        });
        let pairs: Vec<_> = sent
            .map(|cookie| format!("{}={}", cookie.name, cookie.value.expose()))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Whether one fits `url`, and is held back for the page's site alone.
    pub(super) fn is_held_back(&self, url: &Url, page: &Url) -> bool {
        let fitting = self.0.iter().filter(|cookie| cookie.fits(url));
        let mut held = fitting.map(|cookie| !cookie.passes(url, Some(page)));
        held.any(|held| held)
    }
}

impl Cookie {
    fn read(line: &str, url: &Url) -> Option<Self> {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let mut cookie = Self {
            name: name.to_owned(),
            value: SecretText::new(value.to_owned()),
            host: url.host_str()?.to_ascii_lowercase(),
            has_domain: false,
            path: folder(url.path()).to_owned(),
            is_secure: false,
            is_cross_site: false,
        };
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name.to_ascii_lowercase().as_str() {
                "domain" if !value.is_empty() => {
                    cookie.host = value.trim_start_matches('.').to_ascii_lowercase();
                    cookie.has_domain = true;
                }
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "secure" => cookie.is_secure = true,
                "samesite" => cookie.is_cross_site = value.eq_ignore_ascii_case("none"),
                _ => {}
            }
        }
        Some(cookie)
    }

    fn fits(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let below = || {
            host.strip_suffix(&self.host)
                .is_some_and(|rest| rest.ends_with('.'))
        };
        let is_host = host == self.host || (self.has_domain && below());
        let path = url.path().strip_prefix(self.path.as_str());
        let is_path = path.is_some_and(|rest| {
            self.path.ends_with('/') || rest.is_empty() || rest.starts_with('/')
        });
        is_host && is_path && (!self.is_secure || url.scheme() == "https")
    }

    /// Whether it goes along from a page there; without a word on it, browsers take `Lax`.
    fn passes(&self, url: &Url, page: Option<&Url>) -> bool {
        self.is_cross_site || page.is_none_or(|page| site(page) == site(url))
    }
}

/// §5.1.4: the path up to its last slash.
fn folder(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(at) => &path[..at],
    }
}

/// What counts as one site. The two last labels of a host are an approximation: which suffixes
/// are public is a list that changes.
fn site(url: &Url) -> (String, String) {
    let host = url.host_str().unwrap_or_default();
    let is_address = host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
    let labels: Vec<_> = host.rsplitn(3, '.').collect();
    let name = match (is_address, labels.as_slice()) {
        (false, [last, before, ..]) => format!("{before}.{last}"),
        _ => host.to_owned(),
    };
    (url.scheme().to_owned(), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn cookies_go_where_their_scope_says() {
        let from = url("https://www.example.org/a/b");
        let key = url("https://keys.example.org/v1/keys/1");
        for (line, top, page, sent) in [
            ("s=1; Path=/; Domain=example.org", None, None, true),
            ("s=1; Path=/", None, None, false),
            ("s=1; Domain=example.org", None, None, false),
            (
                "s=1; Path=/v1; Domain=.example.org; Secure",
                None,
                None,
                true,
            ),
            ("s=1; Path=/v; Domain=example.org", None, None, false),
            (
                "s=1; Path=/v1; Domain=example.org",
                Some("https://cdn.example.org/m"),
                None,
                false,
            ),
            (
                "s=1; Path=/; Domain=example.org",
                Some("https://cdn.example.org/m"),
                None,
                true,
            ),
            (
                "s=1; Path=/; Domain=example.org",
                None,
                Some("https://page.example"),
                false,
            ),
            (
                "s=1; Path=/; Domain=example.org; SameSite=None",
                None,
                Some("https://page.example"),
                true,
            ),
            (
                "s=1; Path=/; Domain=example.org",
                None,
                Some("https://www.example.org"),
                true,
            ),
        ] {
            let mut jar = Jar::default();
            jar.set(line, &from);
            let (top, page) = (top.map(url), page.map(url));
            let header = jar.header(&key, top.as_ref(), page.as_ref());
            assert_eq!(header.is_some(), sent, "{line}");
        }
    }

    #[test]
    fn a_cookie_of_the_same_name_replaces_the_other() {
        let from = url("https://h.example/");
        let mut jar = Jar::default();
        jar.set("s=1", &from);
        jar.set("s=2", &from);
        assert_eq!(jar.header(&from, None, None).as_deref(), Some("s=2"));
    }
}
