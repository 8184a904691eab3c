//! What stands around every answer: request id, CORS, security headers, problem documents, one
//! log line, the measures.
//!
//! Must not know: what a route does. What is logged holds route templates; never a path, a query
//! or a header. A refusal's line has the client's address, which is what a firewall needs to stop
//! somebody, and apart from it the address that a media server states; an answer as it should be has none.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::audit;
use super::cors::Origins;
use super::credential::take_path_token;
use super::entitlements::VIEWERS;
use super::error::{Code, Failure};
use super::files::has_encoded_separator;
use super::hooks::SpokenFor;
use super::ops::is_for_loopback;
use super::proxy::client_address;
use super::restraint::{Restraint, Strain};
use super::routes::{Listener, action_of};
use super::tls::{Certificates, Shown};
use crate::access::audit::Trail;
use crate::domain::{Action, Entropy, RequestId};
use crate::telemetry::{DenialLabels, Metrics, RequestLabels, RouteLabels, RouteMeasures};

/// What the envelope works with; one for each listener.
pub(super) struct Surroundings {
    pub(super) listener: Listener,
    pub(super) origins: Origins,
    pub(super) metrics: Arc<Metrics>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) trail: Arc<Trail>,
    pub(super) restraint: Arc<Restraint>,
    /// Verifies clients' certificates, where they are asked for.
    pub(super) clients: Option<Arc<Certificates>>,
    /// Turns true when the server begins to stop.
    pub(super) stopping: watch::Receiver<bool>,
}

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_REFERRER: HeaderValue = HeaderValue::from_static("no-referrer");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// The largest sum of a head's path, query, names and values, in bytes.
const MOST_HEAD: usize = 32 * 1024;

/// Wraps one request.
pub(super) async fn envelope(
    mut request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let began = Instant::now();
    let Some(around) = request.app_data::<Data<Surroundings>>().cloned() else {
        return Err(Failure::new(Code::Internal).into());
    };
    let id = RequestId::random(&*around.entropy);
    let origin = request.headers().get(header::ORIGIN).cloned();
    take_path_token(&mut request);
    let mut answer = match around.refuse(&request) {
        Some(failure) => request.error_response(failure),
        None if request.method() == Method::OPTIONS => preflight(request),
        None => call(request, next, id).await?,
    };
    let failure = take_failure(&mut answer);
    let failure = failure.map(|failure| around.restrain(failure, &mut answer));
    around.stamp(id, origin.as_ref(), answer.headers_mut());
    if around.is_stopping() || !around.knows(answer.request()) {
        answer
            .response_mut()
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    around.record(id, &answer, failure.as_ref(), began);
    audit::note(&around.trail, id, &answer, failure.as_ref());
    Ok(match failure {
        Some(failure) => with_document(answer, &failure, id),
        None => answer,
    })
}

/// Changes are logged where they are made; the span gives those lines the request's id. Reads,
/// keys among them, are spared its cost.
async fn call(
    request: ServiceRequest,
    next: Next<BoxBody>,
    id: RequestId,
) -> Result<ServiceResponse, Error> {
    if request.method().is_safe() {
        return next.call(request).await;
    }
    let span = tracing::info_span!("change", request_id = %id);
    next.call(request).instrument(span).await
}

/// Whether it is a viewer's request: for a key, a playlist, a session.
fn is_viewers(request: &HttpRequest) -> bool {
    let measures = request.app_data::<RouteMeasures>();
    let action = measures.and_then(|known| action_of(request.method().as_str(), known.route));
    action.is_some_and(|action| Action::VIEWER.contains(&action))
}

/// The template of a request that matched none.
fn no_route(request: &HttpRequest) -> &'static str {
    match *request.method() {
        Method::OPTIONS => "*",
        _ => "unmatched",
    }
}

/// Any path has `OPTIONS`.
fn preflight(request: ServiceRequest) -> ServiceResponse {
    let mut answer = HttpResponse::NoContent().finish();
    Origins::stamp_preflight(answer.headers_mut());
    request.into_response(answer)
}

/// The failure that a handler ended with. An error that is none of ours is an internal one.
pub(super) fn take_failure(answer: &mut ServiceResponse) -> Option<Failure> {
    let failure = answer.response_mut().extensions_mut().remove::<Failure>();
    let status = answer.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let foreign = || Failure::new(Code::Internal).reason(&format_args!("a foreign {status}"));
    failure.or_else(|| is_error.then(foreign))
}

pub(super) fn with_document(
    answer: ServiceResponse,
    failure: &Failure,
    id: RequestId,
) -> ServiceResponse {
    let (kind, document) = match failure.spelled_body() {
        Some(text) => (PLAIN, text.as_bytes().to_vec()),
        None => {
            let document = serde_json::to_vec(&failure.document(id));
            (PROBLEM, document.unwrap_or_default())
        }
    };
    let mut answer = answer.map_body(|head, _| {
        head.status = failure.code().status();
        BoxBody::new(document)
    });
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    answer
}

