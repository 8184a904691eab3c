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
use crate::domain::Kid;
use crate::keys::Keys;

pub(super) async fn revoke(
    request: HttpRequest,
    who: Guarded,
    gate: Data<Gate>,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    withdraw(&request, &who, kid_in(&request), (&gate, &keys)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Withdraws a key; 404 where there is none, or the operator's credential is for other streams alone.
pub(super) async fn withdraw(
    request: &HttpRequest,
    who: &Guarded,
    kid: Option<Kid>,
    (gate, keys): (&Gate, &Keys),
) -> Result<(), Failure> {
    let facts = match kid {
        Some(kid) => keys.locate(kid).await?,
        None => None,
    };
    if let Some(kid) = kid {
        let stream = facts.as_ref().map(|facts| facts.stream.clone());
        audit::about(request, Affected::key(kid, stream));
    }
    let permit = gate.operate(who, facts.as_ref())?;
    let is_there = keys.revoke(&permit).await?;
    is_there.then_some(()).ok_or(Failure::new(Code::NotFound))
}
