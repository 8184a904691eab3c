//! Reads a media playlist, line by line, in one pass.
//!
//! Must not know: how it will be rewritten.

use std::ops::Range;
use std::sync::Arc;

use super::attribute;
use super::header::Header;
use super::media::{Block, MediaPlaylist, Segment};
use super::number;
use super::pending::Pending;
use super::range::ByteRange;
use super::section::{self, Map};
use super::tag::{Group, Met, Tag};
use super::text::{Kind, Line, Text};
use super::variables::{Definitions, Variables};
use super::{PlaylistError, Unsupported, key, partial, timing, uris};

/// Reads `text`, which holds tags of a media playlist and may import `definitions`.
pub(super) fn read(text: Text, definitions: &Definitions) -> Result<MediaPlaylist, PlaylistError> {
    let mut reader = Reader::new(&text, definitions);
    reader.lines(0..text.lines().len())?;
    let read = reader.finish()?;
    Ok(read.list(text))
}

/// What was read of a text.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) header: Header,
    pub(super) segments: Vec<Segment>,
    pub(super) blocks: Vec<Block>,
    pub(super) open: Option<(Segment, Block)>,
    pub(super) unsupported: Option<Unsupported>,
    pub(super) imports: bool,
    pub(super) is_plain: bool,
}

impl Read {
    /// The playlist that it is, once dates are carried on to segments that have none.
    pub(super) fn list(mut self, text: Text) -> MediaPlaylist {
        // what is not complete has no say in when others are
        let is_dated = self.segments.iter().any(|segment| segment.time.is_some());
        let dates = timing::carry(&mut self.segments);
        if let Some((open, _)) = self.open.as_mut().filter(|_| is_dated) {
            let mut dates = dates;
            dates.carry(std::slice::from_mut(open));
        }
        MediaPlaylist::new(text, self, dates)
    }
}

pub(super) struct Reader<'a> {
    text: &'a Text,
    met: Met,
    header: Header,
    pending: Pending,
    /// In the scope of METHOD=NONE.
    clear: bool,
    /// The key in whose scope we are.
    key: Option<Arc<key::KeyTag>>,
    /// The initialisation section in whose scope we are.
    map: Option<Arc<Map>>,
    variables: Variables<'a>,
    /// EXT-X-DISCONTINUITY has been seen.
    discontinuous: bool,
    /// Segments that an EXT-X-SKIP stands for.
    skipped: u64,
    segments: Vec<Segment>,
    blocks: Vec<Block>,
    /// Segments that were not read again, after so many of those that were.
    passed: Option<Passed<'a>>,
    open: Option<(Segment, Block)>,
    unsupported: Option<Unsupported>,
    /// After the first URI there was no tag of the whole list, and none that changes how later
    /// segments are read but EXT-X-MAP; nor a part, which goes before its segment does, or what tells
    /// of parts.
    is_plain: bool,
}

