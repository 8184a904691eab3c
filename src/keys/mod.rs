//! Key life: register, issue, lease, rotate, reveal. Each public act takes the permit for it.
//!
//! Must not know: HTTP, or how a credential was verified.

mod allowance;
mod announce;
mod backup;
mod brought;
mod config;
mod error;
mod filed;
mod import;
mod lease;
mod masters;
mod news;
mod owner;
mod present;
mod progress;
mod register;
mod reseal;
mod retain;
mod reveal;
mod rotate;
mod runs;
mod signals;
mod span;
#[cfg(test)]
mod testing;
mod verify;
mod worst_case;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use backup::{BackupError, Contents, backup, check as check_backup, restore};
pub use brought::{BroughtAsk, BroughtKey};
pub use config::{Config, Retention, Template, TemplateError};
pub use error::KeysError;
pub use import::{Imported, import, would_import};
pub use lease::{Holding, Lease, LeaseRequest, LeasedPeriod};
pub use present::Present;
pub use register::Registered;
pub use reseal::{Progress as ResealProgress, Rekeyed, reseal};
pub use rotate::Rotated;
pub use verify::{Flaw, Health, verify};
pub use worst_case::{WorstCase, worst_case, worst_case_of_key};

use crate::crypto::{ContentKey, KeyRing, Place, RingError};
use crate::domain::{Boundary, Clock, Entropy, Kid, Schedule, StreamId, Timestamp};
use crate::store::{Reach, Store, StoreError, StreamRow};
use crate::telemetry::StoreMeasures;
use allowance::Allowance;
use filed::Files;
use masters::Masters;
use owner::Owners;
use retain::Rules;
use reveal::Caches;
use signals::Signals;

/// How often an act is tried anew when others change the stream meanwhile.
const ATTEMPTS: u32 = 16;
/// The wall time of a segment while nobody has reported two.
const ASSUMED_PACE: Duration = Duration::from_secs(1);

/// The keys of all streams.
pub struct Keys {
    store: Store,
    masters: Masters,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    public_url: String,
    lease: Duration,
    retention: Rules,
    templates: Vec<Template>,
    caches: Caches,
    files: Files,
    owners: Owners,
    signals: Signals,
    /// Told when an encryptor was heard of, which may be what a cut waits for.
    acks: Signals,
    allowance: Allowance,
    /// Told once: readiness is asked again and again.
    is_damaged: AtomicBool,
}

impl Keys {
    /// The keys in `store`, sealed under `ring`.
    pub fn new(
        config: &Config,
        store: Store,
        ring: KeyRing,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            store,
            masters: Masters::new(ring),
            clock,
            entropy,
            public_url: config.public_url.trim_end_matches('/').to_owned(),
            lease: config.lease.0.into(),
            retention: Rules::new(config),
            templates: config.templates.clone(),
            caches: Caches::default(),
            files: Files::default(),
            owners: Owners::default(),
            signals: Signals::default(),
            acks: Signals::default(),
            allowance: Allowance::new(config.issued_per_hour),
            is_damaged: AtomicBool::new(false),
        }
    }

    /// How often the store was turned to, by these keys and by whoever else has a clone of it.
    pub fn store_measures(&self) -> &StoreMeasures {
        self.store.measures()
    }

    /// Whether keys can be issued and revealed: the store answers, its news are fresh, and the
    /// ring opens what it holds. Asked before serving, so that a wrong master key shows at the
    /// start.
    pub async fn ready(&self) -> Result<(), KeysError> {
        self.check_fresh()?;
        self.store.ping().await?;
        self.verify_ring().await
    }

    /// Whether the ring has every master key that the store needs, and one that may seal, and
    /// opens the oldest and the newest key. Quick, however many keys there are.
    ///
    /// A row that is damaged says nothing of the ring: it is logged, and the other keys are served.
    pub async fn verify_ring(&self) -> Result<(), KeysError> {
        self.masters.cover(&self.store).await?;
        self.masters.follow(&self.store).await?;
        match self.open_samples().await {
            Err(KeysError::Unavailable(error @ StoreError::Inconsistent { .. })) => {
                if !self.is_damaged.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "a key is damaged: see `hlskey keystore verify`");
                }
                Ok(())
            }
            opened => opened,
        }
    }

    async fn open_samples(&self) -> Result<(), KeysError> {
        for row in self.store.sample_keys().await? {
            self.unseal(row.facts.kid, row.sealed_key.as_deref())?;
        }
        Ok(())
    }

    /// Resolves when the stream's version is not `known`, or cannot be told. Another server's
    /// change is heard by the news ([`Self::follow`]). It may wait for ever; the caller bounds it.
    pub async fn changed(&self, stream: &StreamId, known: u64) {
        let mut listener = self.signals.listen(stream);
        while matches!(self.store.version(stream).await, Ok(Some(version)) if version == known) {
            listener.heard().await;
        }
    }

    async fn registered(&self, id: &StreamId) -> Result<StreamRow, KeysError> {
        self.store.stream(id).await?.ok_or(KeysError::UnknownStream)
    }

    fn seal(&self, kid: Kid, key: &ContentKey) -> Vec<u8> {
        let place = place(&kid);
        self.masters
            .seal(place, key.expose(), self.entropy.as_ref())
    }

    fn unseal(&self, kid: Kid, sealed: Option<&[u8]>) -> Result<ContentKey, KeysError> {
        let damaged = || StoreError::Inconsistent {
            table: "periods",
            row: kid.to_string(),
            column: "sealed_key",
        };
        match self
            .masters
            .open(place(&kid), sealed.ok_or(KeysError::Gone)?)
        {
            Ok(plain) => Ok(ContentKey::from_slice(&plain).ok_or_else(damaged)?),
            Err(RingError::Damaged) => Err(damaged().into()),
            Err(error) => Err(error.into()),
        }
    }
}

