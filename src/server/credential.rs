//! What a request presents, taken out of HTTP into an [`access::Credential`](Credential).
//!
//! Bounded, and nothing is judged here. Must not know: schemes, or what is valid.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};
use actix_web::web::Query;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::proxy::client_address;
use super::tls::Shown;
use crate::access::{ClientFacts, Credential};
use crate::crypto::SecretText;

/// Query pairs and cookies read from one request; a player sends a handful.
const MOST_PAIRS: usize = 64;

/// Everything that a scheme may look at.
pub(super) fn presented(request: &HttpRequest) -> Credential {
    let authorization = header_text(request, &header::AUTHORIZATION);
    Credential {
        bearer: authorization.and_then(bearer),
        basic: authorization.and_then(basic),
        query: query(request),
        query_text: SecretText::new(request.query_string().to_owned()),
        cookie_texts: cookie_texts(request)
            .map(|text| SecretText::new(text.to_owned()))
            .collect(),
        cookies: cookies(request),
        certificate: request
            .conn_data::<Shown>()
            .map(|shown| shown.certificate.clone()),
        client: client(request),
        path: request.path().to_owned(),
    }
}

/// A query's pairs, decoded as forms are; unreadable ones give none.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    Query::from_query(query).map_or_else(|_| Vec::new(), Query::into_inner)
}

fn query(request: &HttpRequest) -> Vec<(String, SecretText)> {
    let pairs = pairs(request.query_string()).into_iter().take(MOST_PAIRS);
    pairs
        .map(|(name, value)| (name, SecretText::new(value)))
        .collect()
}

/// RFC 6265 §4.2: `name=value` between semicolons.
fn cookies(request: &HttpRequest) -> Vec<(String, SecretText)> {
    let pairs = cookie_texts(request)
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.split_once('='));
    let owned = |(name, value): (&str, &str)| {
        (
            name.trim().to_owned(),
            SecretText::new(value.trim().to_owned()),
        )
    };
    pairs.map(owned).take(MOST_PAIRS).collect()
}

fn cookie_texts(request: &HttpRequest) -> impl Iterator<Item = &str> {
    let headers = request.headers().get_all(header::COOKIE);
    headers.filter_map(|value| value.to_str().ok())
}

fn client(request: &HttpRequest) -> ClientFacts {
    let text = |name| header_text(request, &name).map(str::to_owned);
    ClientFacts {
        ip: client_address(request),
        origin: text(header::ORIGIN),
        referer: text(header::REFERER),
        user_agent: text(header::USER_AGENT),
    }
}

fn header_text<'a>(request: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// RFC 6750 §2.1.
fn bearer(authorization: &str) -> Option<SecretText> {
    let token = after_scheme(authorization, "bearer")?;
    (!token.is_empty()).then(|| SecretText::new(token.to_owned()))
}

/// RFC 7617: base64 of `user:password`.
fn basic(authorization: &str) -> Option<(String, SecretText)> {
    let decoded = STANDARD
        .decode(after_scheme(authorization, "basic")?)
        .ok()?;
    let pair = SecretText::new(String::from_utf8(decoded).ok()?);
    let (user, password) = pair.expose().split_once(':')?;
    Some((user.to_owned(), SecretText::new(password.to_owned())))
}

fn after_scheme<'a>(authorization: &'a str, scheme: &str) -> Option<&'a str> {
    let (name, rest) = authorization.split_once(' ')?;
    name.eq_ignore_ascii_case(scheme).then_some(rest.trim())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn texts(pairs: &[(String, SecretText)]) -> Vec<(&str, &str)> {
        pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect()
    }

    #[test]
    fn every_place_is_looked_at() {
        let request = TestRequest::with_uri("/v1/keys/x?token=a.b&_HLS_msn=7&t=%2B+%20")
            .insert_header(("authorization", "bEaReR obviously-a-fake"))
            .insert_header(("cookie", "a=1; hlskey_session=s=; broken"))
            .insert_header(("user-agent", "player"))
            .peer_addr("192.0.2.7:4000".parse().unwrap())
            .to_http_request();
        let found = presented(&request);
        assert_eq!(found.bearer.unwrap().expose(), "obviously-a-fake");
        assert!(found.basic.is_none());
        assert_eq!(
            texts(&found.query),
            [("token", "a.b"), ("_HLS_msn", "7"), ("t", "+  ")]
        );
        assert_eq!(
            texts(&found.cookies),
            [("a", "1"), ("hlskey_session", "s=")]
        );
        assert_eq!(found.client.ip, Some("192.0.2.7".parse().unwrap()));
        assert_eq!(found.client.user_agent.as_deref(), Some("player"));
        assert_eq!(found.path, "/v1/keys/x");
    }

    #[test]
    fn basic_is_user_and_password() {
        let header = format!("Basic {}", STANDARD.encode("any:hlskey_id_obviously:fake"));
        let (user, password) = basic(&header).unwrap();
        assert_eq!(
            (user.as_str(), password.expose()),
            ("any", "hlskey_id_obviously:fake")
        );
        for bad in [
            "Basic",
            "Basic !!",
            "Basic YQ==",
            "Bearer YTpi",
            "Basic /w==",
        ] {
            assert!(basic(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn floods_are_cut() {
        let many = "a=1&".repeat(1000);
        let request = TestRequest::with_uri(&format!("/?{many}")).to_http_request();
        assert_eq!(presented(&request).query.len(), MOST_PAIRS);
    }
}
