//! Entitlements: which viewers may watch which streams, from when until when.
//!
//! Every change is news, and its transaction begins with them: two changes of one viewer wait for
//! each other. Must not know: whose credential made a row, or who is asked.

use crate::domain::{StreamId, StreamPattern, Timestamp};

use super::changes::{Change, tell};
use super::link::{Tx, execute, fetch_all};
use super::{Lock, Store, StoreError};

/// A viewer's right to the streams of one pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntitlementRow {
    /// Who, by the name that tokens have.
    pub viewer: String,
    /// Which streams.
    pub stream: StreamPattern,
    /// From when on; `None`: from ever.
    pub from: Option<Timestamp>,
    /// Up to when; `None`: for ever.
    pub until: Option<Timestamp>,
    /// How many sessions the viewer may have at once; `None`: the row does not say.
    pub max_sessions: Option<u32>,
    /// What people wrote beside it.
    pub note: String,
    /// When it was written last.
    pub changed: Timestamp,
}

impl EntitlementRow {
    /// Whether it counts at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

impl Store {
    /// The rows of a viewer, by pattern.
    pub async fn entitlements_of(&self, viewer: &str) -> Result<Vec<EntitlementRow>, StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            Row,
            "SELECT viewer, stream, begins, ends, max_sessions, note, changed
             FROM entitlements WHERE viewer = $1 ORDER BY stream",
            viewer
        )?;
        rows.into_iter().map(EntitlementRow::try_from).collect()
    }

    /// The rows of the `most` viewers after `viewer` in the order of their bytes, by viewer and
    /// pattern.
    pub async fn entitlements_after(
        &self,
        viewer: &str,
        most: u32,
    ) -> Result<Vec<EntitlementRow>, StoreError> {
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            Row,
            "SELECT viewer, stream, begins, ends, max_sessions, note, changed
             FROM entitlements WHERE viewer IN (
                 SELECT DISTINCT e.viewer FROM entitlements e WHERE e.viewer > $1
                 ORDER BY e.viewer LIMIT $2
             ) ORDER BY viewer, stream",
            viewer,
            i64::from(most)
        )?;
        rows.into_iter().map(EntitlementRow::try_from).collect()
    }

    /// Adds rows of `viewer`, or puts them in the place of those with the same pattern.
    pub async fn put_entitlements(
        &self,
        viewer: &str,
        rows: &[EntitlementRow],
    ) -> Result<(), StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        tell(&mut on, &changed(viewer)).await?;
        for row in rows {
            put(&mut on, viewer, row).await?;
        }
        on.commit().await
    }

    /// The same, after those that `replaced` means are gone.
    pub async fn replace_entitlements(
        &self,
        viewer: &str,
        replaced: impl Fn(&StreamPattern) -> bool + Send,
        rows: &[EntitlementRow],
    ) -> Result<u64, StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        tell(&mut on, &changed(viewer)).await?;
        let removed = remove(&mut on, viewer, replaced).await?;
        for row in rows {
            put(&mut on, viewer, row).await?;
        }
        on.commit().await?;
        Ok(removed)
    }

    /// Tells every server that what it remembers of a viewer, of a stream, or of the one at the
    /// other counts no more, whatever source it asks.
    pub async fn tell_entitlement(
        &self,
        viewer: Option<String>,
        stream: Option<StreamId>,
    ) -> Result<(), StoreError> {
        let mut on = self.write(Lock::Rows).await?;
        tell(&mut on, &Change::Entitlement { viewer, stream }).await?;
        on.commit().await
    }
}

fn changed(viewer: &str) -> Change {
    Change::Entitlement {
        viewer: Some(viewer.to_owned()),
        stream: None,
    }
}

async fn put(on: &mut Tx, viewer: &str, row: &EntitlementRow) -> Result<(), StoreError> {
    execute!(
        on,
        "INSERT INTO entitlements (viewer, stream, begins, ends, max_sessions, note, changed)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (viewer, stream) DO UPDATE SET
             begins = excluded.begins, ends = excluded.ends,
             max_sessions = excluded.max_sessions, note = excluded.note,
             changed = excluded.changed",
        viewer,
        row.stream.as_str(),
        row.from.map(Timestamp::millis),
        row.until.map(Timestamp::millis),
        row.max_sessions.map(i64::from),
        row.note.as_str(),
        row.changed.millis()
    )
    .map(drop)
}

