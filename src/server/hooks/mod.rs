//! `POST /v1/hooks/{hook}`: media servers ask whether somebody may publish or play.
//!
//! A file for each media server turns its words into [`Told`]; what is decided is decided here, alike for
//! all. Must not know: how any of them writes its question.

mod config;
mod mediamtx;
mod nginx_rtmp;
mod nimble;
mod oven_media_engine;
mod refused;
mod srs;
mod told;

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder};

use config::Hook;
pub(super) use config::Hooks;
pub use config::{HookConfig, HookFault, HookKind};
use refused::{expecting, in_words_of};
use told::{Said, Shown, Told, Vouched, Wish};

use super::audit;
use super::body::bounded;
use super::envelope::Surroundings;
use super::error::Failure;
use super::proxy::client_address;
use super::query::Parameters;
use super::restraint::Strain;
use crate::access::audit::Affected;
use crate::access::{Gate, Sending, shows};
use crate::domain::{Clock, Denied, Flaw, StreamId, Timestamp};
use crate::keys::Keys;

/// The query parameter of a hook's URL that holds the media server's secret.
const SECRET: &str = "secret";
/// The longest question, in bytes.
const MOST: usize = 64 * 1024;

pub(super) async fn ask(
    request: HttpRequest,
    body: Payload,
    (gate, keys): (Data<Gate>, Data<Keys>),
    (hooks, clock): (Data<Hooks>, Data<dyn Clock>),
) -> Result<HttpResponse, Failure> {
    audit::admit(&request)?;
    let name = request.match_info().get("hook").unwrap_or_default();
    let hook = hooks.of(name).ok_or(Denied::NoCredential)?;
    if !is_its(hook, &request) {
        return Err(in_words_of(hook.kind, Denied::NoCredential.into()));
    }
    let body = bounded(&request, body, MOST).await?;
    is_said_by(hook, &request, &body).ok_or(Denied::NoCredential)?;
    let said = std::str::from_utf8(&body).ok();
    let said = said.and_then(|body| read(hook.kind, body, clock.now()));
    let said = said.ok_or_else(|| refused::unread(hook.kind))?;
    let (wish, told) = match said {
        Said::News => return Ok(allowed(hook.kind)),
        Said::Old => {
            let old = Failure::from(Denied::BadCredential(OLD)).detail(&OLD.sentence);
            return Err(in_words_of(hook.kind, old));
        }
        Said::Batch(all) => {
            let decided = batch(&request, hook, all, (&gate, &keys)).await?;
            return Ok(unstored().json(nimble::answers(decided)));
        }
        Said::Connects(told) => (None, told),
        Said::Asks(wish, told) => (Some(wish), told),
    };
    let publisher = told.ip.map(|ip| ip.to_string()).unwrap_or_default();
    let affected = Affected::default().with("hook", name);
    audit::about(&request, affected.with("address", &publisher));
    let spoken_for = SpokenFor {
        hook: Arc::clone(&hook.name),
        address: told.ip,
    };
    request.extensions_mut().insert(spoken_for);
    let name = hook.name_of(&told);
    let decided = match wish {
        Some(wish) => decide(&request, hook, (wish, &name, told), (&gate, &keys)).await,
        None => {
            let shown = told.shown(true, hook.way());
            gate.connect(&shown.credential())
                .await
                .map_err(Failure::from)
        }
    };
    decided.map_err(|failure| in_words_of(hook.kind, expecting(failure, wish, &name)))?;
    Ok(allowed(hook.kind))
}

/// The signature's time is another day's.
const OLD: Flaw = Flaw {
    code: "time",
    sentence: "the question was signed more than five minutes ago, or ahead",
};

/// For whom a media server asks: who guesses is counted by its own address, not by the media server's, which
/// speaks for everybody. Nobody but a media server that has shown itself is believed, and each of those it speaks
/// for alone.
pub(super) struct SpokenFor {
    pub(super) hook: Arc<str>,
    pub(super) address: Option<IpAddr>,
}

/// Whether the media server itself asks, from where it may. One that signs shows that in the body.
fn is_its(hook: &Hook, request: &HttpRequest) -> bool {
    let is_there = client_address(request).is_some_and(|ip| hook.is_at(ip));
    let in_url = Parameters::of(request.query_string()).value::<String>(SECRET);
    let in_url = in_url.ok().flatten();
    let is_shown =
        in_url.is_some_and(|text| hook.secret.is(&text)) || shows(request.headers(), &hook.secret);
    is_there && (is_shown || signs(hook.kind))
}

fn signs(kind: HookKind) -> bool {
    kind == HookKind::OvenMediaEngine
}

/// Whether the body is signed, by one that signs.
fn is_said_by(hook: &Hook, request: &HttpRequest, body: &[u8]) -> Option<()> {
    if !signs(hook.kind) {
        return Some(());
    }
    let signature = request.headers().get(oven_media_engine::SIGNATURE)?;
    let is_signed = oven_media_engine::is_signed(&hook.secret, body, signature.to_str().ok()?);
    is_signed.then_some(())
}

fn read(kind: HookKind, body: &str, now: Timestamp) -> Option<Said> {
    match kind {
        HookKind::NginxRtmp => nginx_rtmp::said(body),
        HookKind::Srs => srs::said(body),
        HookKind::Mediamtx => mediamtx::said(body),
        HookKind::Nimble => nimble::said(body),
        HookKind::OvenMediaEngine => oven_media_engine::said(body, now),
    }
}

