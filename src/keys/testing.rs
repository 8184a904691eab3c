//! Keys on a store of their own, with a clock and entropy that tests hold.
//!
//! Must not know: what is tested.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::{Config, Keys, KeysError, Lease, LeaseRequest};
use crate::api::{PeriodUse, ProgressReport, RenditionProgress, Text};
use crate::crypto::{ContentKey, KeyRing, MasterKey};
use crate::domain::{
    Clock, Entropy, Kid, Rotation, Scope, StreamId, StreamPolicy, SystemEntropy, Timestamp,
};
use crate::store::testing::Scratch;
use crate::store::{Follower, Heed, NewPeriod, Store};

/// 2026-01-02T12:00:00Z, on the grid of every rule that the tests use.
pub(super) const NOON: Timestamp = Timestamp::from_millis(1_767_355_200_000);

/// A clock that stands still until it is moved.
pub(super) struct ManualClock {
    now: AtomicI64,
    uptime: AtomicU64,
}

impl ManualClock {
    pub(super) fn advance(&self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).unwrap();
        self.now.fetch_add(millis, Ordering::SeqCst);
    }

    /// Lets time pass for the news: nothing else looks at the uptime.
    pub(super) fn let_pass(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).unwrap();
        self.uptime.fetch_add(millis, Ordering::SeqCst);
    }

    pub(super) fn turn_back(&self, span: Duration) {
        let millis = i64::try_from(span.as_millis()).unwrap();
        self.now.fetch_sub(millis, Ordering::SeqCst);
    }

    pub(super) fn advance_secs(&self, seconds: u64) {
        self.advance(Duration::from_secs(seconds));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.uptime.load(Ordering::SeqCst))
    }
}

/// Entropy from a seed, which a failing test prints.
struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    fn new() -> Self {
        let mut seed = [0; 8];
        SystemEntropy.fill(&mut seed);
        let seed = u64::from_le_bytes(seed);
        println!("entropy seed {seed}");
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) {
        self.0.lock().unwrap().fill_bytes(out);
    }
}

