//! `/v1/sessions`: a viewer's token is exchanged for a session; `current` is the cookie's own.
//!
//! A browser sends our cookie whatever page made it ask. So what a cookie alone speaks for changes
//! only for pages of `server.allowed_origins`. Must not know: how a session is signed.

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use super::audit;
use super::body::json_or_default;
use super::envelope::Surroundings;
use super::error::{Code, Failure};
use super::guard::Viewing;
use super::streams::unstored;
use crate::access::{Begun, Cookie, Gate, Headers, RevokeError, SESSION_COOKIE};
use crate::api::{CurrentSessionView, SessionRequest, SessionView, Text};
use crate::domain::{Clock, Denied, StreamPattern};

pub(super) async fn begin(
    request: HttpRequest,
    who: Viewing,
    body: Payload,
    (gate, around): (Data<Gate>, Data<Surroundings>),
    clock: Data<dyn Clock>,
) -> Result<HttpResponse, Failure> {
    let asked: SessionRequest = json_or_default(&request, body).await?;
    let stream = asked.stream.map(|Text(stream)| stream);
    let is_another_site =
        request.headers().get(header::ORIGIN).is_some() && !is_ours(&request, &around);
    let mut shown = who.shown();
    let cookieless = Cookieless(shown.headers);
    // A browser sends whatever cookie a scheme reads, and its token may have a few uses only.
    if is_another_site {
        shown.headers = &cookieless;
    }
    let begun = gate.begin_session(who.caller(), &shown, stream.as_ref());
    let is_by_cookie = is_another_site && request.headers().contains_key(header::COOKIE);
    let begun = begun.await.map_err(|denied| match denied {
        Denied::NoCredential if is_by_cookie => Denied::WrongPage("its cookie is another site's"),
        denied => denied,
    });
    let begun = begun.map_err(|denied| who.refused(denied, stream.as_ref()))?;
    note(&request, (&gate, &begun), &who)?;
    let mut answer = HttpResponse::Ok();
    // Another site must not put its own session into a browser.
    if !is_another_site {
        set_cookies(&mut answer, &begun, &gate, &**clock);
    }
    Ok(answered(&mut answer, begun))
}

pub(super) async fn renew(
    request: HttpRequest,
    who: Viewing,
    (gate, around): (Data<Gate>, Data<Surroundings>),
    clock: Data<dyn Clock>,
) -> Result<HttpResponse, Failure> {
    check_page(&request, &who, &around)?;
    let begun = gate.renew_session(who.caller(), &who.shown()).await;
    let begun = begun.map_err(|denied| who.refused(denied, None))?;
    let begun = begun.ok_or_else(none)?;
    note(&request, (&gate, &begun), &who)?;
    let mut answer = HttpResponse::Ok();
    set_cookies(&mut answer, &begun, &gate, &**clock);
    Ok(answered(&mut answer, begun))
}

/// Writes down that a session is handed out.
fn note(
    request: &HttpRequest,
    (gate, begun): (&Gate, &Begun),
    who: &Viewing,
) -> Result<(), Failure> {
    if let Some(session) = gate.principal_of(begun) {
        audit::began(request, &session, who.ip())?;
    }
    Ok(())
}

pub(super) async fn current(who: Viewing, gate: Data<Gate>) -> Result<HttpResponse, Failure> {
    let session = gate.session_of(who.caller()).ok_or_else(none)?;
    let session = session.principal();
    let streams: Vec<StreamPattern> = session.streams.clone();
    let view = CurrentSessionView {
        session: session.session.clone(),
        viewer: session.subject.clone(),
        streams: streams.into_iter().map(Text).collect(),
        expires: session.expires.map(Text),
    };
    Ok(unstored(&mut HttpResponse::Ok(), &view))
}

pub(super) async fn end(
    request: HttpRequest,
    who: Viewing,
    (gate, around): (Data<Gate>, Data<Surroundings>),
) -> Result<HttpResponse, Failure> {
    check_page(&request, &who, &around)?;
    let session = gate.session_of(who.caller());
    let mut answer = match gate.end_session(who.caller(), &who.shown()).await {
        Ok(true) => {
            if let Some(session) = &session {
                audit::ended(&request, session.principal(), who.ip());
            }
            HttpResponse::NoContent().finish()
        }
        Ok(false) => return Err(none()),
        Err(error) => HttpResponse::from_error(not_ended(error)),
    };
    // The next at this browser is not this viewer, whether or not copies of the cookie stay good.
    for name in [SESSION_COOKIE, Cookie::HDNTL] {
        if let Ok(text) = HeaderValue::from_str(&gate.cookie().cleared(name)) {
            answer.headers_mut().append(header::SET_COOKIE, text);
        }
    }
    Ok(answer)
}

/// A viewer has nothing to lift, so that it is no conflict: there is room again when sessions that were
/// ended are over.
fn not_ended(error: RevokeError) -> Failure {
    match error {
        RevokeError::Full => Failure::new(Code::Unavailable)
            .detail(&"as many sessions were ended as the server can remember: try again later"),
        RevokeError::Spent | RevokeError::Unavailable(_) => error.into(),
    }
}

fn none() -> Failure {
    Failure::new(Code::NotFound).detail(&"the request has no session of its own")
}

fn answered(answer: &mut HttpResponseBuilder, begun: Begun) -> HttpResponse {
    let view = SessionView {
        session: begun.id,
        grant: begun.grant.expose().to_owned(),
        expires: Text(begun.expires),
        hdntl: begun.hdntl.map(|token| token.text.expose().to_owned()),
    };
    unstored(answer, &view)
}

fn set_cookies(answer: &mut HttpResponseBuilder, begun: &Begun, gate: &Gate, clock: &dyn Clock) {
    let now = clock.now();
    let mut set = |name: &str, value: &str, expires| {
        let text = gate.cookie().set(name, value, expires, now);
        // A cookie's value is what grants and EdgeAuth tokens are made of: no separators.
        if let Ok(text) = HeaderValue::from_str(&text) {
            answer.append_header((header::SET_COOKIE, text));
        }
    };
    set(SESSION_COOKIE, begun.cookie.expose(), begun.expires);
    if let Some(token) = &begun.hdntl {
        set(Cookie::HDNTL, token.text.expose(), token.expires);
    }
}

/// Refuses what only the cookie vouches for, unless a page of ours asks.
fn check_page(request: &HttpRequest, who: &Viewing, around: &Surroundings) -> Result<(), Failure> {
    if !who.shown().has_session_cookie() || is_ours(request, around) {
        return Ok(());
    }
    let why = "a cookie's session is changed by pages of server.allowed_origins alone";
    Err(Failure::new(Code::Forbidden).detail(&why))
}

/// Every header but the cookies.
struct Cookieless<'h>(&'h dyn Headers);

impl Headers for Cookieless<'_> {
    fn values<'a>(&'a self, name: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        match name {
            "cookie" => Box::new(std::iter::empty()),
            name => self.0.values(name),
        }
    }
}

/// Whether the page that asks is listed, or of this server.
fn is_ours(request: &HttpRequest, around: &Surroundings) -> bool {
    let Some(origin) = request.headers().get(header::ORIGIN) else {
        return false;
    };
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    around.origins.lists(origin) || *origin == *format!("https://{host}").as_str()
}
