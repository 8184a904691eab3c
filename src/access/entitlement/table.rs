//! The source `table`: the store's rows of viewers and streams.
//!
//! Must not know: who wrote them.

use super::answer::{Answer, Question};
use crate::domain::Timestamp;
use crate::store::{EntitlementRow, Store, StoreError};

/// What the rows say at `now`.
pub(super) async fn ask(
    store: &Store,
    question: &Question<'_>,
    now: Timestamp,
) -> Result<Answer, StoreError> {
    let rows = store.entitlements_of(question.viewer).await?;
    let meant = rows
        .iter()
        .filter(|row| row.stream.matches(question.stream));
    Ok(answer(meant.filter(|row| row.holds(now))))
}

/// Of several rows the widest counts: the longest, with the most sessions.
fn answer<'r>(rows: impl Iterator<Item = &'r EntitlementRow> + Clone) -> Answer {
    let widest = |wide: Option<u32>, row: &EntitlementRow| Some(wide?.max(row.max_sessions?));
    let last = |last: Option<Timestamp>, row: &EntitlementRow| Some(last?.max(row.until?));
    let Some(first) = rows.clone().next() else {
        return Answer::NO;
    };
    Answer {
        allow: true,
        ttl: None,
        ends: rows.clone().fold(first.until, last),
        max_sessions: rows.fold(first.max_sessions, widest),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::testing::scratch;

    const NOW: Timestamp = Timestamp::from_millis(1000);

    fn row(stream: &str, until: Option<i64>, max_sessions: Option<u32>) -> EntitlementRow {
        EntitlementRow {
            viewer: "alice".to_owned(),
            stream: stream.parse().unwrap(),
            from: None,
            until: until.map(Timestamp::from_millis),
            max_sessions,
            note: String::new(),
            changed: NOW,
        }
    }

    async fn asked(rows: &[EntitlementRow], stream: &str) -> Answer {
        let (_dir, store) = scratch().await;
        store.put_entitlements("alice", rows).await.unwrap();
        let (scheme, stream) = (Arc::from("viewers"), stream.parse().unwrap());
        let question = Question {
            viewer: "alice",
            scheme: &scheme,
            stream: &stream,
            session: "",
            ip: None,
        };
        ask(&store, &question, NOW).await.unwrap()
    }

    #[tokio::test]
    async fn the_widest_row_that_holds_counts() {
        let rows = [
            row("live/*", Some(5000), Some(1)),
            row("live/a", Some(9000), Some(3)),
            row("live/b", None, None),
            row("gone/*", Some(1000), None),
        ];
        let of_a = asked(&rows, "live/a").await;
        assert!(of_a.allow && of_a.max_sessions == Some(3));
        assert_eq!(of_a.ends, Some(Timestamp::from_millis(9000)));
        let of_b = asked(&rows, "live/b").await;
        assert_eq!((of_b.ends, of_b.max_sessions), (None, None));
        let of_c = asked(&rows, "live/c").await;
        assert_eq!(of_c.max_sessions, Some(1));
        for none in ["gone/a", "vod/a"] {
            assert_eq!(asked(&rows, none).await, Answer::NO, "{none}");
        }
    }

    #[tokio::test]
    async fn a_row_counts_from_its_beginning_up_to_its_end() {
        let at = |millis| Timestamp::from_millis(millis);
        let row = EntitlementRow {
            from: Some(at(1000)),
            ..row("live/*", Some(2000), None)
        };
        let holds = [999, 1000, 1999, 2000].map(|now| row.holds(at(now)));
        assert_eq!(holds, [false, true, true, false]);
    }
}
