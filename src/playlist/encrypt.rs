//! Rewriting a media playlist for encrypted segments.
//!
//! Must not know: keys, IVs, files; it gets them as text, a listing at a time.

use std::time::Duration;

use super::key;
use super::listing::{Encrypted, Entry, Listing, RewriteError, Section};
use super::low_latency::{self, Said, Serving};
use super::media::{Block, MediaPlaylist};
use super::splice::Splicer;
use super::tag::{Group, Tag};
use super::text::{self, Kind, Line};
use super::version;

impl MediaPlaylist {
    /// The playlist with the listed segments, each encrypted one under its own EXT-X-KEY.
    ///
    /// An EXT-X-MAP stands where the source has one, where the initialisation section changes and
    /// before the first listed segment; a clear one is in the scope of no key. EXT-X-BYTERANGE says
    /// what the listing does. The source's METHOD=NONE tags go, and what they marked clear is encrypted like the rest.
    /// EXT-X-VERSION, EXT-X-MEDIA-SEQUENCE and EXT-X-DISCONTINUITY-SEQUENCE are moved on or added
    /// where needed; EXT-X-ENDLIST stays if the last segment is listed; until then a VOD is
    /// an EVENT. A byte order mark goes, and the last line gets its line end. All else passes
    /// byte for byte and in order.
    pub fn encrypt(&self, listing: &Listing<'_>) -> Result<String, RewriteError> {
        listing.check(self)?;
        let mut rewrite = Rewrite::new(self, *listing)?;
        rewrite.run();
        let out = rewrite.out.finish_lines(self.text.eol());
        match text::is_bounded(&out) {
            true => Ok(out),
            false => Err(RewriteError::TooLong),
        }
    }
}

/// What becomes of a line.
enum Fate {
    Keep,
    Drop,
    Become(String),
}

struct Rewrite<'a> {
    list: &'a MediaPlaylist,
    listing: Listing<'a>,
    /// What EXT-X-VERSION must at least be.
    version: u64,
    /// An EXT-X-DISCONTINUITY is added before the first listed segment.
    opens: bool,
    /// EXT-X-DISCONTINUITY-SEQUENCE of the listed.
    discontinuity_sequence: u64,
    /// Index of a dropped EXT-X-BITRATE that still applies to the first listed segment.
    bitrate: Option<usize>,
    /// The initialisation section that is in scope of what is written so far.
    section: Option<&'a Section>,
    /// An EXT-X-KEY has been written.
    keyed: bool,
    out: Splicer<'a>,
}

impl<'a> Rewrite<'a> {
    fn new(list: &'a MediaPlaylist, listing: Listing<'a>) -> Result<Self, RewriteError> {
        let (dropped, rest) = list.blocks.split_at(listing.first);
        let listed = &rest[..listing.entries.len()];
        let opens = listing.opens && listed[0].discontinuities == 0;
        let bitrate = dropped.iter().rev().find_map(|block| block.bitrate);
        Ok(Self {
            list,
            listing,
            version: version::needed(list, listing, listed),
            opens,
            discontinuity_sequence: discontinuity_sequence(list, listing, dropped, opens)?,
            bitrate: bitrate.filter(|_| listed[0].bitrate.is_none()),
            section: None,
            keyed: listing.earlier.is_some(),
            out: Splicer::new(list.text.as_str(), list.text.start()),
        })
    }