/// A server's keys, on a database that others may share.
pub(super) struct Bench {
    pub(super) scratch: Arc<Scratch>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) keys: Keys,
    follower: tokio::sync::Mutex<Follower>,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let scratch = Arc::new(Scratch::new().await);
        let clock = Arc::new(ManualClock {
            now: AtomicI64::new(NOON.millis()),
            uptime: AtomicU64::new(0),
        });
        Self::on(scratch, clock, &[7]).await
    }

    /// Another server on the same database.
    pub(super) async fn another(&self) -> Self {
        Self::with_ring(self, &[7]).await
    }

    /// Another server on the same database, with these master keys.
    pub(super) async fn with_ring(&self, masters: &[u8]) -> Self {
        Self::on(Arc::clone(&self.scratch), Arc::clone(&self.clock), masters).await
    }

    /// Another server on the database as it is on the disk now, this one's connections ignored.
    pub(super) async fn after_crash(&self) -> Self {
        let copy = Arc::new(self.scratch.copied());
        Self::on(copy, Arc::clone(&self.clock), &[7]).await
    }

    async fn on(scratch: Arc<Scratch>, clock: Arc<ManualClock>, masters: &[u8]) -> Self {
        let store = Store::open(&scratch.config()).await.unwrap();
        let masters = masters.iter().map(|byte| MasterKey::new(&[*byte; 32]));
        let ring = KeyRing::new(masters.collect()).unwrap();
        let shared: Arc<dyn Clock> = clock.clone();
        let entropy = Arc::new(SeededEntropy::new());
        let follower = tokio::sync::Mutex::new(store.follow());
        let bench = Self {
            keys: Keys::new(&config(), store, ring, shared, entropy),
            scratch,
            clock,
            follower,
        };
        bench.hear().await.unwrap();
        bench
    }

    /// Hears the news, as a server does each second.
    pub(super) async fn hear(&self) -> Result<(), KeysError> {
        self.hear_with(&[]).await
    }

    /// The same together with others.
    pub(super) async fn hear_with(&self, others: &[Arc<dyn Heed>]) -> Result<(), KeysError> {
        let mut follower = self.follower.lock().await;
        self.keys.hear(&mut follower, others).await
    }

    pub(super) async fn register(&self, stream: &str, rotation: Rotation) -> StreamId {
        let id = id(stream);
        self.keys
            .register_stream("packager", &id, policy(rotation))
            .await
            .unwrap();
        id
    }

    pub(super) async fn lease(&self, stream: &StreamId, from: i64, count: u32) -> Lease {
        let ask = LeaseRequest {
            from: Some(from),
            count: Some(count),
            ..LeaseRequest::default()
        };
        self.keys
            .lease_stream("packager", stream, &ask)
            .await
            .unwrap()
    }

    /// Issues the first period of a stream under a kid of the test's own.
    pub(super) async fn issue(&self, stream: &StreamId, kid: Kid) {
        let row = self.keys.store.stream(stream).await.unwrap().unwrap();
        let periods = [NewPeriod {
            slot: row.stream.schedule.slot(0).unwrap(),
            kid,
            sealed_key: self.keys.seal(kid, &ContentKey::random(&SystemEntropy)),
        }];
        let issued = self.keys.store.issue(&row, &Scope::Stream, &periods, NOON);
        assert!(issued.await.unwrap());
    }

    /// An encryptor takes a lease, following `known`; gives when it ends.
    pub(super) async fn hold(
        &self,
        stream: &StreamId,
        instance: &str,
        known: Option<u64>,
    ) -> Timestamp {
        let ask = named(instance, known);
        let lease = self.keys.lease_stream("packager", stream, &ask).await;
        lease.unwrap().ends.unwrap()
    }

    /// An encryptor reports which version it follows, and no more.
    pub(super) async fn acknowledge(
        &self,
        stream: &StreamId,
        instance: &str,
        known: u64,
        leaving: bool,
    ) {
        let report = ProgressReport {
            instance: instance.to_owned(),
            acknowledged: known,
            leaving,
            ..empty_report()
        };
        self.keys.note(stream, &report).await.unwrap();
    }

    /// Reports that a playlist lists segments up to `last` under `kid`, or just its number.
    pub(super) async fn report(&self, stream: &StreamId, kid: Kid, last: u64, time: Option<i64>) {
        let report = ProgressReport {
            renditions: vec![RenditionProgress {
                rendition: Text("v0/index.m3u8".parse().unwrap()),
                last_time: time.map(|seconds| Text(after_noon(seconds))),
                duration_ms: 16_000,
                kept: false,
                iframes: false,
                periods: vec![PeriodUse {
                    kid: Text(kid),
                    first: last.saturating_sub(3),
                    last,
                }],
            }],
            ..empty_report()
        };
        self.keys.note(stream, &report).await.unwrap();
    }
}

impl Keys {
    /// What the server does for `GET …/schedule`.
    pub(super) async fn lease_stream(
        &self,
        subject: &str,
        stream: &StreamId,
        ask: &LeaseRequest,
    ) -> Result<Lease, KeysError> {
        let holding = self.hold_lease(subject, stream, ask).await?;
        self.lease_periods(subject, stream, ask, holding).await
    }
}

fn config() -> Config {
    toml::from_str(
        "public_url = 'https://keys.example.net'
         issued_per_hour = 2000
         [[templates]]
         streams = 'demo/**'
         rotation = { every = '20s' }",
    )
    .unwrap()
}

pub(super) fn named(instance: &str, known: Option<u64>) -> LeaseRequest {
    LeaseRequest {
        known,
        instance: Some(instance.to_owned()),
        ..LeaseRequest::default()
    }
}

pub(super) fn empty_report() -> ProgressReport {
    ProgressReport {
        instance: "encryptor-1".to_owned(),
        acknowledged: 1,
        renditions: Vec::new(),
        claims: Vec::new(),
        undated: Vec::new(),
        taken: Vec::new(),
        leaving: false,
        marks: Vec::new(),
        restart: None,
        runs: false,
    }
}

pub(super) fn id(text: &str) -> StreamId {
    text.parse().unwrap()
}

pub(super) fn policy(rotation: Rotation) -> StreamPolicy {
    StreamPolicy {
        rotation,
        ..StreamPolicy::default()
    }
}

pub(super) fn every(seconds: u64) -> Rotation {
    Rotation::every(Duration::from_secs(seconds)).unwrap()
}

pub(super) fn segments(count: u64) -> Rotation {
    Rotation::segments(count).unwrap()
}

pub(super) fn after_noon(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOON.millis() + seconds * 1000)
}
