//! What the audit trail is told of a request: that it was refused, or what it changed.
//!
//! Must not know: how a row is kept, or what decides.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::dev::ServiceResponse;
use actix_web::web::Data;
use actix_web::{HttpMessage as _, HttpRequest};

use super::credential::{PathToken, presented_from};
use super::deliver::kid_in;
use super::envelope::Surroundings;
use super::error::{Code, Failure, Refusal};
use super::guard::Viewing;
use super::proxy::client_address;
use super::routes::{HOOK, action_of};
use crate::access::audit::{Affected, AuditEntry, Overflow, Remembered, Ruling, Trail};
use crate::access::{Admitted, Deliver, Lease, Permit, Play};
use crate::crypto::SecretText;
use crate::domain::{Action, Clock, Kid, Principal, RequestId, StreamId};
use crate::telemetry::RouteMeasures;

/// Who asks for a packager's or operator's work, as the guard found.
struct Known(Arc<Principal>);

/// The change was made, whatever becomes of the answer.
struct Made;

/// Remembers that the change was made, where something may fail after it.
pub(super) fn changing(request: &HttpRequest) {
    request.extensions_mut().insert(Made);
}

/// Remembers what a change is about that the request's path does not say.
pub(super) fn about(request: &HttpRequest, affected: Affected) {
    request.extensions_mut().insert(affected);
}

/// Remembers who asks, for what is noted at the end.
pub(super) fn remember(request: &HttpRequest, who: &Admitted) {
    request.extensions_mut().insert(Known(who.share()));
}

/// Whether anything may be decided now.
pub(super) fn admit(request: &HttpRequest) -> Result<(), Overflow> {
    let around = request.app_data::<Data<Surroundings>>();
    around.map_or(Ok(()), |around| around.trail.admit())
}

/// A key is about to be handed out.
pub(super) fn delivered(
    request: &HttpRequest,
    permit: &Permit<Deliver>,
    viewing: &Viewing,
) -> Result<(), Overflow> {
    let Some(around) = request.app_data::<Data<Surroundings>>() else {
        return Ok(());
    };
    let ruling = Ruling {
        action: Action::Deliver.as_str(),
        reason: "ok",
        who: Some(permit.principal()),
        stream: Some(permit.stream()),
        ip: viewing.ip(),
        policy: viewing.policy(permit.stream()),
        ..Ruling::default()
    };
    around.trail.delivered(permit.kid(), &ruling)
}

/// A lease of coming keys, or of the one key `kid`, is about to be handed out.
pub(super) fn leased(
    request: &HttpRequest,
    permit: &Permit<Lease>,
    kid: Option<Kid>,
) -> Result<(), Overflow> {
    granted(
        request,
        &Ruling {
            action: Action::Lease.as_str(),
            who: Some(permit.principal()),
            stream: Some(permit.stream()),
            kid,
            ip: client_address(request),
            ..Ruling::default()
        },
    )
}

/// A playlist with grants in it is about to be handed out.
pub(super) fn played(
    request: &HttpRequest,
    permit: &Permit<Play>,
    viewing: &Viewing,
) -> Result<(), Overflow> {
    granted(
        request,
        &Ruling {
            action: Action::Play.as_str(),
            who: Some(permit.principal()),
            stream: Some(permit.stream()),
            ip: viewing.ip(),
            policy: viewing.policy(permit.stream()),
            ..Ruling::default()
        },
    )
}

/// A session that was begun or renewed is about to be handed out.
pub(super) fn began(
    request: &HttpRequest,
    session: &Principal,
    ip: Option<IpAddr>,
) -> Result<(), Overflow> {
    granted(
        request,
        &Ruling {
            action: "begin_session",
            who: Some(session),
            ip,
            ..Ruling::default()
        },
    )
}

fn granted(request: &HttpRequest, ruling: &Ruling<'_>) -> Result<(), Overflow> {
    let Some(around) = request.app_data::<Data<Surroundings>>() else {
        return Ok(());
    };
    around.trail.granted(&Ruling {
        reason: "ok",
        ..*ruling
    })
}

