//! The trail from the decision to the verdict, on either database.
//!
//! Must not know: HTTP.

mod pruning;

use std::sync::Arc;
use std::time::Duration;

use super::prune::Pruning;
use super::writer::Next;
use super::*;
use crate::access::testing::{self, ManualClock, START};
use crate::crypto::{KeyRing, MasterKey};
use crate::domain::{Action, Clock as _, Kid, Principal, RequestId, SystemEntropy};
use crate::store::testing::{Scratch, scratch};
use crate::store::{AuditCursor, AuditEntry, AuditFilter, AuditHead, Store};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A store, and what its servers share.
struct Bench {
    _dir: Scratch,
    store: Store,
    clock: Arc<ManualClock>,
    config: AuditConfig,
}

impl Bench {
    async fn new(config: &str) -> Self {
        let (dir, store) = scratch().await;
        Self {
            _dir: dir,
            store,
            clock: Arc::new(ManualClock::at(START)),
            config: toml::from_str(config).unwrap(),
        }
    }

    fn open(&self) -> (Arc<Trail>, Writer) {
        Trail::open(
            &self.config,
            self.store.clone(),
            ring(&[1]),
            self.clock.clone(),
            Arc::new(SystemEntropy),
        )
    }

    /// A server's run with so many refusals.
    async fn run(&self, refusals: u64) {
        let (trail, writer) = self.open();
        for n in 0..refusals {
            trail.refused(&refusal(&n.to_string()), |_| None);
        }
        writer.finish().await;
    }

    /// Takes away all that is older than a day, and says in how many steps.
    async fn prune(&self) -> usize {
        let mut pruning = Pruning::default();
        let (ring, age) = (ring(&[1]), (self.clock.now(), DAY));
        let mut steps = 1;
        while pruning.step(&self.store, &ring, age).await {
            steps += 1;
        }
        steps
    }

    async fn verify(&self) -> AuditReport {
        verify(&self.store, &ring(&[1])).await.unwrap()
    }

    async fn rows(&self) -> Vec<AuditEntry> {
        let all = AuditFilter::default();
        let newest = AuditCursor::NEWEST;
        let found = self.store.search_audit(&all, &newest, 1000).await.unwrap();
        let mut rows: Vec<_> = found.into_iter().map(|row| row.entry).collect();
        rows.reverse();
        rows
    }
}

fn ring(keys: &[u8]) -> KeyRing {
    KeyRing::new(keys.iter().map(|key| MasterKey::new(&[*key; 32])).collect()).unwrap()
}

fn refusal(reason: &str) -> Ruling<'_> {
    Ruling {
        request: Some(RequestId::random(&SystemEntropy)),
        reason,
        ..Ruling::default()
    }
}

fn faults(report: &AuditReport) -> Vec<(Option<i64>, &'static str)> {
    let faults = report.faults.iter();
    faults.map(|fault| (fault.at, fault.what.code())).collect()
}

#[tokio::test]
async fn a_run_is_written_and_ended() {
    let bench = Bench::new("").await;
    bench.run(0).await;
    assert_eq!(bench.verify().await.chains, [], "nothing was decided");
    bench.run(2500).await;
    bench.run(3).await;
    let report = bench.verify().await;
    assert_eq!(faults(&report), []);
    let mut chains: Vec<_> = report
        .chains
        .iter()
        .map(|it| (it.first, it.last, it.ended))
        .collect();
    chains.sort_unstable();
    assert_eq!(chains, [(1, 3, true), (1, 2500, true)]);
    assert_eq!((report.rows, report.checkpoints), (2503, 2));
}

#[tokio::test]
async fn another_master_key_vouches_for_nothing() {
    let bench = Bench::new("").await;
    bench.run(3).await;
    let report = verify(&bench.store, &ring(&[2])).await.unwrap();
    let codes: Vec<_> = faults(&report).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["unknown_key", "unknown_key"], "checkpoint and head");
}

#[tokio::test]
async fn a_key_that_is_gone_is_vouched_for_by_the_next() {
    let bench = Bench::new("").await;
    bench.run(3).await;
    let (trail, writer) = Trail::open(
        &bench.config,
        bench.store.clone(),
        ring(&[2, 1]),
        bench.clock.clone(),
        Arc::new(SystemEntropy),
    );
    trail.refused(&refusal("x"), |_| None);
    writer.finish().await;
    let report = verify(&bench.store, &ring(&[2])).await.unwrap();
    assert_eq!(faults(&report), []);
    assert_eq!(report.rows, 4);
}

