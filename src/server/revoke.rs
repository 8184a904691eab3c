//! `POST /v1/keys/{kid}/revoke`, on the ops listener: a key is withdrawn.
//!
//! Must not know: what caches forget.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::audit;
use super::deliver::kid_in;
use super::error::{Code, Failure};
use super::guard::Guarded;
use crate::access::Gate;
use crate::access::audit::Affected;
use crate::keys::Keys;

pub(super) async fn revoke(
    request: HttpRequest,
    who: Guarded,
    gate: Data<Gate>,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    let facts = match kid_in(&request) {
        Some(kid) => keys.locate(kid).await?,
        None => None,
    };
    if let Some(facts) = &facts {
        audit::about(
            &request,
            Affected::key(facts.kid, Some(facts.stream.clone())),
        );
    }
    let permit = gate.operate(&who, facts.as_ref())?;
    match keys.revoke(&permit).await? {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(Failure::new(Code::NotFound)),
    }
}
