//! What a request presents, borrowed from it and free of HTTP's types.
//!
//! Must not know: which of it is any good.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;

use super::certificate::ClientCertificate;
use super::scheme::request::pairs;
use crate::crypto::SecretText;

pub use super::scheme::request::{Headers, Target};

/// The query parameter that holds a token.
pub const TOKEN_PARAMETER: &str = "token";

/// The cookie that holds a session.
pub const SESSION_COOKIE: &str = "hlskey_session";

/// The most tokens of one request that are tried. One is usual; so many are an attempt to keep
/// the server busy.
const MAX_PRESENTED: usize = 8;

/// The most cookies that are read; a player sends a handful.
const MOST_COOKIES: usize = 64;

/// Everything of a request that may speak for its sender.
#[derive(Clone, Copy)]
pub struct Credential<'a> {
    /// Its headers: `Authorization`, `Cookie`, `Origin`, `Referer`, and those of schemes.
    pub headers: &'a dyn Headers,
    /// Everything after `?`, as received; empty if there is none.
    pub query: &'a str,
    /// The method, in capitals.
    pub method: &'a str,
    /// The URL asked for.
    pub target: Target<'a>,
    /// What the TLS handshake agreed on (RFC 7301): `http/1.1`.
    pub alpn: Option<&'a str>,
    /// The client's address, behind trusted proxies.
    pub ip: Option<IpAddr>,
    /// The certificate that the client's connection was made with, where the listener asks for one.
    pub certificate: Option<&'a Arc<ClientCertificate>>,
    /// Whether the client asks itself, or a media server for it.
    pub way: Way,
}

/// By which way somebody comes: a flood on one must not close the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Way {
    /// A request of its own.
    #[default]
    Direct,
    /// A media server's question about it; which of them, by its number.
    Hook(u16),
}

/// One token out of a request.
#[derive(Debug)]
pub(super) struct Presented<'a> {
    /// Where it stood.
    pub(super) place: Place,
    /// The token.
    pub(super) text: Token<'a>,
    /// The user that it came with, as basic's password.
    pub(super) user: Option<SecretText>,
    /// Who shows it.
    pub(super) from: Asker,
}

/// Where a token comes from.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asker {
    pub(super) way: Way,
    pub(super) ip: Option<IpAddr>,
}

/// A token's text, wiped where it is a copy.
pub(super) enum Token<'a> {
    /// As it stands in the request.
    Borrowed(&'a str),
    /// Decoded.
    Owned(SecretText),
}

/// Where a token stood in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a header, as bearer or as basic's password: it is seldom logged on its way.
    Header,
    /// In our own cookie, which a browser sends whatever page made it ask.
    Cookie,
    /// In the URL.
    Query,
}

impl Presented<'_> {
    /// Whether it stood in our own cookie, where nothing but a session belongs.
    pub(super) fn is_in_cookie(&self) -> bool {
        self.place == Place::Cookie
    }
}

impl<'a> Credential<'a> {
    /// The first header of that name, in lower case.
    pub(super) fn header(&self, name: &'a str) -> Option<&'a str> {
        self.headers.values(name).next()
    }

    /// Every token presented, in the order in which they are tried: bearer, basic, session, query.
    pub(super) fn presented(&self) -> impl Iterator<Item = Presented<'a>> + use<'a> {
        let (way, ip) = (self.way, self.ip);
        let from = Asker { way, ip };
        let at = move |place| {
            move |text| Presented {
                place,
                text,
                user: None,
                from,
            }
        };
        let headers = self
            .headers
            .values("authorization")
            .filter_map(move |text| {
                if let Some(token) = bearer(text) {
                    return Some(at(Place::Header)(Token::Borrowed(token)));
                }
                let (user, password) = user_and_password(text)?;
                let shown = at(Place::Header)(Token::Owned(password));
                let user = Some(user);
                Some(Presented { user, ..shown })
            });
        let cookies = self.cookies(SESSION_COOKIE).map(Token::Borrowed);
        let named = pairs(self.query).filter(|(name, _)| *name == TOKEN_PARAMETER);
        let query = named.filter_map(|(_, value)| decoded(value));
        headers
            .chain(cookies.map(at(Place::Cookie)))
            .chain(query.map(at(Place::Query)))
            .take(MAX_PRESENTED)
    }

    /// Whether it comes with our cookie, which a browser sends whatever page made it ask.
    pub fn has_session_cookie(&self) -> bool {
        self.cookies(SESSION_COOKIE).next().is_some()
    }

    /// The values of the cookie `name` (RFC 6265 §4.2).
    fn cookies(&self, name: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        cookies(self.headers, name)
    }
}

/// Whether `secret` stands in the header, as bearer or as the password of basic; whichever it is, it
/// is compared in constant time.
pub fn shows(headers: &dyn Headers, secret: &SecretText) -> bool {
    let authorization = headers.values("authorization").next().unwrap_or_default();
    let bearer = bearer(authorization).is_some_and(|token| secret.is(token));
    bearer || password(authorization).is_some_and(|password| password == *secret)
}

/// The values of the cookie `name` (RFC 6265 §4.2).
pub(super) fn cookies<'a>(
    headers: &'a dyn Headers,
    name: &'a str,
) -> impl Iterator<Item = &'a str> {
    let pairs = headers.values("cookie").flat_map(|text| text.split(';'));
    let pairs = pairs.filter_map(|pair| pair.split_once('='));
    let named = pairs.take(MOST_COOKIES);
    named
        .filter(move |(found, _)| found.trim() == name)
        .map(|(_, value)| value.trim())
}

