//! The tags of the next segment (§4.4.4), gathered until its URI line.
//!
//! Must not know: the segments before; a scope that lasts longer is the reader's.

use super::PlaylistError;
use super::partial::PartialSegment;
use super::range;
use super::tag::Tag;
use super::text::{Line, Text};
use super::timing::{self, Inf};
use crate::domain::Timestamp;

/// What has been said of the segment to come.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Index of its first tag.
    pub(super) first_tag: Option<usize>,
    /// Index of the line after its last EXT-X-DISCONTINUITY.
    pub(super) after_discontinuity: Option<usize>,
    /// How many EXT-X-DISCONTINUITY it has: each counts (§6.2.1).
    pub(super) discontinuities: u64,
    /// Index of its last EXT-X-BITRATE.
    pub(super) bitrate: Option<usize>,
    pub(super) inf: Option<Inf>,
    pub(super) time: Option<Timestamp>,
    pub(super) gap: bool,
    /// How many bytes of its file it is, and from where if that is said.
    pub(super) range: Option<(u64, Option<u64>)>,
    /// Its EXT-X-PART.
    pub(super) parts: Vec<PartialSegment>,
    /// It has an EXT-X-MAP.
    pub(super) has_map: bool,
}

impl Pending {
    /// Reads a tag of the segment group at line `index`.
    pub(super) fn read(
        &mut self,
        text: &Text,
        (line, index): (&Line, usize),
        tag: Tag,
    ) -> Result<(), PlaylistError> {
        self.first_tag.get_or_insert(index);
        match tag {
            Tag::Inf => {
                self.check_uri()?;
                self.inf = Some(timing::inf(text, line)?);
            }
            Tag::Discontinuity => {
                self.discontinuities += 1;
                self.after_discontinuity = Some(index + 1);
            }
            Tag::ProgramDateTime => self.time = Some(timing::program_date_time(text, line)?),
            Tag::Gap => self.gap = true,
            Tag::ByteRange => self.range = Some(byte_range(text, line)?),
            Tag::Map => self.has_map = true,
            Tag::Bitrate => self.bitrate = Some(index),
            _ => {}
        }
        Ok(())
    }

    /// An EXTINF must meet its URI before another one, or the end of the list, comes.
    pub(super) fn check_uri(&self) -> Result<(), PlaylistError> {
        match self.inf {
            Some(inf) => Err(PlaylistError::MissingUri {
                tag: Tag::Inf.name(),
                line: inf.line,
            }),
            None => Ok(()),
        }
    }
}

fn byte_range(text: &Text, line: &Line) -> Result<(u64, Option<u64>), PlaylistError> {
    range::read(text.value(line).trim()).ok_or(PlaylistError::Number {
        tag: Tag::ByteRange.name(),
        line: line.number,
    })
}
