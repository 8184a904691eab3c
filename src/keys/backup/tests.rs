//! Backups between stores: whole, changed, cut short, of another ring.
//!
//! Must not know: files.

use std::io::Cursor;

use super::*;
use crate::crypto::{ContentKey, KeyRing, MasterKey};
use crate::domain::Kid;
use crate::keys::testing::{Bench, NOON, every};
use crate::store::Store;
use crate::store::testing::{cluster, config_in, scratch};

fn ring(fill: &[u8]) -> KeyRing {
    let keys = fill.iter().map(|byte| MasterKey::new(&[*byte; 32]));
    KeyRing::new(keys.collect()).unwrap()
}

/// A store with keys, and its backup.
async fn backed_up() -> (Bench, Vec<(Kid, ContentKey)>, Vec<u8>) {
    let bench = Bench::new().await;
    let mut keys = Vec::new();
    for name in ["live/a", "live/b"] {
        let stream = bench.register(name, every(10)).await;
        let lease = bench.lease(&stream, 0, 300).await;
        keys.extend(
            lease
                .periods
                .into_iter()
                .map(|one| (one.period.kid, one.key)),
        );
    }
    bench.keys.revoke_key(keys[3].0).await.unwrap();
    let file = written(&bench.keys.store).await;
    (bench, keys, file)
}

async fn written(store: &Store) -> Vec<u8> {
    let mut file = Vec::new();
    backup(store, &ring(&[7]), NOON, &mut file).await.unwrap();
    file
}

async fn restored(store: &Store, file: &[u8]) -> Result<Contents, BackupError> {
    restore(store, &ring(&[8, 7]), &mut Cursor::new(file), false).await
}

async fn same(store: &Store, keys: &[(Kid, ContentKey)]) {
    let ring = ring(&[7]);
    for (kid, key) in keys {
        let row = store.key(*kid).await.unwrap().unwrap();
        let plain = ring.open(super::super::place(kid), &row.sealed_key.unwrap());
        assert_eq!(plain.unwrap().as_slice(), key.expose());
    }
}

#[tokio::test]
async fn a_restored_store_holds_the_same_and_says_the_same_again() {
    let (bench, keys, file) = backed_up().await;
    let (_dir, store) = scratch().await;
    let contents = restored(&store, &file).await.unwrap();
    assert_eq!(
        (contents.count("streams"), contents.count("periods")),
        (2, 600)
    );
    assert_eq!(contents.needs(), [ring(&[7]).sealing()]);
    assert_eq!(contents.sealed_under, [(ring(&[7]).sealing(), 600)]);
    same(&store, &keys).await;
    let revoked = store.key(keys[3].0).await.unwrap().unwrap();
    assert_eq!(revoked.facts.state, crate::domain::PeriodState::Revoked);
    assert_eq!(
        store.streams().await.unwrap(),
        bench.keys.store.streams().await.unwrap()
    );
    assert_eq!(
        written(&store).await,
        file,
        "of the same rows, at the same moment"
    );
}

#[tokio::test]
async fn the_other_database_takes_it() {
    if cluster().is_none() {
        return; // the profile `postgres` goes both ways
    }
    let (_bench, keys, file) = backed_up().await;
    let dir = tempfile::tempdir().unwrap();
    let sqlite = Store::open(&config_in(dir.path())).await.unwrap();
    restored(&sqlite, &file).await.unwrap();
    same(&sqlite, &keys).await;
    let (_dir, back) = scratch().await;
    restored(&back, &written(&sqlite).await).await.unwrap();
    same(&back, &keys).await;
    assert_eq!(written(&back).await, file);
}

#[tokio::test]
async fn what_is_issued_meanwhile_is_not_half_in_it() {
    let (bench, _, _) = backed_up().await;
    let writing = async {
        let mut file = Vec::new();
        let contents = backup(&bench.keys.store, &ring(&[7]), NOON, &mut file).await;
        (contents.unwrap(), file)
    };
    let issuing = async {
        for name in ["live/c", "live/d", "live/e"] {
            let stream = bench.register(name, every(10)).await;
            bench.lease(&stream, 0, 100).await;
        }
    };
    let ((contents, file), ()) = tokio::join!(writing, issuing);
    assert_eq!(contents.count("periods") % 100, 0);
    let (_dir, store) = scratch().await;
    restored(&store, &file).await.unwrap();
}

