//! The trail's rows on either database.

use super::*;
use crate::store::testing::scratch;

fn row(seq: i64, stream: &str, viewer: &str) -> AuditRow {
    AuditRow {
        chain: "c".repeat(32),
        seq,
        entry: AuditEntry {
            time: 1000 + seq,
            kind: "refused".to_owned(),
            request_id: format!("{seq:016x}"),
            reason: "it's \"quoted\", and: ü".to_owned(),
            viewer: viewer.to_owned(),
            stream: stream.to_owned(),
            count: 1,
            ..AuditEntry::default()
        },
        hash: vec![u8::try_from(seq).unwrap(); 32],
    }
}

fn head(rows: &[AuditRow], ended: i64) -> AuditHead {
    let last = rows.last().unwrap();
    AuditHead {
        chain: last.chain.clone(),
        began: 5,
        seq: last.seq,
        hash: last.hash.clone(),
        at: 2000,
        ended,
        signer: "00000000".to_owned(),
        mac: vec![9; 32],
    }
}

#[tokio::test]
async fn a_batch_is_added_once_and_in_its_place_alone() {
    let (_dir, store) = scratch().await;
    let rows = [row(1, "live/a", "v"), row(2, "live/b", "w")];
    let first = head(&rows, 0);
    assert!(store.append_audit(&first, 0, &rows).await.unwrap());
    assert!(store.append_audit(&first, 0, &rows).await.unwrap(), "again");
    let next = [row(3, "live/a", "v")];
    let elsewhere = store.append_audit(&head(&next, 0), 1, &next).await;
    assert!(!elsewhere.unwrap());
    assert!(store.append_audit(&head(&next, 0), 2, &next).await.unwrap());
    assert!(store.append_audit(&head(&next, 1), 3, &[]).await.unwrap());
    let late = [row(4, "live/a", "v")];
    let late = store.append_audit(&head(&late, 0), 3, &late).await;
    assert!(!late.unwrap(), "it has ended");
    let found = store.audit_rows(&first.chain, 0, 10).await.unwrap();
    assert_eq!(found, [rows[0].clone(), rows[1].clone(), next[0].clone()]);
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap() {
    let (_dir, store) = scratch().await;
    let rows: Vec<_> = (1..=7)
        .map(|seq| {
            row(
                seq,
                ["live/a", "live/b"][usize::try_from(seq % 2).unwrap()],
                "v",
            )
        })
        .collect();
    assert!(store.append_audit(&head(&rows, 0), 0, &rows).await.unwrap());
    for (filter, expected) in [
        (AuditFilter::default(), vec![7, 6, 5, 4, 3, 2, 1]),
        (
            of(|filter| filter.stream = "live/b".to_owned()),
            vec![7, 5, 3, 1],
        ),
        (
            of(|filter| filter.viewer = "v".to_owned()),
            vec![7, 6, 5, 4, 3, 2, 1],
        ),
        (of(|filter| filter.viewer = "w".to_owned()), vec![]),
        (of(|filter| filter.kind = "changed".to_owned()), vec![]),
        (
            of(|filter| (filter.since, filter.until) = (1003, 1005)),
            vec![4, 3],
        ),
    ] {
        let mut cursor = AuditCursor::NEWEST;
        let mut found = Vec::new();
        loop {
            let page = store.search_audit(&filter, &cursor, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            cursor = last.into();
            found.extend(page.iter().map(|row| row.seq));
        }
        assert_eq!(found, expected, "{filter:?}");
    }
    let one = store.audit_of_request("0000000000000004").await.unwrap();
    assert_eq!(one, [rows[3].entry.clone()]);
}

fn of(change: impl FnOnce(&mut AuditFilter)) -> AuditFilter {
    let mut filter = AuditFilter::default();
    change(&mut filter);
    filter
}

#[tokio::test]
async fn checkpoints_have_numbers_of_their_own() {
    let (_dir, store) = scratch().await;
    let checkpoint = |number, first| AuditCheckpoint {
        number,
        at: 10 * number,
        first,
        heads: String::new(),
        previous: vec![0; 32],
        signer: "00000000".to_owned(),
        mac: vec![0; 32],
    };
    for (number, first, added) in [(1, 1, true), (1, 1, false), (2, 1, true), (3, 2, true)] {
        let found = store.add_audit_checkpoint(&checkpoint(number, first)).await;
        assert_eq!(found.unwrap(), added, "{number}");
    }
    let last = store.last_audit_checkpoint().await.unwrap();
    assert_eq!(last, Some(checkpoint(3, 2)));
    let at = |millis| store.first_audit_checkpoint(Timestamp::from_millis(millis));
    assert_eq!(
        at(0).await.unwrap(),
        Some(2),
        "the first one was taken away"
    );
    assert_eq!(at(31).await.unwrap(), None);
}
