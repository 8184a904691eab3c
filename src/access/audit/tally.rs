//! What was handed out in the running minute, one count for each session and key, and for each session
//! or packager, stream and action; one more where another policy decides after a reload.
//!
//! What is counted already allocates nothing and takes one lock of sixteen, which one
//! session's requests alone share. Must not know: the queue.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::entry::{Kind, Ruling};
use crate::domain::{Principal, StreamId, Timestamp};
use crate::store::AuditEntry;

/// How long deliveries are counted together, in milliseconds.
const MINUTE: i64 = 60_000;
const SHARDS: usize = 16;

/// The counts.
#[derive(Debug)]
pub(super) struct Tallies {
    shards: [Mutex<Shard>; SHARDS],
    /// The minute when it was last looked at what is over: nothing is until the next one.
    looked: AtomicI64,
}

#[derive(Debug, Default)]
struct Shard {
    counts: HashMap<Box<[u8]>, AuditEntry>,
    /// The key that is looked for, made here so that looking allocates nothing.
    key: Vec<u8>,
}

impl Default for Tallies {
    fn default() -> Self {
        Self {
            shards: Default::default(),
            looked: AtomicI64::new(i64::MIN),
        }
    }
}

impl Tallies {
    /// Counts one more. `false`: it is the first of its kind, and there was no room for it.
    pub(super) fn count(
        &self,
        ruling: &Ruling<'_>,
        now: Timestamp,
        has_room: impl FnOnce() -> bool,
    ) -> bool {
        let who = ruling.who.map_or([""; 3], named);
        let minute = now.millis().div_euclid(MINUTE);
        let mut shard = self.shard(who);
        let Shard { counts, key } = &mut *shard;
        key.clear();
        key.extend_from_slice(&minute.to_be_bytes());
        key.extend_from_slice(ruling.action.as_bytes());
        key.push(0); // no action's name has it
        match (ruling.kid, ruling.stream) {
            (Some(kid), _) => key.extend_from_slice(kid.as_bytes()),
            (None, stream) => {
                key.extend_from_slice(stream.map_or("", StreamId::as_str).as_bytes());
                key.push(0); // no stream's name has it
            }
        }
        key.extend_from_slice(&ruling.policy.unwrap_or(usize::MAX).to_be_bytes());
        for part in who {
            key.extend_from_slice(&part.len().to_be_bytes());
            key.extend_from_slice(part.as_bytes());
        }
        if let Some(entry) = counts.get_mut(key.as_slice()) {
            entry.count = entry.count.saturating_add(1);
            return true;
        }
        if !has_room() {
            return false;
        }
        let entry = ruling.entry(Kind::Delivered, now);
        counts.insert(key.as_slice().into(), entry);
        true
    }

    /// Takes what belongs to minutes that are over at `now`, or to any if `all`. A clock that was put
    /// back ends the minutes that have not come yet.
    pub(super) fn take(&self, now: Timestamp, all: bool) -> Vec<AuditEntry> {
        let minute = now.millis().div_euclid(MINUTE);
        if self.looked.swap(minute, Ordering::Relaxed) == minute && !all {
            return Vec::new();
        }
        let is_over = |entry: &AuditEntry| all || entry.time.div_euclid(MINUTE) != minute;
        let mut taken = Vec::new();
        for shard in &self.shards {
            let mut shard = lock(shard);
            taken.extend(
                shard
                    .counts
                    .extract_if(|_, entry| is_over(entry))
                    .map(|(_, entry)| entry),
            );
        }
        taken.sort_by(|a, b| (a.time, &a.session, &a.kid).cmp(&(b.time, &b.session, &b.kid)));
        taken
    }

    fn shard(&self, who: [&str; 3]) -> MutexGuard<'_, Shard> {
        let bytes = who.iter().flat_map(|part| part.bytes());
        let sum = bytes.fold(0_usize, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        });
        lock(&self.shards[sum % SHARDS])
    }
}

/// A viewer's session, or a packager, by all that a row says of it: what one scheme calls a session is
/// another's too, and some call many viewers' by one name.
fn named(who: &Principal) -> [&str; 3] {
    [&who.scheme, &who.session, &who.subject]
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_policy_decides_is_counted_apart() {
        let (tallies, now) = (Tallies::default(), Timestamp::from_millis(0));
        for policy in [Some(0), Some(1), Some(0), None] {
            let ruling = Ruling {
                action: "deliver",
                policy,
                ..Ruling::default()
            };
            assert!(tallies.count(&ruling, now, || true));
        }
        let rows = tallies.take(now, true);
        let told = rows.iter().map(|row| (row.policy.as_str(), row.count));
        let mut told: Vec<_> = told.collect();
        told.sort_unstable();
        assert_eq!(told, [("", 1), ("policies[0]", 2), ("policies[1]", 1)]);
    }
}
