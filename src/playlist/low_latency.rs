//! Rewriting the tags of low latency: parts, what announces them, and what a server promises.
//!
//! Must not know: who serves the playlist; it is told.

use std::collections::BTreeMap;

use super::attribute::{self, Attribute};
use super::listing::Entry;
use super::media::{MediaPlaylist, Segment};
use super::splice::Splicer;
use super::tag::{Group, Tag};
use super::text::{Kind, Line};

/// What a listing says to low-latency players. By default nothing: their tags go.
#[derive(Debug, Clone, Copy, Default)]
pub struct LowLatency<'a> {
    /// Whether the tags stay at all.
    pub serving: Serving,
    /// The segment after the last listed one, of which only parts are listed.
    pub open: Option<&'a Entry>,
    /// The URI that the part after the last listed one will have.
    pub hint: Option<&'a str>,
    /// What other playlists list, by their URIs.
    pub reports: Option<&'a Reports>,
}

/// What serves a published playlist: whether it can do what EXT-X-SERVER-CONTROL promises, which is
/// to answer `_HLS_skip` and to hold `_HLS_msn` requests (§6.2.5). A file does neither.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Serving {
    /// It is for players that know no parts.
    #[default]
    Plain,
    /// Parts are listed, and what serves the playlist serves files.
    Files,
    /// Parts are listed, and what serves the playlist does what the source promises.
    Origin,
}

/// What other playlists list, by the URIs that EXT-X-RENDITION-REPORT has for them.
pub type Reports = BTreeMap<String, Report>;

/// The last number that a playlist lists, and its last part, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// LAST-MSN: of a segment, or of one of which there are parts.
    pub msn: u64,
    /// LAST-PART.
    pub part: Option<u64>,
}

/// What a tag becomes: `None` if it goes.
pub(super) type Said = Option<String>;

/// EXT-X-PART at line `index` of `segment`, which is listed as `entry`.
pub(super) fn part(
    list: &MediaPlaylist,
    (line, index): (&Line, usize),
    segment: &Segment,
    entry: &Entry,
) -> Said {
    let Entry::Encrypted(entry) = entry else {
        return None;
    };
    let at = segment.parts.iter().position(|part| part.at == index)?;
    let uri = entry.parts.get(at)?;
    Some(renamed(list, line, Tag::Part, uri, &["BYTERANGE"]))
}

/// EXT-X-PRELOAD-HINT: of a part whose name is known. The name of an initialisation section tells
/// its bytes, so none is known before them.
pub(super) fn hint(list: &MediaPlaylist, line: &Line, low: &LowLatency<'_>) -> Said {
    let attributes = list.text.attributes(line).ok()?;
    let is_part = attribute::value(&attributes, "TYPE") == Some("PART");
    let uri = low.hint.filter(|_| is_part && !list.is_ended())?;
    let gone = ["BYTERANGE-START", "BYTERANGE-LENGTH"];
    Some(renamed(list, line, Tag::PreloadHint, uri, &gone))
}

/// EXT-X-RENDITION-REPORT, with what is published of that rendition.
pub(super) fn report(list: &MediaPlaylist, line: &Line, low: &LowLatency<'_>) -> Said {
    let attributes = list.text.attributes(line).ok()?;
    let uri = attribute::quoted(&attributes, "URI")?;
    let report = low.reports?.get(uri)?;
    let own = ["LAST-MSN", "LAST-PART"];
    let mut said = others(&attributes, &own);
    said.push(format!("LAST-MSN={}", report.msn));
    said.extend(report.part.map(|part| format!("LAST-PART={part}")));
    Some(tag(Tag::RenditionReport, &said))
}

/// EXT-X-SERVER-CONTROL (§4.4.3.8) as far as it holds where the list is served.
pub(super) fn server_control(list: &[Attribute<'_>], serving: Serving) -> Said {
    let broken: &[&str] = match serving {
        Serving::Origin => &[],
        Serving::Files => &PROMISES[..3],
        Serving::Plain => &PROMISES,
    };
    let kept = others(list, broken);
    (!kept.is_empty()).then(|| tag(Tag::ServerControl, &kept))
}

const PROMISES: [&str; 4] = [
    "CAN-SKIP-UNTIL",
    "CAN-SKIP-DATERANGES",
    "CAN-BLOCK-RELOAD",
    "PART-HOLD-BACK",
];

fn others(list: &[Attribute<'_>], gone: &[&str]) -> Vec<String> {
    let kept = list.iter().filter(|other| !gone.contains(&other.name));
    kept.map(ToString::to_string).collect()
}

fn tag(tag: Tag, attributes: &[String]) -> String {
    format!("#{}:{}", tag.name(), attributes.join(","))
}

fn renamed(list: &MediaPlaylist, line: &Line, name: Tag, uri: &str, gone: &[&str]) -> String {
    let attributes = list.text.attributes(line).unwrap_or_default();
    let kept = attributes
        .iter()
        .filter(|other| !gone.contains(&other.name));
    let said: Vec<String> = kept
        .map(|attribute| match attribute.name {
            "URI" => format!("URI=\"{uri}\""),
            _ => attribute.to_string(),
        })
        .collect();
    tag(name, &said)
}

impl MediaPlaylist {
    /// The segment at the end that is not complete: it has parts and no URI yet. Its duration is
    /// that of its parts so far.
    pub fn open(&self) -> Option<&Segment> {
        self.open.as_ref().map(|(segment, _)| segment)
    }

    /// Whether it lists parts, or says how long they are.
    pub fn has_parts(&self) -> bool {
        let mut tags = self.text.lines().map(|line| line.kind);
        tags.any(|kind| matches!(kind, Kind::Tag(Tag::PartInf | Tag::Part | Tag::PreloadHint)))
    }

    /// The text for players that know no parts: of whole segments, as [`Serving::Plain`] has it.
    pub fn plain(&self) -> String {
        let mut out = Splicer::new(self.text.as_str(), self.text.start());
        let open = self.blocks().next_back().map_or(0, |last| last.uri);
        for (index, line) in self.text.lines().enumerate() {
            let Kind::Tag(tag) = line.kind else { continue };
            let is_open = index > open && tag.group() == Group::Segment;
            if tag.is_low_latency() || is_open {
                out.remove(line.start..line.next);
            } else if tag == Tag::ServerControl {
                let list = self.text.attributes(&line).unwrap_or_default();
                match server_control(&list, Serving::Plain) {
                    Some(text) => out.replace(line.start..line.end, &text),
                    None => out.remove(line.start..line.next),
                }
            }
        }
        out.finish()
    }
}
