//! `POST /v1/streams/{stream}/progress`: an encryptor's heartbeat and claims.
//!
//! Must not know: what retention makes of it.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::body::json;
use super::error::Failure;
use super::guard::Permitted;
use super::streams::unstored;
use crate::access::Progress;
use crate::api::ProgressReport;
use crate::keys::Keys;

pub(super) async fn report(
    request: HttpRequest,
    permit: Permitted<Progress>,
    body: Payload,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    let report: ProgressReport = json(&request, body).await?;
    let reply = keys.progress(&permit, &report).await?;
    Ok(unstored(&mut HttpResponse::Ok(), &reply))
}