impl Surroundings {
    /// Whether the server was asked to stop.
    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// What `waited` gives, or `None` as soon as the server begins to stop.
    pub(super) async fn unless_stopping<T>(&self, waited: impl Future<Output = T>) -> Option<T> {
        let mut stopping = self.stopping.clone();
        tokio::select! {
            given = waited => Some(given),
            _ = stopping.wait_for(|stopping| *stopping) => None,
        }
    }

    /// Refusals that need no route.
    fn refuse(&self, request: &ServiceRequest) -> Option<Failure> {
        if self.listener == Listener::Ops && !is_for_loopback(request.uri(), request.headers()) {
            return Some(Failure::new(Code::Misdirected));
        }
        let fields = request.headers().iter();
        let fields: usize = fields
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        if fields + request.path().len() + request.query_string().len() > MOST_HEAD {
            return Some(Failure::new(Code::HeadTooLarge));
        }
        if !self.knows(request.request()) {
            let why = "the client's certificate is no longer good";
            return Some(Failure::new(Code::Unauthorized).reason(&why));
        }
        let is_name = self.listener == Listener::Ops && request.path().starts_with(VIEWERS);
        let hidden = !is_name && has_encoded_separator(request.path());
        hidden.then(|| Failure::new(Code::NotFound).reason(&"an encoded separator"))
    }

    /// Whether the client's certificate is still good, on a connection that may be days old. Any
    /// client is known where none is asked for.
    fn knows(&self, request: &HttpRequest) -> bool {
        let Some(clients) = &self.clients else {
            return true;
        };
        let shown = request.conn_data::<Shown>();
        shown.is_some_and(|shown| clients.still_accept(shown))
    }

    /// What a refusal is answered with: itself, or that its address is refused too often.
    fn restrain(&self, failure: Failure, answer: &mut ServiceResponse) -> Failure {
        if !failure.is_refusal() {
            return failure;
        }
        let strain = {
            let request = answer.request();
            match request.extensions().get::<SpokenFor>() {
                Some(spoken_for) => self.strain_of(spoken_for),
                // Who is behind a proxy that does not say so is everybody.
                None if is_viewers(request) => {
                    client_address(request).map(|address| self.restraint.refused(address))
                }
                None => None,
            }
        };
        match strain {
            None | Some(Strain::Usual) => failure,
            Some(Strain::TooMuch { wait, is_first }) => {
                let failure = failure.once_too_often(wait, is_first);
                failure.put_headers(answer.headers_mut());
                failure
            }
        }
    }

    /// Takes note of a refusal of somebody for whom a media server asks; `None` if it does not say whose address.
    pub(super) fn strain_of(&self, spoken_for: &SpokenFor) -> Option<Strain> {
        let address = spoken_for.address?;
        Some(self.restraint.refused_by(&spoken_for.hook, address))
    }

    fn stamp(&self, id: RequestId, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        self.origins.stamp(origin, headers);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        headers.insert(header::REFERRER_POLICY, NO_REFERRER);
        if let Ok(id) = HeaderValue::try_from(id.to_string()) {
            headers.insert(REQUEST_ID, id);
        }
    }

    /// One log line and the measures. Answers as they should be are on `debug`: the metrics count
    /// them, and a line each would cost a key request a good part of its time.
    fn record(
        &self,
        id: RequestId,
        answer: &ServiceResponse,
        failure: Option<&Failure>,
        began: Instant,
    ) {
        let measures = answer.request().app_data::<RouteMeasures>();
        let route = measures.map_or_else(|| no_route(answer.request()), |known| known.route);
        let took = began.elapsed();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let status = failure
            .map_or(answer.status(), |failure| failure.code().status())
            .as_u16();
        match measures {
            Some(known) if status == 200 => known.good.inc(),
            _ => self.count(route, status, failure),
        };
        match measures {
            Some(known) => known.latency.observe(took),
            None => self.time(route, took),
        }
        match failure {
            None => tracing::debug!(request_id = %id, route, status, micros, "answered"),
            Some(failure) if failure.is_ours() => {
                tracing::warn!(request_id = %id, route, status, micros, reason = failure.reason_text(), "failed");
            }
            Some(failure) => {
                let code = failure.code().name();
                let client = client_address(answer.request()).map(tracing::field::display);
                let extensions = answer.request().extensions();
                let publisher = extensions.get::<SpokenFor>().and_then(|it| it.address);
                let publisher = publisher.map(tracing::field::display);
                tracing::info!(request_id = %id, client, publisher, route, status, micros, code, reason = failure.reason_text(), "refused");
            }
        }
    }

    fn count(&self, route: &'static str, status: u16, failure: Option<&Failure>) -> u64 {
        if let Some(failure) = failure {
            let code = failure.code().name();
            self.metrics
                .denials
                .get_or_create(&DenialLabels { code })
                .inc();
        }
        let labels = RequestLabels { route, status };
        self.metrics.requests.get_or_create(&labels).inc()
    }

    fn time(&self, route: &'static str, took: Duration) {
        let latency = &self.metrics.latency;
        latency.get_or_create(&RouteLabels { route }).observe(took);
    }
}

#[cfg(test)]
mod tests;
