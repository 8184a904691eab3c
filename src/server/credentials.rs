//! `/v1/credentials…`: an operator's users with passwords, and what other credentials there are.
//!
//! Must not know: what is kept of a password, or which credentials are an operator's to see.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::audit;
use super::body::json;
use super::error::{Code, Failure};
use super::guard::Guarded;
use super::streams::unstored;
use crate::access::audit::Affected;
use crate::access::{EnrolmentError, Gate, Ha1Fault};
use crate::api::CredentialRequest;

pub(super) async fn add(
    request: HttpRequest,
    who: Guarded,
    body: Payload,
    gate: Data<Gate>,
) -> Result<HttpResponse, Failure> {
    let enrolment = gate.enrolment(&who)?;
    let asked: CredentialRequest = json(&request, body).await?;
    let actions: Vec<&str> = asked.actions.iter().map(|text| text.0.as_str()).collect();
    let mut affected = of(&asked.name).with("actions", &actions.join(","));
    if let Some(certificate) = &asked.certificate {
        affected = affected.with("certificate", certificate);
    }
    if asked.digest_legacy {
        affected = affected.with("digest_legacy", "true");
    }
    let streams = asked.streams.iter().map(|pattern| &pattern.0);
    audit::about(&request, affected.with_streams(streams));
    let view = enrolment.add(asked).await?;
    Ok(unstored(&mut HttpResponse::Created(), &view))
}

pub(super) async fn list(who: Guarded, gate: Data<Gate>) -> Result<HttpResponse, Failure> {
    let list = gate.enrolment(&who)?.all().await?;
    Ok(unstored(&mut HttpResponse::Ok(), &list))
}

pub(super) async fn remove(
    request: HttpRequest,
    who: Guarded,
    gate: Data<Gate>,
) -> Result<HttpResponse, Failure> {
    let enrolment = gate.enrolment(&who)?;
    let name = request.match_info().get("name").unwrap_or_default();
    audit::about(&request, of(name));
    match enrolment.remove(name).await? {
        true => Ok(HttpResponse::NoContent().finish()),
        false => Err(Failure::new(Code::NotFound)),
    }
}

fn of(name: &str) -> Affected {
    Affected::default().with("credential", name)
}

impl From<EnrolmentError> for Failure {
    fn from(error: EnrolmentError) -> Self {
        match error {
            EnrolmentError::Denied(denied) => denied.into(),
            EnrolmentError::OthersCertificate => Self::new(Code::Forbidden).detail(&error),
            EnrolmentError::Invalid(_) | EnrolmentError::Whose(_) | EnrolmentError::Password(_) => {
                Self::bad_request(&error)
            }
            EnrolmentError::Taken(_) => Self::new(Code::Conflict).detail(&error),
            EnrolmentError::Ha1(Ha1Fault::User) => Self::bad_request(&error),
            EnrolmentError::Ha1(Ha1Fault::Ring(_)) => Self::store(&error).detail(&error),
            EnrolmentError::Store(_) | EnrolmentError::Ha1(Ha1Fault::Store(_)) => {
                Self::store(&error)
            }
        }
    }
}
