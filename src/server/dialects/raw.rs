//! `GET …/key?kid=`: the sixteen bytes, for a packager that has read which key it needs.
//!
//! Must not know: viewers, who are given a key at its own URI.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::{Packager, unstored};
use crate::domain::{Denied, Kid};
use crate::keys::{Keys, KeysError};
use crate::server::audit;
use crate::server::error::Failure;
use crate::server::query::Parameters;

const WHICH: &str = "say which key: kid=…, as the schedule and every key URI of the stream have it";

pub(in crate::server) async fn key(
    request: HttpRequest,
    packager: Packager,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    let kid: Option<Kid> = Parameters::of(request.query_string()).value("kid")?;
    let kid = kid.ok_or_else(|| Failure::bad_request(&WHICH))?;
    let leased = keys.lease_of(packager.permit(), kid).await?;
    let period = leased.periods.into_iter().next();
    let period = period.ok_or(Denied::UnknownKey)?;
    if !period.period.state.is_delivered() {
        return Err(KeysError::Gone.into());
    }
    audit::leased(&request, packager.permit(), Some(kid))?;
    Ok(unstored(
        "application/octet-stream",
        period.key.expose().to_vec(),
    ))
}
