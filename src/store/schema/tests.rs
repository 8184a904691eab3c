//! Stores of released versions, opened by this one; and stores of versions to come.
//!
//! Must not know: what a later migration adds.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::*;
use crate::domain::{Boundary, Kid, PeriodState, Scope, Slot, Timestamp};
use crate::store::config::Target;
use crate::store::testing::Scratch;

const OLD_SQLITE: &str = include_str!("../../../tests/fixtures/store-0.1.0/sqlite.sql");
const OLD_POSTGRES: &str = include_str!("../../../tests/fixtures/store-0.1.0/postgres.sql");
const T: i64 = 4_102_444_800_000;

/// A store as 0.1.0 left it.
async fn old() -> Scratch {
    let scratch = Scratch::new().await;
    run(&scratch, OLD_SQLITE, OLD_POSTGRES).await;
    scratch
}

/// Runs statements as another program would.
async fn run(scratch: &Scratch, sqlite: &'static str, postgres: &'static str) {
    let config = scratch.config();
    let url = config.url.as_ref().unwrap().expose();
    match config.target().unwrap() {
        Target::Sqlite(_) => {
            let mut on = SqliteConnection::connect(&format!("{url}?mode=rwc"))
                .await
                .unwrap();
            sqlx::raw_sql(sqlite).execute(&mut on).await.unwrap();
            on.close().await.unwrap();
        }
        Target::Postgres(_) => {
            let mut on = PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(postgres).execute(&mut on).await.unwrap();
            on.close().await.unwrap();
        }
    }
}

fn kid(n: u8) -> Kid {
    let mut bytes = [n; 16];
    (bytes[6], bytes[8]) = (0x40 | n, 0x80 | n);
    Kid::from_bytes(bytes)
}

#[tokio::test]
async fn a_store_of_0_1_0_is_brought_up_to_date_and_loses_nothing() {
    let scratch = old().await;
    let before = Store::look(&scratch.config()).await.unwrap().unwrap();
    let schema = before.schema().await.unwrap();
    assert_eq!(schema.applied, [1]);
    assert!(schema.pending().contains(&4));
    assert!(schema.foreign().is_empty());
    let store = Store::open(&scratch.config()).await.unwrap();
    let schema = store.schema().await.unwrap();
    assert_eq!((schema.pending(), schema.foreign()), (vec![], vec![]));
    holds_what_it_held(&store).await;
}

async fn holds_what_it_held(store: &Store) {
    use PeriodState::{Active, Destroyed, Pending, Retired, Revoked};
    let expected = [
        Active, Pending, Revoked, Pending, Pending, Destroyed, Retired,
    ];
    for (n, state) in (1..).zip(expected) {
        let row = store.key(kid(n)).await.unwrap().unwrap();
        assert_eq!(row.facts.state, state, "key {n}");
        assert_eq!(row.sealed_key.is_some(), state != Destroyed, "key {n}");
    }
    let news = store
        .stream(&"live/news".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (news.stream.version, news.stream.schedule.eras().count()),
        (3, 2)
    );
    let boundary = Boundary::Time(Timestamp::from_millis(T));
    let slot = Slot { index: 0, boundary };
    let found = store.periods(&news, &Scope::Stream, &[slot]).await.unwrap();
    assert_eq!(found[&boundary].period.kid, kid(1));
    let radio = store
        .stream(&"live/radio".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert!(radio.issued);
    assert_eq!(store.streams().await.unwrap().len(), 2);
    let usages = store.usages(kid(1)).await;
    assert_eq!(
        usages,
        [(
            "v0/index.m3u8".to_owned(),
            0,
            99,
            Timestamp::from_millis(T + 5000)
        )]
    );
    let reach = store
        .reach(&radio.stream.id, Duration::from_secs(3600))
        .await
        .unwrap();
    assert_eq!(reach.segment, Some(40));
    let credential = store.credential("0123456789abcdef").await.unwrap().unwrap();
    assert_eq!(credential.name, "studio");
    let under = store.sealed_under().await.unwrap();
    assert_eq!((under.len(), under[0].keys), (1, 6));
    assert_eq!(under[0].tag.unwrap().to_string(), "5c805f3f");
}

#[tokio::test]
async fn many_that_open_an_old_store_at_once_all_can() {
    let scratch = old().await;
    let config = scratch.config();
    let opened = futures_util::future::join_all((0..6).map(|_| Store::open(&config))).await;
    for store in opened {
        holds_what_it_held(&store.unwrap()).await;
    }
}

#[tokio::test]
async fn a_migration_that_was_cut_off_is_done_by_the_next_start() {
    for micros in [100, 1000, 5000, 20_000, 50_000] {
        let scratch = old().await;
        let config = scratch.config();
        let open = Store::open(&config);
        let _ = tokio::time::timeout(Duration::from_micros(micros), open).await;
        holds_what_it_held(&Store::open(&config).await.unwrap()).await;
    }
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let scratch = old().await;
    Store::open(&scratch.config()).await.unwrap().close().await;
    let later = "INSERT INTO _sqlx_migrations
        (version, description, success, checksum, execution_time) VALUES ";
    let (sqlite, postgres) = (
        format!("{later} (9001, 'later', 1, X'00', 0)"),
        format!("{later} (9001, 'later', true, '\\x00', 0)"),
    );
    run(&scratch, sqlite.leak(), postgres.leak()).await;
    let error = Store::open(&scratch.config())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("9001") && error.contains("a newer hlskey"),
        "{error}"
    );
    let store = Store::look(&scratch.config()).await.unwrap().unwrap();
    assert_eq!(store.schema().await.unwrap().foreign(), [9001]);
    let meddled = "UPDATE _sqlx_migrations SET checksum = ";
    let undo = "; DELETE FROM _sqlx_migrations WHERE version = 9001";
    let (sqlite, postgres) = (
        format!("{meddled} X'00' WHERE version = 1{undo}"),
        format!("{meddled} '\\x00' WHERE version = 1{undo}"),
    );
    run(&scratch, sqlite.leak(), postgres.leak()).await;
    let error = Store::open(&scratch.config())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("no hlskey of ours"), "{error}");
}

#[tokio::test]
async fn looking_makes_nothing() {
    let scratch = Scratch::new().await;
    let found = Store::look(&scratch.config()).await.unwrap();
    match found {
        None => assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0),
        Some(store) => assert!(store.schema().await.unwrap().applied.is_empty()),
    }
}
