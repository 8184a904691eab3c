//! Snapshots: every table and every kind of value, of one moment, to either database.
//!
//! Must not know: the backup's file.

use super::*;
use crate::domain::{StreamPolicy, Timestamp};
use crate::store::link::execute;
use crate::store::testing::{cluster, config_in, scratch};
use crate::store::{Lock, News};

const NOW: Timestamp = Timestamp::from_millis(1);

async fn add(store: &Store, stream: &str) {
    let id = stream.parse().unwrap();
    let policy = StreamPolicy::default();
    store.add_stream(&id, policy, NOW).await.unwrap();
}

/// The rows of every table, as values.
async fn dump(snapshot: &mut Snapshot) -> Vec<(&'static str, Vec<serde_json::Value>)> {
    let mut all = Vec::new();
    for table in snapshot.tables().await.unwrap() {
        let mut rows = Vec::new();
        let read = snapshot.rows(&table, |row| {
            rows.push(serde_json::from_str(row).unwrap());
            Ok::<(), StoreError>(())
        });
        read.await.unwrap();
        all.push((table.name, rows));
    }
    all
}

#[tokio::test]
async fn every_table_is_in_it_or_left_out_for_a_reason() {
    let (_dir, store) = scratch().await;
    let mut on = store.read().await.unwrap();
    let found = match &store.backend {
        Backend::Sqlite(_) => fetch_all!(
            on,
            (String,),
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ),
        Backend::Postgres(_) => fetch_all!(
            on,
            (String,),
            "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()"
        ),
    };
    let mut found: Vec<String> = found.unwrap().into_iter().map(|(name,)| name).collect();
    let mut known: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
    known.extend(LEFT_OUT);
    found.sort_unstable();
    known.sort_unstable();
    assert_eq!(
        found, known,
        "a new table belongs in TABLES, or in LEFT_OUT"
    );
    let mut snapshot = store.snapshot().await.unwrap();
    for table in snapshot.tables().await.unwrap() {
        assert!(table.columns().count() > 1, "{}", table.name);
    }
}

#[tokio::test]
async fn what_is_written_meanwhile_is_not_in_it() {
    let (_dir, store) = scratch().await;
    add(&store, "live/before").await;
    let mut snapshot = store.snapshot().await.unwrap();
    snapshot.tables().await.unwrap();
    add(&store, "live/after").await;
    let first = dump(&mut snapshot).await;
    drop(snapshot);
    let later = dump(&mut store.snapshot().await.unwrap()).await;
    assert_eq!((first[0].1.len(), later[0].1.len()), (1, 2));
    assert_eq!((first[1].1.len(), later[1].1.len()), (1, 2));
}

/// Texts that JSON has to escape, the largest numbers, empty bytes, NULLs.
async fn fill(store: &Store) {
    add(store, "live/a").await;
    let mut on = store.write(Lock::All).await.unwrap();
    for (kid, rendition, sealed) in [
        (
            1_u8,
            "a \"b\" \n \u{1} é \u{1f511}/[1]",
            Some(vec![0_u8, 255, 1]),
        ),
        (2, "{\"a\":null}", Some(Vec::new())),
        (3, "", None),
    ] {
        let state = if sealed.is_some() {
            "active"
        } else {
            "destroyed"
        };
        execute!(
            on,
            "INSERT INTO periods (kid, stream, incarnation, rendition, boundary_kind, boundary,
                                  slot, state, sealed_key, issued)
             VALUES ($1, 'live/a', 1, $2, 'time', $3, $4, $5, $6, 0)",
            vec![kid; 16],
            rendition,
            i64::MIN,
            i64::MAX,
            state,
            sealed
        )
        .unwrap();
    }
    on.commit().await.unwrap();
}

async fn copied(from: &Store, to: &Store) {
    let mut snapshot = from.snapshot().await.unwrap();
    let mut restoring = to.restore(false).await.unwrap();
    for table in snapshot.tables().await.unwrap() {
        let names: Vec<String> = table.columns().map(str::to_owned).collect();
        assert!(restoring.table(table.name, &names).await.unwrap());
        let mut rows = Vec::new();
        let read = snapshot.rows(&table, |row| {
            rows.push(row.to_owned());
            Ok::<(), StoreError>(())
        });
        read.await.unwrap();
        restoring
            .add(&format!("[{}]", rows.join(",")))
            .await
            .unwrap();
    }
    restoring.commit().await.unwrap();
}

#[tokio::test]
async fn every_value_comes_back_in_either_database() {
    let (_dir, store) = scratch().await;
    fill(&store).await;
    let before = dump(&mut store.snapshot().await.unwrap()).await;
    assert_eq!(before[2].1.len(), 3);
    let (_other_dir, other) = scratch().await;
    copied(&store, &other).await;
    assert_eq!(dump(&mut other.snapshot().await.unwrap()).await, before);
    if cluster().is_some() {
        let dir = tempfile::tempdir().unwrap();
        let sqlite = Store::open(&config_in(dir.path())).await.unwrap();
        copied(&store, &sqlite).await;
        assert_eq!(dump(&mut sqlite.snapshot().await.unwrap()).await, before);
        let (_back_dir, back) = scratch().await;
        copied(&sqlite, &back).await;
        assert_eq!(dump(&mut back.snapshot().await.unwrap()).await, before);
    }
}

#[tokio::test]
async fn a_store_that_holds_anything_is_replaced_only_when_that_is_said() {
    let (_dir, store) = scratch().await;
    add(&store, "live/a").await;
    let refused = store.restore(false).await.err().unwrap();
    assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
    drop(store.restore(true).await.unwrap());
    assert_eq!(store.streams().await.unwrap().len(), 1, "not committed");
    let mut follower = store.follow();
    follower.read().await.unwrap();
    assert_eq!(follower.read().await.unwrap(), News::Changes(Vec::new()));
    store.restore(true).await.unwrap().commit().await.unwrap();
    assert!(store.streams().await.unwrap().is_empty());
    assert_eq!(
        follower.read().await.unwrap(),
        News::Lost,
        "forget everything"
    );
}

#[tokio::test]
async fn a_table_or_column_that_is_not_there_is_told() {
    let (_dir, store) = scratch().await;
    let mut restoring = store.restore(false).await.unwrap();
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<_>>()
    };
    assert!(
        restoring
            .table("claims", &names(&["stream"]))
            .await
            .unwrap()
    );
    assert!(!restoring.table("claims", &names(&["speed"])).await.unwrap());
    assert!(!restoring.table("pg_authid", &names(&[])).await.unwrap());
}
