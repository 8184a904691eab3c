//! `POST /v1/streams/{stream}/rotate`: a cut; the answer says where it takes effect.
//!
//! Must not know: how a boundary is chosen.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::body::json_or_default;
use super::error::Failure;
use super::guard::Permitted;
use super::streams::unstored;
use crate::access::Rotate;
use crate::api::{RotateReply, RotateRequest, Text};
use crate::keys::Keys;

pub(super) async fn rotate(
    request: HttpRequest,
    permit: Permitted<Rotate>,
    body: Payload,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    let ask: RotateRequest = json_or_default(&request, body).await?;
    let rotated = keys.rotate(&permit, &ask).await?;
    let reply = RotateReply {
        stream: Text(rotated.stream.id),
        version: rotated.stream.version,
        index: rotated.slot.index,
        boundary: rotated.slot.boundary.into(),
        unreachable: rotated.unreachable,
    };
    Ok(unstored(&mut HttpResponse::Ok(), &reply))
}