    fn run(&mut self) {
        let mut block = 0;
        for (index, line) in self.list.text.lines().iter().enumerate() {
            while self.list.blocks.get(block).is_some_and(|b| b.uri < index) {
                block += 1;
            }
            if index == 1 {
                self.add_missing(line);
            }
            if index == self.list.blocks[self.listing.first].first_tag {
                self.begin(line);
            }
            self.add_scope(index, block, line);
            match self.fate(line, index, block) {
                Fate::Keep => {}
                Fate::Drop => self.out.remove(line.start..line.next),
                Fate::Become(text) => self.out.replace(line.start..line.end, &text),
            }
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
        if let Some(earlier) = &self.listing.earlier {
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
        let (Some(entry), Some((segment, place))) = (self.entry(block), self.list.place(block))
        else {
            return;
        };
        if place.key_at != index {
            return;
        }
        match entry {
            Entry::Encrypted(entry) => {
                self.add_section(entry, block, line);
                self.add(line, &key::tag(&entry.key_uri, entry.iv.as_deref()));
                self.keyed = true;
            }
            Entry::Gap if !segment.gap => {
                self.add(line, &format!("#{}", Tag::Gap.name()));
            }
            Entry::Gap => {}
        }
    }

    /// The initialisation section goes right before the segment's key tag: under its own key tag,
    /// or out of the scope of those before.
    fn add_section(&mut self, entry: &'a Encrypted, block: usize, line: &Line) {
        let section = entry.section.as_deref();
        let place = self.list.place(block);
        let map = place.and_then(|(segment, block)| Some((segment.map.as_ref()?, block.has_map)));
        let (Some(section), Some((map, has_own))) = (section, map) else {
            return;
        };
        if self.section == Some(section) && !has_own {
            return;
        }
        match &section.key {
            Some(own) => self.add(line, &key::tag(&own.uri, own.iv.as_deref())),
            None if self.keyed => self.add(line, &key::none()),
            None => {}
        }
        self.add(line, &map.tag(&section.uri));
        self.section = Some(section);
    }

    fn add(&mut self, before: &Line, text: &str) {
        self.out.insert(before.start, text);
        self.out.insert(before.start, self.list.text.eol());
    }

    fn fate(&self, line: &Line, index: usize, block: usize) -> Fate {
        let is_listed = self.entry(block).is_some();
        let keep_if = |keep: bool| if keep { Fate::Keep } else { Fate::Drop };
        match line.kind {
            _ if self.is_half_written(index) => Fate::Drop,
            Kind::Uri => self.uri(block),
            Kind::Tag(tag) => match tag.group() {
                Group::Basic | Group::Either | Group::Media => self.head(line, tag),
                Group::Segment if self.bitrate == Some(index) => Fate::Keep,
                Group::Segment if tag == Tag::Part => self.part(line, index, block),
                Group::Segment if self.is_open(block) && tag.is_of_whole() => Fate::Drop,
                Group::Segment if tag == Tag::ByteRange => self.range(block),
                Group::Segment => keep_if(is_listed && !matches!(tag, Tag::Key | Tag::Map)),
                Group::Metadata if tag.is_low_latency() => self.announcement(line, tag),
                // §6.2.1: a date range may reach into the segments that stay
                Group::Metadata => keep_if(!self.is_cut(block)),
                Group::Multivariant => Fate::Keep,
            },
            Kind::Blank | Kind::Comment | Kind::Unknown => {
                let is_head = index < self.list.blocks[0].first_tag;
                let is_tail = block == self.list.blocks.len();
                keep_if(is_listed || is_head || is_tail && !self.is_cut(block))
            }
        }
    }

    fn uri(&self, block: usize) -> Fate {
        match self.entry(block) {
            _ if self.is_open(block) => Fate::Drop,
            Some(Entry::Encrypted(Encrypted { uri: Some(uri), .. })) => Fate::Become(uri.clone()),
            Some(_) if self.list.blocks[block].imports => {
                Fate::Become(self.list.segments[block].uri.clone())
            }
            Some(_) => Fate::Keep,
            None => Fate::Drop,
        }
    }

    fn range(&self, block: usize) -> Fate {
        match self.entry(block) {
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
                let earlier = self.listing.earlier.map_or(0, |earlier| earlier.target());
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
        let place = self.list.place(block).zip(self.entry(block));
        let place = place.filter(|_| self.serving() != Serving::Plain);
        let said = place.and_then(|((segment, _), entry)| {
            low_latency::part(self.list, (line, index), segment, entry)
        });
        self.unless_same(line, said)
    }

    /// What comes next, and how far other renditions are: at the end of the list.
    fn announcement(&self, line: &Line, tag: Tag) -> Fate {
        let low = &self.listing.low;
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
        self.listing.low.serving
    }

    /// Whether only parts are listed of the block.
    fn is_open(&self, block: usize) -> bool {
        block == self.listing.first + self.listing.entries.len() && self.entry(block).is_some()
    }

    /// The entry of the block that a line belongs to, if it is listed.
    fn entry(&self, block: usize) -> Option<&'a Entry> {
        block.checked_sub(self.listing.first).and_then(|at| {
            match at == self.listing.entries.len() {
                true => self.listing.low.open,
                false => self.listing.entries.get(at),
            }
        })
    }

    /// Whether a line of this block comes after the last listed segment, and others follow.
    fn is_cut(&self, block: usize) -> bool {
        block >= self.listing.first + self.listing.entries.len() && !self.has_last()
    }

    fn has_last(&self) -> bool {
        self.listing.first + self.listing.entries.len() == self.list.blocks.len()
    }

    fn is_half_written(&self, index: usize) -> bool {
        let dangling = self.list.text.dangling();
        !self.list.is_ended() && dangling.is_some_and(|(_, at)| at == index)
    }

    fn first_number(&self) -> u64 {
        let own = self.list.segments[self.listing.first].msn;
        self.listing
            .earlier
            .map_or(own, |earlier| earlier.first_msn())
    }
}

/// What the list says, or what is left of an earlier run, plus what was dropped since. The break
/// that is added counts once the segment after it has gone.
fn discontinuity_sequence(
    list: &MediaPlaylist,
    listing: Listing<'_>,
    dropped: &[Block],
    opens: bool,
) -> Result<u64, RewriteError> {
    if let Some(earlier) = listing.earlier {
        return Ok(earlier.discontinuity_sequence());
    }
    let left: u64 = dropped.iter().map(|block| block.discontinuities).sum();
    let said = list.header.discontinuity_sequence.unwrap_or(0);
    let raised = said.checked_add(list.run.discontinuities);
    let all = raised.and_then(|raised| raised.checked_add(left));
    let all = all.ok_or(RewriteError::Overflow)?;
    Ok(all.saturating_sub(u64::from(opens)))
}

fn numbered(tag: Tag, value: u64) -> String {
    format!("#{}:{value}", tag.name())
}
