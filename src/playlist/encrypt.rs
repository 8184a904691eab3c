//! Rewriting a media playlist for encrypted segments, the lines of one segment at a time.
//!
//! Must not know: keys, IVs, files; it gets them as text, an entry at a time. What is remembered of
//! what was written before is `rewritten`'s.

use std::sync::Arc;
use std::time::Duration;

use super::key;
use super::listing::{Encrypted, Entry, RewriteError, Section, Span};
use super::low_latency::{self, Said, Serving};
use super::media::MediaPlaylist;
use super::splice::Splicer;
use super::tag::{Group, Tag};
use super::text::{Kind, Line};

/// What becomes of a line.
enum Fate {
    Keep,
    Drop,
    Become(String),
}

/// What is in scope of what is written so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// The initialisation section.
    section: Option<Arc<Section>>,
    /// An EXT-X-KEY has been written.
    keyed: bool,
}

/// What a rewrite is of, and what its first lines say.
pub(super) struct Rewrite<'a> {
    list: &'a MediaPlaylist,
    span: Span<'a>,
    /// What EXT-X-VERSION must at least be.
    version: u64,
    /// An EXT-X-DISCONTINUITY is added before the first listed segment.
    opens: bool,
    /// EXT-X-DISCONTINUITY-SEQUENCE of the listed.
    discontinuity_sequence: u64,
    /// Index of a dropped EXT-X-BITRATE that still applies to the first listed segment.
    bitrate: Option<usize>,
    /// How the segment is listed whose lines are being written, if it is.
    entry: Option<Entry>,
    /// What is in scope of what was written.
    pub(super) scope: Scope,
    out: Splicer<'a>,
}

impl<'a> Rewrite<'a> {
    /// A rewrite of `list` to `span`, with an EXT-X-VERSION of at least `version`.
    pub(super) fn new(
        list: &'a MediaPlaylist,
        span: Span<'a>,
        version: u64,
    ) -> Result<Self, RewriteError> {
        let first = list.block(span.first);
        let opens = span.opens && first.is_none_or(|first| first.discontinuities == 0);
        let bitrate = list
            .blocks()
            .take(span.first)
            .rev()
            .find_map(|block| block.bitrate);
        Ok(Self {
            list,
            span,
            version,
            opens,
            discontinuity_sequence: discontinuity_sequence(list, &span, opens)?,
            bitrate: bitrate.filter(|_| first.is_some_and(|first| first.bitrate.is_none())),
            entry: None,
            scope: Scope {
                section: None,
                keyed: span.earlier.is_some(),
            },
            out: Splicer::resume(String::new(), "", 0),
        })
    }

    /// Puts to `out` what becomes of the lines of one segment, from after the one before to its URI;
    /// of those after the last where `block` is past it. `entry` is how it is listed, if it is.
    pub(super) fn write(&mut self, out: String, block: usize, entry: Option<Entry>) -> String {
        let text = &self.list.text;
        let begin = match block.checked_sub(1) {
            Some(before) => self.list.block(before).map_or(0, |before| before.uri + 1),
            None => 0,
        };
        let end = self
            .list
            .block(block)
            .map_or(text.lines().len(), |own| own.uri + 1);
        let start = match begin {
            0 => text.start(),
            begin => text.line(begin - 1).map_or(0, |before| before.next),
        };
        self.entry = entry;
        self.out = Splicer::resume(out, text.as_str(), start);
        let mut at = start;
        for (index, line) in (begin..).zip(text.range(begin..end)) {
            self.line(&line, index, block);
            at = line.next;
        }
        let out = std::mem::replace(&mut self.out, Splicer::resume(String::new(), "", 0));
        out.finish_at(at)
    }

    fn line(&mut self, line: &Line, index: usize, block: usize) {
        if index == 1 {
            self.add_missing(line);
        }
        let first = self.list.block(self.span.first);
        if first.is_some_and(|first| index == first.first_tag) {
            self.begin(line);
        }
        self.add_scope(index, block, line);
        match self.fate(line, index, block) {
            Fate::Keep => {}
            Fate::Drop => self.out.remove(line.start..line.next),
            Fate::Become(text) => self.out.replace(line.start..line.end, &text),
        }
    }

    /// Tags of the head that the listing needs and the source does not have, right after
    /// `#EXTM3U`. Versions above 1 must be said (§8); dropped segments and discontinuities must
    /// be counted (§6.2.2).
    fn add_missing(&mut self, line: &Line) {
        let header = &self.list.header;
        let msn = self.first_number();
        let missing = [
            (
                Tag::Version,
                header.version.is_none() && self.version > 1,
                self.version,
            ),
            (
                Tag::MediaSequence,
                header.media_sequence.is_none() && msn > 0,
                msn,
            ),
            (
                Tag::DiscontinuitySequence,
                header.discontinuity_sequence.is_none() && self.discontinuity_sequence > 0,
                self.discontinuity_sequence,
            ),
        ];
        for (tag, is_missing, value) in missing {
            if is_missing {
                self.add(line, &numbered(tag, value));
            }
        }
    }

