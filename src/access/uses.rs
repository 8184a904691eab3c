//! Tokens that may be used a few times only: JWT's `maxuses`, CAT's `catreplay`.
//!
//! Each key, playlist and session that a token opens is a use, a repeated one too: who asks again is
//! not known to be the same. What a playlist or session then opens was asked for with that use.
//! Must not know: schemes, or HTTP.

use moka::sync::Cache;

use super::scheme::Fault;
use crate::domain::{Denied, Principal};
use crate::store::{CountedToken, Store, StoreError};

/// The most tokens that are known to be spent without a look into the store.
const MOST_SPENT: u64 = 64 * 1024;

/// Counts uses in the store, so that servers of one database count together.
pub(super) struct Uses {
    store: Store,
    /// By scheme and token; what is spent stays so.
    spent: Cache<(String, String), u32>,
}

impl Uses {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            spent: Cache::new(MOST_SPENT),
        }
    }

    /// Takes one use, durably, after everything else is decided. Nothing is asked for a token without
    /// a count.
    ///
    /// Refuses with [`Denied::BadCredential`] when all are spent, with [`Denied::Undecided`] when
    /// the store does not answer.
    pub(super) async fn spend(&self, principal: &Principal) -> Result<(), Denied> {
        let Some(most) = principal.uses else {
            return Ok(());
        };
        // Boxed: requests without a count, which are most, must not carry the store's future about.
        Box::pin(self.spend_one(principal, most)).await
    }

    /// Whether one is left, without taking it.
    pub(super) async fn check(&self, principal: &Principal) -> Result<(), Denied> {
        let Some(most) = principal.uses else {
            return Ok(());
        };
        Box::pin(self.check_one(principal, most)).await
    }

    async fn check_one(&self, principal: &Principal, most: u32) -> Result<(), Denied> {
        self.not_known_spent(principal, most)?;
        let used = self.store.uses(counted(principal)).await;
        match used.map_err(|error| away(&error))? < most {
            true => Ok(()),
            false => Err(self.note_spent(principal, most)),
        }
    }

    async fn spend_one(&self, principal: &Principal, most: u32) -> Result<(), Denied> {
        self.not_known_spent(principal, most)?;
        match self.store.spend_use(counted(principal), most).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.note_spent(principal, most)),
            Err(error) => Err(away(&error)),
        }
    }

    /// Who shows a spent token again and again costs the store nothing.
    fn not_known_spent(&self, principal: &Principal, most: u32) -> Result<(), Denied> {
        let known = self.spent.get(&name(principal));
        let is_spent = known.is_some_and(|spent| spent >= most);
        (!is_spent).then_some(()).ok_or(Fault::Spent.into())
    }

    fn note_spent(&self, principal: &Principal, most: u32) -> Denied {
        self.spent.insert(name(principal), most);
        Fault::Spent.into()
    }
}

fn name(principal: &Principal) -> (String, String) {
    (principal.scheme.to_string(), principal.token.clone())
}

fn counted(principal: &Principal) -> CountedToken<'_> {
    CountedToken {
        scheme: &principal.scheme,
        token: &principal.token,
        expires: principal.expires,
    }
}

fn away(error: &StoreError) -> Denied {
    let error: &dyn std::error::Error = error;
    tracing::error!(error, "cannot count a token's use");
    Denied::Undecided("the store of counted tokens does not answer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::testing::{Bench, START};
    use crate::access::{Admitted, Gate};
    use crate::domain::{Action, KeyFacts, Kid, PeriodState, PrincipalKind};

    fn viewer(token: &str, uses: Option<u32>) -> Admitted {
        Gate::assume(Principal {
            kind: PrincipalKind::Viewer,
            scheme: "viewers".into(),
            also: Vec::new(),
            subject: "alice".to_owned(),
            session: token.to_owned(),
            token: token.to_owned(),
            streams: vec!["live/a".parse().unwrap()],
            within: vec!["**".parse().unwrap()],
            actions: Action::VIEWER.to_vec(),
            kid: None,
            issued: None,
            address: None,
            uses,
            expires: Some(START.plus(std::time::Duration::from_secs(60))),
        })
    }

    fn key(state: PeriodState) -> KeyFacts {
        KeyFacts {
            kid: Kid::from_bytes([1; 16]),
            stream: "live/a".parse().unwrap(),
            state,
        }
    }

    async fn deliver(bench: &Bench, who: &Admitted, key: &KeyFacts) -> Result<(), Denied> {
        bench.deliver(who, Some(key)).await.map(drop)
    }

    #[tokio::test]
    async fn what_is_opened_is_a_use_and_a_refusal_is_none() {
        let bench = Bench::open().await;
        let spent = Denied::from(Fault::Spent);
        let (twice, often) = (viewer("a", Some(2)), viewer("b", None));
        let (active, gone) = (key(PeriodState::Active), key(PeriodState::Revoked));
        assert_eq!(deliver(&bench, &twice, &gone).await, Err(Denied::KeyGone));
        assert_eq!(deliver(&bench, &twice, &active).await, Ok(()));
        assert_eq!(deliver(&bench, &twice, &active).await, Ok(()));
        let stream = active.stream.clone();
        let other = viewer("c", Some(1));
        assert!(bench.play(&other, &stream).await.is_ok());
        assert_eq!(
            bench.play(&other, &stream).await.map(drop),
            Err(spent.clone())
        );
        for _ in 0..3 {
            assert_eq!(deliver(&bench, &twice, &active).await, Err(spent.clone()));
            assert_eq!(deliver(&bench, &often, &active).await, Ok(()));
        }
    }

    #[tokio::test]
    async fn while_the_store_is_away_nothing_is_delivered_that_is_counted() {
        let bench = Bench::open().await;
        let active = key(PeriodState::Active);
        bench.store.close().await;
        let found = deliver(&bench, &viewer("a", Some(2)), &active).await;
        assert!(matches!(found, Err(Denied::Undecided(_))), "{found:?}");
        assert_eq!(deliver(&bench, &viewer("b", None), &active).await, Ok(()));
    }
}
