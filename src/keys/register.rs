//! Registration: a stream, its policy, and its policy's changes.
//!
//! Must not know: how a registration came in.

use crate::access::{Admitted, Permit, Read, Register};
use crate::domain::{Action, Rendition, Stream, StreamId, StreamPolicy};
use crate::store::{AddStream, StreamRow};

use super::allowance::REGISTRATION;
use super::announce::Care;
use super::{ATTEMPTS, Keys, KeysError, rotate};

/// A registered stream, and whether it is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The stream as it is now.
    pub stream: Stream,
    /// Whether this registration made it.
    pub created: bool,
}

impl Keys {
    /// Registers the stream, or changes its policy. The same policy again changes nothing.
    ///
    /// Another rotation takes effect as a cut does: once every encryptor with a lease has
    /// acknowledged it, or not at all; at once while no period was issued. Only then may `key_scope` and `iv` change at all.
    pub async fn register(
        &self,
        permit: &Permit<Register>,
        policy: StreamPolicy,
    ) -> Result<Registered, KeysError> {
        let (subject, id) = (permit.subject(), permit.stream());
        let registered = self.register_stream(subject, id, policy).await?;
        tracing::info!(
            stream = %permit.stream(), subject = permit.subject(),
            version = registered.stream.version, created = registered.created,
            "stream registered"
        );
        Ok(registered)
    }

    /// The stream, if it is registered.
    pub async fn stream(&self, permit: &Permit<Read>) -> Result<Option<Stream>, KeysError> {
        let row = self.store.stream(permit.stream()).await?;
        Ok(row.map(|row| row.stream))
    }

    /// The stream's renditions, as far as encryptors told of them or packagers asked for their keys.
    pub async fn renditions(&self, permit: &Permit<Read>) -> Result<Vec<Rendition>, KeysError> {
        Ok(self.store.renditions(permit.stream()).await?)
    }

    /// The registered streams that the caller may read, by id.
    pub async fn list(&self, who: &Admitted) -> Result<Vec<Stream>, KeysError> {
        let who = who.principal();
        let mut streams: Vec<Stream> = Vec::new();
        if who.may(Action::Read) {
            streams.extend(
                self.store
                    .streams()
                    .await?
                    .into_iter()
                    .map(|row| row.stream),
            );
            streams.retain(|stream| who.covers(&stream.id));
        }
        Ok(streams)
    }

    /// Takes the registration back and retires the stream's keys; `false` if there is none.
    pub async fn remove(&self, permit: &Permit<Register>) -> Result<bool, KeysError> {
        let removed = self.remove_stream(permit.stream()).await?;
        tracing::info!(
            stream = %permit.stream(), subject = permit.subject(), removed, "stream removed"
        );
        Ok(removed)
    }

    pub(super) async fn register_stream(
        &self,
        subject: &str,
        id: &StreamId,
        policy: StreamPolicy,
    ) -> Result<Registered, KeysError> {
        if policy.repeats_ivs() {
            return Err(KeysError::Invalid(
                "iv 'sequence' needs key_scope 'rendition'",
            ));
        }
        let mut created = false;
        for _ in 0..ATTEMPTS {
            // A change that is still to be acknowledged may be this one, or be taken back.
            self.quiet(id, Care::All).await?;
            match self.store.stream(id).await? {
                Some(row) if row.stream.policy == policy => {
                    // Somebody may have announced it just now, and may still take it back.
                    self.quiet(id, Care::All).await?;
                    if self.store.version(id).await? != Some(row.stream.version) {
                        continue;
                    }
                    let stream = row.stream;
                    return Ok(Registered { stream, created });
                }
                Some(row) => self.change(&row, policy).await?,
                None => created |= self.add(subject, id, policy).await?,
            }
        }
        Err(KeysError::Busy)
    }

    pub(super) async fn remove_stream(&self, id: &StreamId) -> Result<bool, KeysError> {
        let removed = self.store.remove_stream(id, self.clock.now()).await?;
        self.caches.forget_states_of(id);
        self.owners.forget(id);
        self.signals.send(id);
        Ok(removed)
    }

    pub(super) async fn add(
        &self,
        subject: &str,
        id: &StreamId,
        policy: StreamPolicy,
    ) -> Result<bool, KeysError> {
        let now = self.clock.now();
        self.allowance.take(subject, REGISTRATION, now)?;
        added(self.store.add_stream(id, policy, now).await?)
    }