#[tokio::test]
async fn a_changed_backup_is_refused_and_nothing_is_restored() {
    let (_bench, _, file) = backed_up().await;
    let (_dir, store) = scratch().await;
    for at in (0..file.len()).step_by(file.len() / 97) {
        let mut changed = file.clone();
        changed[at] ^= 1;
        let refused = restored(&store, &changed).await;
        assert!(refused.is_err(), "byte {at}");
    }
    let text = String::from_utf8(file.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without = |at: usize| [&lines[..at], &lines[at + 1..]].concat().join("\n") + "\n";
    for at in [1, 2, 9, lines.len() - 2] {
        let refused = restored(&store, without(at).as_bytes()).await;
        assert!(refused.is_err(), "line {at}");
    }
    let longer = [file.as_slice(), b"[]\n"].concat();
    let refused = restored(&store, &longer).await;
    assert!(matches!(refused, Err(BackupError::Changed)), "{refused:?}");
    assert!(store.streams().await.unwrap().is_empty());
    restored(&store, &file).await.unwrap();
}

#[tokio::test]
async fn a_backup_that_is_cut_short_is_refused() {
    let (_bench, _, file) = backed_up().await;
    let (_dir, store) = scratch().await;
    let signature = file.len() - 1 - file.iter().rev().skip(1).position(|b| *b == b'\n').unwrap();
    for end in [1, 40, file.len() / 2, signature, file.len() - 1] {
        let refused = restored(&store, &file[..end]).await;
        assert!(
            matches!(refused, Err(BackupError::Short)),
            "{end}: {refused:?}"
        );
    }
    let refused = restored(&store, b"").await;
    assert!(matches!(refused, Err(BackupError::Short)), "{refused:?}");
    assert!(store.streams().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_master_keys_that_it_needs_are_asked_for() {
    let (bench, _, file) = backed_up().await;
    let (_dir, store) = scratch().await;
    let strange = restore(&store, &ring(&[8]), &mut Cursor::new(&file), false).await;
    let tag = ring(&[7]).sealing();
    assert!(
        matches!(strange, Err(BackupError::Unjudged(it)) if it == tag),
        "{strange:?}"
    );

    let other = bench.with_ring(&[9, 7]).await;
    let stream = other.register("live/c", every(10)).await;
    other.lease(&stream, 0, 1).await;
    let file = written(&bench.keys.store).await;
    let lacking = restored(&store, &file).await;
    let tag = ring(&[9]).sealing();
    assert!(matches!(lacking, Err(BackupError::Unopened(it)) if it == [tag]));
    assert!(store.streams().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_no_backup_is_or_a_newer_one_is_told() {
    let (_dir, store) = scratch().await;
    for text in ["no backup\n", "{}\n", "[]\n", "{\"hlskey_backup\":\"1\"}\n"] {
        let refused = restored(&store, text.as_bytes()).await;
        assert!(
            matches!(refused, Err(BackupError::Foreign)),
            "{text}: {refused:?}"
        );
    }
    let newer = "{\"hlskey_backup\":2,\"schema\":1,\"made\":\"\"}\n";
    let refused = restored(&store, newer.as_bytes()).await;
    assert!(matches!(refused, Err(BackupError::Newer)), "{refused:?}");
    let long = vec![b'x'; 3 << 20];
    let refused = restored(&store, &long).await;
    assert!(matches!(refused, Err(BackupError::Foreign)), "{refused:?}");
}

#[tokio::test]
async fn what_a_store_holds_is_replaced_only_when_that_is_said() {
    let (bench, keys, file) = backed_up().await;
    let stream = bench.register("live/late", every(10)).await;
    bench.lease(&stream, 0, 3).await;
    let store = &bench.keys.store;
    let refused = restored(store, &file).await;
    assert!(matches!(refused, Err(BackupError::NotEmpty)), "{refused:?}");
    assert_eq!(store.streams().await.unwrap().len(), 3);
    restore(store, &ring(&[7]), &mut Cursor::new(&file), true)
        .await
        .unwrap();
    assert_eq!(store.streams().await.unwrap().len(), 2);
    same(store, &keys).await;
}
