//! What operators and the entitlement service do: write rows, take them back, call answers off.
//!
//! An operator sees and changes only what lies within its credential's streams. Must not know: HTTP.

use std::num::NonZeroU32;

use super::consulted::Consulted;
use super::is_name;
use super::signature::{SignatureFault, verify};
use crate::access::position::Positions;
use crate::api::{
    EntitledStreams, EntitlementList, EntitlementRequest, EntitlementView, InvalidationRequest,
    Text,
};
use crate::crypto::SecretText;
use crate::domain::{Denied, Flaw, Principal, StreamPattern, Timestamp};
use crate::store::{EntitlementRow, Store, StoreError};

/// The most patterns that are written at once.
const MOST_STREAMS: usize = 64;
/// The longest note, in bytes.
const LONGEST_NOTE: usize = 256;
/// Viewers that are read at once where few of them are the operator's.
const SCAN: u32 = 1000;
/// How often more are read for one page: who sees few of many has to ask again.
const MOST_ROUNDS: usize = 8;
/// What a position begins with, as no name does.
const POSITION: char = '\t';
/// The longest message of the service, in bytes.
const LONGEST_PUSH: usize = 4096;

/// The rows, in an operator's hands. The gate alone makes it.
pub struct Roster<'g> {
    pub(in crate::access) operator: &'g Principal,
    pub(in crate::access) store: &'g Store,
    pub(in crate::access) positions: Positions<'g>,
    pub(in crate::access) consulted: Option<&'g Consulted>,
    pub(in crate::access) now: Timestamp,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// It is not the caller's to do.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It makes no sense.
    #[error("{0}")]
    Invalid(&'static str),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Roster<'_> {
    /// Gives `viewer` what is asked for, instead of all that it had within the operator's streams.
    pub async fn put(
        &self,
        viewer: &str,
        asked: &EntitlementRequest,
    ) -> Result<EntitlementView, RosterError> {
        let rows = rows(viewer, asked, self.now)?;
        if !rows.iter().all(|row| self.operator.encloses(&row.stream)) {
            return Err(Denied::WrongStream.into());
        }
        let own = |pattern: &StreamPattern| self.operator.encloses(pattern);
        self.replace(viewer, own, &rows).await?;
        tracing::info!(viewer, by = self.operator.subject, "entitlements changed");
        Ok(view(viewer, rows))
    }

    /// What `viewer` has within the operator's streams.
    pub async fn of(&self, viewer: &str) -> Result<Option<EntitlementView>, RosterError> {
        let mut rows = self.store.entitlements_of(viewer).await?;
        rows.retain(|row| self.operator.encloses(&row.stream));
        Ok((!rows.is_empty()).then(|| view(viewer, rows)))
    }

    /// The same of the `most` viewers after `viewer`, and what to go on after if there may be more:
    /// the last of them, never the name of somebody else's viewer. Where many are, and few of them the
    /// operator's, it has fewer than `most`, and what to go on after is sealed.
    pub async fn after(
        &self,
        viewer: &str,
        most: NonZeroU32,
    ) -> Result<EntitlementList, RosterError> {
        let mut viewers = Vec::new();
        let (mut after, mut count) = (self.opened(viewer)?, most.get());
        for _ in 0..MOST_ROUNDS {
            let rows = self.store.entitlements_after(&after, count).await?;
            count = SCAN;
            let Some(last) = rows.last() else {
                let next = None;
                return Ok(EntitlementList { viewers, next });
            };
            after.clone_from(&last.viewer);
            for rows in rows.chunk_by(|a, b| a.viewer == b.viewer) {
                let own = rows
                    .iter()
                    .filter(|row| self.operator.encloses(&row.stream));
                let own: Vec<_> = own.cloned().collect();
                if own.is_empty() {
                    continue;
                }
                viewers.push(view(&rows[0].viewer, own));
                if u32::try_from(viewers.len()).is_ok_and(|count| count == most.get()) {
                    let next = Some(rows[0].viewer.clone());
                    return Ok(EntitlementList { viewers, next });
                }
            }
        }
        let next = Some(self.sealed(&after));
        Ok(EntitlementList { viewers, next })
    }

    /// A position, be it a viewer's name or sealed.
    fn opened(&self, position: &str) -> Result<String, RosterError> {
        let Some(sealed) = position.strip_prefix(POSITION) else {
            return Ok(position.to_owned());
        };
        let opened = self.positions.opened(sealed);
        opened.ok_or(RosterError::Invalid("after is no `next` of this list"))
    }

    fn sealed(&self, viewer: &str) -> String {
        format!("{POSITION}{}", self.positions.sealed(viewer))
    }

    /// Takes back what `viewer` has within the operator's streams; `false` if that is nothing.
    pub async fn remove(&self, viewer: &str) -> Result<bool, RosterError> {
        let own = |pattern: &StreamPattern| self.operator.encloses(pattern);
        let removed = self.replace(viewer, own, &[]).await?;
        tracing::info!(
            viewer,
            by = self.operator.subject,
            removed,
            "entitlements removed"
        );
        Ok(removed > 0)
    }

    /// Calls off what any source said, on every server. A viewer at all streams is for who has all.
    pub async fn invalidate(&self, asked: InvalidationRequest) -> Result<(), RosterError> {
        let is_own = match &asked.stream {
            Some(stream) => self.operator.covers(&stream.0),
            None => self.operator.encloses(&StreamPattern::any()),
        };
        if !is_own {
            return Err(Denied::WrongStream.into());
        }
        call_off(self.store, self.consulted, &asked).await
    }

    /// What was said of the viewer before counts no more; how many rows went.
    async fn replace(
        &self,
        viewer: &str,
        own: impl Fn(&StreamPattern) -> bool + Send,
        rows: &[EntitlementRow],
    ) -> Result<u64, StoreError> {
        let consulted = self.consulted;
        consulted.inspect(|it| it.expect(Some(viewer), None));
        let replaced = self.store.replace_entitlements(viewer, own, rows).await;
        match &replaced {
            Ok(_) => consulted.inspect(|it| it.forget(Some(viewer), None)),
            Err(_) => consulted.inspect(|it| it.expect_no_more(Some(viewer), None)),
        };
        replaced
    }
}

/// The entitlement service's own way to call answers off: `signature` is the header's text, `body`
/// JSON as [`InvalidationRequest`].
pub(in crate::access) async fn heed_push(
    (store, consulted): (&Store, Option<&Consulted>),
    secrets: &[SecretText],
    (signature, body): (&str, &[u8]),
    now: Timestamp,
) -> Result<InvalidationRequest, RosterError> {
    if secrets.is_empty() {
        return Err(unsigned("no entitlement service is configured").into());
    }
    verify(secrets, signature, body, now).map_err(Denied::from)?;
    if body.len() > LONGEST_PUSH {
        return Err(RosterError::Invalid("the body is longer than 4096 bytes"));
    }
    let asked = serde_json::from_slice::<InvalidationRequest>(body);
    let asked =
        asked.map_err(|_| RosterError::Invalid("the body is {\"viewer\": …, \"stream\": …}"))?;
    call_off(store, consulted, &asked).await?;
    Ok(asked)
}

/// At once here, then by news everywhere: who asks in between asks the source again.
async fn call_off(
    store: &Store,
    consulted: Option<&Consulted>,
    asked: &InvalidationRequest,
) -> Result<(), RosterError> {
    let (viewer, stream) = (asked.viewer.clone(), asked.stream.clone());
    let stream = stream.map(|text| text.0);
    if viewer.is_none() && stream.is_none() {
        return Err(RosterError::Invalid("one of viewer and stream is needed"));
    }
    if viewer.as_deref().is_some_and(|name| !is_name(name)) {
        return Err(RosterError::Invalid(NAME));
    }
    if let Some(consulted) = consulted {
        consulted.expect(viewer.as_deref(), stream.as_ref());
        consulted.forget(viewer.as_deref(), stream.as_ref());
    }
    tracing::info!(
        viewer,
        stream = stream.as_ref().map(tracing::field::display),
        "entitlement answers are called off"
    );
    let told = store.tell_entitlement(viewer.clone(), stream.clone()).await;
    if let (Err(_), Some(consulted)) = (&told, consulted) {
        consulted.expect_no_more(viewer.as_deref(), stream.as_ref());
    }
    Ok(told?)
}

const NAME: &str = "a viewer's name has 1 to 512 bytes and no control characters";

/// Rows as `asked` has them.
pub fn rows(
    viewer: &str,
    asked: &EntitlementRequest,
    now: Timestamp,
) -> Result<Vec<EntitlementRow>, RosterError> {
    let (from, until) = (asked.from.map(|it| it.0), asked.until.map(|it| it.0));
    let fault = if !is_name(viewer) {
        Some(NAME)
    } else if !(1..=MOST_STREAMS).contains(&asked.streams.len()) {
        Some("streams has 1 to 64 patterns")
    } else if asked.note.len() > LONGEST_NOTE || asked.note.contains('\0') {
        Some("note has at most 256 bytes, none of them zero")
    } else if from.zip(until).is_some_and(|(from, until)| until <= from) {
        Some("until is not after from")
    } else {
        None
    };
    if let Some(fault) = fault {
        return Err(RosterError::Invalid(fault));
    }
    let row = |stream: &Text<StreamPattern>| EntitlementRow {
        viewer: viewer.to_owned(),
        stream: stream.0.clone(),
        from,
        until,
        max_sessions: asked.max_sessions.map(NonZeroU32::get),
        note: asked.note.clone(),
        changed: now,
    };
    Ok(asked.streams.iter().map(row).collect())
}

fn view(viewer: &str, rows: Vec<EntitlementRow>) -> EntitlementView {
    let entitlements = rows.into_iter().map(|row| EntitledStreams {
        streams: Text(row.stream),
        from: row.from.map(Text),
        until: row.until.map(Text),
        max_sessions: row.max_sessions,
        note: row.note,
        changed: Text(row.changed),
    });
    EntitlementView {
        viewer: viewer.to_owned(),
        entitlements: entitlements.collect(),
    }
}

fn unsigned(sentence: &'static str) -> Denied {
    let code = "bad_credential";
    Denied::BadCredential(Flaw { code, sentence })
}

impl From<SignatureFault> for Denied {
    fn from(fault: SignatureFault) -> Self {
        unsigned(match fault {
            SignatureFault::Form => "the signature is missing or malformed",
            SignatureFault::Time => "the signature's time is more than five minutes off",
            SignatureFault::Wrong => "the signature does not verify",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::testing::Bench;
    use crate::domain::Action;

    #[tokio::test]
    async fn an_operator_of_few_among_many_reads_them_in_pages_that_name_no_other() {
        let bench = Bench::open().await;
        let many = "INSERT INTO entitlements (viewer, stream, note, changed)
            WITH RECURSIVE n(i) AS (SELECT 10000 UNION ALL SELECT i + 1 FROM n WHERE i < 37999)
            SELECT 'foreign-' || i, 'other/**', '', 0 FROM n";
        bench.store.put(many).await;
        let own = "INSERT INTO entitlements (viewer, stream, note, changed) VALUES
            ('alice', 'team/a', '', 0), ('foreign-15000', 'team/b', '', 0), ('zoe', 'team/c', '', 0)";
        bench.store.put(own).await;
        let key = bench.api_key("operator", "team/**", &[Action::Operate]);
        let who = bench.admit(&key.await).await.unwrap();
        let roster = bench.gate.roster(&who).unwrap();
        let most = NonZeroU32::new(2).unwrap();
        let (mut after, mut seen) = (String::new(), Vec::new());
        let mut positions = Vec::new();
        loop {
            let page = roster.after(&after, most).await.unwrap();
            seen.extend(page.viewers.into_iter().map(|view| view.viewer));
            let Some(next) = page.next else { break };
            positions.push(next.clone());
            after = next;
        }
        assert_eq!(seen, ["alice", "foreign-15000", "zoe"]);
        assert_eq!(positions[0], "foreign-15000", "a whole page, and its last");
        assert!(positions.len() > 3, "{positions:?}");
        for position in &positions[1..] {
            assert!(position.starts_with(POSITION), "{position:?}");
            assert!(!super::super::is_name(position), "{position:?}");
        }
        for forged in ["\t", "\tAAAA", &positions[1][..40]] {
            let answer = roster.after(forged, most).await;
            assert!(matches!(answer, Err(RosterError::Invalid(_))), "{forged}");
        }
    }
}
