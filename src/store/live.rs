//! Live viewing sessions: who watches what, and which of a viewer's sessions hold the slots that it
//! may have.
//!
//! A session is live while its lease lasts from the last time that it was seen. One that loses its
//! slot keeps its row until then, so that it is known when it comes back. Must not know: what a
//! session is allowed, or what a client is told.

mod list;
mod notes;
mod slots;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{StreamId, Timestamp};

use super::link::fetch_all;
use super::{Lock, Store, StoreError};

pub use list::{SessionFilter, SessionRow};
pub use notes::{Renewed, Sighting};
use slots::{Contest, Standing, compete, displace, heal, own, take, take_over};

/// A clock that is further behind the last sign of life, in milliseconds, has gone back: those of
/// several servers are never so far apart.
const SKEW: i64 = 10_000;

/// What a session is called: who vouches, for whom, and the session's own name. No secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionName {
    /// The scheme's name.
    pub scheme: Arc<str>,
    /// The viewer.
    pub subject: String,
    /// The session.
    pub session: String,
}

/// Where a session watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watching {
    /// What it watches.
    pub stream: StreamId,
    /// The client's address, if it is known.
    pub address: Option<IpAddr>,
    /// A digest of what tells a client from others.
    pub device: i64,
}

/// How many sessions a viewer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// The most at once.
    pub max: u32,
    /// How long the oldest goes on when a new one takes its slot; `None`: the new one is refused.
    pub grace: Option<Duration>,
}

/// What a session asks for.
#[derive(Clone, Copy)]
pub struct Claim<'a> {
    /// Where it watches.
    pub at: &'a Watching,
    /// How many its viewer may have; `None`: any number.
    pub slots: Option<Slots>,
    /// Whether it may come from where it comes, given the first address that it came from.
    pub is_near: &'a (dyn Fn(IpAddr) -> bool + Sync),
    /// The present.
    pub now: Timestamp,
    /// How long a session is live after it was seen.
    pub lease: Duration,
}

/// What came of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// It holds a slot, and that is durable.
    Held(Holding),
    /// The viewer has as many as allowed.
    Full,
    /// It lost its slot to a newer one, and its time is over.
    Displaced,
    /// It comes from elsewhere than it may.
    Elsewhere,
}

/// A slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The first address that the session came from.
    pub home: Option<IpAddr>,
    /// Since when it holds the slot.
    pub started: Timestamp,
    /// When it must be over, if it has lost its slot already.
    pub over: Option<Timestamp>,
    /// Sessions of the same viewer that lose theirs for it, and when they must be over.
    pub displaced: Vec<(String, Timestamp)>,
}

impl Store {
    /// Gives a session one of its viewer's slots, or renews the one that it holds. Claims of one
    /// viewer wait for each other.
    ///
    /// A session that begins, or comes back, on the device of another that watches another stream
    /// takes that one's slot: the viewer went from one channel to the next.
    pub async fn claim_session(
        &self,
        name: &SessionName,
        claim: &Claim<'_>,
    ) -> Result<Claimed, StoreError> {
        let mut on = self.write(Lock::Viewer(name)).await?;
        heal(&mut on, name, claim.now).await?;
        let own = own(&mut on, name, claim.alive()).await?;
        let home = own.and_then(|own| own.home);
        if home.is_some_and(|home| !(claim.is_near)(home)) {
            return Ok(Claimed::Elsewhere);
        }
        let standing = claim.standing(own);
        let mut held = Holding {
            home: home.or(claim.at.address),
            started: own
                .filter(|_| standing != Standing::Over)
                .map_or(claim.now, |own| own.started),
            over: None,
            displaced: Vec::new(),
        };
        if let Some(slots) = claim.slots {
            if matches!(standing, Standing::Absent | Standing::Over) {
                held.displaced = take_over(&mut on, name, claim).await?;
            }
            match compete(&mut on, name, claim, (slots, standing, held.started)).await? {
                Contest::Won => {}
                Contest::Leaving(over) => held.over = Some(over),
                Contest::Lost(lost) => return Ok(lost),
                Contest::Ended => {
                    on.commit().await?;
                    return Ok(Claimed::Full);
                }
            }
        }
        take(&mut on, name, claim, &held).await?;
        if let Some(slots) = claim.slots {
            let older = displace(&mut on, name, claim, slots).await?;
            let own = older.iter().find(|(session, _)| *session == name.session);
            held.over = held.over.or(own.map(|(_, over)| *over));
            held.displaced.extend(older);
        }
        on.commit().await?;
        Ok(Claimed::Held(held))
    }

    /// Frees the slots of a session, whoever's it is, as of `now`. Gives those it was.
    pub async fn end_session(
        &self,
        scheme: &str,
        session: &str,
        now: Timestamp,
    ) -> Result<Vec<SessionName>, StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        let rows = fetch_all!(
            on,
            (String,),
            "UPDATE live_sessions SET ends = $3, displaced = $3
             WHERE scheme = $1 AND session = $2 AND (ends IS NULL OR ends > $3)
             RETURNING subject",
            scheme,
            session,
            now.millis()
        )?;
        on.commit().await?;
        let name = |(subject,)| SessionName {
            scheme: scheme.into(),
            subject,
            session: session.to_owned(),
        };
        Ok(rows.into_iter().map(name).collect())
    }
}

fn text(address: Option<IpAddr>) -> Option<String> {
    address.map(|address| address.to_string())
}
