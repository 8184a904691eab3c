//! Old rows that cannot be taken away.
//!
//! Must not know: HTTP.

use super::*;

const HIDDEN: &str = "ALTER TABLE audit_pruned RENAME TO hidden";
const FOUND: &str = "ALTER TABLE hidden RENAME TO audit_pruned";

#[tokio::test]
async fn rows_are_written_though_old_ones_do_not_go() {
    let bench = Bench::new("retention = '1day'").await;
    bench.run(3).await;
    bench.clock.advance(2 * DAY);
    let (trail, mut writer) = bench.open();
    bench.store.put(HIDDEN).await;
    trail.refused(&refusal("a"), |_| None);
    assert_eq!(writer.step().await.unwrap(), Next::AtOnce);
    assert_eq!(bench.rows().await.len(), 4);
    assert_eq!(writer.step().await.unwrap(), Next::WhenWoken, "no haste");
    bench.store.put(FOUND).await;
    assert_eq!(writer.step().await.unwrap(), Next::WhenWoken, "it rests");
    assert_eq!(bench.rows().await.len(), 4);
}

#[tokio::test]
async fn a_chain_that_does_not_go_keeps_no_other_and_has_its_turn_in_the_next_round() {
    let bench = Bench::new("").await;
    for _ in 0..2 {
        bench.run(3).await;
    }
    bench.clock.advance(2 * DAY);
    let (ring, age) = (ring(&[1]), (bench.clock.now(), DAY));
    let mut pruning = Pruning::default();
    bench.store.put(HIDDEN).await;
    assert!(!pruning.step(&bench.store, &ring, age).await);
    bench.store.put(FOUND).await;
    pruning.go_on();
    while pruning.step(&bench.store, &ring, age).await {}
    assert_eq!(bench.rows().await.len(), 3);
    bench.prune().await;
    assert_eq!(bench.rows().await.len(), 0);
    assert_eq!(faults(&bench.verify().await), []);
}
