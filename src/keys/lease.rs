//! The lease: the periods that an encryptor may need, each with its key, issued on the way.
//!
//! Must not know: who encrypts, or with which IV.

use std::collections::HashMap;

use crate::access::{self, Permit};
use crate::crypto::ContentKey;
use crate::domain::{Boundary, KeyScope, Kid, Period, Rendition, Scope, Slot, Stream, StreamId};
use crate::store::{NewPeriod, PeriodRow, StreamRow};

use super::span::{MAX_PERIODS, Span};
use super::{ATTEMPTS, Keys, KeysError};

/// Which periods are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeaseRequest {
    /// The first one's index, also a past or a negative one. Default: one before the period of
    /// now, by the clock or by the furthest segment reported or claimed.
    pub from: Option<i64>,
    /// How many, 1 to 1000. Default: as many as begin within the lease, and at least two.
    pub count: Option<u32>,
    /// Whose keys, if each rendition has its own; ignored otherwise.
    pub rendition: Option<Rendition>,
    /// The version that the asker follows. Whoever knows one registers nothing: a stream that was
    /// removed meanwhile stays removed.
    pub known: Option<u64>,
}

/// A stream and some of its periods, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The stream.
    pub stream: Stream,
    /// The periods; fewer than asked for where the schedule has no more.
    pub periods: Vec<LeasedPeriod>,
}

/// A period with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedPeriod {
    /// The period.
    pub period: Period,
    /// Where the next one begins, if that is in sight.
    pub end: Option<Boundary>,
    /// Its key.
    pub key: ContentKey,
    /// What `EXT-X-KEY` says: absolute, the same for ever.
    pub uri: String,
}

impl Keys {
    /// The asked periods with their keys. What is not issued yet is issued, and durable before
    /// the answer; two that ask for one period get one key. A stream that is not registered is
    /// registered by the first template that matches, unless the asker knew it before.
    pub async fn lease(
        &self,
        permit: &Permit<access::Lease>,
        ask: &LeaseRequest,
    ) -> Result<Lease, KeysError> {
        self.lease_stream(permit.stream(), ask).await
    }

    /// What `EXT-X-KEY` says for a key.
    pub fn uri(&self, kid: Kid) -> String {
        format!("{}/v1/keys/{kid}", self.public_url)
    }

    pub(super) async fn lease_stream(
        &self,
        id: &StreamId,
        ask: &LeaseRequest,
    ) -> Result<Lease, KeysError> {
        if ask
            .count
            .is_some_and(|count| !(1..=MAX_PERIODS).contains(&count))
        {
            return Err(KeysError::Invalid("count is 1 to 1000"));
        }
        for _ in 0..ATTEMPTS {
            let row = match ask.known {
                Some(_) => self.registered(id).await?,
                None => self.known_or_templated(id).await?,
            };
            let scope = scope(row.stream.policy.key_scope, ask.rendition.as_ref())?;
            let slots = self.slots(&row.stream, ask).await?;
            let found = self.store.periods(&row, &scope, &slots).await?;
            let missing = self.drafts(&slots, &found);
            if missing.is_empty() {
                return self.leased(row.stream, &slots, found);
            }
            let now = self.clock.now();
            self.store.issue(&row, &scope, &missing, now).await?;
        }
        Err(KeysError::Busy)
    }

    async fn known_or_templated(&self, id: &StreamId) -> Result<StreamRow, KeysError> {
        if let Some(row) = self.store.stream(id).await? {
            return Ok(row);
        }
        let template = self.templates.iter().find(|one| one.streams.matches(id));
        let policy = template.ok_or(KeysError::UnknownStream)?.policy;
        if self.add(id, policy).await? {
            tracing::info!(stream = %id, "stream registered on first sight");
        }
        self.registered(id).await
    }

    async fn slots(&self, stream: &Stream, ask: &LeaseRequest) -> Result<Vec<Slot>, KeysError> {
        let reach = self.store.reach(&stream.id, self.lease).await?;
        let span = Span::new(reach, self.clock.now(), self.lease);
        Ok(span.slots(&stream.schedule, ask))
    }

    /// New kids and keys for the slots that have none.
    fn drafts(&self, slots: &[Slot], found: &HashMap<Boundary, PeriodRow>) -> Vec<NewPeriod> {
        let missing = slots
            .iter()
            .filter(|slot| !found.contains_key(&slot.boundary));
        missing
            .map(|slot| {
                let kid = Kid::random(self.entropy.as_ref());
                let key = ContentKey::random(self.entropy.as_ref());
                NewPeriod {
                    slot: *slot,
                    kid,
                    sealed_key: self.seal(kid, &key),
                }
            })
            .collect()
    }

