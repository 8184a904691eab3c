//! What an operator is told while the worker runs: one JSON line or one sentence each.
//!
//! Must not know: where the lines go. No event holds a key, a token or a probe.

use std::fmt;

use serde::Serialize;

use super::Summary;
use crate::api::Text;
use crate::domain::{Kid, Rendition, StreamId};

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
    /// A source began its numbering anew; refused, nothing of it is published.
    SourceRestarted {
        /// The media playlist.
        rendition: Text<Rendition>,
        /// How it shows.
        detail: String,
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
    /// The source began its numbering anew.
    Restarted,
    /// The published playlist has ended and the source says otherwise.
    Finished,
    /// The sink holds a playlist that this program did not write.
    ForeignSink,
    /// A playlist names a file outside the source, or one that may not be used.
    Outside,
    /// Another rendition lists the same file.
    Shared,
    /// A segment's file is not there.
    Missing,
    /// A segment's file is empty.
    Empty,
    /// A segment's file is still being written.
    Growing,
    /// A segment's file is not whole MPEG-TS packets.
    Truncated,
    /// A segment's file is larger than 512 MiB.
    TooLarge,
    /// A segment's file cannot be read, or is not a regular file.
    NotReadable,
    /// The server has not said yet when a segment without a date is.
    Unclaimed,
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

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { stream, instance } => {
                write!(f, "encrypting {} as {instance}", stream.0)
            }
            Self::Leased { version } => write!(f, "following schedule version {version}"),
            Self::ServerFailed { what, reason } => write!(f, "{what}: {reason}; trying again"),
            Self::ServerRecovered { what } => {
                write!(f, "{what}: the key server answers again")
            }
            Self::Stalled { .. } | Self::Resumed { .. } => self.fmt_stall(f),
            Self::SinkFailed { path, reason } => {
                write!(f, "cannot write {path}: {reason}; trying again")
            }
            Self::SinkRecovered => f.write_str("the sink can be written again"),
            Self::Removed { files } => write!(f, "deleted {files} files that no playlist lists"),
            Self::WatchFailed { reason } => {
                write!(
                    f,
                    "cannot watch the source ({reason}); looking twice a second"
                )
            }
            Self::Stopped { summary } => summary.fmt(f),
            _ => self.fmt_media(f),
        }
    }
}

impl Event {
    fn fmt_stall(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stalled {
                rendition,
                msn: Some(msn),
                detail,
                ..
            } => write!(f, "{rendition} waits at segment {msn}: {detail}"),
            Self::Stalled {
                rendition, detail, ..
            } => write!(f, "{rendition} waits: {detail}"),
            Self::Resumed { rendition } => write!(f, "{rendition} goes on"),
            _ => Ok(()),
        }
    }

    fn fmt_media(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encrypted {
                rendition,
                msn,
                kid,
                bytes,
            } => write!(f, "{} {msn}: {bytes} bytes under {}", rendition.0, kid.0),
            Self::Rotated {
                rendition,
                msn,
                kid,
            } => write!(f, "{} goes on under {} from {msn}", rendition.0, kid.0),
            Self::Published {
                rendition,
                first,
                last,
                ended,
            } => {
                let end = if *ended { ", ended" } else { "" };
                write!(f, "{} lists {first} to {last}{end}", rendition.0)
            }
            Self::MultivariantPublished { playlist } => write!(f, "{playlist} published"),
            Self::IframesDropped { playlist } => {
                write!(f, "{playlist}: I-frame streams are left out")
            }
            Self::Gap { rendition, msn, .. } => {
                write!(f, "{} {msn} is published as a gap", rendition.0)
            }
            Self::SourceChanged { rendition, msn } => write!(
                f,
                "{} {msn} was written again after it was published; ignored",
                rendition.0
            ),
            Self::Lost { rendition } => write!(
                f,
                "{} is gone from the sink and is published again",
                rendition.0
            ),
            Self::SourceRestarted { rendition, detail } => {
                write!(f, "{} began anew and is refused: {detail}", rendition.0)
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            renditions,
            segments,
            bytes,
            periods,
        } = self;
        write!(
            f,
            "{segments} segments of {renditions} renditions encrypted, {bytes} bytes, {periods} keys"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_tagged_json_and_plain_sentences() {
        let event = Event::Stalled {
            rendition: "v0/index.m3u8".to_owned(),
            msn: Some(7),
            reason: StallReason::Truncated,
            detail: "seg7.ts is 100 bytes".to_owned(),
        };
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"event":"stalled","rendition":"v0/index.m3u8","msn":7,"reason":"truncated","detail":"seg7.ts is 100 bytes"}"#
        );
        assert_eq!(
            event.to_string(),
            "v0/index.m3u8 waits at segment 7: seg7.ts is 100 bytes"
        );
        let stopped = Event::Stopped {
            summary: Summary::default(),
        };
        assert_eq!(
            serde_json::to_string(&stopped).unwrap(),
            r#"{"event":"stopped","renditions":0,"segments":0,"bytes":0,"periods":0}"#
        );
    }
}