    /// The same of a stream that was never registered; one that was removed meanwhile stays so.
    pub(super) async fn add_first(
        &self,
        subject: &str,
        id: &StreamId,
        policy: StreamPolicy,
    ) -> Result<bool, KeysError> {
        let now = self.clock.now();
        self.allowance.take(subject, REGISTRATION, now)?;
        added(self.store.add_first_stream(id, policy, now).await?)
    }

    /// Changes the stream as it was read, or does nothing if it has changed since: the caller
    /// reads it again either way.
    async fn change(&self, row: &StreamRow, policy: StreamPolicy) -> Result<(), KeysError> {
        let (stream, now) = (&row.stream, self.clock.now());
        if !row.issued {
            let (id, version) = (&stream.id, stream.version);
            self.store.replace_policy(id, version, policy, now).await?;
        } else if (policy.key_scope, policy.iv) != (stream.policy.key_scope, stream.policy.iv) {
            return Err(KeysError::Conflict(
                "key_scope and iv cannot change once keys were issued",
            ));
        } else {
            let reach = self.store.reach(&stream.id, self.lease).await?;
            let is_leased = self.is_leased(&stream.id).await?;
            let when = (now, is_leased);
            let rule = policy.rotation;
            let reach = self.reach_of_all(&stream.id, reach, rule).await?;
            let schedule = rotate::change_rule(&stream.schedule, rule, reach, when)?;
            self.carry_through(row, &schedule, (Care::All, is_leased))
                .await?;
            return Ok(());
        }
        self.signals.send(&stream.id);
        Ok(())
    }
}

