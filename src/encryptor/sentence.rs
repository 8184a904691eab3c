//! What an event says to people: one sentence each.
//!
//! Must not know: where the lines go.

use std::fmt;

use super::{Event, Summary};

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
    use crate::encryptor::StallReason;

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
