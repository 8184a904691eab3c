//! What an operator is told while the worker runs: one JSON line or one sentence each.
//!
//! Must not know: where the lines go. No event holds a key, a token or a probe.

use serde::Serialize;

use super::Summary;
use super::options::OnLeaseEnd;
use crate::api::Text;
use crate::domain::{Kid, Rendition, StreamId, Timestamp};

/// Something that happened. A stall is told once, and again when its cause changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The worker runs.
    Started {
        /// The protected stream.
        stream: Text<StreamId>,
        /// This encryptor's name.
        instance: String,
    },
    /// The schedule is known, or has changed.
    Leased {
        /// Its version.
        version: u64,
    },
    /// The run goes on with what an earlier one had noted of its lease.
    Restored {
        /// The schedule's version.
        version: u64,
        /// How many periods are leased.
        periods: usize,
        /// When the lease ends, by the server's clock.
        #[serde(skip_serializing_if = "Option::is_none")]
        ends: Option<Text<Timestamp>>,
    },
    /// What an earlier run had noted cannot be used; a file that does not open was set aside.
    LedgerRefused {
        /// Why.
        reason: String,
    },
    /// The lease cannot be noted; tried again.
    LedgerFailed {
        /// What happened.
        reason: String,
    },
    /// The lease can be noted again.
    LedgerRecovered,
    /// Half of the lease is over and the server did not renew it.
    LeaseEnding {
        /// When it ends, by the server's clock.
        ends: Text<Timestamp>,
        /// What happens then.
        then: OnLeaseEnd,
    },
    /// The lease has ended.
    LeaseEnded {
        /// When it ended, by the server's clock.
        ends: Text<Timestamp>,
        /// What happens from now on.
        then: OnLeaseEnd,
    },
    /// The server has renewed a lease that was about to end, or had ended.
    LeaseRenewed {
        /// When it ends now, by the server's clock.
        ends: Text<Timestamp>,
    },
    /// A segment is encrypted under a key whose period is over; told once for each rendition.
    KeyHeld {
        /// The media playlist.
        rendition: Text<Rendition>,
        /// The segment.
        msn: u64,
        /// The key.
        kid: Text<Kid>,
    },
    /// The server is away, and segments without a date get their times from the clock; told once.
    TimeTaken {
        /// The first such segment.
        segment: u64,
        /// When it is taken to begin.
        time: Text<Timestamp>,
    },
    /// The server has other times for segments whose times were taken from the clock.
    TimesDiffer {
        /// How many.
        segments: usize,
    },
    /// The key server does not answer, or refuses; asked again with backoff.
    ServerFailed {
        /// What was asked: the lease, a key, or to take a progress report.
        what: String,
        /// What happened.
        reason: String,
    },
    /// The key server answers again.
    ServerRecovered {
        /// What was asked.
        what: String,
    },
    /// The source's server does not answer, or not as it should; asked again with backoff.
    SourceFailed {
        /// The list.
        what: String,
        /// What happened.
        reason: String,
    },
    /// The source's server answers again.
    SourceRecovered {
        /// The list.
        what: String,
    },
    /// A segment is durable in the sink, not yet listed.
    Encrypted {
        /// Its media playlist.
        rendition: Text<Rendition>,
        /// Its sequence number.
        msn: u64,
        /// Its key.
        kid: Text<Kid>,
        /// Its length before encryption.
        bytes: u64,
    },
    /// How far finished lists are, all of them together.
    Advanced {
        /// Segments that are durable in the sink.
        done: u64,
        /// Segments that are listed.
        total: u64,
    },
    /// What is durable cannot be noted: a later run would begin anew.
    JournalFailed {
        /// What happened.
        reason: String,
    },
    /// A live rendition's playlist is gone from the source for good, as far as can be told.
    Left {
        /// The media playlist.
        rendition: Text<Rendition>,
    },
    /// A rendition goes on under another key.
    Rotated {
        /// The media playlist.
        rendition: Text<Rendition>,
        /// The first segment under the new key.
        msn: u64,
        /// The new key.
        kid: Text<Kid>,
    },
    /// A media playlist was swapped.
    Published {
        /// The media playlist.
        rendition: Text<Rendition>,
        /// The first segment that it lists.
        first: u64,
        /// The last.
        last: u64,
        /// Whether it has ended.
        ended: bool,
    },
    /// A multivariant playlist was swapped.
    MultivariantPublished {
        /// Its path.
        playlist: String,
    },
    /// I-frame streams are not encrypted and were left out.
    IframesDropped {
        /// The playlist that has them, or is one.
        playlist: String,
    },
    /// A segment is listed as missing.
    Gap {
        /// Its media playlist.
        rendition: Text<Rendition>,
        /// Its sequence number.
        msn: u64,
        /// Why there is nothing to publish.
        reason: StallReason,
    },
    /// A playlist does not go on; nothing is published in place of what is missing.
    Stalled {
        /// The playlist's path.
        rendition: String,
        /// The segment that it waits for.
        #[serde(skip_serializing_if = "Option::is_none")]
        msn: Option<u64>,
        /// The kind of cause.
        reason: StallReason,
        /// The cause.
        detail: String,
    },
    /// A stalled playlist goes on.
    Resumed {
        /// The playlist's path.
        rendition: String,
    },
    /// A source segment was written again after it was published; that is ignored.
    SourceChanged {
        /// Its media playlist.
        rendition: Text<Rendition>,
        /// Its sequence number.
        msn: u64,
    },
    /// A source began its numbering anew; nothing of it is published until the server has said how
    /// it is numbered on.
    SourceRestarted {
        /// The media playlist.
        rendition: Text<Rendition>,
        /// How it shows.
        detail: String,
    },
    /// A rendition goes on with what its restarted source lists.
    WentOn {
        /// The media playlist.
        rendition: Text<Rendition>,
        /// The source's numbering, counted from 0.
        run: u64,
        /// The number that the first segment of it is published under.
        first: u64,
    },
    /// A published playlist is gone from the sink; published again from what the source lists.
    Lost {
        /// The media playlist.
        rendition: Text<Rendition>,
    },
    /// The sink cannot be written; tried again with backoff.
    SinkFailed {
        /// The file.
        path: String,
        /// What happened.
        reason: String,
    },
    /// The sink can be written again.
    SinkRecovered,
    /// A sink besides the directory cannot be brought up to date; tried again with backoff, and
    /// told again every minute.
    SinkBehind {
        /// The sink, without a password.
        sink: String,
        /// What happened.
        reason: String,
        /// Segments that it lacks.
        segments: u64,
        /// Their bytes.
        bytes: u64,
        /// Seconds of media that its viewers do not see yet.
        seconds: u64,
    },
    /// It is up to date again.
    SinkLevel {
        /// The sink, without a password.
        sink: String,
    },
    /// Another encryptor writes to a sink: nothing is written there until it has ended.
    SinkTaken {
        /// The sink, without a password.
        sink: String,
        /// The other one's name.
        by: String,
    },
    /// Files that no playlist lists any more were deleted.
    Removed {
        /// How many.
        files: u64,
    },
    /// Changes of the source cannot be watched; it is looked at twice a second instead.
    WatchFailed {
        /// Why.
        reason: String,
    },
    /// The worker has stopped.
    Stopped {
        /// What it did.
        #[serde(flatten)]
        summary: Summary,
    },
}

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Normal,
    /// Somebody should look, in time.
    Warning,
    /// Viewers are affected, or are about to be.
    Alarm,
}

