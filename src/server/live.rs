//! `GET /v1/viewers` and `GET /v1/sessions`, on the ops listener: who watches.
//!
//! Must not know: how sessions are counted, or whom an operator may see.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::error::Failure;
use super::guard::Guarded;
use super::query::Parameters;
use super::streams::unstored;
use crate::access::{Gate, Listing};
use crate::api::{LiveSessions, StreamViewers, Viewers};
use crate::domain::StreamPattern;

pub(super) async fn viewers(
    request: HttpRequest,
    who: Guarded,
    gate: Data<Gate>,
) -> Result<HttpResponse, Failure> {
    let survey = gate.survey(&who)?;
    let asked = Parameters::of(request.query_string());
    asked.only(&["stream"])?;
    let pattern: Option<StreamPattern> = asked.value("stream")?;
    let counts = gate.live().viewers(&survey, pattern.as_ref()).await?;
    let view = Viewers {
        total: counts.iter().map(|(_, viewers)| viewers).sum(),
        streams: counts
            .into_iter()
            .map(|(stream, viewers)| StreamViewers {
                stream: stream.to_string(),
                viewers,
            })
            .collect(),
    };
    Ok(unstored(&mut HttpResponse::Ok(), &view))
}

pub(super) async fn sessions(
    request: HttpRequest,
    who: Guarded,
    gate: Data<Gate>,
) -> Result<HttpResponse, Failure> {
    let survey = gate.survey(&who)?;
    let asked = Parameters::of(request.query_string());
    asked.only(&["viewer", "stream", "after", "limit"])?;
    let listing = Listing {
        viewer: asked.value("viewer")?,
        streams: asked.value("stream")?,
        after: asked.value("after")?,
        limit: asked.limit()?.get().into(),
    };
    let listed = gate.live().list(&survey, &listing).await;
    let listed = listed.ok_or_else(|| Failure::bad_request(&"after is no 'next' of ours"))?;
    let (sessions, next) = listed?;
    let view = LiveSessions { sessions, next };
    Ok(unstored(&mut HttpResponse::Ok(), &view))
}
