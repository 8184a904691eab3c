//! What stands around every answer to a packager that sends: a request id, a problem document, a
//! log line.
//!
//! Must not know: what is sent. What is logged holds no path and no header.

use actix_web::Error;
use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;

use super::channels::{CHALLENGE, Channels};
use crate::domain::RequestId;
use crate::server::envelope::{REQUEST_ID, take_failure, with_document};
use crate::server::error::{Code, Failure};

/// Wraps one request.
pub(super) async fn wrap(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let Some(channels) = request.app_data::<Data<Channels>>().cloned() else {
        return Err(Failure::new(Code::Internal).into());
    };
    let id = RequestId::random(&*channels.entropy);
    let method = request.method().clone();
    let mut answer = next.call(request).await?;
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    let Some(failure) = take_failure(&mut answer) else {
        let status = answer.status().as_u16();
        tracing::debug!(request_id = %id, %method, status, "taken");
        return Ok(answer);
    };
    record(id, &answer, &failure);
    if failure.code() == Code::Unauthorized {
        let challenge = HeaderValue::from_static(CHALLENGE);
        answer
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    // What is left of its body is not read.
    answer
        .response_mut()
        .head_mut()
        .set_connection_type(ConnectionType::Close);
    Ok(with_document(answer, &failure, id))
}

fn record(id: RequestId, answer: &ServiceResponse, failure: &Failure) {
    let request = answer.request();
    let (method, client) = (request.method(), request.peer_addr());
    let client = client.map(|address| tracing::field::display(address.ip()));
    let (code, reason) = (failure.code().name(), failure.reason_text());
    match failure.is_ours() {
        true => tracing::warn!(request_id = %id, client, %method, code, reason, "not taken"),
        false => tracing::info!(request_id = %id, client, %method, code, reason, "refused"),
    }
}