fn added(outcome: AddStream) -> Result<bool, KeysError> {
    match outcome {
        AddStream::Added => Ok(true),
        AddStream::Exists | AddStream::Removed => Ok(false),
        AddStream::Nested(other) => Err(KeysError::Nested(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Boundary, IvRule, KeyScope, PeriodState, Rotation};
    use crate::keys::LeaseRequest;
    use crate::keys::testing::{Bench, NOON, after_noon, every, id, policy, segments};

    #[tokio::test]
    async fn the_same_registration_changes_nothing() {
        let bench = Bench::new().await;
        let first = bench
            .keys
            .register_stream("packager", &id("live/a"), policy(every(10)))
            .await
            .unwrap();
        assert!(first.created && first.stream.version == 1 && first.stream.created == NOON);
        bench.clock.advance_secs(100);
        let again = bench
            .keys
            .register_stream("packager", &id("live/a"), policy(every(10)))
            .await
            .unwrap();
        assert_eq!((again.created, again.stream), (false, first.stream));
    }

    #[tokio::test]
    async fn no_id_is_a_path_prefix_of_another() {
        let bench = Bench::new().await;
        bench.register("live/a", Rotation::Never).await;
        bench.register("live/a-b", Rotation::Never).await;
        bench.register("live/a0", Rotation::Never).await;
        for (nested, other) in [
            ("live", "live/a"),
            ("live/a/b", "live/a"),
            ("live/a/b/c", "live/a"),
        ] {
            let refused = bench
                .keys
                .register_stream("packager", &id(nested), StreamPolicy::default())
                .await;
            assert!(
                matches!(refused, Err(KeysError::Nested(ref found)) if *found == id(other)),
                "{nested}"
            );
        }
        for stream in ["live/a", "live/a-b", "live/a0"] {
            assert!(bench.keys.remove_stream(&id(stream)).await.unwrap());
        }
        bench.register("live", Rotation::Never).await;
    }

    #[tokio::test]
    async fn an_unused_stream_takes_any_policy_at_once() {
        let bench = Bench::new().await;
        bench.register("live/a", Rotation::Never).await;
        let other = StreamPolicy {
            rotation: segments(5),
            key_scope: KeyScope::Rendition,
            iv: IvRule::Sequence,
        };
        let changed = bench
            .keys
            .register_stream("packager", &id("live/a"), other)
            .await
            .unwrap();
        assert_eq!((changed.created, changed.stream.version), (false, 2));
        assert_eq!(changed.stream.policy, other);
        assert_eq!(changed.stream.schedule.eras().count(), 1);
    }

    #[tokio::test]
    async fn a_used_stream_changes_its_rotation_ahead_and_nothing_else() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(60)).await;
        bench.lease(&stream, 0, 1).await;
        let changed = bench
            .keys
            .register_stream("packager", &stream, policy(every(20)))
            .await
            .unwrap();
        let schedule = &changed.stream.schedule;
        assert_eq!(schedule.last().start, Boundary::Time(after_noon(10)));
        assert_eq!((schedule.rule(), changed.stream.version), (every(20), 2));
        let own_keys = StreamPolicy {
            key_scope: KeyScope::Rendition,
            ..policy(every(20))
        };
        let refused = bench
            .keys
            .register_stream("packager", &stream, own_keys)
            .await;
        assert!(matches!(refused, Err(KeysError::Conflict(_))));
    }

    #[tokio::test]
    async fn changes_queue_up_a_minute_ahead_at_most() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(60)).await;
        bench.lease(&stream, 0, 1).await;
        let (mut accepted, mut last) = (0, None);
        for span in 2..100 {
            match bench
                .keys
                .register_stream("packager", &stream, policy(every(span)))
                .await
            {
                Ok(registered) => last = Some(registered.stream.schedule.last().start),
                Err(error) => {
                    assert!(matches!(error, KeysError::Conflict(_)), "{error}");
                    break;
                }
            }
            accepted += 1;
        }
        assert_eq!(accepted, 7);
        assert_eq!(last, Some(Boundary::Time(after_noon(70))));
    }

    #[tokio::test]
    async fn a_stream_comes_back_without_its_old_keys() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(10)).await;
        let old = bench.lease(&stream, 0, 3).await;
        let kid = old.periods[0].period.kid;
        assert!(
            bench
                .keys
                .locate(kid)
                .await
                .unwrap()
                .unwrap()
                .state
                .is_delivered()
        );
        assert!(bench.keys.remove_stream(&stream).await.unwrap());
        assert!(!bench.keys.remove_stream(&stream).await.unwrap());
        assert!(bench.keys.store.stream(&stream).await.unwrap().is_none());
        let facts = bench.keys.locate(kid).await.unwrap().unwrap();
        assert_eq!(facts.state, PeriodState::Retired);
        let back = bench
            .keys
            .register_stream("packager", &stream, policy(every(10)))
            .await
            .unwrap();
        assert!(back.created && back.stream.version > old.stream.version);
        let new = bench.lease(&stream, 0, 3).await;
        for (old, new) in old.periods.iter().zip(&new.periods) {
            assert_eq!(old.period.boundary, new.period.boundary);
            assert!(old.period.kid != new.period.kid && old.key != new.key);
            assert_eq!(new.period.state, PeriodState::Pending);
        }
    }

    #[tokio::test]
    async fn two_servers_may_register_at_once() {
        let one = Bench::new().await;
        let two = one.another().await;
        let ids: Vec<StreamId> = (0..16).map(|at| id(&format!("live/{}", at % 4))).collect();
        let asked = ids.iter().enumerate().map(|(at, stream)| {
            let bench = if at % 2 == 0 { &one } else { &two };
            bench
                .keys
                .register_stream("packager", stream, policy(every(10)))
        });
        let answers = futures_util::future::join_all(asked).await;
        let created = answers
            .iter()
            .filter(|answer| answer.as_ref().unwrap().created);
        assert_eq!(created.count(), 4);
    }

    #[tokio::test]
    async fn who_followed_a_removed_stream_does_not_bring_it_back() {
        let bench = Bench::new().await;
        let stream = id("demo/a");
        let newcomer = LeaseRequest::default();
        let first = bench
            .keys
            .lease_stream("packager", &stream, &newcomer)
            .await
            .unwrap();
        let known = Some(first.stream.version);
        assert!(bench.keys.remove_stream(&stream).await.unwrap());
        let follower = LeaseRequest {
            known,
            ..LeaseRequest::default()
        };
        let refused = bench
            .keys
            .lease_stream("packager", &stream, &follower)
            .await;
        assert!(matches!(refused, Err(KeysError::UnknownStream)));
        assert!(
            bench
                .keys
                .lease_stream("packager", &stream, &newcomer)
                .await
                .is_ok()
        );
    }
}