    /// What stands before the first listed segment: what is left of an earlier run, and the break.
    fn begin(&mut self, line: &Line) {
        if let Some(earlier) = &self.span.earlier {
            let lines = earlier.lines(self.list.text.eol());
            self.out.insert(line.start, &lines);
        }
        if self.opens {
            self.add(line, &format!("#{}", Tag::Discontinuity.name()));
        }
    }

    /// The key tag goes after the segment's EXT-X-DISCONTINUITY and before its other tags. Every
    /// segment has its own, so whichever segment comes first has one in scope.
    fn add_scope(&mut self, index: usize, block: usize, line: &Line) {
        let place = self.list.place(block);
        let Some((segment, _)) = place.filter(|(_, place)| place.key_at == index) else {
            return;
        };
        let entry = self.entry.take();
        match &entry {
            Some(Entry::Encrypted(entry)) => {
                self.add_section(entry, block, line);
                self.add(line, &key::tag(&entry.key_uri, entry.iv.as_deref()));
                self.scope.keyed = true;
            }
            Some(Entry::Gap) if !segment.gap => {
                self.add(line, &format!("#{}", Tag::Gap.name()));
            }
            Some(Entry::Gap) | None => {}
        }
        self.entry = entry;
    }

    /// The initialisation section goes right before the segment's key tag: under its own key tag,
    /// or out of the scope of those before.
    fn add_section(&mut self, entry: &Encrypted, block: usize, line: &Line) {
        let section = entry.section.as_ref();
        let place = self.list.place(block);
        let map = place.and_then(|(segment, block)| Some((segment.map.as_ref()?, block.has_map)));
        let (Some(section), Some((map, has_own))) = (section, map) else {
            return;
        };
        if self.scope.section.as_ref() == Some(section) && !has_own {
            return;
        }
        match &section.key {
            Some(own) => self.add(line, &key::tag(&own.uri, own.iv.as_deref())),
            None if self.scope.keyed => self.add(line, &key::none()),
            None => {}
        }
        self.add(line, &map.tag(&section.uri));
        self.scope.section = Some(section.clone());
    }

    fn add(&mut self, before: &Line, text: &str) {
        self.out.insert(before.start, text);
        self.out.insert(before.start, self.list.text.eol());
    }

    fn fate(&self, line: &Line, index: usize, block: usize) -> Fate {
        let is_listed = self.entry.is_some();
        let keep_if = |keep: bool| if keep { Fate::Keep } else { Fate::Drop };
        match line.kind {
            _ if self.is_half_written(index) => Fate::Drop,
            Kind::Uri => self.uri(block),
            Kind::Tag(tag) => match tag.group() {
                Group::Basic | Group::Either | Group::Media => self.head(line, tag),
                Group::Segment if self.bitrate == Some(index) => Fate::Keep,
                Group::Segment if tag == Tag::Part => self.part(line, index, block),
                Group::Segment if self.is_open(block) && tag.is_of_whole() => Fate::Drop,
                Group::Segment if tag == Tag::ByteRange => self.range(),
                Group::Segment => keep_if(is_listed && !matches!(tag, Tag::Key | Tag::Map)),
                Group::Metadata if tag.is_low_latency() => self.announcement(line, tag),
                // §6.2.1: a date range may reach into the segments that stay
                Group::Metadata => keep_if(!self.is_cut(block)),
                Group::Multivariant => Fate::Keep,
            },
            Kind::Blank | Kind::Comment | Kind::Unknown => {
                let is_head = self
                    .list
                    .block(0)
                    .is_some_and(|first| index < first.first_tag);
                let is_tail = block == self.list.segments.len();
                keep_if(is_listed || is_head || is_tail && !self.is_cut(block))
            }
        }
    }

    fn uri(&self, block: usize) -> Fate {
        match &self.entry {
            _ if self.is_open(block) => Fate::Drop,
            Some(Entry::Encrypted(Encrypted { uri: Some(uri), .. })) => Fate::Become(uri.clone()),
            Some(_) if self.list.block(block).is_some_and(|own| own.imports) => {
                Fate::Become(self.list.segments[block].uri.clone())
            }
            Some(_) => Fate::Keep,
            None => Fate::Drop,
        }
    }

