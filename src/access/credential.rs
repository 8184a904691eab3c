//! What a request presents, free of HTTP.
//!
//! Must not know: which of it is any good.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::certificate::ClientCertificate;
use crate::crypto::SecretText;

/// The query parameter that holds a token.
pub const TOKEN_PARAMETER: &str = "token";

/// The most tokens of one request that are tried. One is usual; so many are an attempt to keep
/// the server busy.
const MAX_PRESENTED: usize = 8;

/// Everything of a request that may speak for its sender.
#[derive(Clone, Default)]
pub struct Credential {
    /// `Authorization: Bearer`.
    pub bearer: Option<SecretText>,
    /// `Authorization: Basic`: user and password.
    pub basic: Option<(String, SecretText)>,
    /// The query's parameters, decoded, in their order.
    pub query: Vec<(String, SecretText)>,
    /// The query as received, for schemes that sign parts of it; empty if there is none.
    pub query_text: SecretText,
    /// Every `Cookie` header as received.
    pub cookie_texts: Vec<SecretText>,
    /// Cookies by name, in their order.
    pub cookies: Vec<(String, SecretText)>,
    /// The certificate that the client's connection was made with, where the listener asks for one.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// What is known of the client.
    pub client: ClientFacts,
    /// The path asked for, without the query.
    pub path: String,
}

/// What is known of a client besides what it presents.
#[derive(Clone, Default)]
pub struct ClientFacts {
    /// Its address, behind trusted proxies.
    pub ip: Option<IpAddr>,
    /// `Origin`.
    pub origin: Option<String>,
    /// `Referer`.
    pub referer: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
}

/// One token out of a request.
///
/// A scheme that signs the whole request (path, address, several parameters) will find the
/// [`Credential`] presented as a place of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Presented<'a> {
    /// Where it stood.
    pub(super) place: Place,
    /// The token.
    pub(super) text: &'a SecretText,
}

/// Where a token stood in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a header, as bearer or as basic's password: it is seldom logged on its way.
    Header,
    /// In the URL.
    Query,
}

impl Credential {
    /// Every token presented, in the order in which they are tried: bearer, basic, query.
    pub(super) fn presented(&self) -> impl Iterator<Item = Presented<'_>> {
        let at = |place| move |text| Presented { place, text };
        let basic = self.basic.iter().map(|(_, password)| password);
        let headers = self.bearer.iter().chain(basic).map(at(Place::Header));
        let tokens = self
            .query
            .iter()
            .filter(|(name, _)| name == TOKEN_PARAMETER);
        let query = tokens.map(|(_, value)| value).map(at(Place::Query));
        headers.chain(query).take(MAX_PRESENTED)
    }
}

impl fmt::Debug for Credential {
    /// Says what was presented, never a text that might hold a secret (a user name may be one).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn names(pairs: &[(String, SecretText)]) -> Vec<&str> {
            pairs.iter().map(|(name, _)| name.as_str()).collect()
        }
        f.debug_struct("Credential")
            .field("bearer", &self.bearer.is_some())
            .field("basic", &self.basic.is_some())
            .field("query", &names(&self.query))
            .field("cookies", &names(&self.cookies))
            .field("certificate", &self.certificate)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ClientFacts {
    /// Leaves out the referrer, which may hold a token in its query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientFacts")
            .field("ip", &self.ip)
            .field("origin", &self.origin)
            .field("user_agent", &self.user_agent)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretText {
        SecretText::new(text.to_owned())
    }

    #[test]
    fn tokens_are_tried_in_order_and_other_parameters_are_none() {
        let credential = Credential {
            bearer: Some(secret("1")),
            basic: Some(("anyone".to_owned(), secret("2"))),
            query: vec![
                ("other".to_owned(), secret("x")),
                ("token".to_owned(), secret("3")),
                ("token".to_owned(), secret("4")),
            ],
            ..Credential::default()
        };
        let order: Vec<_> = credential.presented().map(|p| p.text.expose()).collect();
        assert_eq!(order, ["1", "2", "3", "4"]);
    }

    #[test]
    fn only_so_many_are_tried() {
        let credential = Credential {
            query: vec![("token".to_owned(), secret("x")); 100],
            ..Credential::default()
        };
        assert_eq!(credential.presented().count(), MAX_PRESENTED);
    }

    #[test]
    fn debug_shows_no_secret() {
        let credential = Credential {
            bearer: Some(secret("hush-bearer")),
            basic: Some(("hush-user".to_owned(), secret("hush-password"))),
            query: vec![("token".to_owned(), secret("hush-query"))],
            cookies: vec![("hlskey_session".to_owned(), secret("hush-cookie"))],
            client: ClientFacts {
                referer: Some("https://example.org/?token=hush-referer".to_owned()),
                ..ClientFacts::default()
            },
            query_text: secret("token=hush-query"),
            cookie_texts: vec![secret("hlskey_session=hush-cookie")],
            certificate: None,
            path: "/v1/keys/hush-path".to_owned(),
        };
        let shown = format!("{credential:?}");
        assert!(!shown.contains("hush"), "{shown}");
    }
}
