//! The rows behind a claim: who competes for a viewer's slots, who takes whose.
//!
//! All of it within one transaction that has the viewer's sessions alone. Must not know: in which
//! order.

use std::net::IpAddr;

use crate::domain::Timestamp;

use super::{Claim, Claimed, Holding, SKEW, SessionName, Slots, text};
use crate::store::StoreError;
use crate::store::link::{Tx, execute, fetch_all, fetch_optional};

/// How a session stands before its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Absent,
    Active,
    Leaving(Timestamp),
    Over,
}

/// A session's own row while its lease lasts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own {
    pub(super) home: Option<IpAddr>,
    pub(super) started: Timestamp,
    pub(super) over: Option<Timestamp>,
}

impl Claim<'_> {
    /// Who was seen after this is live.
    pub(super) fn alive(&self) -> i64 {
        self.now.minus(self.lease).millis()
    }

    pub(super) fn standing(&self, own: Option<Own>) -> Standing {
        match own.map(|own| own.over) {
            None => Standing::Absent,
            Some(None) => Standing::Active,
            Some(Some(over)) if over > self.now => Standing::Leaving(over),
            Some(Some(_)) => Standing::Over,
        }
    }
}

/// What the limit makes of a session that asks.
pub(super) enum Contest {
    /// It may have a slot.
    Won,
    /// It goes on until then.
    Leaving(Timestamp),
    /// It is refused, and nothing changes.
    Lost(Claimed),
    /// It is refused and its slot is gone: the limit was lowered.
    Ended,
}

pub(super) async fn compete(
    on: &mut Tx,
    name: &SessionName,
    claim: &Claim<'_>,
    (slots, standing, started): (Slots, Standing, Timestamp),
) -> Result<Contest, StoreError> {
    let is_hard = slots.grace.is_none();
    // Under a hard limit the oldest stay, so an active session stands behind those alone.
    let before = match standing {
        Standing::Active => started.millis(),
        _ => i64::MAX,
    };
    let others = fetch_optional!(
        on,
        (i64,),
        "SELECT count(*) FROM live_sessions
         WHERE scheme = $1 AND subject = $2 AND session <> $3 AND ends IS NULL AND seen > $4
           AND (started < $5 OR (started = $5 AND session < $3))",
        name.scheme.as_ref(),
        name.subject.as_str(),
        name.session.as_str(),
        claim.alive(),
        before
    )?;
    let is_full = others.is_some_and(|(others,)| others >= i64::from(slots.max));
    Ok(match standing {
        _ if !is_full => Contest::Won,
        Standing::Absent if is_hard => Contest::Lost(Claimed::Full),
        Standing::Over => Contest::Lost(Claimed::Displaced),
        Standing::Leaving(over) => Contest::Leaving(over),
        Standing::Active if is_hard => {
            end(on, name, claim.now).await?;
            Contest::Ended
        }
        Standing::Absent | Standing::Active => Contest::Won,
    })
}

/// The slot of another session on the same device is its own from now on.
pub(super) async fn take_over(
    on: &mut Tx,
    name: &SessionName,
    claim: &Claim<'_>,
) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let rows = fetch_all!(
        on,
        (String,),
        "UPDATE live_sessions SET ends = $7, displaced = $7
         WHERE scheme = $1 AND subject = $2 AND session = (
            SELECT o.session FROM live_sessions o
            WHERE o.scheme = $1 AND o.subject = $2 AND o.session <> $3 AND o.device = $4
              AND o.stream <> $5 AND o.ends IS NULL AND o.seen > $6
            ORDER BY o.seen DESC, o.session LIMIT 1
         )
         RETURNING session",
        name.scheme.as_ref(),
        name.subject.as_str(),
        name.session.as_str(),
        claim.at.device,
        claim.at.stream.as_str(),
        claim.alive(),
        claim.now.millis()
    )?;
    Ok(rows
        .into_iter()
        .map(|(session,)| (session, claim.now))
        .collect())
}

