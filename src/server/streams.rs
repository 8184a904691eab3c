//! `PUT`/`GET`/`DELETE /v1/streams/{stream}` and `GET /v1/streams`: registration.
//!
//! Must not know: how a registration is stored, or what it changes.

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use super::body::json;
use super::error::{Code, Failure};
use super::guard::{Guarded, Permitted};
use crate::access::{Read, Register};
use crate::api::{StreamList, StreamRegistration, StreamView, Text};
use crate::domain::{Action, Denied, StreamPolicy};
use crate::keys::Keys;

pub(super) async fn register(
    request: HttpRequest,
    permit: Permitted<Register>,
    body: Payload,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    let asked: StreamRegistration = json(&request, body).await?;
    let policy = StreamPolicy::try_from(&asked).map_err(|error| Failure::bad_request(&error))?;
    let registered = keys.register(&permit, policy).await?;
    let mut answer = match registered.created {
        true => HttpResponse::Created(),
        false => HttpResponse::Ok(),
    };
    Ok(unstored(&mut answer, &StreamView::from(&registered.stream)))
}

pub(super) async fn show(
    permit: Permitted<Read>,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    let stream = keys.stream(&permit).await?;
    let stream = stream.ok_or_else(|| Failure::new(Code::NotFound))?;
    let renditions = keys.renditions(&permit).await?;
    let view = StreamView {
        renditions: renditions.into_iter().map(Text).collect(),
        ..StreamView::from(&stream)
    };
    Ok(unstored(&mut HttpResponse::Ok(), &view))
}

pub(super) async fn remove(
    permit: Permitted<Register>,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    match keys.remove(&permit).await? {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(Failure::new(Code::NotFound)),
    }
}

pub(super) async fn list(who: Guarded, keys: Data<Keys>) -> Result<HttpResponse, Failure> {
    if !who.principal().may(Action::Read) {
        return Err(Denied::WrongAction(Action::Read).into());
    }
    let streams = keys.list(&who).await?;
    let streams = streams.iter().map(StreamView::from).collect();
    Ok(unstored(&mut HttpResponse::Ok(), &StreamList { streams }))
}

/// A JSON answer that no cache keeps.
pub(super) fn unstored(answer: &mut HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
    answer
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(body)
}
