//! A plain listener on loopback for a process that is no key server: health and metrics.
//!
//! Must not know: what is measured.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::web::{Data, get};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};

use super::error::{Code, Failure};
use super::ops::{health, is_for_loopback, open_metrics};

/// Gives what is shown.
pub type Measured = dyn Fn() -> String + Send + Sync;

/// Answers `/healthz`, and `/metrics` with what `metrics` gives, until it is stopped. Only `at`
/// loopback: nobody is asked who they are.
pub fn expose(
    at: SocketAddr,
    metrics: Arc<Measured>,
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
async fn show(request: HttpRequest, metrics: Data<Measured>) -> Result<HttpResponse, Failure> {
    match is_for_loopback(request.uri(), request.headers()) {
        true => Ok(open_metrics(metrics())),
        false => Err(Failure::new(Code::Misdirected)),
    }
}
