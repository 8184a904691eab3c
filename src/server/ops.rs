//! The ops listener's open routes, and the check of `Host` that keeps web pages off it.
//!
//! Must not know: credentials, or what is measured.

use std::net::IpAddr;

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::uri::{Authority, Uri};
use actix_web::web::Data;

use super::envelope::Surroundings;
use super::error::{Code, Failure};
use crate::keys::Keys;
use crate::telemetry::Metrics;

/// The process runs.
pub(super) async fn health() -> HttpResponse {
    plain("ok\n")
}

/// The server can answer, and will for a while: the store is there, its keys open, and nobody
/// asked the process to stop.
pub(super) async fn ready(
    keys: Data<Keys>,
    around: Data<Surroundings>,
) -> Result<HttpResponse, Failure> {
    if around.is_stopping() {
        return Err(Failure::new(Code::Unavailable).detail(&"the server is stopping"));
    }
    keys.ready().await?;
    Ok(plain("ready\n"))
}

/// Everything that is counted, as OpenMetrics text.
pub(super) async fn metrics(metrics: Data<Metrics>, keys: Data<Keys>) -> HttpResponse {
    let age = keys
        .news_age()
        .map_or(f64::INFINITY, |age| age.as_secs_f64());
    metrics.news_age.set(age);
    open_metrics(metrics.render())
}

/// What is counted.
pub(super) fn open_metrics(text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(text)
}

/// Whether every name that a request calls us by is loopback's.
pub(super) fn is_for_loopback(target: &Uri, headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    // A target with a host of its own wins over the header (RFC 9112 §3.2.2).
    let target = target.authority().map(Authority::as_str);
    let names = [host, target.or(host)];
    names.iter().all(|name| name.is_some_and(is_loopback))
}

fn plain(text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(text)
}

/// Whether a `Host` header names loopback. A page whose name was made to resolve to 127.0.0.1 (DNS
/// rebinding) sends its own name.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let literal = name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    !host.contains('@') && (literal || name.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_itself() {
        for good in [
            "localhost",
            "localhost:9443",
            "127.0.0.1:1",
            "127.8.8.8",
            "[::1]:9443",
            "LOCALHOST",
        ] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in [
            "",
            "example.org",
            "localhost.example.org",
            "10.0.0.1:9443",
            "[::2]",
            "user@localhost",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }
}
