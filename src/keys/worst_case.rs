//! How long a picture may go on after a revocation: the worst case, as a pure function of how the
//! streams are on air.
//!
//! Three spans in a row. Until every server has heard, keys may still be fetched. Then no new one is,
//! but segments go on being published under those that were, to the end of their periods. And the last
//! such segment is played at most a playlist's length after it was published, by a player that plays
//! on: one that was paused, or a recording, has what it has. What caches hold of a key adds nothing: it
//! opens the same segments as the key that was fetched.
//!
//! Must not know: who is revoked, or how it is told.

use std::time::Duration;

use crate::api::{Because, RevocationReply, Text};
use crate::domain::{Boundary, Kid, Position, Revoked, Schedule, Slot, StreamId, Timestamp};
use crate::store::{Airing, Store, StreamRow};

use super::{Keys, KeysError};

/// What a stream is taken for of which nobody reports.
const ASSUMED: Assumed = Assumed {
    late: Duration::from_secs(10),
    pace: Duration::from_secs(10),
    playlist: Duration::from_secs(60),
};
/// How long ago the last report may be from which a stream's place is reckoned: two heartbeats.
const REPORTED: Duration = Duration::from_secs(10);

struct Assumed {
    late: Duration,
    pace: Duration,
    playlist: Duration,
}

/// The answer, and its parts: they follow on each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorstCase {
    /// Until every server has heard, or answers no more viewers.
    pub news: Duration,
    /// From then on, until the last segment is published under a key that was given out before;
    /// `None`: for as long as `stream` is not cut to a new key.
    pub key: Option<Duration>,
    /// From then on, until the last player that plays on has shown it.
    pub playlist: Duration,
    /// The stream that takes longest; `None` if none has keys.
    pub stream: Option<StreamId>,
    /// Whether something was assumed since no encryptor of that stream reports it.
    pub assumed: bool,
}

impl WorstCase {
    /// The whole, if it has an end.
    pub fn total(&self) -> Option<Duration> {
        self.key.map(|key| self.news + key + self.playlist)
    }

    /// As it is told, of the revocation with that id.
    pub fn reply(self, id: Option<String>) -> RevocationReply {
        RevocationReply {
            id,
            worst_case_seconds: self.total().map(seconds),
            because: Because {
                news_seconds: seconds(self.news),
                key_seconds: self.key.map(seconds),
                playlist_seconds: seconds(self.playlist),
                advice: self.advice(),
                stream: self.stream.map(Text),
                assumed: self.assumed,
            },
        }
    }

    fn advice(&self) -> Option<String> {
        let stream = self.stream.as_ref().filter(|_| self.key.is_none())?;
        Some(format!(
            "{stream} keeps its key until it is cut: `POST /v1/streams/{stream}/rotate` ends what was \
             given out, and asking again then tells when"
        ))
    }
}

/// Whole seconds, rounded up.
fn seconds(span: Duration) -> u64 {
    span.as_millis()
        .div_ceil(1000)
        .try_into()
        .unwrap_or(u64::MAX)
}

impl Keys {
    /// The worst case where these are refused: of the streams that they are known to watch, or of
    /// all.
    pub async fn worst_case(&self, who: &Revoked) -> Result<WorstCase, KeysError> {
        worst_case(&self.store, who, self.clock.now()).await
    }

    /// The worst case where one key is refused; `None` if there is none of that kid.
    pub async fn worst_case_of_key(&self, kid: Kid) -> Result<Option<WorstCase>, KeysError> {
        worst_case_of_key(&self.store, kid, self.clock.now()).await
    }
}

/// The worst case where these are refused: of the streams with keys that they are known to watch, which is
/// one for each of their sessions, or of all where none is known.
pub async fn worst_case(
    store: &Store,
    who: &Revoked,
    now: Timestamp,
) -> Result<WorstCase, KeysError> {
    let (streams, airings) = (store.streams().await?, store.airings(None).await?);
    let news = store.freshness().stale_after();
    let of = |row: &StreamRow| {
        let airing = airings.get(row.stream.id.as_str()).copied();
        let moment = Moment { now, news };
        moment.of_viewer(&row.stream.schedule, airing.unwrap_or_default())
    };
    let mut on_air: Vec<&StreamRow> = streams.iter().filter(|row| row.issued).collect();
    let watched = store.watched_by(who).await?;
    let is_watched = |row: &&StreamRow| watched.iter().any(|one| one == row.stream.id.as_str());
    // Of one that watches nothing with keys it is not known where its keys are from.
    if on_air.iter().any(is_watched) {
        on_air.retain(is_watched);
    }
    let cases = on_air.iter().map(|row| of(row).at(&row.stream.id));
    Ok(longest(cases).unwrap_or(WorstCase::nobodys(news)))
}