/// RFC 6750 §2.1.
pub(super) fn bearer(authorization: &str) -> Option<&str> {
    after_scheme(authorization, "bearer").filter(|token| !token.is_empty())
}

/// RFC 7617: the password of base64's `user:password`.
fn password(authorization: &str) -> Option<SecretText> {
    user_and_password(authorization).map(|(_, password)| password)
}

fn user_and_password(authorization: &str) -> Option<(SecretText, SecretText)> {
    let decoded = STANDARD
        .decode(after_scheme(authorization, "basic")?)
        .ok()?;
    let pair = SecretText::new(String::from_utf8(decoded).ok()?);
    let (user, password) = pair.expose().split_once(':')?;
    let copied = |text: &str| SecretText::new(text.to_owned());
    Some((copied(user), copied(password)))
}

/// What follows the name of the header's scheme, where that is its scheme.
pub(super) fn after_scheme<'a>(authorization: &'a str, scheme: &str) -> Option<&'a str> {
    let (name, rest) = authorization.split_once(' ')?;
    name.eq_ignore_ascii_case(scheme).then_some(rest.trim())
}

/// A parameter's value, decoded as forms are.
fn decoded(value: &str) -> Option<Token<'_>> {
    if !value.contains(['%', '+']) {
        return Some(Token::Borrowed(value));
    }
    let spaced = SecretText::new(value.replace('+', " "));
    let text: Cow<'_, str> = percent_decode_str(spaced.expose()).decode_utf8().ok()?;
    Some(Token::Owned(SecretText::new(text.into_owned())))
}

impl Token<'_> {
    pub(super) fn expose(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Owned(text) => text.expose(),
        }
    }
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl fmt::Debug for Credential<'_> {
    /// Says what was presented, never a text that might hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<_> = self.presented().map(|presented| presented.place).collect();
        f.debug_struct("Credential")
            .field("presented", &places)
            .field("certificate", &self.certificate)
            .field("ip", &self.ip)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sent;
    use super::*;

    #[test]
    fn tokens_are_tried_in_order_and_other_parameters_are_none() {
        let sent = Sent::query("other=x&token=3&token=%2B+4")
            .with("authorization", "bEaReR 1")
            .with("cookie", "a=b; hlskey_session=2=; broken");
        let texts: Vec<_> = sent
            .shown()
            .presented()
            .map(|p| p.text.expose().to_owned())
            .collect();
        assert_eq!(texts, ["1", "2=", "3", "+ 4"]);
    }

    #[test]
    fn basic_is_user_and_password() {
        let header = format!("Basic {}", STANDARD.encode("any:hlskey_id_obviously:fake"));
        assert_eq!(
            password(&header).unwrap().expose(),
            "hlskey_id_obviously:fake"
        );
        for bad in [
            "Basic",
            "Basic !!",
            "Basic YQ==",
            "Bearer YTpi",
            "Basic /w==",
        ] {
            assert!(password(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn only_so_many_are_tried() {
        let sent = Sent::query(&"token=x&".repeat(100));
        assert_eq!(sent.shown().presented().count(), MAX_PRESENTED);
    }

    #[test]
    fn debug_shows_no_secret() {
        let sent = Sent::query("token=hush-query")
            .with("authorization", "Bearer hush-bearer")
            .with("cookie", "hlskey_session=hush-cookie")
            .with("referer", "https://example.org/?token=hush-referer");
        let shown = format!("{:?}", sent.shown());
        assert!(!shown.contains("hush"), "{shown}");
    }
}
