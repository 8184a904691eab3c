//! Where URIs stand in a playlist, and putting other ones there for a viewer.
//!
//! Must not know: what the new URIs carry.

use super::PlaylistError;
use super::attribute::{self, Attribute};
use super::splice::Splicer;
use super::tag::Tag;
use super::text::{Kind, Line, Text};
use super::variables::{Definitions, Variables};

/// What a URI leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UriKind {
    /// Another playlist: a variant, a rendition, an I-frame playlist, a rendition report.
    Child,
    /// A media segment, a part, or a hinted part.
    Segment,
    /// An initialisation section, or a hinted one.
    Map,
    /// A key, in EXT-X-KEY.
    Key,
    /// A key, in EXT-X-SESSION-KEY.
    SessionKey,
    /// Anything else: session data, a date range's assets, a steering manifest.
    Other,
}

/// Puts every URI of `text` through `f`; those of URI lines are of the kind `lines`.
pub(super) fn map(
    text: &Text,
    lines: UriKind,
    f: &mut dyn FnMut(UriKind, &str) -> String,
) -> String {
    let mut out = Splicer::new(text.as_str(), 0);
    for line in text.lines() {
        match line.kind {
            Kind::Uri => {
                let (old, span) = text.uri(&line);
                out.replace(span, &for_line(&f(lines, old), old));
            }
            Kind::Tag(tag) => map_tag(text, &line, tag, &mut out, f),
            Kind::Blank | Kind::Comment | Kind::Unknown => {}
        }
    }
    out.finish()
}

/// The same, where `f` gets URIs as a player reads them: with their variables put in, `definitions`
/// being what the text may import. A URI with a variable that is not known stays as it is written.
pub(super) fn map_defined(
    text: &Text,
    lines: UriKind,
    definitions: &Definitions,
    f: &mut dyn FnMut(UriKind, &str) -> String,
) -> String {
    let mut out = Splicer::new(text.as_str(), 0);
    let mut variables = Variables::new(definitions);
    for line in text.lines() {
        let mut defined = |kind: UriKind, written: &str| match variables.put_in(written) {
            (_, from) if from.unknown => written.to_owned(),
            (uri, _) => f(kind, &uri),
        };
        match line.kind {
            Kind::Uri => {
                let (old, span) = text.uri(&line);
                out.replace(span, &for_line(&defined(lines, old), old));
            }
            // a malformed one defines nothing, and the text that has it was refused
            Kind::Tag(Tag::Define) => drop(variables.read(text, &line)),
            Kind::Tag(tag) => map_tag(text, &line, tag, &mut out, &mut defined),
            Kind::Blank | Kind::Comment | Kind::Unknown => {}
        }
    }
    out.finish()
}

/// Refuses a tag whose attributes we must find and cannot: malformed, or a URI without quotes.
/// EXT-X-DATERANGE passes, as clients ignore a faulty one (§4.4.5.1).
pub(super) fn check(text: &Text, line: &Line, tag: Tag) -> Result<(), PlaylistError> {
    let names = names(tag);
    let needed = !names.is_empty() || matches!(tag, Tag::ServerControl | Tag::Skip);
    if !needed || tag == Tag::DateRange {
        return Ok(());
    }
    let bare = |attribute: &Attribute<'_>| names.contains(&attribute.name) && !attribute.quoted;
    match text.attributes(line) {
        Ok(list) if !list.iter().any(bare) => Ok(()),
        _ => Err(PlaylistError::Attributes {
            tag: tag.name(),
            line: line.number,
        }),
    }
}

fn map_tag(
    text: &Text,
    line: &Line,
    tag: Tag,
    out: &mut Splicer<'_>,
    f: &mut dyn FnMut(UriKind, &str) -> String,
) {
    let names = names(tag);
    if names.is_empty() {
        return;
    }
    let list = text.attributes(line).unwrap_or_default();
    let kind = kind(tag, &list);
    for attribute in &list {
        if attribute.quoted && names.contains(&attribute.name) {
            let old = attribute.value;
            out.replace(attribute.span.clone(), &for_quotes(&f(kind, old), old));
        }
    }
}

/// The attributes of `tag` that are URIs (§4.4, appendix D for the assets of a date range).
fn names(tag: Tag) -> &'static [&'static str] {
    match tag {
        Tag::Key
        | Tag::SessionKey
        | Tag::Map
        | Tag::Media
        | Tag::IFrameStreamInf
        | Tag::Part
        | Tag::PreloadHint
        | Tag::RenditionReport
        | Tag::SessionData => &["URI"],
        Tag::DateRange => &["X-ASSET-URI", "X-ASSET-LIST"],
        Tag::ContentSteering => &["SERVER-URI"],
        _ => &[],
    }
}

/// A hint's URI must stay the one of the part or map that it becomes (§4.4.5.3), so it is of
/// their kind.
fn kind(tag: Tag, list: &[Attribute<'_>]) -> UriKind {
    match tag {
        Tag::Key => UriKind::Key,
        Tag::SessionKey => UriKind::SessionKey,
        Tag::Map => UriKind::Map,
        Tag::Media | Tag::IFrameStreamInf | Tag::RenditionReport => UriKind::Child,
        Tag::Part => UriKind::Segment,
        Tag::PreloadHint if attribute::value(list, "TYPE") == Some("MAP") => UriKind::Map,
        Tag::PreloadHint => UriKind::Segment,
        _ => UriKind::Other,
    }
}

/// A URI line must stay one URI line: not empty, no tag, nothing that ends it.
fn for_line(new: &str, old: &str) -> String {
    match new.trim_matches([' ', '\t']) {
        "" => old.to_owned(),
        new => {
            let safe = encode(new, |c| c.is_control() && c != '\t');
            match safe.strip_prefix('#') {
                Some(rest) => format!("%23{rest}"),
                None => safe,
            }
        }
    }
}

/// A quoted-string holds neither quotes nor line ends, and is not empty (§4.2).
fn for_quotes(new: &str, old: &str) -> String {
    match new {
        "" => old.to_owned(),
        new => encode(new, |c| c == '"' || c.is_control() && c != '\t'),
    }
}

fn encode(text: &str, unsafe_here: fn(char) -> bool) -> String {
    if !text.contains(unsafe_here) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if unsafe_here(c) {
            let mut bytes = [0; 4];
            let encoded = c
                .encode_utf8(&mut bytes)
                .bytes()
                .map(|b| format!("%{b:02X}"));
            out.extend(encoded);
        } else {
            out.push(c);
        }
    }
    out
}
