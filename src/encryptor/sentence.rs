//! What an event says to people: one sentence each.
//!
//! Must not know: where the lines go.

use std::fmt;

use serde_json::Value;

use super::options::OnLeaseEnd;
use super::{Event, Summary};

impl Event {
    /// What it is in a word, as its line has it: its name, or the cause of a stall. There are a few
    /// dozen.
    pub(super) fn kind(&self) -> String {
        let line = serde_json::to_value(self).unwrap_or_default();
        let word = match self {
            Self::Stalled { .. } => "reason",
            _ => "event",
        };
        line.get(word)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { stream, instance } => {
                write!(f, "encrypting {} as {instance}", stream.0)
            }
            Self::Leased { version } => write!(f, "following schedule version {version}"),
            Self::Restored { .. }
            | Self::LedgerRefused { .. }
            | Self::LedgerFailed { .. }
            | Self::LedgerRecovered => self.fmt_ledger(f),
            Self::LeaseEnding { .. }
            | Self::LeaseEnded { .. }
            | Self::LeaseRenewed { .. }
            | Self::KeyHeld { .. }
            | Self::TimeTaken { .. }
            | Self::TimesDiffer { .. } => self.fmt_lease(f),
            Self::ServerFailed { what, reason } | Self::SourceFailed { what, reason } => {
                write!(f, "{what}: {reason}; trying again")
            }
            Self::ServerRecovered { what } => {
                write!(f, "{what}: the key server answers again")
            }
            Self::SourceRecovered { what } => write!(f, "{what}: the source answers again"),
            Self::Left { rendition } => {
                let name = &rendition.0;
                write!(
                    f,
                    "{name}: its playlist is gone from the source, and it is left as it is"
                )
            }
            Self::Stalled { .. } | Self::Resumed { .. } => self.fmt_stall(f),
            Self::SinkFailed { .. }
            | Self::SinkRecovered
            | Self::SinkBehind { .. }
            | Self::SinkLevel { .. }
            | Self::SinkTaken { .. } => self.fmt_sink(f),
            Self::Removed { files } => write!(f, "deleted {files} files that no playlist lists"),
            Self::WatchFailed { reason } => {
                write!(
                    f,
                    "cannot watch the source ({reason}); looking twice a second"
                )
            }
            Self::Stopped { summary } => summary.fmt(f),
            Self::Advanced { done, total } => write!(f, "{done} of {total} segments"),
            Self::JournalFailed { reason } => {
                write!(
                    f,
                    "cannot note what is done: {reason}; a killed run would begin anew"
                )
            }
            _ => self.fmt_media(f),
        }
    }
}

impl Event {
    fn fmt_sink(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SinkFailed { path, reason } => {
                write!(f, "cannot write {path}: {reason}; trying again")
            }
            Self::SinkRecovered => f.write_str("the sink can be written again"),
            Self::SinkBehind {
                sink,
                reason,
                segments,
                bytes,
                seconds,
            } => write!(
                f,
                "{sink} is behind by {segments} segments, {bytes} bytes, {seconds} s: {reason}; \
                 trying again"
            ),
            Self::SinkLevel { sink } => write!(f, "{sink} is up to date again"),
            Self::SinkTaken { sink, by } => write!(
                f,
                "another encryptor, {by}, writes to {sink}: nothing is written there meanwhile"
            ),
            _ => Ok(()),
        }
    }

    fn fmt_ledger(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restored {
                version,
                periods,
                ends,
            } => {
                write!(
                    f,
                    "goes on with {periods} noted periods of version {version}"
                )?;
                match ends {
                    Some(ends) => write!(f, ", leased until {}", ends.0),
                    None => Ok(()),
                }
            }
            Self::LedgerRefused { reason } => {
                write!(f, "the noted lease cannot be used: {reason}")
            }
            Self::LedgerFailed { reason } => write!(
                f,
                "cannot note the lease: {reason}; a restart now would need the key server"
            ),
            Self::LedgerRecovered => f.write_str("the lease can be noted again"),
            _ => Ok(()),
        }
    }

    fn fmt_lease(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let then = |then: &OnLeaseEnd| match then {
            OnLeaseEnd::Stall => "nothing more is published",
            OnLeaseEnd::Hold => "the last key is held",
        };
        match self {
            Self::LeaseEnding { ends, then: what } => write!(
                f,
                "the lease is half over and not renewed; after {} {}",
                ends.0,
                then(what)
            ),
            Self::LeaseEnded { ends, then: what } => write!(
                f,
                "the lease ended at {} and the key server is away: {}",
                ends.0,
                then(what)
            ),
            Self::LeaseRenewed { ends } => write!(f, "the lease is renewed until {}", ends.0),
            Self::KeyHeld {
                rendition,
                msn,
                kid,
            } => write!(
                f,
                "{} {msn}: held under {}, whose period is over",
                rendition.0, kid.0
            ),
            Self::TimeTaken { segment, time } => write!(
                f,
                "segment {segment} has no date and the key server is away: taken to begin at {}; \
                 redundant outputs may differ from here on",
                time.0
            ),
            Self::TimesDiffer { segments } => write!(
                f,
                "the key server has other times for {segments} segments; redundant outputs differ \
                 where a key changes between"
            ),
            _ => Ok(()),
        }
    }

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
                write!(f, "{} began anew: {detail}", rendition.0)
            }
            Self::WentOn {
                rendition,
                run,
                first,
            } => {
                let rendition = &rendition.0;
                write!(
                    f,
                    "{rendition} goes on with numbering {run} at segment {first}"
                )
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