/// The worst case where one key is refused; `None` if there is none of that kid.
pub async fn worst_case_of_key(
    store: &Store,
    kid: Kid,
    now: Timestamp,
) -> Result<Option<WorstCase>, KeysError> {
    let Some((stream, slot)) = store.slot_of(kid).await? else {
        return Ok(None);
    };
    let news = store.freshness().stale_after();
    let airing = store.airings(Some(&stream)).await?.remove(stream.as_str());
    let row = store.stream(&stream).await?;
    let moment = Moment { now, news };
    let case = row.map_or(WorstCase::nobodys(news), |row| {
        moment.of_key(&row.stream.schedule, slot, airing.unwrap_or_default())
    });
    Ok(Some(case.at(&stream)))
}

/// The one without an end, or else the longest.
fn longest(cases: impl Iterator<Item = WorstCase>) -> Option<WorstCase> {
    cases.max_by_key(|case| (case.key.is_none(), case.total()))
}

impl WorstCase {
    fn nobodys(news: Duration) -> Self {
        Self {
            news,
            key: Some(Duration::ZERO),
            playlist: Duration::ZERO,
            stream: None,
            assumed: false,
        }
    }

    fn at(self, stream: &StreamId) -> Self {
        let stream = Some(stream.clone());
        Self { stream, ..self }
    }
}

/// When it is revoked, and how long the news may take.
#[derive(Debug, Clone, Copy)]
struct Moment {
    now: Timestamp,
    news: Duration,
}

impl Moment {
    /// Of a viewer, who may have every key whose segments are published until the news are heard.
    fn of_viewer(self, schedule: &Schedule, airing: Airing) -> WorstCase {
        let last = schedule.slot_at(self.reached(airing));
        let end = last.and_then(|slot| schedule.end_of(slot));
        self.case(end, airing)
    }

    /// Of a key, which is in nobody's hands who has not had it by then.
    fn of_key(self, schedule: &Schedule, slot: Slot, airing: Airing) -> WorstCase {
        self.case(schedule.end_of(slot), airing)
    }

    /// The furthest place that the stream can have come to once everybody has heard.
    fn reached(self, airing: Airing) -> Position {
        let ahead = self.news + REPORTED;
        let pace = airing.pace.unwrap_or(ASSUMED.pace).as_millis().max(1);
        let segments = u64::try_from(ahead.as_millis().div_ceil(pace)).unwrap_or(u64::MAX);
        // A report is made up to a heartbeat after what it tells of.
        let least = |late: i64| late.saturating_sub(millis(REPORTED));
        Position {
            segment: airing.segment.unwrap_or(0).saturating_add(segments),
            time: Some(earlier(
                self.now.plus(self.news),
                airing.late.map_or(0, least),
            )),
        }
    }

    /// What is published until `end`, where segments begin that have another key.
    fn case(self, end: Option<Boundary>, airing: Airing) -> WorstCase {
        let pace = airing.pace.unwrap_or(ASSUMED.pace);
        let published = end.map(|end| match end {
            Boundary::Time(end) => {
                let late = airing.late.unwrap_or(millis(ASSUMED.late));
                earlier(end, late.saturating_neg()).since(self.now)
            }
            Boundary::Segment(end) => {
                let left = end.saturating_sub(airing.segment.unwrap_or(0));
                pace.saturating_mul(u32::try_from(left).unwrap_or(u32::MAX))
            }
        });
        WorstCase {
            news: self.news,
            key: published.map(|until| until.saturating_sub(self.news)),
            playlist: airing.playlist.unwrap_or(ASSUMED.playlist) + pace,
            stream: None,
            assumed: airing.playlist.is_none() || airing.pace.is_none(),
        }
    }
}

/// `millis` before `time`; after it, where they are negative.
fn earlier(time: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(time.millis().saturating_sub(millis))
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
