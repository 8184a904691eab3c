//! Schemes: each turns a token of its own form into a principal, one file for each kind.
//!
//! A new scheme is a file beside `jwt`, a variant of [`SchemeConfig`], and of
//! [`Scheme`] or, where it signs parts of the request, of `signed::Scheme`.
//!
//! Must not know: what the principal then asks for.

mod api_key;
pub(super) mod cat;
pub(super) mod certificate;
mod config;
pub(super) mod digest;
pub(super) mod edgeauth;
pub(super) mod explain;
mod fault;
pub(super) mod grant;
mod groups;
pub(super) mod hdnts;
pub(super) mod jwt;
pub(super) mod order;
mod password;
pub mod path_token;
pub(super) mod request;
mod scope;
mod seconds;
mod secrets;
pub(super) mod securetoken;
pub(super) mod session;
pub(super) mod signed;
mod tilde;
mod turns;
pub(super) mod urlparams;
mod verified;
mod vouched;
pub(super) mod wmsauth;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use cat::Terms;
pub use cat::{CatAlgorithm, CatConfig, CatFault, CatKeyConfig, ClaimKey, Renewed, RenewedIn};
#[cfg(test)]
pub(super) use config::KINDS;
pub use config::{SchemeConfig, SchemeFault, SchemesConfig, SectionError};
pub use edgeauth::{EdgeAuthConfig, EdgeAuthFault, LongLived, MacAlgorithm};
pub(super) use fault::Fault;
pub use groups::{GroupsConfig, GroupsFault, Members};
pub use hdnts::HdntsConfig;
pub use jwt::{ClaimValue, JwtConfig, JwtFault, KeyConfig, RequiredClaim};
pub use secrets::SecretsFault;
pub(super) use secrets::secrets;
pub use securetoken::{HashAlgorithm, SecureTokenConfig};
pub use urlparams::{UrlParamsConfig, UrlParamsFault};
pub(super) use verified::Verified;
pub(super) use vouched::LAST_SECOND;
pub use wmsauth::WmsAuthConfig;

use super::certificate::CertificateConfig;
use super::config::AccessConfigError;
use super::credential::{Asker, Credential, Place, Presented, Token};
use super::grant::Grants;
use super::password::is_user;
use super::session::Sessions;
use super::users::Users;
use crate::crypto::SecretText;
use crate::domain::{Clock, Denied, Principal, Timestamp};
use crate::outbound;
use crate::store::Store;
use api_key::ApiKeys;
use certificate::Certificates;
use jwt::Jwt;
use password::Passwords;
use request::Request;
use signed::SignedRequests;
pub(super) use turns::Turns;
use verified::VerifiedTokens;

/// The names of our own schemes, which no instance may have.
pub(super) const GRANT: &str = "grant";
const API_KEY: &str = "api_key";
const CERTIFICATE: &str = "certificate";
const DIGEST: &str = "digest";
pub(super) const PASSWORD: &str = "password";
pub(super) const SESSION: &str = "session";

/// Every configured instance, and the tokens that lately verified.
pub(super) struct Schemes {
    schemes: Vec<Scheme>,
    /// Those that sign parts of a request, and so verify it for one content alone.
    signed: Vec<SignedRequests>,
    certificates: Certificates,
    cache: VerifiedTokens,
}

/// One instance of a scheme, with its own secrets and streams.
enum Scheme {
    Grant(Arc<Grants>),
    Session(Arc<Sessions>),
    ApiKey(ApiKeys),
    Jwt(Box<Jwt>),
    Password(Box<Passwords>),
}

/// Whether every instance can be loaded.
pub(super) fn check(
    config: &SchemesConfig,
    outbound: &outbound::Config,
) -> Result<(), AccessConfigError> {
    jwt::load(config, outbound)?;
    signed::load(config).map(drop)
}

