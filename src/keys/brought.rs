//! Keys for packagers that bring kids of their own and say by them where they rotate.
//!
//! Must not know: in which document a kid came, or what is encrypted.

use crate::access::{self, Permit};
use crate::crypto::ContentKey;
use crate::domain::{BroughtKid, Kid, StreamId, Timestamp};
use crate::store::{BroughtRow, NewBrought, StoreError, StreamRow};

use super::{ATTEMPTS, Keys, KeysError};

/// A kid whose key is asked for, and what is said of its period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BroughtAsk {
    /// The packager's kid.
    pub kid: BroughtKid,
    /// The period's index: the key is over some time after a period two later was asked for.
    pub ordinal: Option<i64>,
    /// The period's end: the key is over some time after it.
    pub ends: Option<Timestamp>,
}

/// The key of such a kid.
#[derive(Debug, Clone)]
pub struct BroughtKey {
    /// The packager's kid.
    pub brought: BroughtKid,
    /// Ours, which stands in the URI.
    pub kid: Kid,
    /// The key, the same for ever.
    pub key: ContentKey,
    /// Where players fetch it: absolute, the same for ever.
    pub uri: String,
}

impl Keys {
    /// The keys of these kids, in the same order; a stream that is not registered is registered by
    /// the first template that matches. What is not issued yet is issued, durable before the
    /// answer; two that ask for one kid get one key. [`KeysError::Gone`] if a key is no longer
    /// delivered: what would be encrypted under it could not be played.
    pub async fn brought(
        &self,
        permit: &Permit<access::Lease>,
        asks: &[BroughtAsk],
    ) -> Result<Vec<BroughtKey>, KeysError> {
        self.brought_keys(permit.subject(), permit.stream(), asks)
            .await
    }

    pub(super) async fn brought_keys(
        &self,
        subject: &str,
        id: &StreamId,
        asks: &[BroughtAsk],
    ) -> Result<Vec<BroughtKey>, KeysError> {
        for _ in 0..ATTEMPTS {
            let row = self.known_or_templated(subject, id).await?;
            let mut found = Vec::with_capacity(asks.len());
            for ask in asks {
                found.push(self.store.brought(&row, ask.kid).await?);
            }
            let news = asks
                .iter()
                .zip(&found)
                .filter(|(ask, row)| is_news(ask, row));
            let unissued = found.iter().filter(|row| row.is_none()).count();
            let news: Vec<NewBrought> = news.map(|(ask, _)| self.brought_draft(ask)).collect();
            if news.is_empty() {
                let found = asks.iter().zip(found.into_iter().flatten());
                return found.map(|(ask, row)| self.brought_key(ask, row)).collect();
            }
            self.issue_brought((subject, unissued), &row, news).await?;
        }
        Err(KeysError::Busy)
    }

    async fn issue_brought(
        &self,
        (subject, unissued): (&str, usize),
        row: &StreamRow,
        news: Vec<NewBrought>,
    ) -> Result<(), KeysError> {
        let now = self.clock.now();
        self.allowance.take(subject, unissued, now)?;
        match self.store.issue_brought(row, news, now).await {
            Err(StoreError::RetiredMaster(_)) => self.masters.follow(&self.store).await?,
            issued => drop(issued?),
        }
        Ok(())
    }

    /// A new key; where one is issued already, only what was said counts.
    fn brought_draft(&self, ask: &BroughtAsk) -> NewBrought {
        let kid = Kid::random(self.entropy.as_ref());
        let key = ContentKey::random(self.entropy.as_ref());
        NewBrought {
            brought: ask.kid,
            kid,
            sealed_key: self.seal(kid, &key),
            ordinal: ask.ordinal,
            ends: ask.ends,
        }
    }

    fn brought_key(&self, ask: &BroughtAsk, found: BroughtRow) -> Result<BroughtKey, KeysError> {
        let period = found.row.period;
        if !period.state.is_delivered() {
            return Err(KeysError::Gone);
        }
        Ok(BroughtKey {
            brought: ask.kid,
            kid: period.kid,
            key: self.unseal(period.kid, found.row.sealed_key.as_deref())?,
            uri: self.uri(period.kid),
        })
    }
}

/// Whether the store has still to hear of what is asked.
fn is_news(ask: &BroughtAsk, found: &Option<BroughtRow>) -> bool {
    let Some(row) = found else { return true };
    if !row.row.period.state.is_delivered() {
        return false;
    }
    (ask.ordinal.is_some() && ask.ordinal != row.ordinal)
        || (ask.ends.is_some() && ask.ends != row.ends)
}

#[cfg(test)]
mod tests;
