//! Reads a media playlist after the one that it goes on from.
//!
//! A live list loses some of its first segments and gets others; what lies between stands there
//! as it stood. It is compared, which is as fast as copying it, and taken over. Where anything is
//! out of the ordinary the text is to be parsed: nothing is guessed. Must not know: who asks.

use std::sync::Arc;

use super::media::{Block, MediaPlaylist, Segment, Taken};
use super::number;
use super::reader::Reader;
use super::section::Map;
use super::tag::{Group, Tag};
use super::text::{Kind, Line, Lines, Text};
use super::variables::Definitions;
use crate::domain::Run;

/// What `source` says, read after `before`; `None` if it does not go on from it in the ordinary way.
pub(super) fn read(before: &MediaPlaylist, source: &str) -> Option<MediaPlaylist> {
    let ordinary = before.is_plain && before.unsupported.is_none() && !before.imports;
    if !ordinary || before.run != Run::INITIAL {
        return None;
    }
    let mut lines = Lines::of(source).ok()?;
    // The first segment is read anew: what was in scope of it stands there now.
    while !matches!(lines.read().ok()??.kind, Kind::Uri) {}
    let overlap = Overlap::of(before, &lines, source)?;
    let head = lines.so_far().len();
    if !lines.take_over(&before.text, overlap.lines()) {
        return None;
    }
    let tail = lines.so_far().len();
    while lines.read().ok()?.is_some() {}
    let text = lines.finish();
    assemble(&overlap, text, (head, tail))
}

/// The segments that both lists have.
struct Overlap<'a> {
    before: &'a MediaPlaylist,
    /// The index, in the list before, of what is the first segment now.
    first: usize,
}

impl<'a> Overlap<'a> {
    /// By the number of the first segment, which `lines` end with. There must be at least another.
    fn of(before: &'a MediaPlaylist, lines: &Lines<'_>, source: &str) -> Option<Self> {
        let number = first_number(lines.so_far(), source)?;
        let gone = number.checked_sub(before.media_sequence())?;
        let first = usize::try_from(gone).ok()?;
        (first.checked_add(1)? < before.blocks.len()).then_some(Self { before, first })
    }

    /// The lines, in the list before, from after its URI to the last URI.
    fn lines(&self) -> std::ops::Range<usize> {
        let blocks = &self.before.blocks;
        let last = blocks.last().map_or(0, |block| block.uri);
        blocks[self.first].uri + 1..last + 1
    }

    /// What was the first segment now, as it was read then.
    fn was(&self) -> &Segment {
        &self.before.segments[self.first]
    }

    /// The segments after it, in the section `map` as far as they shared it, as they stand when the
    /// first of their lines has the index `line`.
    fn segments(&self, map: Option<&Arc<Map>>, line: usize) -> (Vec<Segment>, Vec<Block>) {
        let from = self.lines().start;
        let moved = |index: usize| line + (index - from);
        let after = self.first + 1..;
        let blocks = self.before.blocks[after.clone()].iter();
        let blocks: Vec<Block> = blocks.map(|block| moved_block(block, &moved)).collect();
        let mut segments = self.before.segments[after].to_vec();
        let mut scope = Scope::of(self.was().map.as_ref(), map);
        for (segment, block) in segments.iter_mut().zip(&blocks) {
            segment.line = block.uri + 1;
            segment.map = scope.now(segment.map.take(), |line| moved(line - 1) + 1);
            if !block.is_dated {
                segment.time = None; // it is carried anew, from the dates that are left
            }
        }
        (segments, blocks)
    }
}

/// The section that segments share: as it was read before, and as it stands now.
struct Scope {
    was: Option<Arc<Map>>,
    now: Option<Arc<Map>>,
}

impl Scope {
    fn of(was: Option<&Arc<Map>>, now: Option<&Arc<Map>>) -> Self {
        Self {
            was: was.cloned(),
            now: now.cloned(),
        }
    }

    /// What `map` is now; its line is moved where it is met first.
    fn now(&mut self, map: Option<Arc<Map>>, moved: impl Fn(usize) -> usize) -> Option<Arc<Map>> {
        let is_known = match (&self.was, &map) {
            (Some(was), Some(map)) => Arc::ptr_eq(was, map),
            (was, map) => was.is_none() && map.is_none(),
        };
        if !is_known {
            let here = |map: &Arc<Map>| {
                let line = moved(map.line);
                let map = Map::clone(map);
                Arc::new(Map { line, ..map })
            };
            self.now = map.as_ref().map(here);
            self.was = map;
        }
        self.now.clone()
    }
}

/// Whether the sections are one and the same, wherever their tags stand.
fn is_same(one: Option<&Arc<Map>>, other: Option<&Arc<Map>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            let line = other.line;
            let one = Map::clone(one);
            Map { line, ..one } == **other
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn moved_block(block: &Block, moved: &impl Fn(usize) -> usize) -> Block {
    Block {
        first_tag: moved(block.first_tag),
        key_at: moved(block.key_at),
        uri: moved(block.uri),
        bitrate: block.bitrate.map(moved),
        ..*block
    }
}

/// What EXT-X-MEDIA-SEQUENCE says; 0 without one.
fn first_number(lines: &[Line], source: &str) -> Option<u64> {
    let said = lines.iter().find(|line| line.is(Tag::MediaSequence));
    let Some(line) = said else { return Some(0) };
    let (_, value) = source[line.start..line.end].split_once(':')?;
    number::integer(value.trim())
}

/// The list of the lines before `head`, the overlap, and the lines from `tail` on.
fn assemble(
    overlap: &Overlap<'_>,
    text: Text,
    (head, tail): (usize, usize),
) -> Option<MediaPlaylist> {
    let (first, last) = text.lines().split_at(head);
    let read = first.iter().chain(&last[tail - head..]);
    if read.into_iter().any(is_of_another_kind) {
        return None;
    }
    let none = Definitions::new();
    let mut reader = Reader::new(&text, &none);
    reader.lines(0..head).ok()?;
    let (is, was) = (reader.last()?, overlap.was());
    // What later segments depend on: their section, and where a range without an offset begins.
    let goes_on = (&is.uri, is.range, is.msn) == (&was.uri, was.range, was.msn);
    if !goes_on || !is_same(is.map.as_ref(), was.map.as_ref()) || !reader.is_plain() {
        return None;
    }
    let map = is.map.clone();
    let (segments, blocks) = overlap.segments(map.as_ref(), head);
    let taken = Taken(1..1 + segments.len());
    reader.take_over(segments, blocks);
    reader.lines(tail..text.lines().len()).ok()?;
    let read = reader.finish().ok()?;
    let mut list = read.list(text);
    list.taken = taken;
    Some(list)
}

/// A tag that makes it no media playlist.
fn is_of_another_kind(line: &Line) -> bool {
    matches!(line.kind, Kind::Tag(tag) if tag.group() == Group::Multivariant)
}
