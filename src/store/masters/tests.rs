//! Which master keys seal, and how a retired one is kept from it.
//!
//! Must not know: what is sealed.

use super::*;
use crate::domain::{Boundary, Kid, Scope, Slot, StreamPolicy};
use crate::store::link::Lent;
use crate::store::testing::{cluster, scratch};
use crate::store::{Resealed, SealedKey, StreamRow};

const NOW: Timestamp = Timestamp::from_millis(1);

fn tag(fill: u8) -> KeyTag {
    KeyTag::of(&[1, fill, fill, fill, fill]).unwrap()
}

fn sealed(under: u8, fill: u8) -> Vec<u8> {
    [tag(under).header().to_vec(), vec![fill; 44]].concat()
}

fn new(kid: u8, under: u8) -> NewPeriod {
    let boundary = Boundary::Segment(kid.into());
    NewPeriod {
        slot: Slot { index: 0, boundary },
        kid: Kid::from_bytes([kid; 16]),
        sealed_key: sealed(under, kid),
    }
}

async fn stream(store: &Store) -> StreamRow {
    let id = "live/a".parse().unwrap();
    let policy = StreamPolicy::default();
    store.add_stream(&id, policy, NOW).await.unwrap();
    store.stream(&id).await.unwrap().unwrap()
}

#[tokio::test]
async fn master_keys_are_counted_and_told_apart() {
    let (_dir, store) = scratch().await;
    assert_eq!(store.masters_in_use().await.unwrap(), []);
    let row = stream(&store).await;
    let periods = [new(1, 9), new(2, 3), new(3, 9), new(4, 255)];
    store
        .issue(&row, &Scope::Stream, &periods, NOW)
        .await
        .unwrap();
    assert_eq!(
        store.masters_in_use().await.unwrap(),
        [tag(3), tag(9), tag(255)]
    );
    let counted: Vec<_> = store.sealed_under().await.unwrap();
    let counted: Vec<_> = counted
        .iter()
        .map(|under| (under.tag, under.keys))
        .collect();
    assert_eq!(
        counted,
        [(Some(tag(3)), 1), (Some(tag(9)), 2), (Some(tag(255)), 1)]
    );
    store.spoil_key(Kid::from_bytes([2; 16])).await;
    assert_eq!(store.sealed_under().await.unwrap()[0].tag, None);
    assert_eq!(store.masters_in_use().await.unwrap(), [tag(9), tag(255)]);
}

#[tokio::test]
async fn nothing_is_issued_under_a_retired_master_key() {
    let (_dir, store) = scratch().await;
    let row = stream(&store).await;
    let issue = async |new| store.issue(&row, &Scope::Stream, &[new], NOW).await;
    assert!(issue(new(1, 3)).await.unwrap());
    store
        .retire_masters(tag(4), &[tag(3), tag(4)], NOW)
        .await
        .unwrap();
    assert_eq!(store.retired_masters().await.unwrap(), [tag(3)]);
    let refused = issue(new(2, 3)).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::RetiredMaster(it) if it == tag(3)),
        "{refused}"
    );
    assert!(issue(new(2, 4)).await.unwrap());
    store.retire_masters(tag(3), &[tag(4)], NOW).await.unwrap();
    assert!(issue(new(3, 3)).await.unwrap());
    assert!(issue(new(4, 4)).await.is_err());
}

#[tokio::test]
async fn a_seal_is_exchanged_only_while_it_is_the_one_that_was_read() {
    let (_dir, store) = scratch().await;
    let row = stream(&store).await;
    let periods = [new(1, 3), new(2, 3), new(3, 4)];
    store
        .issue(&row, &Scope::Stream, &periods, NOW)
        .await
        .unwrap();
    let page = store.sealed_page(tag(3), None, 9).await.unwrap();
    let kids: Vec<Kid> = page.iter().map(|key| key.kid).collect();
    assert_eq!(kids, [1, 2].map(|kid| Kid::from_bytes([kid; 16])));
    assert_eq!(store.sealed_page(tag(3), None, 1).await.unwrap(), page[..1]);
    assert_eq!(
        store.sealed_page(tag(3), Some(kids[0]), 9).await.unwrap(),
        page[1..]
    );

    store.destroy_key(kids[0]).await;
    store.revoke(kids[1]).await.unwrap();
    let anew = |before: SealedKey| Resealed {
        after: sealed(4, before.kid.as_bytes()[0]),
        before,
    };
    let changes: Vec<Resealed> = page.into_iter().map(anew).collect();
    assert_eq!(store.reseal(&changes).await.unwrap(), 1);
    let destroyed = store.key(kids[0]).await.unwrap().unwrap();
    assert_eq!(destroyed.sealed_key, None);
    let revoked = store.key(kids[1]).await.unwrap().unwrap();
    assert_eq!(revoked.sealed_key, Some(sealed(4, 2)));
    assert_eq!(revoked.facts.state, crate::domain::PeriodState::Revoked);
    assert_eq!(
        store.reseal(&changes).await.unwrap(),
        0,
        "once more changes nothing"
    );
}

/// However many keys there are, a server's start looks at none of them one by one.
#[tokio::test]
async fn the_next_master_key_is_found_in_the_index() {
    let (_dir, store) = scratch().await;
    let mut on = store.write(Lock::All).await.unwrap();
    let plan: Vec<String> = match &mut on {
        Tx::Sqlite(on) => {
            let explain = format!("EXPLAIN QUERY PLAN {NEXT}");
            let query = sqlx::query_as(sqlx::AssertSqlSafe(explain)).bind(vec![0_u8]);
            let rows: Vec<(i64, i64, i64, String)> = query.fetch_all(&mut **on).await.unwrap();
            rows.into_iter().map(|row| row.3).collect()
        }
        Tx::Postgres(on) => {
            // A table without rows is read as a whole where that is allowed.
            let no_scan = sqlx::query("SET LOCAL enable_seqscan = off");
            no_scan.execute(&mut **on).await.unwrap();
            let explain = format!("EXPLAIN {NEXT}");
            let query = sqlx::query_scalar(sqlx::AssertSqlSafe(explain)).bind(vec![0_u8]);
            query.fetch_all(&mut **on).await.unwrap()
        }
    };
    let plan = plan.join("\n");
    assert!(plan.contains("periods_master"), "{plan}");
    assert!(
        !plan.to_lowercase().contains("sort") && !plan.contains("TEMP B-TREE"),
        "{plan}"
    );
}

#[tokio::test]
async fn samples_are_found_without_a_step_over_each_wiped_key() {
    if cluster().is_some() {
        return; // reads so few rows one by one
    }
    let (_scratch, store) = scratch().await;
    let mut on = store.read().await.unwrap();
    for query in [OLDEST, NEWEST] {
        let plan = format!("EXPLAIN QUERY PLAN {query}");
        let Lent::Sqlite(on) = &mut on else { return };
        let rows = sqlx::query_as(sqlx::AssertSqlSafe(plan)).fetch_all(&mut **on);
        let rows: Vec<(i64, i64, i64, String)> = rows.await.unwrap();
        let uses = |(.., detail): &(i64, i64, i64, String)| detail.contains("periods_sealed");
        assert!(rows.iter().any(uses), "{rows:?}");
    }
}