/// What the media server takes for a yes. A no is a status of 4xx to all of them.
fn allowed(kind: HookKind) -> HttpResponse {
    let mut answer = unstored();
    match kind {
        HookKind::Srs => answer.json(serde_json::json!({ "code": 0 })),
        HookKind::Nimble => answer.json(serde_json::json!({ "return_code": 200 })),
        HookKind::OvenMediaEngine => answer.json(serde_json::json!({ "allowed": true })),
        HookKind::NginxRtmp | HookKind::Mediamtx => answer.finish(),
    }
}

fn unstored() -> HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    answer
}

/// Each of those for whom the media server vouches, and whether it may publish. What cannot be decided of one
/// is no answer to any.
async fn batch(
    request: &HttpRequest,
    hook: &Hook,
    all: Vec<Vouched>,
    (gate, keys): (&Gate, &Keys),
) -> Result<Vec<(serde_json::Value, bool)>, Failure> {
    let mut decided = Vec::with_capacity(all.len());
    for one in all {
        let publisher = one.ip.map(|ip| ip.to_string()).unwrap_or_default();
        let affected = Affected::default().with("hook", &hook.name);
        audit::about(request, affected.with("address", &publisher));
        let stream = one.stream.parse::<StreamId>().ok();
        let is_allowed = match vouched(request, hook, (&one, stream.as_ref()), (gate, keys)).await {
            Ok(()) => true,
            Err(failure) if failure.is_ours() => return Err(failure),
            Err(failure) => {
                refused_one(request, (hook, one.ip), &failure, stream.as_ref());
                false
            }
        };
        decided.push((one.seq, is_allowed));
    }
    Ok(decided)
}

/// Counts it for its address, and writes it down: of a flood, one a minute.
fn refused_one(
    request: &HttpRequest,
    (hook, publisher): (&Hook, Option<IpAddr>),
    failure: &Failure,
    stream: Option<&StreamId>,
) {
    let around = request.app_data::<Data<Surroundings>>();
    let spoken_for = SpokenFor {
        hook: Arc::clone(&hook.name),
        address: publisher,
    };
    let strain = around.and_then(|around| around.strain_of(&spoken_for));
    if let Some(Strain::TooMuch {
        is_first: false, ..
    }) = strain
    {
        return;
    }
    let (code, publisher) = (
        failure.code().name(),
        publisher.map(tracing::field::display),
    );
    tracing::info!(
        hook = &*hook.name,
        publisher,
        code,
        reason = failure.reason_text(),
        "a publisher is refused"
    );
    audit::hook_refused(request, failure, stream);
}

async fn vouched(
    request: &HttpRequest,
    hook: &Hook,
    (one, stream): (&Vouched, Option<&StreamId>),
    (gate, keys): (&Gate, &Keys),
) -> Result<(), Failure> {
    let stream = stream.filter(|stream| hook.has(stream));
    let stream = stream.ok_or(Denied::WrongStream)?;
    let permit = gate
        .publish_as(&one.user, (hook.way(), one.ip), stream)
        .await?;
    keys.expect(&permit).await?;
    audit::hooked(request, ("publish", permit.principal()), stream)?;
    Ok(())
}

async fn decide(
    request: &HttpRequest,
    hook: &Hook,
    (wish, name, told): (Wish, &str, Told),
    (gate, keys): (&Gate, &Keys),
) -> Result<(), Failure> {
    // What cannot be a stream's name is nobody's.
    let stream: StreamId = name.parse().map_err(|_| Denied::WrongStream)?;
    let is_publishers = matches!(wish, Wish::Publish | Wish::PublishOn);
    let shown = told.shown(is_publishers, hook.way());
    let outcome = match wish {
        _ if !hook.has(&stream) => Err(Denied::WrongStream.into()),
        Wish::Publish => publish(request, (&shown, &stream), (gate, keys)).await,
        Wish::PublishOn => publish_on((&shown, &stream), gate).await,
        Wish::Play => play(request, (&shown, &stream), gate).await,
        Wish::PlayOn => play_on((&shown, &stream), gate).await,
    };
    outcome.map_err(|failure: Failure| failure.about(None, Some(stream), None))
}

async fn publish(
    request: &HttpRequest,
    (shown, stream): (&Shown, &StreamId),
    (gate, keys): (&Gate, &Keys),
) -> Result<(), Failure> {
    let credential = shown.credential();
    let permit = gate.publish(&credential, stream, Sending::Begins).await?;
    keys.expect(&permit).await?;
    audit::hooked(request, ("publish", permit.principal()), stream)?;
    Ok(())
}

/// Noted when it began; what ends it is noted as a refusal.
async fn publish_on((shown, stream): (&Shown, &StreamId), gate: &Gate) -> Result<(), Failure> {
    let credential = shown.credential();
    let permit = gate.publish(&credential, stream, Sending::GoesOn).await;
    Ok(permit.map(drop)?)
}

async fn play(
    request: &HttpRequest,
    (shown, stream): (&Shown, &StreamId),
    gate: &Gate,
) -> Result<(), Failure> {
    let credential = shown.credential();
    let caller = gate.hear(&credential).await?;
    let permit = gate.play(&caller, &credential, stream).await?;
    audit::hooked(request, ("play", permit.principal()), stream)?;
    Ok(())
}

async fn play_on((shown, stream): (&Shown, &StreamId), gate: &Gate) -> Result<(), Failure> {
    let credential = shown.credential();
    let caller = gate.hear(&credential).await?;
    Ok(gate.would_play(&caller, &credential, stream).await?)
}
