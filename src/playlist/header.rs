//! The tags of the whole media playlist: EXT-X-VERSION (§4.4.1.2) and those of §4.4.3.
//!
//! Must not know: segments.

use std::time::Duration;

use super::PlaylistError;
use super::number;
use super::tag::Tag;
use super::text::{Line, Text};

/// What the playlist says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: Option<u64>,
    pub(super) target_duration: Option<Duration>,
    pub(super) media_sequence: Option<u64>,
    pub(super) discontinuity_sequence: Option<u64>,
    pub(super) fixed: Option<Fixed>,
    pub(super) is_ended: bool,
    pub(super) is_iframes: bool,
}

/// EXT-X-PLAYLIST-TYPE: EVENT only grows, VOD never changes, so neither loses a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fixed {
    pub(super) line: usize,
    pub(super) is_vod: bool,
}

impl Header {
    /// Reads a tag of the basic or the media group.
    pub(super) fn read(&mut self, text: &Text, line: &Line, tag: Tag) -> Result<(), PlaylistError> {
        let value = text.value(line).trim();
        let integer = || number::integer(value).ok_or_else(|| wrong(tag, line));
        match tag {
            Tag::Version => self.version = Some(integer()?),
            Tag::MediaSequence => self.media_sequence = Some(integer()?),
            Tag::DiscontinuitySequence => self.discontinuity_sequence = Some(integer()?),
            Tag::TargetDuration => self.target_duration = Some(target(value, line)?),
            Tag::PlaylistType => self.fixed = fixed(value, line),
            Tag::EndList => self.is_ended = true,
            Tag::IFramesOnly => self.is_iframes = true,
            _ => {}
        }
        Ok(())
    }
}

/// §4.4.3.1: whole seconds, at least 1. Some packagers write a fraction.
fn target(value: &str, line: &Line) -> Result<Duration, PlaylistError> {
    number::seconds(value)
        .filter(|target| !target.is_zero())
        .ok_or_else(|| wrong(Tag::TargetDuration, line))
}

/// §4.4.3.5; clients ignore a tag with a value that they do not know (§6.3.1).
fn fixed(value: &str, line: &Line) -> Option<Fixed> {
    let is_vod = value == "VOD";
    (is_vod || value == "EVENT").then_some(Fixed {
        line: line.number,
        is_vod,
    })
}

fn wrong(tag: Tag, line: &Line) -> PlaylistError {
    PlaylistError::Number {
        tag: tag.name(),
        line: line.number,
    }
}
