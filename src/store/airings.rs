//! How streams are on air, by what their encryptors reported: where they are, how late they
//! publish, how long their playlists are.
//!
//! Must not know: what is concluded from it.

use std::collections::HashMap;
use std::time::Duration;

use crate::domain::{Kid, Revoked, Slot, StreamId};

use super::columns::{self, loaded};
use super::link::{fetch_all, fetch_optional};
use super::{Store, StoreError};

/// What is known of a stream on air. Nothing, where nobody reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Airing {
    /// The furthest segment that a playlist lists.
    pub segment: Option<u64>,
    /// How long after its programme time the last segment was reported, in milliseconds; negative
    /// where programme times are ahead of the clock. The slowest encryptor's.
    pub late: Option<i64>,
    /// Wall time from one segment to the next, of the slowest encryptor.
    pub pace: Option<Duration>,
    /// The longest playlist that lists a key which is still served.
    pub playlist: Option<Duration>,
}

impl Store {
    /// Each stream of which something was reported; `of` alone, if it is given.
    pub async fn airings(
        &self,
        of: Option<&StreamId>,
    ) -> Result<HashMap<String, Airing>, StoreError> {
        let only = of.map_or("", StreamId::as_str);
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            (String, Option<i64>, Option<i64>, Option<i64>, Option<i64>),
            "SELECT e.stream, max(e.segment), max(e.advanced - e.time), max(e.pace),
                    (SELECT max(u.duration) FROM usages u JOIN periods p ON p.kid = u.kid
                     WHERE p.stream = e.stream AND p.state = 'active')
             FROM encryptors e WHERE $1 = '' OR e.stream = $1 GROUP BY e.stream",
            only
        )?;
        let airing = |(stream, segment, late, pace, playlist): (String, Option<i64>, _, _, _)| {
            let millis = |count: i64| Duration::from_millis(loaded(count));
            let airing = Airing {
                segment: segment.map(loaded),
                late,
                pace: Option::map(pace, millis),
                playlist: Option::map(playlist, millis),
            };
            (stream, airing)
        };
        Ok(rows.into_iter().map(airing).collect())
    }

    /// What those who are meant watch, as far as servers have noted it; empty where nobody is named.
    pub async fn watched_by(&self, who: &Revoked) -> Result<Vec<String>, StoreError> {
        let (viewer, session) = match who {
            Revoked::Viewer(name) => (Some(name.as_str()), None),
            Revoked::Session(name) => (None, Some(name.as_str())),
            Revoked::Token(_) | Revoked::Before(_) => return Ok(Vec::new()),
        };
        let mut on = self.read().await?;
        let rows = fetch_all!(
            on,
            (String,),
            "SELECT DISTINCT stream FROM live_sessions WHERE subject = $1 OR session = $2",
            viewer,
            session
        )?;
        Ok(rows.into_iter().map(|(stream,)| stream).collect())
    }

    /// Whose the key is and where its period lies.
    pub async fn slot_of(&self, kid: Kid) -> Result<Option<(StreamId, Slot)>, StoreError> {
        let mut on = self.read().await?;
        let row = fetch_optional!(
            on,
            (String, String, i64, i64),
            "SELECT stream, boundary_kind, boundary, slot FROM periods WHERE kid = $1",
            kid.as_bytes().as_slice()
        )?;
        let Some((stream, boundary, at, index)) = row else {
            return Ok(None);
        };
        let bad = |column| StoreError::Inconsistent {
            table: "periods",
            row: kid.to_string(),
            column,
        };
        let boundary = columns::boundary(&boundary, at).ok_or_else(|| bad("boundary"))?;
        let stream = stream.parse().map_err(|_| bad("stream"))?;
        Ok(Some((stream, Slot { index, boundary })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::{Rotation, Scope, StreamPolicy};
    use crate::store::testing::scratch;
    use crate::store::{Heartbeat, NewPeriod, Report, Usage};

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(0).plus(seconds as u32 * SECOND)
    }

    #[tokio::test]
    async fn what_was_reported_is_told_for_each_stream() {
        let (_dir, store) = scratch().await;
        let (stream, kid) = ("live/a".parse().unwrap(), Kid::from_bytes([1; 16]));
        let policy = StreamPolicy {
            rotation: Rotation::segments(10).unwrap(),
            ..StreamPolicy::default()
        };
        let added = store.add_stream(&stream, policy, at(0)).await;
        added.unwrap();
        assert!(store.airings(None).await.unwrap().is_empty());
        assert_eq!(store.slot_of(kid).await.unwrap(), None);

        let row = store.stream(&stream).await.unwrap().unwrap();
        let slot = row.stream.schedule.slot(2).unwrap();
        let periods = [NewPeriod {
            slot,
            kid,
            sealed_key: vec![1; 60],
        }];
        let issued = store.issue(&row, &Scope::Stream, &periods, at(0));
        assert!(issued.await.unwrap());
        let rendition = "v0/a.m3u8".parse().unwrap();
        let usages = [Usage {
            kid,
            rendition: &rendition,
            first: 20,
            last: 24,
            duration: 9 * SECOND,
            is_kept: false,
        }];
        for (seconds, segment) in [(100, 24), (106, 26)] {
            let beat = Heartbeat {
                instance: "one",
                acknowledged: 1,
                segment: Some(segment),
                time: Some(at(seconds - 4)),
                is_leaving: false,
            };
            let report = Report {
                beat,
                usages: &usages,
                renditions: &[],
                claims: &[],
                taken: &[],
            };
            store.record(&stream, report, at(seconds)).await.unwrap();
        }
        let expected = Airing {
            segment: Some(26),
            late: Some(4000),
            pace: Some(3 * SECOND),
            playlist: Some(9 * SECOND),
        };
        for of in [None, Some(&stream)] {
            let airings = store.airings(of).await.unwrap();
            assert_eq!(airings.get("live/a"), Some(&expected));
        }
        let other = "live/b".parse().unwrap();
        assert!(store.airings(Some(&other)).await.unwrap().is_empty());
        assert_eq!(store.slot_of(kid).await.unwrap(), Some((stream, slot)));
    }
}