/// Segments that are known already.
struct Passed<'a> {
    after: usize,
    count: usize,
    last: &'a Segment,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a Text, definitions: &'a Definitions) -> Self {
        Self {
            text,
            met: Met::default(),
            header: Header::default(),
            pending: Pending::default(),
            clear: false,
            key: None,
            map: None,
            variables: Variables::new(definitions),
            discontinuous: false,
            skipped: 0,
            segments: Vec::new(),
            blocks: Vec::new(),
            passed: None,
            open: None,
            unsupported: None,
            is_plain: true,
        }
    }

    /// Reads the lines with these indices; one that may be half written is not there.
    pub(super) fn lines(&mut self, which: Range<usize>) -> Result<(), PlaylistError> {
        let text = self.text;
        let lines = text.whole_lines().take(which.end).skip(which.start);
        for (line, index) in lines {
            self.line(&line, index)?;
        }
        Ok(())
    }

    /// All lines have been read.
    pub(super) fn finish(mut self) -> Result<Read, PlaylistError> {
        self.check_end()?;
        self.leave_open(self.text.lines().len())?;
        Ok(Read {
            header: self.header,
            segments: self.segments,
            blocks: self.blocks,
            open: self.open,
            unsupported: self.unsupported,
            imports: self.variables.has_imports(),
            is_plain: self.is_plain,
        })
    }

    /// Whether nothing so far changes how later segments are read but EXT-X-MAP.
    pub(super) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// The segment before the one that comes next.
    pub(super) fn last(&self) -> Option<&Segment> {
        let passed = self.passed.as_ref();
        let passed = passed.filter(|passed| passed.after == self.segments.len());
        passed.map_or(self.segments.last(), |passed| Some(passed.last))
    }

    /// `count` segments come next that were read before, the last of which is `last`.
    pub(super) fn pass_over(&mut self, count: usize, last: &'a Segment) {
        self.map.clone_from(&last.map);
        self.passed = Some(Passed {
            after: self.segments.len(),
            count,
            last,
        });
    }

    fn line(&mut self, line: &Line, index: usize) -> Result<(), PlaylistError> {
        match line.kind {
            Kind::Tag(tag) => self.tag(line, index, tag),
            Kind::Uri => self.uri(line, index),
            Kind::Blank | Kind::Comment | Kind::Unknown => Ok(()),
        }
    }

    fn tag(&mut self, line: &Line, index: usize, tag: Tag) -> Result<(), PlaylistError> {
        let (name, number) = (tag.name(), line.number);
        if !self.met.note(tag) {
            return Err(PlaylistError::Duplicate {
                tag: name,
                line: number,
            });
        }
        if self.is_late(tag) {
            return Err(PlaylistError::Misplaced {
                tag: name,
                line: number,
            });
        }
        uris::check(self.text, line, tag)?;
        self.refuse(Unsupported::by_tag(tag, number));
        self.is_plain &= match tag.group() {
            Group::Segment => !matches!(tag, Tag::Key | Tag::Part),
            Group::Metadata => tag == Tag::DateRange,
            Group::Either => tag != Tag::Define && self.segments.is_empty(),
            Group::Basic | Group::Media | Group::Multivariant => self.segments.is_empty(),
        };
        match tag.group() {
            Group::Basic | Group::Media => self.header.read(self.text, line, tag),
            Group::Segment => self.segment_tag(line, index, tag),
            Group::Metadata if tag == Tag::Skip => self.skip(line),
            Group::Either if tag == Tag::Define => self.variables.read(self.text, line),
            Group::Either | Group::Metadata | Group::Multivariant => Ok(()),
        }
    }

    fn segment_tag(&mut self, line: &Line, index: usize, tag: Tag) -> Result<(), PlaylistError> {
        match tag {
            Tag::Key => {
                self.key = key::read(self.text, line)?.map(Arc::new);
                self.clear = self.key.is_none();
                let line = line.number;
                self.refuse((!self.clear).then_some(Unsupported::AlreadyEncrypted { line }));
            }
            Tag::Map => {
                let read = section::read(self.text, line, self.key.as_ref(), &self.variables);
                let (map, from) = read?;
                self.map = Some(Arc::new(map));
                let unknown = Unsupported::Variable { line: line.number };
                self.refuse(from.unknown.then_some(unknown));
            }
            Tag::Part => {
                let before = self.pending.parts.last();
                let before = before.or_else(|| self.last()?.parts.last());
                let read = partial::read(self.text, (line, index), before, &self.variables);
                let (part, from) = read?;
                self.pending.parts.push(part);
                let unknown = Unsupported::Variable { line: line.number };
                self.refuse(from.unknown.then_some(unknown));
            }
            Tag::Discontinuity => self.discontinuous = true,
            _ => {}
        }
        self.pending.read(self.text, (line, index), tag)
    }

    /// §4.4.3.2, §4.4.3.3: the numbers come before the first segment, and that of the
    /// discontinuities before the first of them.
    fn is_late(&self, tag: Tag) -> bool {
        match tag {
            Tag::MediaSequence => !self.segments.is_empty(),
            Tag::DiscontinuitySequence => self.discontinuous || !self.segments.is_empty(),
            _ => false,
        }
    }

    /// §4.4.5.2: the segments that were left out keep their numbers.
    fn skip(&mut self, line: &Line) -> Result<(), PlaylistError> {
        let list = self.text.attributes(line).unwrap_or_default();
        let count = attribute::value(&list, "SKIPPED-SEGMENTS").and_then(number::integer);
        self.skipped = count.ok_or(PlaylistError::Attributes {
            tag: Tag::Skip.name(),
            line: line.number,
        })?;
        Ok(())
    }

    fn uri(&mut self, line: &Line, index: usize) -> Result<(), PlaylistError> {
        let pending = std::mem::take(&mut self.pending);
        let inf = pending.inf.ok_or(PlaylistError::UnknownUri {
            tag: Tag::Inf.name(),
            line: line.number,
        })?;
        let (written, _) = self.text.uri(line);
        let (uri, from) = self.variables.put_in(written);
        let uri = uri.into_owned();
        let unknown = Unsupported::Variable { line: line.number };
        self.refuse(from.unknown.then_some(unknown));
        let first_tag = pending.first_tag.unwrap_or(index);
        self.blocks.push(Block {
            first_tag,
            key_at: pending.after_discontinuity.unwrap_or(first_tag),
            uri: index,
            bitrate: pending.bitrate,
            discontinuities: pending.discontinuities,
            is_fractional: inf.is_fractional,
            has_map: pending.has_map,
            is_dated: pending.time.is_some(),
            imports: from.imports,
        });
        self.segments.push(Segment {
            msn: self.next_msn(line)?,
            range: self.range(pending.range, &uri, line)?,
            uri,
            map: self.map.clone(),
            duration: inf.duration,
            time: pending.time,
            discontinuity: pending.discontinuities > 0,
            gap: pending.gap,
            clear: self.clear,
            key: self.key.clone(),
            parts: pending.parts,
        });
        Ok(())
    }

    /// Parts after the last segment are of one that is not complete, unless the list has ended.
    fn leave_open(&mut self, end: usize) -> Result<(), PlaylistError> {
        let pending = std::mem::take(&mut self.pending);
        let Some(first) = pending.first_tag.filter(|_| !pending.parts.is_empty()) else {
            return Ok(());
        };
        if self.header.is_ended {
            return Ok(());
        }
        let Some(line) = self.text.line(first) else {
            return Ok(());
        };
        let block = Block {
            first_tag: first,
            key_at: pending.after_discontinuity.unwrap_or(first),
            uri: end,
            bitrate: pending.bitrate,
            discontinuities: pending.discontinuities,
            is_fractional: false,
            has_map: pending.has_map,
            is_dated: pending.time.is_some(),
            imports: false,
        };
        let segment = Segment {
            msn: self.next_msn(&line)?,
            uri: String::new(),
            range: None,
            map: self.map.clone(),
            duration: pending.parts.iter().map(|part| part.duration).sum(),
            time: pending.time,
            discontinuity: pending.discontinuities > 0,
            gap: false,
            clear: self.clear,
            key: self.key.clone(),
            parts: pending.parts,
        };
        self.open = Some((segment, block));
        Ok(())
    }

    /// §4.4.4.2: a range without an offset begins where that of the segment before ends, which
    /// must be of the same file.
    fn range(
        &self,
        said: Option<(u64, Option<u64>)>,
        uri: &str,
        line: &Line,
    ) -> Result<Option<ByteRange>, PlaylistError> {
        let Some((len, offset)) = said else {
            return Ok(None);
        };
        let before = self.last().filter(|before| before.uri == uri);
        let follows = || Some(before?.range?.end());
        let range = offset.or_else(follows);
        let range = range.and_then(|offset| ByteRange::new(offset, len));
        range
            .map(Some)
            .ok_or(PlaylistError::Range { line: line.number })
    }

    /// §3: one more than the segment before; numbers never wrap (§6.2.2).
    fn next_msn(&self, line: &Line) -> Result<u64, PlaylistError> {
        let first = self.header.media_sequence.unwrap_or(0);
        let passed = self.passed.as_ref().map_or(0, |passed| passed.count);
        let ahead = (self.segments.len() + passed) as u64;
        let ahead = self.skipped.checked_add(ahead);
        let msn = ahead.and_then(|ahead| first.checked_add(ahead));
        msn.ok_or(PlaylistError::Number {
            tag: Tag::MediaSequence.name(),
            line: line.number,
        })
    }

    /// The first reason stands.
    fn refuse(&mut self, reason: Option<Unsupported>) {
        self.unsupported = self.unsupported.take().or(reason);
    }

    fn check_end(&self) -> Result<(), PlaylistError> {
        self.check_dangling()?;
        if self.header.target_duration.is_none() {
            return Err(PlaylistError::Missing {
                tag: Tag::TargetDuration.name(),
            });
        }
        match self.header.is_ended {
            true => self.pending.check_uri(),
            false => Ok(()),
        }
    }

    /// A last line without a line end. After segments of a list that still grows, it belongs to
    /// the segment that comes next, and with that segment it is not there yet. Elsewhere more
    /// would be lost with it: the list's own numbers, or the last segment of a finished list.
    fn check_dangling(&self) -> Result<(), PlaylistError> {
        let Some((line, _)) = self.text.dangling() else {
            return Ok(());
        };
        let is_head = matches!(line.kind, Kind::Tag(tag) if tag.group() == Group::Media);
        let is_unread = matches!(line.kind, Kind::Comment | Kind::Unknown);
        let waits = !self.header.is_ended && !self.segments.is_empty() && !is_head;
        if waits || self.header.is_ended && is_unread {
            return Ok(());
        }
        Err(PlaylistError::Incomplete { line: line.number })
    }
}
