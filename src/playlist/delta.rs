//! Playlist Delta Updates (§6.2.5.1): the list with its older segments left out.
//!
//! Lines are left out or copied, never changed, but for the version. Must not know: who asked.

use std::ops::Range;
use std::time::Duration;

use super::attribute;
use super::delivery;
use super::media::MediaPlaylist;
use super::splice::Splicer;
use super::tag::{Group, Tag};
use super::text::{Kind, Line};

/// §8: EXT-X-SKIP.
const VERSION: u64 = 9;

impl MediaPlaylist {
    /// The Playlist Delta Update of this list: without the segments further from its end than the
    /// Skip Boundary. `None` if there is nothing to leave out, or the list says nothing of it.
    ///
    /// What of a scope begins in the part left out stands again behind it: several players read a
    /// delta update as if no key and no initialisation section had been named before.
    pub fn delta(&self) -> Option<String> {
        let skipped = self.skippable()?;
        let (from, to) = (self.block(0)?.first_tag, self.block(skipped - 1)?.uri + 1);
        let mut edits = vec![self.raised()];
        let tag = format!("#{}:SKIPPED-SEGMENTS={skipped}", Tag::Skip.name());
        let start = self.text.line(from)?.start;
        edits.push((start..start, tag + self.text.eol()));
        let left_out = self.text.range(from..to).filter(|line| !outlives(line));
        edits.extend(left_out.map(|line| (line.start..line.next, String::new())));
        let end = self.text.line(to - 1)?.next;
        let again = self.scopes(from..to, skipped);
        edits.extend(again.iter().map(|at| (end..end, self.line(*at).to_owned())));
        edits.sort_by_key(|(place, _)| place.start);
        let mut out = Splicer::new(self.text.as_str(), 0);
        for (place, text) in edits {
            out.replace(place, &text);
        }
        Some(out.finish())
    }

    /// How many segments can be left out, if any. A range that goes on from one left out would be
    /// read from the start of the file.
    fn skippable(&self) -> Option<usize> {
        let mut beyond = Duration::ZERO;
        let boundary = self.boundary()?;
        let near = self.segments.iter().rev().take_while(|segment| {
            let is_near = beyond <= boundary;
            beyond = beyond.saturating_add(segment.duration);
            is_near
        });
        let old = self.segments.len() - near.count();
        let cut = (1..=old).rev().find(|cut| !self.goes_on(*cut))?;
        let is_whole = !self.is_ended() && self.find(Tag::Skip).is_none();
        is_whole.then_some(cut)
    }

    fn boundary(&self) -> Option<Duration> {
        let line = self.find(Tag::ServerControl)?;
        delivery::boundary(&self.text.attributes(&line).unwrap_or_default())
    }

    fn find(&self, tag: Tag) -> Option<Line> {
        self.text.lines().find(|line| line.is(tag))
    }

    /// Whether the segment at `index` begins where the one before it ends, and does not say where.
    fn goes_on(&self, index: usize) -> bool {
        let Some(block) = self.block(index) else {
            return false;
        };
        let mut own = self.text.range(block.first_tag..block.uri);
        own.any(|line| line.is(Tag::ByteRange) && !self.text.value(&line).contains('@'))
    }

    /// The version that EXT-X-SKIP needs in the place of a lower one.
    fn raised(&self) -> (Range<usize>, String) {
        let tag = format!("#{}:{VERSION}", Tag::Version.name());
        let head = self.text.line(0).map_or(0, |first| first.next);
        match self.find(Tag::Version) {
            Some(_) if self.header.version >= Some(VERSION) => (head..head, String::new()),
            Some(line) => (line.start..line.end, tag),
            None => (head..head, tag + self.text.eol()),
        }
    }

    fn line(&self, at: usize) -> &str {
        self.text
            .line(at)
            .map_or("", |line| self.text.whole_line(&line))
    }

    /// The lines among `skipped` that apply to the segment at `next`: its EXT-X-MAP under the
    /// EXT-X-KEY that it stands under, then its own EXT-X-KEY, unless it brings them itself.
    fn scopes(&self, skipped: Range<usize>, next: usize) -> Vec<usize> {
        let mut scope = Scope::default();
        skipped.for_each(|at| self.enter(&mut scope, at));
        let own = self.block(next).map(|own| own.first_tag..own.uri);
        let own: Vec<Line> = self.text.range(own.unwrap_or_default()).collect();
        let map = scope
            .map
            .filter(|_| !own.iter().any(|line| line.is(Tag::Map)));
        let (map, mut again) = map.map_or((None, Vec::new()), |(map, under)| (Some(map), under));
        // A delta update begins clear.
        again.retain(|key| self.key_format(*key).is_some());
        let opens = scope.keys.iter().any(|key| self.key_format(*key).is_some());
        let stands = match opens {
            true => again == scope.keys,
            false => again.is_empty(),
        };
        // A tag replaces those of its own KEYFORMAT alone.
        let is_one = scope.keys.len() < 2 && again.len() < 2;
        let first = own
            .iter()
            .find(|line| line.is(Tag::Key) || line.is(Tag::Map));
        let brings_key = is_one && first.is_some_and(|line| line.is(Tag::Key));
        again.extend(map);
        if !stands && !brings_key {
            again.extend(scope.keys);
        }
        again
    }

    fn enter(&self, scope: &mut Scope, at: usize) {
        let Some(line) = self.text.line(at) else {
            return;
        };
        if line.is(Tag::Map) {
            scope.map = Some((at, scope.keys.clone()));
        } else if line.is(Tag::Key) {
            let format = self.key_format(at);
            scope.keys.retain(|other| {
                let other = self.key_format(*other);
                format.is_some() && other.is_some() && other != format
            });
            scope.keys.push(at);
        }
    }

    /// KEYFORMAT of the EXT-X-KEY at this line; `None` if it ends every scope: METHOD=NONE.
    fn key_format(&self, at: usize) -> Option<String> {
        let line = self.text.line(at)?;
        let list = self.text.attributes(&line).unwrap_or_default();
        let is_clear = attribute::value(&list, "METHOD") == Some("NONE");
        let format = attribute::quoted(&list, "KEYFORMAT").unwrap_or("identity");
        (!is_clear).then(|| format.to_owned())
    }
}

/// Lines of the tags in whose scope a segment stands.
#[derive(Default)]
struct Scope {
    keys: Vec<usize>,
    /// EXT-X-MAP, and the keys in whose scope it stands itself.
    map: Option<(usize, Vec<usize>)>,
}

/// Whether a line among segments that are left out stays: it is of the whole list, or of its time.
/// Comments and tags that nobody knows go with the segment before which they stand.
fn outlives(line: &Line) -> bool {
    matches!(line.kind, Kind::Tag(tag) if tag.group() != Group::Segment)
}
