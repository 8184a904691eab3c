//! What the configuration says of who gets in: schemes and policies, replaced as a whole while the
//! server runs. A request is heard and decided under the same.
//!
//! Must not know: who asks.

use std::convert::Infallible;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::access::config::{AccessConfigError, Config};
use crate::access::grant::Grants;
use crate::access::policy::Policies;
use crate::access::ring::Ring;
use crate::access::scheme::{Schemes, SchemesConfig};
use crate::access::session::Sessions;
use crate::access::users;
use crate::domain::Clock;
use crate::outbound;
use crate::store::Store;

/// Rules, and what verified under them lately.
pub(in crate::access) struct Rules {
    pub(super) schemes: Schemes,
    pub(super) policies: Policies,
    /// As they are configured, for who explains.
    pub(super) configured: (SchemesConfig, outbound::Config),
}

/// What every set of rules is made with, whatever the configuration says.
pub(super) struct Ours {
    pub(super) grants: Arc<Grants>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) ring: Arc<Ring>,
    pub(super) store: Store,
}

/// The rules in force.
pub(super) struct InForce {
    rules: ArcSwap<Rules>,
    replaced: Notify,
}

impl Rules {
    /// Reads the secret files that `config` names.
    pub(super) fn new(config: &Config, ours: &Ours) -> Result<Self, AccessConfigError> {
        let makers = (Arc::clone(&ours.grants), Arc::clone(&ours.sessions));
        Ok(Self {
            schemes: Schemes::new(
                &config.schemes,
                &config.outbound,
                &config.client_certificates,
                makers,
                (ours.store.clone(), users::open(&config.users)?),
            )?,
            policies: Policies::new(&config.policies, &config.schemes)?,
            configured: (config.schemes.clone(), config.outbound.clone()),
        })
    }
}

impl InForce {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules: ArcSwap::from_pointee(rules),
            replaced: Notify::new(),
        }
    }

    /// For a request that begins now.
    pub(super) fn get(&self) -> Arc<Rules> {
        self.rules.load_full()
    }

    /// From the next request on. What verified under the old rules is forgotten with them. The keys
    /// of issuers that are still asked in the same way are not: an issuer may be away just now.
    pub(super) fn replace(&self, rules: Rules) {
        rules.schemes.inherit(&self.get().schemes);
        self.rules.store(Arc::new(rules));
        self.replaced.notify_one();
    }

    /// Keeps the keys of issuers fresh, for ever, whatever the rules are by then.
    pub(super) async fn keep_keys(&self, clock: &dyn Clock) -> Infallible {
        loop {
            let rules = self.get();
            tokio::select! {
                never = rules.schemes.keep_keys(clock) => match never {},
                () = self.replaced.notified() => {}
            }
        }
    }
}
