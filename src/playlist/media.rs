//! The media playlist: its segments and what it says of itself.
//!
//! Must not know: how it is rewritten.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::again;
use super::header::Header;
use super::key::KeyTag;
use super::partial::PartialSegment;
use super::range::ByteRange;
use super::reader;
use super::section::Map;
use super::text::Text;
use super::variables::Definitions;
use super::{PlaylistError, Unsupported};
use crate::domain::{Run, Timestamp};

/// A media playlist. Its `Display` gives the parsed text byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPlaylist {
    pub(super) text: Text,
    pub(super) header: Header,
    pub(super) segments: Vec<Segment>,
    /// Where each segment stands, in the order of `segments`.
    pub(super) blocks: Vec<Block>,
    /// The segment that is not complete, with its place: its URI line is past the end.
    pub(super) open: Option<(Segment, Block)>,
    pub(super) unsupported: Option<Unsupported>,
    /// It names a variable of its multivariant playlist.
    pub(super) imports: bool,
    /// By what its segments are numbered.
    pub(super) run: Run,
    /// After its first URI there is nothing but segments that are clear, and what stands beside them.
    pub(super) is_plain: bool,
    /// Which segments were taken over from the list before.
    pub(super) taken: Taken,
}

/// Segments that were not read again. It says how a list was read, and nothing of the list.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken(pub(super) Range<usize>);

impl PartialEq for Taken {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Taken {}

/// One media segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its media sequence number.
    pub msn: u64,
    /// Its URI without space around it, variables put in.
    pub uri: String,
    /// The part of the file that it is; `None` for the whole.
    pub range: Option<ByteRange>,
    /// The EXT-X-MAP in whose scope it stands. Segments in one scope share it.
    pub map: Option<Arc<Map>>,
    /// EXTINF, exact to the nanosecond.
    pub duration: Duration,
    /// When it begins: its own EXT-X-PROGRAM-DATE-TIME, else carried on from an earlier one of
    /// this list, or back from a later one, by the durations between. `None` if the list has none.
    pub time: Option<Timestamp>,
    /// An EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// EXT-X-GAP: there is no file.
    pub gap: bool,
    /// It stands under an EXT-X-KEY with METHOD=NONE. It is encrypted like the others.
    pub clear: bool,
    /// The last EXT-X-KEY in whose scope it stands, unless that is METHOD=NONE. Only a list that
    /// is encrypted already has any. Segments in one scope share it: a tag may be long and its
    /// segments many.
    pub key: Option<Arc<KeyTag>>,
    /// Its EXT-X-PART tags, first to last.
    pub parts: Vec<PartialSegment>,
    /// Its URI's line, from 1.
    pub line: usize,
}

/// Where a segment's lines stand, by index: from the line after the segment before to its URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// Its first segment tag.
    pub(super) first_tag: usize,
    /// The line before which its key tag goes.
    pub(super) key_at: usize,
    /// Its URI line.
    pub(super) uri: usize,
    /// Its last EXT-X-BITRATE.
    pub(super) bitrate: Option<usize>,
    /// How many EXT-X-DISCONTINUITY it has.
    pub(super) discontinuities: u64,
    /// Its EXTINF has a fraction.
    pub(super) is_fractional: bool,
    /// It has an EXT-X-MAP of its own.
    pub(super) has_map: bool,
    /// It has an EXT-X-PROGRAM-DATE-TIME of its own.
    pub(super) is_dated: bool,
    /// Its URI has a variable that the multivariant playlist defines.
    pub(super) imports: bool,
}

impl MediaPlaylist {
    pub(super) fn read(text: Text, definitions: &Definitions) -> Result<Self, PlaylistError> {
        reader::read(text, definitions)
    }

    /// What `text` says, if it goes on from this list: its segments without some of the first, byte
    /// for byte, then others. Those that both have are not read again, so that the cost is that of
    /// what is new. `None` where that is not so, or cannot be seen easily: then the text is to be
    /// parsed. What is given equals what parsing gives.
    pub fn read_on(&self, text: &str) -> Option<Self> {
        again::read(self, text)
    }