impl Schemes {
    pub(super) fn new(
        config: &SchemesConfig,
        outbound: &outbound::Config,
        certificates: &[CertificateConfig],
        (grants, sessions): (Arc<Grants>, Arc<Sessions>),
        (store, users): (Store, Vec<Users>),
    ) -> Result<Self, AccessConfigError> {
        let ours = [
            Scheme::Grant(grants),
            Scheme::Session(sessions),
            Scheme::ApiKey(ApiKeys::new(store.clone())),
        ];
        let jwts = jwt::load(config, outbound)?.into_iter();
        let certified = store.clone();
        // Last: a token may come as basic's password, and costs less.
        let passwords = Scheme::Password(Box::new(Passwords::new(store, users)));
        Ok(Self {
            signed: signed::load(config)?,
            schemes: ours
                .into_iter()
                .chain(jwts.map(|jwt| Scheme::Jwt(Box::new(jwt))))
                .chain([passwords])
                .collect(),
            certificates: Certificates::new(certificates, certified)?,
            cache: VerifiedTokens::new(),
        })
    }

    /// Goes on with the keys of issuers that `old` had, where they are asked for as before.
    pub(super) fn inherit(&self, old: &Self) {
        for jwt in self.jwts() {
            old.jwts().for_each(|old| jwt.inherit(old));
        }
    }

    /// Tries every token presented, and the client's certificate last; the first that verifies
    /// decides. If none does, the reason is the last check that any of them came to.
    pub(super) async fn verify(
        &self,
        credential: &Credential<'_>,
        now: Timestamp,
    ) -> Result<Arc<Principal>, Denied> {
        let mut deepest = None;
        // No cookie speaks for a packager or an operator, nor hides who does.
        let is_sent = |presented: &Presented<'_>| !presented.is_in_cookie();
        for presented in credential.presented().filter(is_sent) {
            match self.verify_one(&presented, now).await {
                Ok(principal) => return Ok(principal),
                Err(fault) => deepest = deepest.max(Some(fault)),
            }
        }
        match self.certificates.verify(credential, now).await {
            Some(Ok(principal)) => return Ok(principal),
            Some(Err(fault)) => deepest = deepest.max(Some(fault)),
            None => {}
        }
        Err(deepest.map_or(Denied::NoCredential, Denied::from))
    }

    /// As [`Self::verify`], of all that verify, in their order, and why others do not.
    pub(super) async fn verify_all(
        &self,
        credential: &Credential<'_>,
        now: Timestamp,
    ) -> (Vec<Arc<Principal>>, Option<Denied>) {
        let (mut good, mut deepest) = (Vec::new(), None);
        for presented in credential.presented() {
            match self.verify_one(&presented, now).await {
                Ok(principal) => good.push(principal),
                Err(fault) => deepest = deepest.max(Some(fault)),
            }
        }
        match self.certificates.verify(credential, now).await {
            Some(Ok(principal)) => good.push(principal),
            Some(Err(fault)) => deepest = deepest.max(Some(fault)),
            None => {}
        }
        (good, deepest.map(Denied::from))
    }

    /// The packager whose user that is, whatever its password.
    pub(super) async fn user(
        &self,
        user: &str,
        from: Asker,
        now: Timestamp,
    ) -> Result<Arc<Principal>, Denied> {
        let passwords = self.schemes.iter().find_map(|scheme| match scheme {
            Scheme::Password(passwords) => Some(passwords),
            _ => None,
        });
        let passwords = passwords.filter(|_| is_user(user));
        let passwords = passwords.ok_or(Fault::Password)?;
        let found = passwords.find(user, from, now).await?;
        Ok(found.ok_or(Fault::Password)?.principal)
    }

    /// Tries one token that nobody sent over HTTP.
    pub(super) async fn verify_bearer(
        &self,
        token: &SecretText,
        now: Timestamp,
    ) -> Result<Arc<Principal>, Denied> {
        let (place, text) = (Place::Header, Token::Borrowed(token.expose()));
        let presented = Presented {
            place,
            text,
            user: None,
            from: Asker::default(),
        };
        let verified = self.verify_one(&presented, now).await;
        verified.map_err(Denied::from)
    }