/// A media server is about to be told that somebody may publish or play.
pub(super) fn hooked(
    request: &HttpRequest,
    (action, who): (&'static str, &Principal),
    stream: &StreamId,
) -> Result<(), Overflow> {
    granted(
        request,
        &Ruling {
            action,
            who: Some(who),
            stream: Some(stream),
            ip: client_address(request),
            affected: request.extensions().get(),
            ..Ruling::default()
        },
    )
}

/// A media server is about to be told, of one of several, that it may not.
pub(super) fn hook_refused(request: &HttpRequest, failure: &Failure, stream: Option<&StreamId>) {
    let around = request.app_data::<Data<Surroundings>>();
    let Some((around, refusal)) = around.zip(failure.refusal()) else {
        return;
    };
    let detail = serde_json::json!({ "sentence": refusal.denied.to_string() });
    let extensions = request.extensions();
    let ruling = Ruling {
        action: Action::Publish.as_str(),
        reason: refusal.denied.code(),
        stream,
        ip: client_address(request),
        detail: Some(&detail),
        affected: extensions.get(),
        ..Ruling::default()
    };
    around.trail.refused(&ruling, |_| None);
}

/// A viewer has ended its session.
pub(super) fn ended(request: &HttpRequest, session: &Principal, ip: Option<IpAddr>) {
    if let Some(around) = request.app_data::<Data<Surroundings>>() {
        around.trail.changed(&Ruling {
            action: "end_session",
            reason: "ok",
            who: Some(session),
            ip,
            ..Ruling::default()
        });
    }
}

/// Notes what came of a request: a refusal, or a change that was made, though a failure came after it.
pub(super) fn note(
    trail: &Trail,
    id: RequestId,
    answer: &ServiceResponse,
    failure: Option<&Failure>,
) {
    let request = answer.request();
    let is_done = answer.status().is_success() && !request.method().is_safe();
    let is_made = request.extensions().contains::<Made>();
    let too_often = failure.is_some_and(|failure| failure.code() == Code::TooManyRefusals);
    match failure.map(Failure::refusal) {
        Some(Some(refusal)) => refused(trail, id, request, (refusal, too_often)),
        None if is_done => changed(trail, id, request),
        _ if is_made => changed(trail, id, request),
        _ => {}
    }
}

fn refused(
    trail: &Trail,
    id: RequestId,
    request: &HttpRequest,
    (refusal, is_too_often): (&Refusal, bool),
) {
    let extensions = request.extensions();
    let known = extensions.get::<Known>().map(|known| &*known.0);
    let stream = refusal.stream.clone().or_else(|| named_stream(request));
    let mut detail = serde_json::json!({
        "method": request.method().as_str(),
        "route": route(request),
        "sentence": refusal.denied.to_string(),
    });
    if is_too_often {
        detail["too_often"] = true.into();
    }
    let ruling = Ruling {
        request: Some(id),
        action: action(request).map_or("", Action::as_str),
        reason: refusal.denied.code(),
        who: refusal.who.as_deref().or(known),
        stream: stream.as_ref(),
        kid: kid_in(request),
        ip: client_address(request),
        policy: refusal.policy,
        detail: Some(&detail),
        affected: extensions.get(),
        ..Ruling::default()
    };
    trail.refused(&ruling, |entry| {
        let content = refusal.stream.clone().filter(|_| kid_in(request).is_some());
        remembered(request, (id, ruling.ip), content, entry)
    });
}

/// The request as it came, for who asks why.
fn remembered(
    request: &HttpRequest,
    (id, ip): (RequestId, Option<IpAddr>),
    content: Option<StreamId>,
    entry: AuditEntry,
) -> Option<Remembered> {
    // A media server's request holds its own secret, and does not show what somebody else showed it.
    if route(request) == HOOK {
        return None;
    }
    let clock = request.app_data::<Data<dyn Clock>>()?;
    let shown = presented_from(request, ip);
    let text = |text: &str| SecretText::new(text.to_owned());
    let headers = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value.to_str().ok()?))));
    Some(Remembered {
        request: id,
        at: clock.now(),
        headers: headers.collect(),
        query: text(shown.query),
        method: shown.method.to_owned(),
        authority: shown.target.authority.to_owned(),
        path: shown.target.path.to_owned(),
        path_token: PathToken::of(request).map(|token| text(token.expose())),
        alpn: shown.alpn.map(str::to_owned),
        ip: shown.ip,
        content,
        entry,
    })
}

/// Everything that packagers, operators and the entitlement service change. A report of progress changes nothing by itself,
/// and comes every few seconds.
fn changed(trail: &Trail, id: RequestId, request: &HttpRequest) {
    let extensions = request.extensions();
    let (who, affected) = (extensions.get::<Known>(), extensions.get::<Affected>());
    let action = action(request);
    // Keys that were handed out are noted each, as is who may publish, and nothing else was changed.
    if action == Some(Action::Lease) || route(request) == HOOK {
        return;
    }
    // Without either it is a viewer's own; the entitlement service says what it is about alone.
    if (who.is_none() && affected.is_none()) || action == Some(Action::Progress) {
        return;
    }
    let stream = named_stream(request);
    let detail = serde_json::json!({
        "method": request.method().as_str(),
        "route": route(request),
    });
    trail.changed(&Ruling {
        request: Some(id),
        action: action.map_or("", Action::as_str),
        reason: "ok",
        who: who.map(|known| &*known.0),
        stream: stream.as_ref(),
        kid: kid_in(request),
        ip: client_address(request),
        detail: Some(&detail),
        affected,
        ..Ruling::default()
    });
}

fn route(request: &HttpRequest) -> &'static str {
    let measures = request.app_data::<RouteMeasures>();
    measures.map_or("", |known| known.route)
}

fn action(request: &HttpRequest) -> Option<Action> {
    action_of(request.method().as_str(), route(request))
}

/// The `{stream}` of the path, if there is one.
fn named_stream(request: &HttpRequest) -> Option<StreamId> {
    request.match_info().get("stream")?.parse().ok()
}