/// Writes the session's row.
pub(super) async fn take(
    on: &mut Tx,
    name: &SessionName,
    claim: &Claim<'_>,
    held: &Holding,
) -> Result<(), StoreError> {
    execute!(
        on,
        "INSERT INTO live_sessions (scheme, session, subject, stream, device, address, home,
                                    started, seen, ends, displaced)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, NULL)
         ON CONFLICT (scheme, session, subject) DO UPDATE SET
            stream = excluded.stream, device = excluded.device, address = excluded.address,
            home = excluded.home, started = excluded.started, seen = excluded.seen,
            ends = CASE WHEN $10 = 1 THEN live_sessions.ends END,
            displaced = CASE WHEN $10 = 1 THEN live_sessions.displaced END",
        name.scheme.as_ref(),
        name.session.as_str(),
        name.subject.as_str(),
        claim.at.stream.as_str(),
        claim.at.device,
        text(claim.at.address),
        text(held.home),
        held.started.millis(),
        claim.now.millis(),
        i64::from(held.over.is_some())
    )
    .map(drop)
}

/// Under a soft limit the newest stay: the others go on for the grace. Of those that began at the
/// same moment the one that asks is the newest.
pub(super) async fn displace(
    on: &mut Tx,
    name: &SessionName,
    claim: &Claim<'_>,
    slots: Slots,
) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let Some(grace) = slots.grace else {
        return Ok(Vec::new());
    };
    let over = claim.now.plus(grace);
    let rows = fetch_all!(
        on,
        (String,),
        "UPDATE live_sessions SET ends = $5, displaced = $6
         WHERE scheme = $1 AND subject = $2 AND session IN (
            SELECT o.session FROM live_sessions o
            WHERE o.scheme = $1 AND o.subject = $2 AND o.ends IS NULL AND o.seen > $4
            ORDER BY o.started DESC, CASE WHEN o.session = $3 THEN 0 ELSE 1 END, o.session DESC
            LIMIT 1000000 OFFSET $7
         )
         RETURNING session",
        name.scheme.as_ref(),
        name.subject.as_str(),
        name.session.as_str(),
        claim.alive(),
        over.millis(),
        claim.now.millis(),
        i64::from(slots.max)
    )?;
    Ok(rows.into_iter().map(|(session,)| (session, over)).collect())
}

pub(super) async fn own(
    on: &mut Tx,
    name: &SessionName,
    alive: i64,
) -> Result<Option<Own>, StoreError> {
    let row = fetch_optional!(
        on,
        (Option<String>, i64, Option<i64>),
        "SELECT home, started, ends FROM live_sessions
         WHERE scheme = $1 AND session = $2 AND subject = $3 AND seen > $4",
        name.scheme.as_ref(),
        name.session.as_str(),
        name.subject.as_str(),
        alive
    )?;
    Ok(row.map(|(home, started, over)| Own {
        home: home.and_then(|home| home.parse().ok()),
        started: Timestamp::from_millis(started),
        over: over.map(Timestamp::from_millis),
    }))
}

async fn end(on: &mut Tx, name: &SessionName, now: Timestamp) -> Result<(), StoreError> {
    execute!(
        on,
        "UPDATE live_sessions SET ends = $4, displaced = $4
         WHERE scheme = $1 AND session = $2 AND subject = $3",
        name.scheme.as_ref(),
        name.session.as_str(),
        name.subject.as_str(),
        now.millis()
    )
    .map(drop)
}

/// After the clock went back: the viewer's sessions move back by as much, all of them, so that the
/// oldest is still the oldest. Otherwise they would be live for as long as the clock went back.
pub(super) async fn heal(
    on: &mut Tx,
    name: &SessionName,
    now: Timestamp,
) -> Result<(), StoreError> {
    let last = fetch_optional!(
        on,
        (Option<i64>,),
        "SELECT max(seen) FROM live_sessions WHERE scheme = $1 AND subject = $2",
        name.scheme.as_ref(),
        name.subject.as_str()
    )?;
    let ahead = last
        .and_then(|(last,)| last)
        .map(|last| last.saturating_sub(now.millis()));
    let Some(ahead) = ahead.filter(|ahead| *ahead > SKEW) else {
        return Ok(());
    };
    execute!(
        on,
        "UPDATE live_sessions SET
            started = started - $3, seen = seen - $3, ends = ends - $3, displaced = displaced - $3
         WHERE scheme = $1 AND subject = $2",
        name.scheme.as_ref(),
        name.subject.as_str(),
        ahead
    )
    .map(drop)
}