#[tokio::test]
async fn rows_that_found_no_room_are_counted_by_a_row() {
    let bench = Bench::new("queue = 2").await;
    let (trail, writer) = bench.open();
    for reason in ["1", "2", "3", "4", "5"] {
        assert_eq!(trail.admit(), Ok(()));
        trail.refused(&refusal(reason), |_| None);
    }
    assert_eq!(trail.measures().dropped.get(), 3);
    writer.finish().await;
    let rows = bench.rows().await;
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row.reason.as_str(), row.count))
        .collect();
    assert_eq!(found, [("1", 1), ("2", 1), ("rows_lost", 3)]);
    assert_eq!(trail.measures().written.get(), 3);
}

#[tokio::test]
async fn a_trail_that_may_lose_nothing_admits_nothing_more() {
    let bench = Bench::new("queue = 2\non_overflow = 'refuse'").await;
    let (trail, writer) = bench.open();
    let viewer = viewer("s").await;
    let kid = Kid::from_bytes([1; 16]);
    assert_eq!(trail.admit(), Ok(()));
    trail.refused(&refusal("1"), |_| None);
    assert_eq!(trail.delivered(kid, &delivery(&viewer)), Ok(()));
    assert_eq!(trail.admit(), Err(Overflow));
    assert_eq!(
        trail.delivered(kid, &delivery(&viewer)),
        Ok(()),
        "it is counted already"
    );
    let other = Kid::from_bytes([2; 16]);
    assert_eq!(trail.delivered(other, &delivery(&viewer)), Err(Overflow));
    trail.changed(&refusal("it was admitted before"));
    assert_eq!(trail.measures().dropped.get(), 0);
    writer.finish().await;
    assert_eq!(bench.rows().await.len(), 3);
    assert_eq!(trail.admit(), Ok(()));
}

#[tokio::test]
async fn deliveries_of_a_minute_are_one_row_for_each_session_and_key() {
    let bench = Bench::new("").await;
    let (trail, mut writer) = bench.open();
    let (one, two) = (viewer("s1").await, viewer("s2").await);
    let kids = [1, 2].map(|byte| Kid::from_bytes([byte; 16]));
    for (who, kid) in [(&one, 0), (&one, 0), (&two, 0), (&one, 1)] {
        trail.delivered(kids[kid], &delivery(who)).unwrap();
    }
    assert!(
        !writer.write(false).await.unwrap(),
        "the minute is not over"
    );
    bench.clock.advance(Duration::from_secs(60));
    assert!(writer.write(false).await.unwrap());
    trail.delivered(kids[0], &delivery(&one)).unwrap();
    writer.finish().await;
    let rows = bench.rows().await;
    let mut found: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.time - START.millis(),
                row.session.as_str(),
                &row.kid[..2],
                row.count,
            )
        })
        .collect();
    found.sort_unstable();
    let minute = 60_000;
    assert_eq!(
        found,
        [
            (0, "s1", "01", 2),
            (0, "s1", "02", 1),
            (0, "s2", "01", 1),
            (minute, "s1", "01", 1)
        ]
    );
    assert!(
        rows.iter()
            .all(|row| row.kind == "delivered" && row.viewer == "viewer")
    );
}

