//! A request as an [`access::Credential`](Credential), which borrows from it.
//!
//! Nothing is judged here. Must not know: schemes, or what is valid.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::uri::Authority;

use super::proxy::client_address;
use super::tls::Shown;
use crate::access::{Credential, Headers, Target};

impl Headers for HeaderMap {
    fn values<'a>(&'a self, name: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(self.get_all(name).filter_map(|value| value.to_str().ok()))
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
        },
        // The only protocol that our listeners agree on, or speak without an agreement.
        alpn: Some("http/1.1"),
        ip,
        certificate: request.conn_data::<Shown>().map(|shown| &shown.certificate),
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
        };
        assert_eq!(found.target, target);
    }
}
