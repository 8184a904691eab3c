//! Who asks by SPEKE: as everywhere, and by HTTP's digest where a credential was made for it. No other route hears
//! of digest.
//!
//! Must not know: what the digest is made of.

use std::ops::Deref;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::{FutureExt as _, LocalBoxFuture};

use crate::access::{Admitted, digest_advice};
use crate::server::audit;
use crate::server::credential::presented;
use crate::server::error::Failure;
use crate::server::guard::gate;

/// A request whose credential verifies.
pub(in crate::server) struct Packager(Admitted);

impl Deref for Packager {
    type Target = Admitted;

    fn deref(&self) -> &Admitted {
        &self.0
    }
}

impl FromRequest for Packager {
    type Error = Failure;
    type Future = LocalBoxFuture<'static, Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        async move { admit(&request).await.map(Self) }.boxed_local()
    }
}

async fn admit(request: &HttpRequest) -> Result<Admitted, Failure> {
    audit::admit(request)?;
    let (gate, shown) = (gate(request)?, presented(request));
    let outcome = match gate.admit_digest(&shown).await {
        Some(Ok(who)) => Ok(who),
        // A digest that does not fit hides no other credential beside it.
        Some(Err(denied)) => gate.admit(&shown).await.map_err(|_| denied),
        None => gate.admit(&shown).await,
    };
    match outcome {
        Ok(who) => {
            audit::remember(request, &who);
            Ok(who)
        }
        Err(denied) => {
            let challenge = gate.digest_challenge(&denied).await;
            let advice = digest_advice(&denied);
            let failure = Failure::from(denied).or_digest(challenge);
            Err(match advice {
                Some(advice) => failure.detail(&advice),
                None => failure,
            })
        }
    }
}