#[tokio::test]
async fn sessions_of_one_name_are_counted_apart_by_scheme_and_viewer() {
    let bench = Bench::new("").await;
    let (trail, writer) = bench.open();
    let one = viewer("s").await;
    let mut foreign = one.clone();
    foreign.scheme = "team-b".into();
    let mut other = one.clone();
    other.subject = "other".to_owned();
    for who in [&one, &foreign, &other, &one] {
        trail
            .delivered(Kid::from_bytes([1; 16]), &delivery(who))
            .unwrap();
    }
    writer.finish().await;
    let rows = bench.rows().await;
    let found = rows
        .iter()
        .map(|row| (&*row.scheme, &*row.viewer, row.count));
    let mut found: Vec<_> = found.collect();
    found.sort_unstable();
    let mut expected = [
        (&*one.scheme, "viewer", 2),
        ("team-b", "viewer", 1),
        (&*one.scheme, "other", 1),
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn old_rows_go_with_a_signed_mark_and_whole_chains_at_last() {
    let bench = Bench::new("retention = '1day'").await;
    bench.run(2500).await;
    bench.clock.advance(DAY / 2);
    let (trail, mut writer) = bench.open();
    for reason in ["a", "b"] {
        trail.refused(&refusal(reason), |_| None);
        assert!(writer.write(false).await.unwrap());
        bench.clock.advance(DAY);
    }
    bench.prune().await;
    let report = bench.verify().await;
    assert_eq!(faults(&report), []);
    let chains: Vec<_> = report.chains.iter().map(|it| (it.first, it.last)).collect();
    assert_eq!(chains, [(2501, 2500), (2, 2)]);
    trail.refused(&refusal("c"), |_| None);
    writer.finish().await;
    for _ in 0..2 {
        bench.clock.advance(2 * DAY);
        bench.run(1).await;
    }
    bench.prune().await;
    let report = bench.verify().await;
    assert_eq!(faults(&report), []);
    assert_eq!(report.rows, 1);
    assert!(
        report.chains.iter().all(|it| it.last != 2500),
        "it is forgotten"
    );
}

#[tokio::test]
async fn rows_are_written_between_two_pages_of_old_ones_until_none_is_left() {
    let bench = Bench::new("retention = '1day'").await;
    bench.run(2500).await;
    bench.clock.advance(2 * DAY);
    let (trail, mut writer) = bench.open();
    let mut next = Vec::new();
    for reason in ["a", "b", "c"] {
        trail.refused(&refusal(reason), |_| None);
        next.push(writer.step().await.unwrap());
        assert_eq!(bench.rows().await.last().unwrap().reason, reason);
    }
    assert_eq!(next, [Next::AtOnce; 3]);
    assert_eq!(bench.rows().await.len(), 3, "the old ones are gone");
    for expected in [Next::WhenWoken, Next::WhenWoken] {
        assert_eq!(writer.step().await.unwrap(), expected);
    }
    bench.run(2500).await;
    bench.clock.advance(2 * DAY);
    assert_eq!(writer.step().await.unwrap(), Next::WhenWoken, "not so soon");
    assert_eq!(bench.prune().await, 5, "three pages, and one, and the end");
    assert_eq!(faults(&bench.verify().await), []);
}

#[tokio::test]
async fn checkpoints_are_kept_by_the_clock_that_rows_are_kept_by() {
    let bench = Bench::new("retention = '1day'").await;
    bench.run(1).await;
    let before = bench.clock.now();
    bench.store.reckon(before, DAY).await.unwrap();
    bench.clock.advance(5 * DAY);
    for _ in 0..2 {
        bench.run(1).await;
    }
    bench.prune().await;
    let report = bench.verify().await;
    assert_eq!((report.rows, report.checkpoints), (3, 3), "the clock leapt");
}

#[tokio::test]
async fn a_chain_that_somebody_else_went_on_with_is_named_by_no_checkpoint() {
    let bench = Bench::new("").await;
    let (trail, mut writer) = bench.open();
    trail.refused(&refusal("a"), |_| None);
    assert!(writer.write(false).await.unwrap());
    let mut heads = bench.store.audit_heads_since(0).await.unwrap();
    let own = heads.remove(0);
    let row = AuditRow {
        chain: own.chain.clone(),
        seq: 2,
        entry: AuditEntry::default(),
        hash: vec![2; 32],
    };
    let head = AuditHead {
        seq: 2,
        hash: row.hash.clone(),
        ..own
    };
    let put = bench.store.append_audit(&head, 1, &[row]).await;
    assert!(put.unwrap());
    writer.finish().await;
    let report = bench.verify().await;
    assert_eq!(report.checkpoints, 0);
    let chains = report.faults.iter().map(|fault| fault.chain.as_deref());
    assert!(chains.eq([Some(head.chain.as_str()); 2]), "{report:?}");
}

#[tokio::test]
async fn the_queue_is_measured_while_nothing_is_written() {
    let bench = Bench::new("queue = 3").await;
    let (trail, mut writer) = bench.open();
    let viewer = viewer("s").await;
    for (at, reason) in ["1", "2", "3", "4"].into_iter().enumerate() {
        trail.refused(&refusal(reason), |_| None);
        let waiting = i64::try_from(at + 1).unwrap().min(3);
        assert_eq!(trail.measures().queue.get(), waiting);
    }
    assert!(writer.write(false).await.unwrap());
    assert_eq!(trail.measures().queue.get(), 0);
    let kid = Kid::from_bytes([1; 16]);
    trail.delivered(kid, &delivery(&viewer)).unwrap();
    assert_eq!(trail.measures().queue.get(), 1);
}

/// Somebody whom a gate let in, in that session.
async fn viewer(session: &str) -> Principal {
    let gate = testing::Bench::open().await;
    let key = gate.api_key("viewer", "**", &[Action::Deliver]).await;
    let mut principal = gate.admit(&key).await.unwrap().principal().clone();
    principal.session = session.to_owned();
    principal
}

fn delivery(who: &Principal) -> Ruling<'_> {
    Ruling {
        who: Some(who),
        ..Ruling::default()
    }
}
