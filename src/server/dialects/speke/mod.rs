//! SPEKE v1, v2.0 and v2.1: a CPIX document comes, and goes back with keys in it.
//!
//! HLS AES-128 alone. Must not know: how a key is made, or who may have it.

mod contract;
mod delivery;
mod fill;
mod who;

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use contract::{Contract, Dialect, Refused};
use delivery::Delivery;
use who::Packager;

use crate::access::{Gate, Lease, Permit};
use crate::domain::{Action, Denied, StreamId, SystemEntropy};
use crate::keys::{BroughtKey, Keys};
use crate::server::audit;
use crate::server::body;
use crate::server::error::Failure;
use crate::xml::{Document, XmlError};

/// The largest document, in bytes.
const MOST: usize = 256 * 1024;
const VERSION: &str = "X-Speke-Version";
const AGENT: &str = concat!("hlskey/", env!("CARGO_PKG_VERSION"));

/// What a document is answered with.
type Means = (Packager, Data<Gate>, Data<Keys>);

pub(in crate::server) async fn v1(
    request: HttpRequest,
    (who, gate, keys): Means,
    body: Payload,
) -> Result<HttpResponse, Failure> {
    answer(Dialect::V1, &request, (who, gate, keys), body).await
}

pub(in crate::server) async fn v2_0(
    request: HttpRequest,
    means: Means,
    body: Payload,
) -> Result<HttpResponse, Failure> {
    answer(Dialect::V20, &request, means, body).await
}

pub(in crate::server) async fn v2_1(
    request: HttpRequest,
    means: Means,
    body: Payload,
) -> Result<HttpResponse, Failure> {
    answer(Dialect::V21, &request, means, body).await
}

/// That keys would be answered, to whoever may ask for some.
pub(in crate::server) async fn heartbeat(who: Packager) -> Result<HttpResponse, Failure> {
    check_may_lease(&who)?;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(answer.insert_header(("Speke-User-Agent", AGENT)).finish())
}

async fn answer(
    dialect: Dialect,
    request: &HttpRequest,
    (who, gate, keys): Means,
    body: Payload,
) -> Result<HttpResponse, Failure> {
    check_may_lease(&who)?;
    check_version(dialect, request)?;
    let text = body::bounded(request, body, MOST).await?;
    let text = std::str::from_utf8(&text)
        .map_err(|_| Failure::bad_request(&"the document is not in UTF-8"))?;
    // XML 1.0 §4.3.3.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut document = Document::parse(text)?;
    let contract = Contract::read(dialect, &document.root)?;
    let delivery = Delivery::to(&document.root, Arc::new(SystemEntropy))?;
    let permit = gate.manage::<Lease>(&who, &contract.stream);
    let permit = permit.map_err(|denied| refused(denied, &who, &contract.stream))?;
    let brought = keys.brought(&permit, &contract.asks).await?;
    if let Some(delivery) = &delivery {
        delivery.fill(&mut document.root);
    }
    fill::fill(dialect, &mut document.root, &brought, delivery.as_ref())?;
    note(request, &permit, &brought)?;
    Ok(xml(dialect, document.text()))
}

fn check_may_lease(who: &Packager) -> Result<(), Denied> {
    let may = who.principal().may(Action::Lease);
    may.then_some(()).ok_or(Denied::WrongAction(Action::Lease))
}

fn check_version(dialect: Dialect, request: &HttpRequest) -> Result<(), Refused> {
    let Some(wanted) = dialect.speke_version() else {
        return Ok(());
    };
    let shown = request.headers().get(VERSION);
    let is_wanted = shown.is_some_and(|shown| shown.as_bytes().trim_ascii() == wanted.as_bytes());
    is_wanted.then_some(()).ok_or(Refused::SpekeVersion)
}

fn refused(denied: Denied, who: &Packager, stream: &StreamId) -> Failure {
    Failure::from(denied).about(Some(who.share()), Some(stream.clone()), None)
}

/// Each key that is about to be handed out.
fn note(request: &HttpRequest, permit: &Permit<Lease>, keys: &[BroughtKey]) -> Result<(), Failure> {
    for key in keys {
        audit::leased(request, permit, Some(key.kid))?;
    }
    Ok(())
}

fn xml(dialect: Dialect, text: String) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    answer.insert_header((header::CONTENT_TYPE, "application/xml"));
    match dialect.speke_version() {
        None => answer.insert_header(("Speke-User-Agent", AGENT)),
        Some(version) => answer
            .insert_header((VERSION, version))
            .insert_header(("X-Speke-User-Agent", AGENT)),
    };
    answer.body(text)
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::spelled(&refused)
    }
}

impl From<XmlError> for Failure {
    fn from(error: XmlError) -> Self {
        Self::bad_request(&error)
    }
}
