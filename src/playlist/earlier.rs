//! What of an earlier run is still listed: its segments' lines, as they were published.
//!
//! Must not know: why the run has ended.

use super::key;
use super::listing::Earlier;
use super::tag::{Group, Tag};
use super::text::{Kind, Line};

impl Earlier<'_> {
    /// The number of the first segment that stays.
    pub(super) fn first_msn(&self) -> u64 {
        self.list.segments[self.first].msn
    }

    /// EXT-X-DISCONTINUITY-SEQUENCE of a list that begins with it.
    pub(super) fn discontinuity_sequence(&self) -> u64 {
        let own = self.list.block(self.first);
        let own = own.map_or(0, |own| own.discontinuities);
        self.list.discontinuities(self.first).saturating_sub(own)
    }

    /// EXT-X-TARGETDURATION that its segments need, in whole seconds.
    pub(super) fn target(&self) -> u64 {
        self.list.target_duration().as_secs_f64().ceil() as u64
    }

    /// EXT-X-VERSION that its tags need; EXT-X-GAP came with version 8.
    pub(super) fn version(&self) -> u64 {
        let said = self.list.header.version.unwrap_or(1);
        if self.gaps > 0 { said.max(8) } else { said }
    }

    /// The segments' lines and the gaps after them, each line ended by `eol`.
    pub(super) fn lines(&self, eol: &str) -> String {
        let mut out = String::new();
        let block = |index: usize| self.list.block(index);
        let begin = match self.first.checked_sub(1) {
            Some(before) => block(before).map_or(0, |before| before.uri + 1),
            None => block(0).map_or(0, |first| first.first_tag),
        };
        for line in self.section() {
            out += &line;
            out += eol;
        }
        let end = block(self.end - 1).map_or(0, |last| last.uri + 1);
        for line in self.list.text.range(begin..end).filter(is_of_segment) {
            out += self.list.text.body(&line);
            out += eol;
        }
        for gap in 1..=self.gaps {
            let number = self.list.segments[self.end - 1].msn + gap;
            let (tag, inf, target) = (Tag::Gap.name(), Tag::Inf.name(), self.target());
            out += &format!("#{tag}{eol}#{inf}:{target},{eol}gap-{number}.ts{eol}");
        }
        out
    }

    /// The tags of the first segment's initialisation section, if they stand before its own lines.
    fn section(&self) -> Vec<String> {
        let map = self.list.segments[self.first].map.as_ref();
        let Some(map) = map.filter(|_| self.list.block(self.first).is_some_and(|own| !own.has_map))
        else {
            return Vec::new();
        };
        let key = map.key.iter();
        let key = key.map(|key| key::tag(&key.uri, key.iv.as_deref()));
        key.chain([map.tag(&map.uri)]).collect()
    }
}

/// Whether a line between two segments belongs to the second, and not to the whole list.
fn is_of_segment(line: &Line) -> bool {
    match line.kind {
        Kind::Tag(tag) => matches!(tag.group(), Group::Segment | Group::Metadata),
        Kind::Blank | Kind::Comment | Kind::Unknown | Kind::Uri => true,
    }
}
