//! What the audit trail is told of a request.
//!
//! Must not know: how a row is kept, or what decides.

use actix_web::HttpRequest;

use super::deliver::kid_in;
use super::proxy::client_address;
use crate::access::audit::{Ruling, Trail};
use crate::domain::{Denied, RequestId, StreamId};
use crate::telemetry::RouteMeasures;

/// A request was refused.
pub(super) fn refused(trail: &Trail, id: RequestId, request: &HttpRequest, denied: &Denied) {
    let stream: Option<StreamId> = named_stream(request);
    let route = request
        .app_data::<RouteMeasures>()
        .map_or("", |known| known.route);
    let detail = serde_json::json!({
        "method": request.method().as_str(),
        "route": route,
        "sentence": denied.to_string(),
    });
    trail.refused(&Ruling {
        request: Some(id),
        action: route,
        reason: denied.code(),
        stream: stream.as_ref(),
        kid: kid_in(request),
        ip: client_address(request),
        detail: Some(&detail),
        ..Ruling::default()
    });
}

/// The `{stream}` of the path, if there is one.
fn named_stream(request: &HttpRequest) -> Option<StreamId> {
    request.match_info().get("stream")?.parse().ok()
}
