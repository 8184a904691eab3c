//! The period of the present with its key: for packagers that take one key and count nothing.
//!
//! Must not know: in whose words the key is told.

use crate::access::{self, Permit};
use crate::domain::{Position, Rendition, Rotation, Schedule, Slot, Stream, StreamId, Timestamp};

use super::span::Span;
use super::{Holding, Keys, KeysError, Lease, LeaseRequest, LeasedPeriod};

/// Who does not count segments cannot know when a new key is due.
const BY_COUNT: &str = "the stream takes a new key by count of segments, which only an encryptor follows \
     that asks for GET …/schedule: register it with \"every\", or with \"never\"";
const BACKWARDS: &str = "end is not before start, and they are not years apart";
const NOT_DELIVERED: &str = "the key of the present is revoked, retired or destroyed: viewers are \
     not given it; rotate the stream, or wait for its next period";

/// A stream and the period that it is in.
#[derive(Debug)]
pub struct Present {
    /// The stream.
    pub stream: Stream,
    /// Its period of now.
    pub period: LeasedPeriod,
}

impl Keys {
    /// The period that the clock is in, and the stream's rule where it has but one key. The stream
    /// is registered by the first template that matches, if it is new; the next period is issued
    /// ahead. Two that ask at once get one key.
    ///
    /// [`KeysError::Conflict`] says why a packager that counts nothing can have none.
    pub async fn present(
        &self,
        permit: &Permit<access::Lease>,
        rendition: Option<&Rendition>,
    ) -> Result<Present, KeysError> {
        self.present_period(permit.subject(), permit.stream(), rendition)
            .await
    }

    /// The periods from `start` (now, if it is not said) to `end` (the same moment), those that are not delivered left out; else as
    /// [`Self::present`].
    pub async fn between(
        &self,
        permit: &Permit<access::Lease>,
        (start, end): (Option<Timestamp>, Option<Timestamp>),
        rendition: Option<&Rendition>,
    ) -> Result<Lease, KeysError> {
        let (subject, id) = (permit.subject(), permit.stream());
        let schedule = self.known_or_templated(subject, id).await?.stream.schedule;
        let start = start.unwrap_or_else(|| self.clock.now());
        let [first, last] = [start, end.unwrap_or(start)].map(|time| slot_of(&schedule, time));
        let (from, last) = (first?.index, last?.index);
        let count = last.checked_sub(from).and_then(|span| span.checked_add(1));
        let count = count.and_then(|count| u32::try_from(count).ok());
        let ask = LeaseRequest {
            from: Some(from),
            count: Some(
                count
                    .filter(|count| *count > 0)
                    .ok_or(KeysError::Invalid(BACKWARDS))?,
            ),
            rendition: rendition.cloned(),
            ..LeaseRequest::default()
        };
        let lease = self.lease_periods(subject, id, &ask, Holding::nobodys());
        let mut lease = lease.await?;
        lease.periods.retain(|one| one.period.state.is_delivered());
        Ok(lease)
    }

    pub(super) async fn present_period(
        &self,
        subject: &str,
        id: &StreamId,
        rendition: Option<&Rendition>,
    ) -> Result<Present, KeysError> {
        let row = self.known_or_templated(subject, id).await?;
        let slot = present_slot(&row.stream.schedule, &self.span(id).await?)?;
        // The next one too: the clock will call for it, so that nobody is charged for it then.
        let ask = LeaseRequest {
            from: Some(slot.index),
            count: Some(2),
            rendition: rendition.cloned(),
            ..LeaseRequest::default()
        };
        let lease = self.lease_periods(subject, id, &ask, Holding::nobodys());
        let lease = lease.await?;
        let is_present = |leased: &LeasedPeriod| {
            leased.period.index == slot.index && leased.period.state.is_delivered()
        };
        let period = lease.periods.into_iter().find(is_present);
        Ok(Present {
            stream: lease.stream,
            period: period.ok_or(KeysError::Conflict(NOT_DELIVERED))?,
        })
    }
}

