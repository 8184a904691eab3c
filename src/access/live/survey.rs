//! What an operator may see of live sessions: those of the streams that its credential is for.
//!
//! Must not know: how it is shown.

use std::sync::Arc;

use super::{Live, away};
use crate::access::gate::Seal;
use crate::access::position::Positions;
use crate::api::LiveSession;
use crate::domain::{Denied, Principal, StreamId, StreamPattern};
use crate::store::{SessionFilter, SessionName, SessionRow, StoreError};

/// Rows that are read at once.
const PAGE: u32 = 1_000;
/// Pages of one question; there may be more to find after them.
const MOST_PAGES: u32 = 20;

/// Leave to look at viewers. Only [`crate::access::Gate::survey`] makes one.
pub struct Survey<'g> {
    who: Arc<Principal>,
    positions: Positions<'g>,
}

/// Which sessions are listed.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Of this viewer alone.
    pub viewer: Option<String>,
    /// On these streams alone.
    pub streams: Option<StreamPattern>,
    /// After the place that an earlier answer ended at.
    pub after: Option<String>,
    /// How many at most.
    pub limit: usize,
}

impl<'g> Survey<'g> {
    pub(in crate::access) fn new(_: Seal, who: Arc<Principal>, positions: Positions<'g>) -> Self {
        Self { who, positions }
    }

    fn sees(&self, stream: &StreamId, pattern: Option<&StreamPattern>) -> bool {
        self.who.covers(stream) && pattern.is_none_or(|pattern| pattern.matches(stream))
    }

    /// What to show of the place after which a list goes on: another's session may lie there.
    fn place(&self, after: &SessionName) -> String {
        let parts = [&*after.scheme, &after.session, &after.subject];
        self.positions.sealed(&parts.join("\n"))
    }

    fn place_of(&self, text: &str) -> Option<SessionName> {
        let place = self.positions.opened(text)?;
        let mut parts = place.split('\n');
        Some(SessionName {
            scheme: parts.next()?.into(),
            session: parts.next()?.to_owned(),
            subject: parts.next()?.to_owned(),
        })
    }
}

impl Live {
    /// How many watch each stream, at all servers.
    pub async fn viewers(
        &self,
        survey: &Survey<'_>,
        streams: Option<&StreamPattern>,
    ) -> Result<Vec<(StreamId, u64)>, Denied> {
        let counted = async {
            self.write().await?;
            self.store.viewers(self.alive(), self.clock.now()).await
        };
        let mut counts = counted.await.map_err(|error| away(&error))?;
        counts.retain(|(stream, _)| survey.sees(stream, streams));
        Ok(counts)
    }

    /// Live sessions at all servers, and where to go on if there may be more. `None` if
    /// [`Listing::after`] is no such place.
    pub async fn list(
        &self,
        survey: &Survey<'_>,
        listing: &Listing,
    ) -> Option<Result<(Vec<LiveSession>, Option<String>), Denied>> {
        let after = match &listing.after {
            Some(text) => Some(survey.place_of(text)?),
            None => None,
        };
        let listed = self.pages(survey, listing, after).await;
        Some(listed.map_err(|error| away(&error)))
    }

    async fn pages(
        &self,
        survey: &Survey<'_>,
        listing: &Listing,
        mut after: Option<SessionName>,
    ) -> Result<(Vec<LiveSession>, Option<String>), StoreError> {
        self.write().await?;
        let times = (self.alive(), self.clock.now());
        let mut found = Vec::new();
        for _ in 0..MOST_PAGES {
            let which = SessionFilter {
                viewer: listing.viewer.as_deref(),
                after: after.as_ref(),
            };
            let page = self.store.live_sessions(which, times, PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            for row in page {
                if found.len() >= listing.limit {
                    return Ok((found, after.map(|after| survey.place(&after))));
                }
                after = Some(row.name.clone());
                if survey.sees(&row.stream, listing.streams.as_ref()) {
                    found.push(row.into());
                }
            }
            if is_last {
                return Ok((found, None));
            }
        }
        Ok((found, after.map(|after| survey.place(&after))))
    }
}

impl From<SessionRow> for LiveSession {
    fn from(row: SessionRow) -> Self {
        Self {
            scheme: row.name.scheme.to_string(),
            session: row.name.session,
            viewer: row.name.subject,
            stream: row.stream.to_string(),
            address: row.address.map(|address| address.to_string()),
            started: row.started.to_string(),
            seen: row.seen.to_string(),
            displaced: row.ends.map(|ends| ends.to_string()),
        }
    }
}