    fn range(&self) -> Fate {
        match &self.entry {
            Some(Entry::Encrypted(Encrypted {
                range: Some(range), ..
            })) => Fate::Become(format!("#{}:{range}", Tag::ByteRange.name())),
            _ => Fate::Drop,
        }
    }

    /// Tags of the whole list stay wherever they stand.
    fn head(&self, line: &Line, tag: Tag) -> Fate {
        let header = &self.list.header;
        let becomes = |value: u64, differs: bool| match differs {
            true => Fate::Become(numbered(tag, value)),
            false => Fate::Keep,
        };
        match tag {
            Tag::Version => becomes(self.version, header.version != Some(self.version)),
            Tag::MediaSequence => {
                let number = self.first_number();
                becomes(number, header.media_sequence != Some(number))
            }
            Tag::TargetDuration => {
                let earlier = self.span.earlier.map_or(0, |earlier| earlier.target());
                becomes(
                    earlier,
                    Duration::from_secs(earlier) > self.list.target_duration(),
                )
            }
            Tag::DiscontinuitySequence => {
                let value = self.discontinuity_sequence;
                becomes(value, header.discontinuity_sequence != Some(value))
            }
            Tag::EndList if !self.has_last() => Fate::Drop,
            Tag::PlaylistType if !self.has_last() && header.fixed.is_some_and(|f| f.is_vod) => {
                Fate::Become(format!("#{}:EVENT", tag.name()))
            }
            Tag::PartInf if self.serving() == Serving::Plain => Fate::Drop,
            Tag::ServerControl => self.server_control(line),
            _ => Fate::Keep,
        }
    }

    fn server_control(&self, line: &Line) -> Fate {
        let list = self.list.text.attributes(line).unwrap_or_default();
        self.unless_same(line, low_latency::server_control(&list, self.serving()))
    }

    fn part(&self, line: &Line, index: usize, block: usize) -> Fate {
        let place = self.list.place(block).zip(self.entry.as_ref());
        let place = place.filter(|_| self.serving() != Serving::Plain);
        let said = place.and_then(|((segment, _), entry)| {
            low_latency::part(self.list, (line, index), segment, entry)
        });
        self.unless_same(line, said)
    }

    /// What comes next, and how far other renditions are: at the end of the list.
    fn announcement(&self, line: &Line, tag: Tag) -> Fate {
        let low = &self.span.low;
        let said = match (low.serving, tag) {
            (Serving::Plain, _) => None,
            (_, Tag::PreloadHint) => low_latency::hint(self.list, line, low),
            _ => low_latency::report(self.list, line, low),
        };
        self.unless_same(line, said)
    }

    /// A tag that has to say no more than it does stays byte for byte.
    fn unless_same(&self, line: &Line, said: Said) -> Fate {
        match said {
            None => Fate::Drop,
            Some(said) if said == self.list.text.as_str()[line.start..line.end] => Fate::Keep,
            Some(said) => Fate::Become(said),
        }
    }

    fn serving(&self) -> Serving {
        self.span.low.serving
    }

    /// Whether only parts are listed of the block.
    fn is_open(&self, block: usize) -> bool {
        block == self.span.end() && self.entry.is_some()
    }

    /// Whether a line of this block comes after the last listed segment, and others follow.
    fn is_cut(&self, block: usize) -> bool {
        block >= self.span.end() && !self.has_last()
    }

    fn has_last(&self) -> bool {
        self.span.end() == self.list.segments.len()
    }

    fn is_half_written(&self, index: usize) -> bool {
        let dangling = self.list.text.dangling();
        !self.list.is_ended() && dangling.is_some_and(|(_, at)| at == index)
    }

    fn first_number(&self) -> u64 {
        let own = self.list.segments[self.span.first].msn;
        self.span.earlier.map_or(own, |earlier| earlier.first_msn())
    }
}

/// What the list says, or what is left of an earlier run, plus what was dropped since. The break
/// that is added counts once the segment after it has gone.
fn discontinuity_sequence(
    list: &MediaPlaylist,
    span: &Span<'_>,
    opens: bool,
) -> Result<u64, RewriteError> {
    if let Some(earlier) = span.earlier {
        return Ok(earlier.discontinuity_sequence());
    }
    let dropped = list.blocks().take(span.first);
    let left: u64 = dropped.map(|block| block.discontinuities).sum();
    let said = list.header.discontinuity_sequence.unwrap_or(0);
    let raised = said.checked_add(list.run.discontinuities);
    let all = raised.and_then(|raised| raised.checked_add(left));
    let all = all.ok_or(RewriteError::Overflow)?;
    Ok(all.saturating_sub(u64::from(opens)))
}

fn numbered(tag: Tag, value: u64) -> String {
    format!("#{}:{value}", tag.name())
}
