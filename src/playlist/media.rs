//! The media playlist: its segments and what it says of itself.
//!
//! Must not know: how it is rewritten.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::again::Next;
use super::header::Header;
use super::key::KeyTag;
use super::lineage::Lineage;
use super::partial::PartialSegment;
use super::range::ByteRange;
use super::reader::{self, Read};
use super::section::Map;
use super::sliding::Sliding;
use super::text::Text;
use super::timing::Dates;
use super::variables::Definitions;
use super::{PlaylistError, Unsupported};
use crate::domain::{Run, Timestamp};

/// A media playlist. Its `Display` gives the parsed text byte for byte.
#[derive(Debug, Clone)]
pub struct MediaPlaylist {
    pub(super) text: Text,
    pub(super) header: Header,
    pub(super) segments: Sliding<Segment>,
    /// Where each segment stood when it was read, in the order of `segments`.
    blocks: Sliding<Block>,
    /// The segment that is not complete, with its place: its URI line is past the end.
    pub(super) open: Option<(Segment, Block)>,
    pub(super) unsupported: Option<Unsupported>,
    /// It names a variable of its multivariant playlist.
    pub(super) imports: bool,
    /// By what its segments are numbered.
    pub(super) run: Run,
    /// After its first URI there is nothing but segments that are clear, and what stands beside them.
    pub(super) is_plain: bool,
    /// The last date, by which later segments have theirs.
    pub(super) dates: Dates,
    /// By what a text that was made of this list is known to be.
    pub(super) lineage: Lineage,
}

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
    /// What was read of `text`.
    pub(super) fn new(text: Text, read: Read, dates: Dates) -> Self {
        Self {
            text,
            header: read.header,
            segments: read.segments.into(),
            blocks: read.blocks.into(),
            open: read.open,
            unsupported: read.unsupported,
            imports: read.imports,
            run: Run::INITIAL,
            is_plain: read.is_plain,
            dates,
            lineage: Lineage::default(),
        }
    }

    pub(super) fn read(text: Text, definitions: &Definitions) -> Result<Self, PlaylistError> {
        reader::read(text, definitions)
    }

    /// What `text` says, if it goes on from this list: its segments without some of the first, byte
    /// for byte, then others. Those that both have are not read again, so that the cost is that of
    /// what is new. The text is given back where that is not so, or cannot be seen easily: then it
    /// is to be parsed. What the list goes on to equals what parsing gives.
    pub fn read_on(&mut self, text: String) -> Result<Next<'_>, String> {
        Next::of(self, text)
    }

    /// The segments, first to last. One whose URI line may be half written is not there yet.
    ///
    /// A list without segments is valid, and the look of one of which only the head has been
    /// written: nothing follows from it.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The segment with this index and where it stands; the one that is not complete is the last.
    pub(super) fn place(&self, block: usize) -> Option<(&Segment, Block)> {
        let whole = self.segments.get(block).zip(self.block(block));
        let open = self.open.as_ref().filter(|_| block == self.blocks.len());
        whole.or_else(|| open.map(|(segment, block)| (segment, *block)))
    }

    /// Where the segment with this index stands.
    pub(super) fn block(&self, index: usize) -> Option<Block> {
        let block = self.blocks.get(index)?;
        Some(block.placed(|line| self.text.moved().index(line)))
    }

    /// Where each segment stands, in their order.
    pub(super) fn blocks(&self) -> impl DoubleEndedIterator<Item = Block> + ExactSizeIterator {
        let moved = self.text.moved();
        let blocks = self.blocks.iter();
        blocks.map(move |block| block.placed(|line| moved.index(line)))
    }

    /// The first segment's number: EXT-X-MEDIA-SEQUENCE, 0 without one (§4.4.3.2).
    pub fn media_sequence(&self) -> u64 {
        renumbered(self.header.media_sequence.unwrap_or(0), &self.run)
    }

    /// Numbers and dates segments of the source as those of this list are; `None` if a number is out of
    /// bounds.
    pub(super) fn number(&self, segments: &mut [Segment]) -> Option<()> {
        number(&self.run, segments)
    }

    /// Its `count` first segments have gone. Their lines have not yet.
    pub(super) fn drop_first(&mut self, count: usize) {
        self.segments.drop_first(count);
        self.blocks.drop_first(count);
        self.lineage.go_on(count);
    }

    /// Its first segment was read anew.
    pub(super) fn replace_first(&mut self, segment: Segment, block: Block) {
        let moved = self.text.moved();
        self.segments.drop_first(1);
        self.segments.push_front(segment);
        self.blocks.drop_first(1);
        self.blocks
            .push_front(block.placed(|line| moved.index_back(line)));
    }

    /// Another segment has come.
    pub(super) fn push(&mut self, segment: Segment, block: Block) {
        let moved = self.text.moved();
        self.segments.push(segment);
        self.blocks
            .push(block.placed(|line| moved.index_back(line)));
    }

    /// The list with the numbers, times and discontinuities that it is published with in `run`;
    /// `None` if they are out of bounds. Segments before the run's first have lower numbers than
    /// that, and no others that mean anything.
    #[must_use]
    pub fn renumber(mut self, run: &Run) -> Option<Self> {
        if let Some((open, _)) = &mut self.open {
            number(run, std::slice::from_mut(open))?;
        }
        number(run, &mut self.segments)?;
        self.dates = self.dates.put_off(run.shift);
        self.run = *run;
        Some(self)
    }

    /// The text as far as it tells of its `count` first segments: as it was before another one came.
    pub fn text_through(&self, count: usize) -> &str {
        let lines = match self.block(count) {
            None => self.text.lines().len(),
            Some(next) => next.first_tag,
        };
        let last = lines.checked_sub(1).and_then(|last| self.text.line(last));
        &self.text.as_str()[..last.map_or(0, |line| line.next)]
    }

    /// How many discontinuities there are up to its segment with this index, its own counted.
    pub fn discontinuities(&self, through: usize) -> u64 {
        let own = self.blocks().take(through.saturating_add(1));
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

impl PartialEq for MediaPlaylist {
    /// Whether they say the same, however they were read.
    fn eq(&self, other: &Self) -> bool {
        let (one, two) = (self, other);
        let whole = (&one.text, &one.header, &one.segments, &one.open);
        let rest = (&one.unsupported, one.imports, one.run, one.is_plain);
        whole == (&two.text, &two.header, &two.segments, &two.open)
            && rest == (&two.unsupported, two.imports, two.run, two.is_plain)
            && one.dates == two.dates
            && one.blocks().eq(two.blocks())
    }
}

impl Eq for MediaPlaylist {}

impl Block {
    /// The same at other lines.
    pub(super) fn placed(self, line: impl Fn(usize) -> usize) -> Self {
        Self {
            first_tag: line(self.first_tag),
            key_at: line(self.key_at),
            uri: line(self.uri),
            bitrate: self.bitrate.map(line),
            ..self
        }
    }
}

/// Numbers and dates `segments` by `run`; `None` if a number is out of bounds.
fn number(run: &Run, segments: &mut [Segment]) -> Option<()> {
    let last = segments.last().map(|last| last.msn);
    if let Some(last) = last.filter(|last| *last >= run.first) {
        run.number(last)?;
    }
    for segment in segments {
        segment.msn = renumbered(segment.msn, run);
        segment.time = segment.time.map(|time| time.plus(run.shift));
    }
    Some(())
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
