//! `/v1/entitlements…`: an operator's rows of who may watch, and calling answers off.
//!
//! Must not know: how a row is judged, or who else must hear of it.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::percent_decode_str;

use super::audit;
use super::body::{bytes, json};
use super::error::{Code, Failure};
use super::guard::Guarded;
use super::query::Parameters;
use super::streams::unstored;
use crate::access::audit::Affected;
use crate::access::{Gate, RosterError, SIGNATURE_HEADER};
use crate::api::{EntitlementRequest, InvalidationRequest};

/// What stands before a viewer's name, the one thing in our paths that may hold a slash, encoded.
pub(super) const VIEWERS: &str = "/v1/entitlements/";
pub(super) async fn put(
    request: HttpRequest,
    who: Guarded,
    body: Payload,
    gate: Data<Gate>,
) -> Result<HttpResponse, Failure> {
    let roster = gate.roster(&who)?;
    let asked: EntitlementRequest = json(&request, body).await?;
    let viewer = viewer_in(&request)?;
    let streams = asked.streams.iter().map(|pattern| &pattern.0);
    audit::about(&request, of(&viewer).with_streams(streams));
    let view = roster.put(&viewer, &asked).await?;
    Ok(unstored(&mut HttpResponse::Ok(), &view))
}

pub(super) async fn show(
    request: HttpRequest,
    who: Guarded,
    gate: Data<Gate>,
) -> Result<HttpResponse, Failure> {
    let roster = gate.roster(&who)?;
    let view = roster.of(&viewer_in(&request)?).await?;
    let view = view.ok_or_else(|| Failure::new(Code::NotFound))?;
    Ok(unstored(&mut HttpResponse::Ok(), &view))
}

pub(super) async fn list(
    request: HttpRequest,
    who: Guarded,
    gate: Data<Gate>,
) -> Result<HttpResponse, Failure> {
    let roster = gate.roster(&who)?;
    let asked = Parameters::of(request.query_string());
    asked.only(&["after", "limit"])?;
    let after: Option<String> = asked.value("after")?;
    let after = after.unwrap_or_default();
    let list = roster.after(&after, asked.limit()?.into()).await?;
    Ok(unstored(&mut HttpResponse::Ok(), &list))
}

pub(super) async fn remove(
    request: HttpRequest,
    who: Guarded,
    gate: Data<Gate>,
) -> Result<HttpResponse, Failure> {
    let roster = gate.roster(&who)?;
    let viewer = viewer_in(&request)?;
    audit::about(&request, of(&viewer));
    match roster.remove(&viewer).await? {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(Failure::new(Code::NotFound)),
    }
}

pub(super) async fn invalidate(
    request: HttpRequest,
    who: Guarded,
    body: Payload,
    gate: Data<Gate>,
) -> Result<HttpResponse, Failure> {
    let roster = gate.roster(&who)?;
    let asked: InvalidationRequest = json(&request, body).await?;
    audit::about(&request, answers(&asked));
    roster.invalidate(asked).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// From the entitlement service, which signs the body and has no other credential.
pub(super) async fn pushed(
    request: HttpRequest,
    body: Payload,
    gate: Data<Gate>,
) -> Result<HttpResponse, Failure> {
    let signature = request.headers().get(SIGNATURE_HEADER);
    let signature = signature.and_then(|value| value.to_str().ok());
    let body = bytes(&request, body).await?;
    let asked = gate.heed_push(signature.unwrap_or_default(), &body).await?;
    audit::about(&request, answers(&asked));
    Ok(HttpResponse::NoContent().finish())
}

fn of(viewer: &str) -> Affected {
    Affected::default().with("viewer", viewer)
}

fn answers(asked: &InvalidationRequest) -> Affected {
    let viewer = asked.viewer.as_deref().unwrap_or_default();
    of(viewer).at(asked.stream.as_ref().map(|stream| stream.0.clone()))
}

/// The `{viewer}` of the path, decoded once: a name may hold any character, slashes as `%2F`. The
/// router has decoded some of it already, so the path is taken as it was sent.
fn viewer_in(request: &HttpRequest) -> Result<String, Failure> {
    let (_, raw) = request.path().rsplit_once('/').unwrap_or_default();
    let name = percent_decode_str(raw).decode_utf8();
    let name = name.map_err(|_| Failure::bad_request(&"the viewer's name is not UTF-8"))?;
    Ok(name.into_owned())
}

impl From<RosterError> for Failure {
    fn from(error: RosterError) -> Self {
        match error {
            RosterError::Denied(denied) => denied.into(),
            RosterError::Invalid(_) => Self::bad_request(&error),
            RosterError::Store(_) => Self::new(Code::Unavailable).reason(&error),
        }
    }
}
