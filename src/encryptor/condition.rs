//! How far the published playlists are behind the source, for the channel's status.
//!
//! Must not know: who looks.

use super::engine::Engine;
use super::status::{RenditionStatus, StallStatus, Status};
use super::track::Track;
use crate::api::Text;

impl Engine {
    /// Says how the channel is doing.
    pub(super) fn tell_condition(&self, status: &mut Status) {
        status.renditions = self.tracks.values().map(Track::condition).collect();
        let summary = self.summary();
        (status.segments, status.bytes) = (summary.segments, summary.bytes);
        let stalls = self.standing().stalls;
        let stalls = stalls
            .into_iter()
            .map(|(subject, stall, since)| StallStatus {
                subject,
                detail: stall.detail,
                since: Text(since),
            });
        status.stalls = stalls.collect();
    }
}

impl Track {
    fn condition(&self) -> RenditionStatus {
        let last = self.listed.as_ref().map(|listed| listed.last);
        let segments = self.source.as_ref().map_or(&[][..], |list| list.segments());
        let at = segments.partition_point(|segment| last.is_some_and(|last| segment.msn <= last));
        let behind = &segments[at..];
        let lag = behind
            .iter()
            .map(|segment| segment.duration)
            .sum::<std::time::Duration>();
        let media = last.and_then(|last| self.done.get(&last)?.media.as_ref());
        RenditionStatus {
            rendition: Text(self.name.clone()),
            last,
            behind: behind.len() as u64,
            lag_ms: u64::try_from(lag.as_millis()).unwrap_or(u64::MAX),
            period: self.period,
            kid: media.map(|media| Text(media.kid)),
            ended: self.is_complete() && self.listed.as_ref().is_some_and(|listed| listed.ended),
        }
    }
}