/// The period of that moment, unless it is found by counting.
fn slot_of(schedule: &Schedule, time: Timestamp) -> Result<Slot, KeysError> {
    let time = Some(time);
    uncounted(schedule, schedule.slot_at(Position { segment: 0, time }))
}

/// The period of now, unless it is found by counting.
fn present_slot(schedule: &Schedule, span: &Span) -> Result<Slot, KeysError> {
    uncounted(schedule, span.present(schedule))
}

fn uncounted(schedule: &Schedule, slot: Option<Slot>) -> Result<Slot, KeysError> {
    let is_counted = |slot: &Slot| matches!(schedule.rule_of(slot.index), Rotation::Segments(_));
    slot.filter(|slot| !is_counted(slot))
        .ok_or(KeysError::Conflict(BY_COUNT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{KeyScope, StreamPolicy};
    use crate::keys::testing::{Bench, every, id, policy, segments};

    async fn kid(bench: &Bench, stream: &StreamId) -> String {
        let present = bench.keys.present_period("packager", stream, None).await;
        present.unwrap().period.period.kid.to_string()
    }

    #[tokio::test]
    async fn the_present_goes_by_the_clock_and_two_get_one_key() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(10)).await;
        let (one, other) = tokio::join!(kid(&bench, &stream), kid(&bench, &stream));
        assert_eq!(one, other);
        bench.clock.advance_secs(9);
        assert_eq!(kid(&bench, &stream).await, one);
        bench.clock.advance_secs(1);
        let next = kid(&bench, &stream).await;
        assert_ne!(next, one);
        let leased = bench.lease(&stream, 0, 3).await.periods;
        let kids: Vec<String> = leased.iter().map(|it| it.period.kid.to_string()).collect();
        assert!(kids.contains(&one) && kids.contains(&next), "{kids:?}");
    }

    #[tokio::test]
    async fn a_new_stream_is_registered_by_its_template() {
        let bench = Bench::new().await;
        let stream = id("demo/a");
        assert_eq!(kid(&bench, &stream).await, kid(&bench, &stream).await);
        let unknown = id("nobodys/a");
        let refused = bench.keys.present_period("packager", &unknown, None).await;
        assert!(
            matches!(refused, Err(KeysError::UnknownStream)),
            "{refused:?}"
        );
    }

    #[tokio::test]
    async fn by_count_there_is_no_present() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", segments(10)).await;
        let refused = bench.keys.present_period("packager", &stream, None).await;
        assert_eq!(refused.unwrap_err().to_string(), BY_COUNT);
        let never = bench.register("live/b", Rotation::Never).await;
        assert_eq!(kid(&bench, &never).await, kid(&bench, &never).await);
    }

    #[tokio::test]
    async fn a_revoked_key_is_not_handed_out_again() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(10)).await;
        let kid = kid(&bench, &stream).await;
        bench.keys.revoke_key(kid.parse().unwrap()).await.unwrap();
        let refused = bench.keys.present_period("packager", &stream, None).await;
        assert_eq!(refused.unwrap_err().to_string(), NOT_DELIVERED);
    }

    #[tokio::test]
    async fn renditions_with_keys_of_their_own_say_which_they_are() {
        let bench = Bench::new().await;
        let own = StreamPolicy {
            key_scope: KeyScope::Rendition,
            ..policy(every(10))
        };
        let stream = id("live/a");
        let keys = &bench.keys;
        keys.register_stream("packager", &stream, own)
            .await
            .unwrap();
        let nobody = keys.present_period("packager", &stream, None).await;
        assert!(matches!(nobody, Err(KeysError::Invalid(_))), "{nobody:?}");
        let mut kids = Vec::new();
        for rendition in ["v0/index.m3u8", "v1/index.m3u8"] {
            let rendition = rendition.parse().unwrap();
            let present = keys.present_period("packager", &stream, Some(&rendition));
            kids.push(present.await.unwrap().period.period.kid);
        }
        assert_ne!(kids[0], kids[1]);
    }
}
