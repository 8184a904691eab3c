//! The multivariant playlist (§4.4.6): its child playlists.
//!
//! Must not know: what is in the children.

use std::fmt;

use super::PlaylistError;
use super::attribute;
use super::key;
use super::splice::Splicer;
use super::tag::{Group, Met, Tag};
use super::text::{Kind, Line, Text};
use super::uris;
use super::variables::{Definitions, Variables};

/// A multivariant playlist. Its `Display` gives the parsed text byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultivariantPlaylist {
    pub(super) text: Text,
    children: Vec<Child>,
    has_session_key: bool,
    definitions: Definitions,
}

/// A playlist that the multivariant playlist names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Its URI without space around it, variables put in.
    pub uri: String,
    /// What it is.
    pub kind: ChildKind,
    /// Where it is named, from 1.
    pub line: usize,
}

/// What a child playlist is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildKind {
    /// A variant stream: EXT-X-STREAM-INF.
    Variant,
    /// A rendition: EXT-X-MEDIA.
    Rendition,
    /// An I-frame playlist: EXT-X-I-FRAME-STREAM-INF.
    IFrame,
}

impl MultivariantPlaylist {
    pub(super) fn read(text: Text) -> Result<Self, PlaylistError> {
        let imports = Definitions::new();
        let mut reader = Reader {
            text: &text,
            variables: Variables::new(&imports),
            met: Met::default(),
            stream_inf: None,
            children: Vec::new(),
            has_session_key: false,
        };
        for (line, _) in text.whole_lines() {
            reader.line(&line)?;
        }
        if let Some((line, _)) = text.dangling() {
            reader.dangling(&line)?;
        }
        reader.check_end()?;
        let (children, has_session_key) = (reader.children, reader.has_session_key);
        let definitions = reader.variables.into_definitions();
        Ok(Self {
            text,
            children,
            has_session_key,
            definitions,
        })
    }

    /// The child playlists in the order of the text. One playlist may be named several times.
    pub fn children(&self) -> Vec<Child> {
        self.children.clone()
    }

    /// The text to publish: without byte order mark, its last line ended, and EXT-X-I-FRAME-STREAM-INF
    /// only `with_iframes`; with an EXT-X-SESSION-KEY for the key at `session_key`, if its URI may
    /// stand in a playlist.
    pub fn published(&self, with_iframes: bool, session_key: Option<&str>) -> String {
        let mut out = Splicer::new(self.text.as_str(), self.text.start());
        let mut session_key = session_key.filter(|uri| key::is_safe_uri(uri));
        for line in self.text.lines() {
            let is_own = matches!(line.kind, Kind::Tag(tag) if tag.group() == Group::Multivariant);
            if let Some(uri) = session_key.take_if(|_| is_own) {
                out.insert(line.start, &key::session(uri));
                out.insert(line.start, self.text.eol());
            }
            if !with_iframes && line.is(Tag::IFrameStreamInf) {
                out.remove(line.start..line.next);
            }
        }
        out.finish_lines(self.text.eol())
    }

    /// The variables that its children may import.
    pub fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// Whether there is an EXT-X-SESSION-KEY: the source is encrypted already.
    pub fn has_session_key(&self) -> bool {
        self.has_session_key
    }
}

impl fmt::Display for MultivariantPlaylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.as_str())
    }
}

struct Reader<'a> {
    text: &'a Text,
    variables: Variables<'a>,
    met: Met,
    /// The line of an EXT-X-STREAM-INF that waits for its URI.
    stream_inf: Option<usize>,
    children: Vec<Child>,
    has_session_key: bool,
}

impl Reader<'_> {
    fn line(&mut self, line: &Line) -> Result<(), PlaylistError> {
        match line.kind {
            Kind::Tag(tag) => self.tag(line, tag),
            Kind::Uri => self.uri(line),
            Kind::Blank | Kind::Comment | Kind::Unknown => Ok(()),
        }
    }

    fn tag(&mut self, line: &Line, tag: Tag) -> Result<(), PlaylistError> {
        if !self.met.note(tag) {
            let (tag, line) = (tag.name(), line.number);
            return Err(PlaylistError::Duplicate { tag, line });
        }
        uris::check(self.text, line, tag)?;
        match tag {
            Tag::StreamInf => {
                self.check_uri()?;
                self.stream_inf = Some(line.number);
            }
            Tag::Media => self.child(line, ChildKind::Rendition),
            Tag::IFrameStreamInf => {
                let before = self.children.len();
                self.child(line, ChildKind::IFrame);
                if self.children.len() == before {
                    let (tag, line) = (tag.name(), line.number);
                    return Err(PlaylistError::Attributes { tag, line });
                }
            }
            Tag::SessionKey => self.has_session_key = true,
            Tag::Define => self.variables.read(self.text, line)?,
            _ => {}
        }
        Ok(())
    }

    /// Notes the child that the tag's URI names, if it has one: a rendition may be muxed into
    /// its variants (§4.4.6.2.1).
    fn child(&mut self, line: &Line, kind: ChildKind) {
        let list = self.text.attributes(line).unwrap_or_default();
        if let Some(uri) = attribute::quoted(&list, "URI") {
            self.children.push(Child {
                uri: self.put_in(uri),
                kind,
                line: line.number,
            });
        }
    }

    /// §4.4.6.2: the URI line after EXT-X-STREAM-INF is its variant.
    fn uri(&mut self, line: &Line) -> Result<(), PlaylistError> {
        if self.stream_inf.take().is_none() {
            return Err(PlaylistError::UnknownUri {
                tag: Tag::StreamInf.name(),
                line: line.number,
            });
        }
        let (uri, _) = self.text.uri(line);
        self.children.push(Child {
            uri: self.put_in(uri),
            kind: ChildKind::Variant,
            line: line.number,
        });
        Ok(())
    }

    /// A URI with its variables put in. One that only the player knows stays, and with it the URI
    /// names no file.
    fn put_in(&self, uri: &str) -> String {
        match self.variables.put_in(uri) {
            (_, from) if from.unknown => uri.to_owned(),
            (uri, _) => uri.into_owned(),
        }
    }

    /// A last line without a line end is common here, as these playlists are often written by
    /// hand. It is taken where it shows that nothing is cut off: a URI that ends in `.m3u8`, an
    /// attribute list that ends in a closing quote, a comment.
    fn dangling(&mut self, line: &Line) -> Result<(), PlaylistError> {
        let is_whole = match line.kind {
            Kind::Uri => self.text.uri(line).0.ends_with(".m3u8"),
            Kind::Tag(_) => self.text.body(line).ends_with('"'),
            Kind::Blank | Kind::Comment | Kind::Unknown => true,
        };
        match is_whole {
            true => self.line(line),
            false => Err(PlaylistError::Incomplete { line: line.number }),
        }
    }

    fn check_end(&self) -> Result<(), PlaylistError> {
        match self.stream_inf {
            Some(_) => Err(PlaylistError::Incomplete {
                line: self.text.last_number(),
            }),
            None => Ok(()),
        }
    }

    fn check_uri(&self) -> Result<(), PlaylistError> {
        match self.stream_inf {
            Some(line) => Err(PlaylistError::MissingUri {
                tag: Tag::StreamInf.name(),
                line,
            }),
            None => Ok(()),
        }
    }
}
