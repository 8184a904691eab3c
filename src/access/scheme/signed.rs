//! The schemes that sign parts of a request, as one: each instance with what it may open.
//!
//! Must not know: the clock; the caller checks the time.

use std::time::Duration;

use super::Fault;
use super::cat::{self, Cat, Renewed, Terms};
use super::config::{SchemeConfig, SchemeFault, SchemesConfig};
use super::edgeauth::{self, EdgeAuth, LongLived};
use super::explain::Finding;
use super::hdnts::{self, Hdnts};
use super::order::{Order, SignFault};
use super::request::{Purpose, Request};
use super::scope::Scope;
use super::securetoken::{self, SecureToken};
use super::urlparams::{self, UrlParams};
use super::verified::Verified;
use super::vouched::Vouched;
use super::wmsauth::{self, WmsAuth};
use crate::access::config::AccessConfigError;
use crate::domain::{Principal, StreamPattern, Timestamp};

/// One instance.
pub(in crate::access) struct SignedRequests {
    scheme: Scheme,
    scope: Scope,
}

enum Scheme {
    SecureToken(SecureToken),
    WmsAuth(WmsAuth),
    Hdnts(Hdnts),
    EdgeAuth(EdgeAuth),
    UrlParams(UrlParams),
    Cat(Box<Cat>),
}

/// Every such instance, in the order of their names.
pub(super) fn load(config: &SchemesConfig) -> Result<Vec<SignedRequests>, AccessConfigError> {
    let loaded = config.0.iter().map(|(name, config)| {
        SignedRequests::load(name, config).map_err(|fault| AccessConfigError::Scheme {
            name: name.clone(),
            fault,
        })
    });
    loaded.filter_map(Result::transpose).collect()
}

impl SignedRequests {
    /// `None` for a kind whose tokens stand for themselves.
    pub(in crate::access) fn load(
        name: &str,
        config: &SchemeConfig,
    ) -> Result<Option<Self>, SchemeFault> {
        let (scheme, scope) = match config {
            SchemeConfig::Jwt(_) => return Ok(None),
            SchemeConfig::SecureToken(config) => wrap(Scheme::SecureToken, config.load(name)?),
            SchemeConfig::WmsAuth(config) => wrap(Scheme::WmsAuth, config.load(name)?),
            SchemeConfig::Hdnts(config) => wrap(Scheme::Hdnts, config.load(name)?),
            SchemeConfig::EdgeAuth(config) => wrap(Scheme::EdgeAuth, config.load(name)?),
            SchemeConfig::UrlParams(config) => wrap(Scheme::UrlParams, config.load(name)?),
            SchemeConfig::Cat(config) => {
                let (scheme, scope) = config.load(name)?;
                (Scheme::Cat(Box::new(scheme)), scope)
            }
        };
        Ok(Some(Self { scheme, scope }))
    }

    /// Gives what is said of every token of this scheme in the request, in their order: one that is over
    /// or revoked masks no other. Nothing, if the request shows nothing of this scheme.
    pub(in crate::access) fn verify_each(
        &self,
        request: &Request<'_>,
        take: &mut dyn FnMut(Result<Verified, Fault>),
    ) {
        let mut admit = |outcome: Result<Vouched, Fault>| {
            take(outcome.map(|vouched| self.scope.admit(vouched)));
        };
        let one = match &self.scheme {
            Scheme::UrlParams(scheme) => scheme.verify(request),
            _ if request.purpose == Purpose::Publish => None,
            Scheme::SecureToken(scheme) => scheme.verify(request),
            Scheme::WmsAuth(scheme) => scheme.verify(request),
            Scheme::Hdnts(scheme) => scheme.verify(request),
            Scheme::EdgeAuth(scheme) => return scheme.verify_each(request, &mut admit),
            Scheme::Cat(scheme) => return scheme.verify_each(request, &mut admit),
        };
        one.into_iter().for_each(admit);
    }

    /// Whether the request shows something that this scheme reads, good or not: cheap.
    pub(super) fn is_shown(&self, request: &Request<'_>) -> bool {
        match &self.scheme {
            Scheme::UrlParams(scheme) => scheme.is_shown(request),
            Scheme::SecureToken(scheme) => scheme.is_shown(request),
            Scheme::WmsAuth(_) => wmsauth::is_shown(request),
            Scheme::Hdnts(_) => hdnts::is_shown(request),
            Scheme::EdgeAuth(scheme) => scheme.is_shown(request),
            Scheme::Cat(_) => cat::is_shown(request),
        }
    }