/// Removes the viewer's rows whose patterns are meant, and counts them.
async fn remove(
    on: &mut Tx,
    viewer: &str,
    is_meant: impl Fn(&StreamPattern) -> bool,
) -> Result<u64, StoreError> {
    let rows = fetch_all!(
        on,
        (String,),
        "SELECT stream FROM entitlements WHERE viewer = $1",
        viewer
    )?;
    let mut removed = 0;
    for (stream,) in rows {
        let pattern = stream.parse().map_err(|_| damaged(viewer, "stream"))?;
        if is_meant(&pattern) {
            removed += execute!(
                on,
                "DELETE FROM entitlements WHERE viewer = $1 AND stream = $2",
                viewer,
                stream.as_str()
            )?;
        }
    }
    Ok(removed)
}

#[derive(sqlx::FromRow)]
struct Row {
    viewer: String,
    stream: String,
    begins: Option<i64>,
    ends: Option<i64>,
    max_sessions: Option<i64>,
    note: String,
    changed: i64,
}

impl TryFrom<Row> for EntitlementRow {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let sessions = row.max_sessions.map(u32::try_from).transpose();
        Ok(Self {
            stream: row
                .stream
                .parse()
                .map_err(|_| damaged(&row.viewer, "stream"))?,
            from: row.begins.map(Timestamp::from_millis),
            until: row.ends.map(Timestamp::from_millis),
            max_sessions: sessions.map_err(|_| damaged(&row.viewer, "max_sessions"))?,
            note: row.note,
            changed: Timestamp::from_millis(row.changed),
            viewer: row.viewer,
        })
    }
}

fn damaged(viewer: &str, column: &'static str) -> StoreError {
    StoreError::Inconsistent {
        table: "entitlements",
        row: viewer.to_owned(),
        column,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::News;
    use crate::store::testing::scratch;

    fn row(viewer: &str, stream: &str, max_sessions: Option<u32>) -> EntitlementRow {
        EntitlementRow {
            viewer: viewer.to_owned(),
            stream: stream.parse().unwrap(),
            from: Some(Timestamp::from_millis(1)),
            until: max_sessions.map(|_| Timestamp::from_millis(2)),
            max_sessions,
            note: "paid".to_owned(),
            changed: Timestamp::from_millis(3),
        }
    }

    #[tokio::test]
    async fn rows_come_back_and_replace_their_like() {
        let (_dir, store) = scratch().await;
        let rows = [row("a", "live/*", Some(2)), row("a", "vod/**", None)];
        store.put_entitlements("a", &rows).await.unwrap();
        assert_eq!(store.entitlements_of("a").await.unwrap(), rows);
        let wider = row("a", "live/*", None);
        let put = store.put_entitlements("a", std::slice::from_ref(&wider));
        put.await.unwrap();
        let expected = [wider, rows[1].clone()];
        assert_eq!(store.entitlements_of("a").await.unwrap(), expected);
        assert_eq!(store.entitlements_of("b").await.unwrap(), []);
    }

    #[tokio::test]
    async fn only_what_is_meant_goes() {
        let (_dir, store) = scratch().await;
        let rows = [row("a", "live/x", None), row("a", "vod/x", None)];
        store.put_entitlements("a", &rows).await.unwrap();
        let live: StreamPattern = "live/*".parse().unwrap();
        let new = [row("a", "live/y", None)];
        let within = |it: &StreamPattern| live.contains(it);
        let removed = store.replace_entitlements("a", within, &new).await.unwrap();
        assert_eq!(removed, 1);
        let expected = [new[0].clone(), rows[1].clone()];
        assert_eq!(store.entitlements_of("a").await.unwrap(), expected);
    }

    #[tokio::test]
    async fn viewers_are_listed_by_the_bytes_of_their_names() {
        let (_dir, store) = scratch().await;
        let names = ["a/b", "a", "Zoë", "ä", "z"];
        for name in names {
            let rows = [row(name, "live/*", None)];
            store.put_entitlements(name, &rows).await.unwrap();
        }
        let mut sorted = names.map(str::to_owned);
        sorted.sort();
        let listed = async |after: &str, most| -> Vec<String> {
            let rows = store.entitlements_after(after, most).await.unwrap();
            rows.into_iter().map(|row| row.viewer).collect()
        };
        assert_eq!(listed("", 9).await, sorted);
        assert_eq!(listed(&sorted[1], 2).await, sorted[2..4]);
    }

    #[tokio::test]
    async fn each_change_is_news_of_the_viewer() {
        let (_dir, store) = scratch().await;
        let mut follower = store.follow();
        follower.read().await.unwrap();
        let name = "a \"b\"/ü";
        store.put_entitlements(name, &[]).await.unwrap();
        let stream: StreamId = "live/x".parse().unwrap();
        let told = store.tell_entitlement(None, Some(stream.clone()));
        told.await.unwrap();
        let of_stream = Change::Entitlement {
            viewer: None,
            stream: Some(stream),
        };
        let expected = News::Changes(vec![changed(name), of_stream]);
        assert_eq!(follower.read().await.unwrap(), expected);
    }
}