    /// Tries the schemes that sign parts of a request, in their order: all that verify it, and why
    /// others do not. Neither, if it shows nothing of any.
    pub(super) fn verify_request(
        &self,
        request: &Request<'_>,
        now: Timestamp,
    ) -> (Vec<Arc<Principal>>, Option<Fault>) {
        let (mut good, mut deepest) = (Vec::new(), None);
        for instance in &self.signed {
            instance.verify_each(request, &mut |outcome| match outcome
                .and_then(|it| it.check_time(now).map(|()| it))
            {
                Ok(verified) => good.push(verified.principal),
                Err(fault) => deepest = deepest.max(Some(fault)),
            });
        }
        (good, deepest)
    }

    /// Whether the request shows anything that such a scheme reads.
    pub(super) fn is_shown(&self, request: &Request<'_>) -> bool {
        self.signed.iter().any(|it| it.is_shown(request))
    }

    /// The long-lived token that one of the request's is exchanged for.
    pub(super) fn exchange(
        &self,
        request: &Request<'_>,
        who: &Principal,
        terms: (Timestamp, Option<Duration>),
    ) -> Option<LongLived> {
        let mut signed = self.signed.iter();
        signed.find_map(|it| it.exchange(request, who, terms))
    }

    /// What follows the token that `who` was read from, where it asks to be renewed.
    pub(super) fn renew(
        &self,
        request: &Request<'_>,
        who: &Principal,
        terms: Terms<'_>,
    ) -> Option<Renewed> {
        let mut signed = self.signed.iter();
        signed.find_map(|it| it.renew(request, who, terms))
    }

    /// Keeps the keys of issuers fresh, for ever.
    pub(super) async fn keep_keys(&self, clock: &dyn Clock) -> Infallible {
        join_all(self.jwts().map(|jwt| jwt.keep_keys(clock))).await;
        std::future::pending().await
    }

    fn jwts(&self) -> impl Iterator<Item = &Jwt> {
        self.schemes.iter().filter_map(|scheme| match scheme {
            Scheme::Jwt(jwt) => Some(&**jwt),
            _ => None,
        })
    }

    /// Tries every scheme on one token. A cached verification saves the signature, never the
    /// look at the time.
    async fn verify_one(
        &self,
        presented: &Presented<'_>,
        now: Timestamp,
    ) -> Result<Arc<Principal>, Fault> {
        // What verified in a header speaks for nobody in our cookie.
        let is_ours = presented.is_in_cookie();
        let cached = (!is_ours).then(|| self.cache.find(presented.text.expose()));
        let cached = cached.flatten();
        if let Some(verified) = cached.filter(|verified| verified.check_time(now).is_ok()) {
            return Ok(verified.principal);
        }
        let mut deepest = Fault::Form;
        for scheme in &self.schemes {
            let Some(outcome) = scheme.verify(presented, now).await else {
                continue;
            };
            match outcome.and_then(|verified| verified.check_time(now).map(|()| verified)) {
                Ok(verified) => {
                    if scheme.is_costly() {
                        self.cache.keep(presented.text.expose(), &verified, now);
                    }
                    return Ok(verified.principal);
                }
                Err(fault) => deepest = deepest.max(fault),
            }
        }
        Err(deepest)
    }
}

impl Scheme {
    /// `None` if the token does not have this scheme's form. The time is the caller's to check.
    async fn verify(
        &self,
        presented: &Presented<'_>,
        now: Timestamp,
    ) -> Option<Result<Verified, Fault>> {
        match self {
            Self::Session(sessions) => session::verify(sessions, presented),
            // Our cookie holds a session: nothing else in it speaks for anybody.
            _ if presented.is_in_cookie() => None,
            Self::Grant(grants) => grant::verify(grants, presented),
            Self::ApiKey(keys) => keys.verify(presented, now).await,
            Self::Jwt(jwt) => jwt.verify(presented.text.expose(), now).await,
            Self::Password(passwords) => passwords.verify(presented, now).await,
        }
    }

    /// Whether a verification is worth remembering.
    fn is_costly(&self) -> bool {
        matches!(self, Self::Jwt(_))
    }
}

#[cfg(test)]
mod tests;