impl Event {
    /// How much it matters.
    pub fn severity(&self) -> Severity {
        match self {
            Self::LeaseEnded { .. }
            | Self::KeyHeld { .. }
            | Self::SinkBehind { .. }
            | Self::SinkTaken { .. } => Severity::Alarm,
            Self::LeaseEnding { .. }
            | Self::LedgerRefused { .. }
            | Self::LedgerFailed { .. }
            | Self::JournalFailed { .. }
            | Self::SourceFailed { .. }
            | Self::TimeTaken { .. }
            | Self::TimesDiffer { .. } => Severity::Warning,
            _ => Severity::Normal,
        }
    }
}

impl Event {
    /// Whether it says that something went wrong.
    pub(super) fn is_trouble(&self) -> bool {
        let is_told = matches!(
            self,
            Self::ServerFailed { .. }
                | Self::SinkFailed { .. }
                | Self::Stalled { .. }
                | Self::Lost { .. }
                | Self::WatchFailed { .. }
        );
        is_told || self.severity() != Severity::Normal
    }
}

/// The kind of cause for which a playlist does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StallReason {
    /// The source playlist cannot be read or parsed.
    Unreadable,
    /// The source playlist uses what cannot be encrypted yet.
    Unsupported,
    /// The source is encrypted already.
    AlreadyEncrypted,
    /// The source playlist ends before what is published.
    Shortened,
    /// The source began its numbering anew, and the server has not said how it is numbered on.
    Restarted,
    /// The published playlist has ended and the source says otherwise.
    Finished,
    /// The sink holds a playlist that this program did not write.
    ForeignSink,
    /// A playlist names a file outside the source, or one that may not be used.
    Outside,
    /// Every name that the segment could be given is taken.
    Shared,
    /// A segment's file is not there.
    Missing,
    /// A segment's file is empty.
    Empty,
    /// A segment's file is still being written.
    Growing,
    /// A segment's file is not whole: MPEG-TS packets, or MP4 boxes.
    Truncated,
    /// An initialisation section is not whole, is none, or holds media.
    Section,
    /// A segment's file is larger than 512 MiB.
    TooLarge,
    /// A segment's file cannot be read, or is not a regular file.
    NotReadable,
    /// The server has not said yet when a segment without a date is.
    Unclaimed,
    /// The lease has ended and the server is away.
    LeaseEnded,
    /// The segment's period is not leased.
    NoKey,
    /// The key could not be fetched as a player would.
    KeyNotServed,
    /// The key as served is not the leased one.
    KeyMismatch,
    /// The key is revoked or retired.
    KeyGone,
    /// The ciphertext does not open to the segment.
    SelfCheck,
    /// A multivariant playlist waits for a child.
    Children,
    /// The playlist cannot be rewritten.
    Rewrite,
    /// The sink cannot be written.
    Sink,
}