fn place(kid: &Kid) -> Place<'_> {
    Place {
        table: "periods",
        row: kid.as_bytes(),
        column: "sealed_key",
    }
}

/// An encryptor's name stands in queries, logs and on consoles.
fn check_name(instance: &str) -> Result<(), KeysError> {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    match (1..=64).contains(&instance.len()) && instance.bytes().all(is_allowed) {
        true => Ok(()),
        false => Err(KeysError::Invalid(
            "instance is 1 to 64 of A-Z a-z 0-9 . _ -",
        )),
    }
}

/// How many segments the fastest encryptor publishes in `span`.
fn segments_in(span: Duration, reach: Reach) -> u64 {
    let pace = reach.pace.unwrap_or(ASSUMED_PACE).as_millis().max(1);
    u64::try_from(span.as_millis().div_ceil(pace)).unwrap_or(u64::MAX)
}

/// Whether a boundary can be written down: RFC 3339 has the years 0 to 9999, a column 63 bits.
fn is_writable(boundary: Boundary) -> bool {
    const FIRST: Timestamp = Timestamp::from_millis(-62_167_219_200_000);
    const LAST: Timestamp = Timestamp::from_millis(253_402_300_799_999);
    match boundary {
        Boundary::Segment(segment) => i64::try_from(segment).is_ok(),
        Boundary::Time(time) => (FIRST..=LAST).contains(&time),
    }
}

/// Whether any era but the first is in the schedule.
fn was_cut(schedule: &Schedule) -> bool {
    schedule.eras().nth(1).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use testing::{Bench, every, policy, segments};

    #[tokio::test]
    async fn a_long_poll_ends_with_a_change_here() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", every(10)).await;
        bench.keys.changed(&stream, 0).await;
        let cut = async { bench.keys.rotate_stream(&stream, false).await.unwrap() };
        tokio::join!(bench.keys.changed(&stream, 1), cut);
        let removal = async { bench.keys.remove_stream(&stream).await.unwrap() };
        tokio::join!(bench.keys.changed(&stream, 2), removal);
    }

    #[tokio::test]
    async fn a_long_poll_ends_with_a_change_elsewhere() {
        let bench = Bench::new().await;
        let other = bench.another().await;
        let stream = bench.register("live/a", every(10)).await;
        other.lease(&stream, 0, 1).await;
        let heard = async {
            let change = policy(every(20));
            let changed = other.keys.register_stream("packager", &stream, change);
            changed.await.unwrap();
            bench.hear().await.unwrap();
        };
        tokio::join!(bench.keys.changed(&stream, 1), heard);
    }

    #[tokio::test]
    async fn one_damaged_key_keeps_no_server_from_the_others() {
        let bench = Bench::new().await;
        let stream = bench.register("live/a", segments(10)).await;
        let periods = bench.lease(&stream, 0, 3).await.periods;
        let kids: Vec<Kid> = periods.iter().map(|one| one.period.kid).collect();
        let rows = bench.keys.store.sample_keys().await.unwrap();
        for row in &rows {
            bench.keys.store.spoil_key(row.facts.kid).await;
        }
        for server in [&bench, &bench.another().await] {
            server.keys.ready().await.unwrap();
            for kid in &kids {
                let is_spoiled = rows.iter().any(|row| row.facts.kid == *kid);
                assert_eq!(server.keys.content_key(*kid).await.is_err(), is_spoiled);
            }
        }
        let wrong = bench.with_ring(&[8]).await;
        assert!(matches!(wrong.keys.ready().await, Err(KeysError::Ring(_))));
    }

    #[test]
    fn what_cannot_be_written_down_is_known() {
        let time = |millis| Boundary::Time(Timestamp::from_millis(millis));
        for good in [
            time(-62_167_219_200_000),
            time(253_402_300_799_999),
            Boundary::Segment(7),
        ] {
            assert!(is_writable(good), "{good:?}");
        }
        assert_eq!(
            Timestamp::from_millis(-62_167_219_200_000).to_string(),
            "0000-01-01T00:00:00.000Z"
        );
        for bad in [
            time(-62_167_219_200_001),
            time(253_402_300_800_000),
            Boundary::Segment(u64::MAX),
        ] {
            assert!(!is_writable(bad), "{bad:?}");
        }
    }
}