    /// A destroyed key leaves its period out: nothing can be encrypted under it.
    fn leased(
        &self,
        stream: Stream,
        slots: &[Slot],
        mut found: HashMap<Boundary, PeriodRow>,
    ) -> Result<Lease, KeysError> {
        let mut periods = Vec::with_capacity(slots.len());
        for slot in slots {
            let Some(PeriodRow { period, sealed_key }) = found.remove(&slot.boundary) else {
                continue;
            };
            if let Some(sealed) = sealed_key {
                periods.push(LeasedPeriod {
                    end: stream.schedule.end_of(*slot),
                    key: self.unseal(period.kid, Some(&sealed))?,
                    uri: self.uri(period.kid),
                    period: Period {
                        index: slot.index,
                        ..period
                    },
                });
            }
        }
        Ok(Lease { stream, periods })
    }
}

fn scope(key_scope: KeyScope, rendition: Option<&Rendition>) -> Result<Scope, KeysError> {
    match (key_scope, rendition) {
        (KeyScope::Stream, _) => Ok(Scope::Stream),
        (KeyScope::Rendition, Some(rendition)) => Ok(Scope::Rendition(rendition.clone())),
        (KeyScope::Rendition, None) => Err(KeysError::Invalid(
            "each rendition of this stream has its own keys: say which rendition",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use futures_util::future::join_all;

    use super::*;
    use crate::domain::{PeriodState, Rotation, StreamPolicy};
    use crate::keys::testing::{Bench, NOON, after_noon, every, id, policy, segments};

    fn boundaries(lease: &Lease) -> Vec<(i64, Boundary)> {
        let place = |leased: &LeasedPeriod| (leased.period.index, leased.period.boundary);
        lease.periods.iter().map(place).collect()
    }

    fn time(seconds: i64) -> Boundary {
        Boundary::Time(after_noon(seconds))
    }

    #[tokio::test]
    async fn a_lease_covers_the_hour_from_the_period_before() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(600)).await;
        bench.clock.advance_secs(5);
        let ask = LeaseRequest::default();
        let lease = bench.keys.lease_stream(&stream, &ask).await.unwrap();
        let expected: Vec<_> = (-1..=6).map(|index| (index, time(index * 600))).collect();
        assert_eq!(boundaries(&lease), expected);
        let first = &lease.periods[0];
        assert_eq!(first.end, Some(time(0)));
        assert_eq!(first.period.state, PeriodState::Pending);
        assert_eq!(
            first.uri,
            format!("https://keys.example.net/v1/keys/{}", first.period.kid)
        );
        let again = bench.keys.lease_stream(&stream, &ask).await.unwrap();
        assert_eq!(again, lease);
    }

    #[tokio::test]
    async fn long_periods_come_two_ahead_and_older_ones_on_request() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(86_400)).await;
        let ask = LeaseRequest::default();
        let lease = bench.keys.lease_stream(&stream, &ask).await.unwrap();
        let indices: Vec<i64> = lease.periods.iter().map(|one| one.period.index).collect();
        assert_eq!(indices, [-1, 0, 1]);
        let old = bench.lease(&stream, -400, 2).await;
        assert_eq!(old.periods[0].period.index, -400);
        assert_ne!(old.periods[0].key, old.periods[1].key);
    }

    #[tokio::test]
    async fn what_the_schedule_has_not_is_not_leased() {
        let bench = Bench::new().await;
        let never = bench.register("live/never", Rotation::Never).await;
        let lease = bench
            .keys
            .lease_stream(&never, &LeaseRequest::default())
            .await
            .unwrap();
        assert_eq!(boundaries(&lease), [(0, Boundary::Segment(0))]);
        let counted = bench.register("live/counted", segments(100)).await;
        assert_eq!(bench.lease(&counted, -5, 7).await.periods.len(), 2);
        let timed = bench.register("live/timed", every(10)).await;
        for far in [i64::MIN, i64::MAX - 2, i64::MAX, 1 << 40] {
            assert_eq!(
                bench.lease(&timed, far, 1000).await.periods.len(),
                0,
                "{far}"
            );
        }
        for count in [0, 1001] {
            let ask = LeaseRequest {
                count: Some(count),
                ..LeaseRequest::default()
            };
            let refused = bench.keys.lease_stream(&timed, &ask).await;
            assert!(matches!(refused, Err(KeysError::Invalid(_))));
        }
    }

    #[tokio::test]
    async fn by_count_a_lease_starts_at_what_was_reported() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", segments(100)).await;
        let kid = bench.lease(&stream, 0, 1).await.periods[0].period.kid;
        bench.report(&stream, kid, 1000, None).await;
        bench.clock.advance_secs(60);
        bench.report(&stream, kid, 1010, None).await;
        let lease = bench
            .keys
            .lease_stream(&stream, &LeaseRequest::default())
            .await
            .unwrap();
        let expected: Vec<_> = (9..=16)
            .map(|index: i64| (index, Boundary::Segment(index.unsigned_abs() * 100)))
            .collect();
        assert_eq!(boundaries(&lease), expected, "6 s a segment, 600 an hour");
    }

    #[tokio::test]
    async fn thirty_two_at_once_on_two_servers_get_one_key_each_period() {
        let one = Bench::new().await;
        let two = one.another().await;
        let stream = one.register("live/a", every(10)).await;
        let leases = join_all((0..32).map(|at| {
            let bench = if at % 2 == 0 { &one } else { &two };
            bench.lease(&stream, -5, 50)
        }))
        .await;
        for lease in &leases[1..] {
            assert_eq!(lease.periods, leases[0].periods);
        }
        let kids: HashSet<Kid> = leases[0].periods.iter().map(|one| one.period.kid).collect();
        let keys: HashSet<[u8; 16]> = leases[0]
            .periods
            .iter()
            .map(|one| *one.key.expose())
            .collect();
        assert_eq!((kids.len(), keys.len()), (50, 50));
    }

    #[tokio::test]
    async fn what_was_answered_survives_a_killed_server() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(10)).await;
        let before = bench.lease(&stream, 0, 20).await;
        // The files as a crash leaves them: nothing closed, nothing checkpointed.
        let after_crash = bench.copied().await;
        assert_eq!(after_crash.lease(&stream, 0, 20).await, before);
    }

    #[tokio::test]
    async fn leases_amid_cuts_agree_on_every_boundary() {
        let one = Bench::new().await;
        let two = one.another().await;
        let stream = one.register("live/a", every(10)).await;
        let acts = (0..24).map(|at| {
            let (bench, stream) = (if at % 2 == 0 { &one } else { &two }, &stream);
            async move {
                one_cut(bench, stream, at % 3 == 0).await;
                bench.lease(stream, -2, 30).await
            }
        });
        let mut kids = HashMap::new();
        for lease in join_all(acts).await {
            for one in lease.periods {
                let kid = *kids.entry(one.period.boundary).or_insert(one.period.kid);
                assert_eq!(kid, one.period.kid);
            }
        }
    }

    /// Moves the clock past what is to come, so that there is something to cut.
    async fn one_cut(bench: &Bench, stream: &StreamId, cut: bool) {
        if cut {
            bench.clock.advance_secs(11);
            bench.keys.rotate_stream(stream, false).await.unwrap();
        }
    }

    #[tokio::test]
    async fn renditions_may_have_keys_of_their_own() {
        let bench = Bench::new().await;
        let stream = id("live/a");
        let own = StreamPolicy {
            key_scope: KeyScope::Rendition,
            ..policy(every(10))
        };
        bench.keys.register_stream(&stream, own).await.unwrap();
        let ask = |rendition: Option<&str>| LeaseRequest {
            from: Some(0),
            count: Some(1),
            rendition: rendition.map(|path| path.parse().unwrap()),
            known: None,
        };
        let refused = bench.keys.lease_stream(&stream, &ask(None)).await;
        assert!(matches!(refused, Err(KeysError::Invalid(_))));
        let mut keys = Vec::new();
        for path in ["v0/a.m3u8", "v1/a.m3u8"] {
            let lease = bench
                .keys
                .lease_stream(&stream, &ask(Some(path)))
                .await
                .unwrap();
            assert_eq!(
                lease.periods[0].period.scope,
                Scope::Rendition(path.parse().unwrap())
            );
            keys.push(lease.periods[0].key.clone());
        }
        assert_ne!(keys[0], keys[1]);
    }

    #[tokio::test]
    async fn a_template_registers_on_first_sight() {
        let bench = Bench::new().await;
        let ask = LeaseRequest::default();
        let refused = bench.keys.lease_stream(&id("live/a"), &ask).await;
        assert!(matches!(refused, Err(KeysError::UnknownStream)));
        let lease = bench.keys.lease_stream(&id("demo/a"), &ask).await.unwrap();
        assert_eq!(lease.stream.policy, policy(every(20)));
        assert_eq!(lease.stream.created, NOON);
        let nested = bench.keys.lease_stream(&id("demo/a/b"), &ask).await;
        assert!(matches!(nested, Err(KeysError::Nested(other)) if other == id("demo/a")));
    }

    #[tokio::test]
    async fn a_stolen_database_holds_no_key_in_the_clear() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(10)).await;
        let lease = bench.lease(&stream, 0, 50).await;
        let mut bytes = Vec::new();
        for file in std::fs::read_dir(bench.path()).unwrap() {
            bytes.extend(std::fs::read(file.unwrap().path()).unwrap());
        }
        let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        for one in &lease.periods {
            assert!(
                holds(one.period.kid.as_bytes()),
                "the search finds what is there"
            );
            assert!(!holds(one.key.expose()), "{}", one.period.kid);
        }
    }
}