    /// The long-lived token that the request's own is exchanged for, where the scheme has such.
    pub(super) fn exchange(
        &self,
        request: &Request<'_>,
        who: &Principal,
        terms: (Timestamp, Option<Duration>),
    ) -> Option<LongLived> {
        match &self.scheme {
            Scheme::EdgeAuth(scheme) if self.scope.is_of(who) => {
                scheme.exchange(request, &who.token, terms)
            }
            _ => None,
        }
    }

    /// What follows the token that `who` was read from, where it asks to be renewed.
    pub(super) fn renew(
        &self,
        request: &Request<'_>,
        who: &Principal,
        terms: Terms<'_>,
    ) -> Option<Renewed> {
        match &self.scheme {
            Scheme::Cat(scheme) if self.scope.is_of(who) => {
                scheme.renew(request, &who.token, terms)
            }
            _ => None,
        }
    }

    /// Whether a token's last second counts whole: not where the end is said to be outside
    /// (RFC 8392 §3.1.4).
    pub(in crate::access) fn counts_last_second(&self) -> bool {
        !matches!(self.scheme, Scheme::Cat(_))
    }

    /// The fault of a request as far as more work can tell it apart: for who explains.
    pub(in crate::access) fn told_apart(&self, fault: Fault, request: &Request<'_>) -> Fault {
        match &self.scheme {
            Scheme::SecureToken(scheme)
                if fault == Fault::Hash && scheme.is_other_switch(request) =>
            {
                Fault::Address
            }
            Scheme::UrlParams(_) if fault == Fault::None && urlparams::is_path(request) => {
                Fault::FilePath
            }
            _ => fault,
        }
    }

    /// Whether its media server's load balancer puts an application of its own before the path, which
    /// no signer hashes.
    pub(in crate::access) fn is_redirected(&self) -> bool {
        matches!(self.scheme, Scheme::SecureToken(_))
    }

    /// The streams of the group that the request's content is the name of, if it is one.
    pub(in crate::access) fn group(&self, request: &Request<'_>) -> Option<&[StreamPattern]> {
        let groups = match &self.scheme {
            Scheme::SecureToken(scheme) => scheme.groups(),
            Scheme::WmsAuth(scheme) => scheme.groups(),
            _ => return None,
        };
        groups.streams(request.stream())
    }

    /// What is found out about the request's token, whether or not it verifies.
    pub(in crate::access) fn explain(&self, request: &Request<'_>) -> Finding {
        match &self.scheme {
            Scheme::SecureToken(scheme) => securetoken::explain(scheme, request),
            Scheme::WmsAuth(scheme) => wmsauth::explain(scheme, request),
            Scheme::Hdnts(scheme) => hdnts::explain(scheme, request),
            Scheme::EdgeAuth(scheme) => edgeauth::explain(scheme, request),
            Scheme::UrlParams(scheme) => urlparams::explain(scheme, request),
            Scheme::Cat(scheme) => cat::explain(scheme, request),
        }
    }

    /// A query for the order; whether the instance will take it is not looked at.
    pub(in crate::access) fn sign(&self, order: Order<'_>) -> Result<String, SignFault> {
        let is_one_url = matches!(self.scheme, Scheme::EdgeAuth(_));
        if order.file.is_some() && !is_one_url {
            return Err(SignFault::File);
        }
        let publishes = matches!(self.scheme, Scheme::UrlParams(_));
        if order.purpose == Purpose::Publish && !publishes {
            return Err(SignFault::Publish);
        }
        let signed = match &self.scheme {
            Scheme::SecureToken(scheme) => securetoken::sign(scheme, order)?,
            Scheme::WmsAuth(scheme) => wmsauth::sign(scheme, order)?,
            Scheme::Hdnts(scheme) => hdnts::sign(scheme, order),
            Scheme::EdgeAuth(scheme) => edgeauth::sign(scheme, order)?,
            Scheme::UrlParams(scheme) => urlparams::sign(scheme, order.purpose),
            Scheme::Cat(scheme) => cat::sign(scheme, order),
        };
        signed.ok_or(SignFault::NoKey)
    }

    /// Whether the instance's tokens say for whom they are.
    pub(in crate::access) fn names_subjects(&self) -> bool {
        match &self.scheme {
            Scheme::SecureToken(scheme) => scheme.names_subjects(),
            Scheme::WmsAuth(_) | Scheme::EdgeAuth(_) | Scheme::Cat(_) => true,
            Scheme::Hdnts(_) | Scheme::UrlParams(_) => false,
        }
    }
}

fn wrap<T>(of: fn(T) -> Scheme, (scheme, scope): (T, Scope)) -> (Scheme, Scope) {
    (of(scheme), scope)
}

#[cfg(test)]
mod tests;
