//! A request as an [`access::Credential`](Credential), which borrows from it.
//!
//! A token in a viewer's path is taken out of it before a route is looked for: what signs it meant the
//! path without. Nothing is judged here. Must not know: schemes, or what is valid.

use std::net::IpAddr;
use std::rc::Rc;

use actix_web::dev::ServiceRequest;
use actix_web::http::Uri;
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::uri::Authority;
use actix_web::{HttpMessage as _, HttpRequest};

use super::proxy::client_address;
use super::tls::Shown;
use crate::access::{Credential, Headers, Target, Way, path_token};
use crate::crypto::SecretText;

impl Headers for HeaderMap {
    fn values<'a>(&'a self, name: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(self.get_all(name).filter_map(|value| value.to_str().ok()))
    }
}

/// The token that stood in the request's path, with its name.
#[derive(Clone)]
pub(super) struct PathToken(Rc<SecretText>);

impl PathToken {
    /// What was taken out of the request's path, if anything was.
    pub(super) fn of(request: &HttpRequest) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }

    pub(super) fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// The routes below which a path may hold a token: those of viewers.
const WITH_TOKENS: [&str; 4] = ["/hls/", "/v1/play/", "/v1/keys/", "/v1/key-files/"];

/// Takes the token out of a viewer's path.
pub(super) fn take_path_token(request: &mut ServiceRequest) {
    let path = request.path();
    let prefix = WITH_TOKENS.iter().find(|it| path.starts_with(**it));
    let Some(route) = prefix.map(|prefix| prefix.len() - 1) else {
        return;
    };
    let Some((rest, token)) = path_token::split(&path[route..]) else {
        return;
    };
    let token = PathToken(Rc::new(SecretText::new(token.to_owned())));
    let query = request.uri().query();
    let query = query.map_or(String::new(), |query| format!("?{query}"));
    let whole = format!("{}{rest}{query}", &path[..route]);
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = whole.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        request.match_info_mut().get_mut().update(&uri);
        request.head_mut().uri = uri;
        request.extensions_mut().insert(token);
    }
}

/// Everything that a scheme may look at.
pub(super) fn presented(request: &HttpRequest) -> Credential<'_> {
    presented_from(request, client_address(request))
}

/// As [`presented`], of a client whose address is known already.
pub(super) fn presented_from(request: &HttpRequest, ip: Option<IpAddr>) -> Credential<'_> {
    Credential {
        headers: request.headers(),
        query: request.query_string(),
        method: request.method().as_str(),
        target: Target {
            scheme: "https",
            authority: authority(request),
            path: request.path(),
            token: None,
        },
        // The only protocol that our listeners agree on, or speak without an agreement.
        alpn: Some("http/1.1"),
        ip,
        certificate: request.conn_data::<Shown>().map(|shown| &shown.certificate),
        way: Way::Direct,
    }
}

/// The host that the client called us by (RFC 9112 §3.2.2).
fn authority(request: &HttpRequest) -> &str {
    let target = request.uri().authority().map(Authority::as_str);
    let header = request.headers().get(header::HOST);
    let header = header.and_then(|host| host.to_str().ok());
    target.or(header).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_path_of_a_key_file_may_hold_a_token() {
        let uri = "/v1/key-files/live/hdntl=exp=9~hmac=00/show-7.key";
        let mut request = TestRequest::with_uri(uri).to_srv_request();
        take_path_token(&mut request);
        assert_eq!(request.path(), "/v1/key-files/live/show-7.key");
        let token = PathToken::of(request.request()).unwrap();
        assert_eq!(token.expose(), "hdntl=exp=9~hmac=00");
    }

    #[test]
    fn every_place_is_looked_at() {
        let request = TestRequest::with_uri("/v1/keys/x?token=a.b&_HLS_msn=7")
            .insert_header(("host", "keys.example.com:8443"))
            .append_header(("cookie", "a=1"))
            .append_header(("cookie", "hlskey_session=s="))
            .peer_addr("192.0.2.7:4000".parse().unwrap())
            .to_http_request();
        let found = presented(&request);
        let cookies: Vec<_> = found.headers.values("cookie").collect();
        assert_eq!(cookies, ["a=1", "hlskey_session=s="]);
        assert_eq!(found.query, "token=a.b&_HLS_msn=7");
        assert_eq!(found.method, "GET");
        assert_eq!(found.ip, Some("192.0.2.7".parse().unwrap()));
        let target = Target {
            scheme: "https",
            authority: "keys.example.com:8443",
            path: "/v1/keys/x",
            token: None,
        };
        assert_eq!(found.target, target);
    }
}
