//! Counted uses of tokens: how many of the few that each may have are spent.
//!
//! Must not know: what a use is, or what a token opens.

use super::link::{execute, fetch_optional};
use super::{Lock, Store, StoreError};
use crate::domain::Timestamp;

/// A token with a name of its own, by the scheme that vouches for it.
#[derive(Debug, Clone, Copy)]
pub struct CountedToken<'a> {
    /// The scheme's name.
    pub scheme: &'a str,
    /// The token's.
    pub token: &'a str,
    /// When it ends; `None`: never, and its row stays for good.
    pub expires: Option<Timestamp>,
}

impl Store {
    /// Spends one of `most` uses, durably. `false` if all are spent: whoever asks at the same time,
    /// by whichever server, `most` are told `true`.
    pub async fn spend_use(&self, of: CountedToken<'_>, most: u32) -> Result<bool, StoreError> {
        if most == 0 {
            return Ok(false);
        }
        let mut on = self.write(Lock::Rows).await?;
        let spent = execute!(
            on,
            "INSERT INTO token_uses (scheme, token, used, expires) VALUES ($1, $2, 1, $3)
             ON CONFLICT (scheme, token) DO UPDATE SET used = token_uses.used + 1
             WHERE token_uses.used < $4",
            of.scheme,
            of.token,
            of.expires.map(Timestamp::millis),
            i64::from(most)
        )?;
        on.commit().await?;
        Ok(spent > 0)
    }

    /// How many are spent.
    pub async fn uses(&self, of: CountedToken<'_>) -> Result<u32, StoreError> {
        let mut on = self.read().await?;
        let used = fetch_optional!(
            on,
            (i64,),
            "SELECT used FROM token_uses WHERE scheme = $1 AND token = $2",
            of.scheme,
            of.token
        )?;
        Ok(used.map_or(0, |(used,)| u32::try_from(used).unwrap_or(u32::MAX)))
    }

    /// Forgets tokens that ended before `before`, `limit` at most; says how many.
    pub async fn forget_uses(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        let gone = execute!(
            on,
            "DELETE FROM token_uses WHERE (scheme, token) IN (
                SELECT scheme, token FROM token_uses WHERE expires < $1
                ORDER BY expires LIMIT $2
             )",
            before.millis(),
            i64::from(limit)
        )?;
        on.commit().await?;
        Ok(gone)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::store::testing::scratch;

    const END: Timestamp = Timestamp::from_millis(1_000_000);

    fn token(name: &str) -> CountedToken<'_> {
        CountedToken {
            scheme: "viewers",
            token: name,
            expires: Some(END),
        }
    }

    #[tokio::test]
    async fn a_token_has_so_many_uses_and_no_more() {
        let (_scratch, store) = scratch().await;
        for (most, expected) in [(2, true), (2, true), (2, false), (3, true), (0, false)] {
            assert_eq!(store.spend_use(token("a"), most).await.unwrap(), expected);
        }
        // Others have their own, also one of that name by another scheme.
        let other = CountedToken {
            scheme: "others",
            ..token("a")
        };
        for of in [token("b"), other] {
            assert!(store.spend_use(of, 1).await.unwrap());
            assert!(!store.spend_use(of, 1).await.unwrap());
        }
    }

    #[tokio::test]
    async fn two_servers_in_a_race_spend_each_use_once() {
        let (scratch, one) = scratch().await;
        let two = Store::open(&scratch.config()).await.unwrap();
        let asks = (0..20).map(|at| [&one, &two][at % 2].spend_use(token("a"), 7));
        let answers = join_all(asks).await;
        let spent = answers.into_iter().filter(|it| *it.as_ref().unwrap());
        assert_eq!(spent.count(), 7);
    }

    #[tokio::test]
    async fn what_has_ended_is_forgotten_in_batches_and_nothing_else() {
        let (_scratch, store) = scratch().await;
        let endless = CountedToken {
            expires: None,
            ..token("endless")
        };
        for of in [token("a"), token("b"), token("c"), endless] {
            assert!(store.spend_use(of, 1).await.unwrap());
        }
        let later = END.plus(std::time::Duration::from_millis(1));
        for (before, gone) in [(END, 0), (later, 2), (later, 1), (later, 0)] {
            assert_eq!(store.forget_uses(before, 2).await.unwrap(), gone);
        }
        assert!(store.spend_use(token("a"), 1).await.unwrap());
        assert!(!store.spend_use(endless, 1).await.unwrap());
    }
}