    /// Whether the segment with this index was not read again by [`Self::read_on`]: it stands as it
    /// stood in the list before.
    pub fn is_taken_over(&self, index: usize) -> bool {
        self.taken.0.contains(&index)
    }

    /// The segments, first to last. One whose URI line may be half written is not there yet.
    ///
    /// A list without segments is valid, and the look of one of which only the head has been
    /// written: nothing follows from it.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segment with this index and where it stands; the one that is not complete is the last.
    pub(super) fn place(&self, block: usize) -> Option<(&Segment, &Block)> {
        let whole = self.segments.get(block).zip(self.blocks.get(block));
        let open = self.open.as_ref().filter(|_| block == self.blocks.len());
        whole.or_else(|| open.map(|(segment, block)| (segment, block)))
    }

    /// The first segment's number: EXT-X-MEDIA-SEQUENCE, 0 without one (§4.4.3.2).
    pub fn media_sequence(&self) -> u64 {
        renumbered(self.header.media_sequence.unwrap_or(0), &self.run)
    }

    /// The list with the numbers, times and discontinuities that it is published with in `run`;
    /// `None` if they are out of bounds. Segments before the run's first have lower numbers than
    /// that, and no others that mean anything.
    #[must_use]
    pub fn renumber(mut self, run: &Run) -> Option<Self> {
        let open = self.open.as_mut().map(|(segment, _)| segment);
        let last = open.as_deref().or(self.segments.last());
        let last = last.map_or(0, |segment| segment.msn);
        if last >= run.first {
            run.number(last)?;
        }
        for segment in self.segments.iter_mut().chain(open) {
            segment.msn = renumbered(segment.msn, run);
            segment.time = segment.time.map(|time| time.plus(run.shift));
        }
        self.run = *run;
        Some(self)
    }

    /// The text as far as it tells of its `count` first segments: as it was before another one came.
    pub fn text_through(&self, count: usize) -> &str {
        let lines = match self.blocks.get(count) {
            None => self.text.lines().len(),
            Some(next) => next.first_tag,
        };
        let last = lines.checked_sub(1).map(|last| &self.text.lines()[last]);
        &self.text.as_str()[..last.map_or(0, |line| line.next)]
    }

    /// How many discontinuities there are up to its segment with this index, its own counted.
    pub fn discontinuities(&self, through: usize) -> u64 {
        let own = self.blocks.iter().take(through.saturating_add(1));
        let own: u64 = own.map(|block| block.discontinuities).sum();
        self.header
            .discontinuity_sequence
            .unwrap_or(0)
            .saturating_add(own)
    }

    /// EXT-X-TARGETDURATION.
    pub fn target_duration(&self) -> Duration {
        self.header.target_duration.unwrap_or_default()
    }

    /// Whether the list is finished: EXT-X-ENDLIST.
    pub fn is_ended(&self) -> bool {
        self.header.is_ended
    }

    /// Whether its first segments must stay: EXT-X-PLAYLIST-TYPE is EVENT or VOD (§6.2.1).
    pub fn is_pinned(&self) -> bool {
        self.header.fixed.is_some()
    }

    /// Whether each segment is one I-frame: EXT-X-I-FRAMES-ONLY (§4.4.3.6).
    pub fn is_iframes(&self) -> bool {
        self.header.is_iframes
    }

    /// Whether it says that it imports variables of a multivariant playlist.
    pub fn imports(&self) -> bool {
        self.imports
    }

    /// Why this list cannot be encrypted, if it cannot: the first reason in it.
    pub fn unsupported(&self) -> Option<Unsupported> {
        self.unsupported.clone()
    }
}

fn renumbered(source: u64, run: &Run) -> u64 {
    let before = run.first.saturating_sub(source);
    run.number(source)
        .unwrap_or(run.output.saturating_sub(before))
}

impl fmt::Display for MediaPlaylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.as_str())
    }
}
