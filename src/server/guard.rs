//! The guards in handlers' signatures: a handler that takes one cannot forget to ask the gate.
//!
//! Both are made from the request's head alone; no byte of a body is read before. Must not know:
//! what is presented, or how the gate decides.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{FutureExt as _, LocalBoxFuture};

use super::audit;
use super::credential::{PathToken, presented, presented_from};
use super::error::{Code, Failure};
use super::proxy::client_address;
use crate::access::{Act, Admitted, Caller, Credential, Gate, Permit, StreamAction};
use crate::domain::{Denied, StreamId};

/// A request whose credential verifies. What it may do is asked with it, at the gate.
pub(super) struct Guarded(Admitted);

/// A viewer's request of which something verifies, or may once it is known what is asked for.
pub(super) struct Viewing {
    request: HttpRequest,
    ip: Option<IpAddr>,
    path_token: Option<PathToken>,
    caller: Caller,
}

impl Viewing {
    /// What verified.
    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The answer to whom the gate refuses what is asked.
    pub(super) fn refused(&self, denied: Denied, stream: Option<&StreamId>) -> Failure {
        let who = self.caller.principal().map(Arc::clone);
        let policy = stream.and_then(|stream| self.policy(stream));
        Failure::from(denied).about(who, stream.cloned(), policy)
    }

    /// The place of the stream's policy, by which the request is decided.
    pub(super) fn policy(&self, stream: &StreamId) -> Option<usize> {
        self.caller.policy(stream)
    }

    /// What was presented.
    pub(super) fn shown(&self) -> Credential<'_> {
        shown(&self.request, self.ip, self.path_token.as_ref())
    }

    /// The client's address, if it is known.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        self.ip
    }
}

/// A request that may do `A` with the stream in its path.
pub(super) struct Permitted<A: Act>(Permit<A>);

impl Deref for Guarded {
    type Target = Admitted;

    fn deref(&self) -> &Admitted {
        &self.0
    }
}

impl<A: Act> Deref for Permitted<A> {
    type Target = Permit<A>;

    fn deref(&self) -> &Permit<A> {
        &self.0
    }
}

impl FromRequest for Guarded {
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move { admit(&request).await.map(Self) }.boxed_local()
    }
}

impl FromRequest for Viewing {
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move {
            audit::admit(&request)?;
            let ip = client_address(&request);
            let path_token = PathToken::of(&request);
            let shown = shown(&request, ip, path_token.as_ref());
            let caller = gate(&request)?.hear(&shown).await?;
            Ok(Self {
                request,
                ip,
                path_token,
                caller,
            })
        }
        .boxed_local()
    }
}

impl<A: StreamAction + 'static> FromRequest for Permitted<A> {
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move { permit(&request).await.map(Self) }.boxed_local()
    }
}

fn shown<'a>(
    request: &'a HttpRequest,
    ip: Option<IpAddr>,
    path_token: Option<&'a PathToken>,
) -> Credential<'a> {
    let mut shown = presented_from(request, ip);
    shown.target.token = path_token.map(PathToken::expose);
    shown
}

async fn permit<A: StreamAction>(request: &HttpRequest) -> Result<Permit<A>, Failure> {
    let who = admit(request).await?;
    let stream = stream_in(request)?;
    Ok(gate(request)?.manage(&who, &stream)?)
}

async fn admit(request: &HttpRequest) -> Result<Admitted, Failure> {
    audit::admit(request)?;
    let who = gate(request)?.admit(&presented(request)).await?;
    audit::remember(request, &who);
    Ok(who)
}

/// The gate that every listener has.
pub(super) fn gate(request: &HttpRequest) -> Result<&Gate, Failure> {
    let gate = request.app_data::<Data<Gate>>().map(|gate| &***gate);
    gate.ok_or_else(|| Failure::new(Code::Internal).reason(&"no gate is wired"))
}

/// The `{stream}` of the path.
fn stream_in(request: &HttpRequest) -> Result<StreamId, Failure> {
    let text = request.match_info().get("stream").unwrap_or_default();
    text.parse().map_err(|error| Failure::bad_request(&error))
}
