//! What an operator may see of live sessions: those of the streams that its credential is for.
//!
//! Must not know: how it is shown.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Live, away};
use crate::access::gate::Seal;
use crate::api::LiveSession;
use crate::domain::{Denied, Principal, StreamId, StreamPattern};
use crate::store::{SessionFilter, SessionName, SessionRow, StoreError};

/// Rows that are read at once.
const PAGE: u32 = 1_000;
/// Pages of one question; there may be more to find after them.
const MOST_PAGES: u32 = 20;

/// Leave to look at viewers. Only [`crate::access::Gate::survey`] makes one.
pub struct Survey(Arc<Principal>);

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

impl Survey {
    pub(in crate::access) fn new(_: Seal, principal: Arc<Principal>) -> Self {
        Self(principal)
    }

    fn sees(&self, stream: &StreamId, pattern: Option<&StreamPattern>) -> bool {
        self.0.covers(stream) && pattern.is_none_or(|pattern| pattern.matches(stream))
    }
}

impl Live {
    /// How many watch each stream, at all servers.
    pub async fn viewers(
        &self,
        survey: &Survey,
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
        survey: &Survey,
        listing: &Listing,
    ) -> Option<Result<(Vec<LiveSession>, Option<String>), Denied>> {
        let after = match &listing.after {
            Some(text) => Some(place(text)?),
            None => None,
        };
        let listed = self.pages(survey, listing, after).await;
        Some(listed.map_err(|error| away(&error)))
    }

    async fn pages(
        &self,
        survey: &Survey,
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
                    return Ok((found, after.as_ref().map(text)));
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
        Ok((found, after.as_ref().map(text)))
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

/// A place in the list, in one word.
fn text(name: &SessionName) -> String {
    let parts = [&*name.scheme, &name.session, &name.subject];
    URL_SAFE_NO_PAD.encode(parts.join("\n"))
}

fn place(text: &str) -> Option<SessionName> {
    let parts = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let mut parts = parts.split('\n').filter(|part| !part.contains('\0'));
    Some(SessionName {
        scheme: parts.next()?.into(),
        session: parts.next()?.to_owned(),
        subject: parts.next()?.to_owned(),
    })
}
