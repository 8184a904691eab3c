//! A plain listener on loopback for a process that is no key server: health and metrics.
//!
//! Must not know: what is measured.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{Data, get};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};

use super::ops::{health, is_loopback};

/// Gives what is shown.
pub type Shown = dyn Fn() -> String + Send + Sync;

/// Answers `/healthz`, and `/metrics` with what `metrics` gives, until it is stopped. Only `at`
/// loopback: nobody is asked who they are.
pub fn expose(
    at: SocketAddr,
    metrics: Arc<Shown>,
) -> io::Result<impl Future<Output = io::Result<()>>> {
    if !at.ip().is_loopback() {
        let why = "metrics are shown on a loopback address only";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let metrics = Data::from(metrics);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(metrics.clone())
            .route("/healthz", get().to(health))
            .route("/metrics", get().to(show))
    });
    Ok(server.workers(1).disable_signals().bind(at)?.run())
}

/// A web page that was made to resolve to this address does not get it (DNS rebinding).
async fn show(request: HttpRequest, metrics: Data<Shown>) -> HttpResponse {
    let host = request.headers().get(header::HOST);
    if !host.is_some_and(|host| host.to_str().is_ok_and(is_loopback)) {
        return HttpResponse::MisdirectedRequest().finish();
    }
    HttpResponse::Ok()
        .content_type("application/openmetrics-text; version=1.0.0; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(metrics())
}
