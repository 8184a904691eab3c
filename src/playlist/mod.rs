//! M3U8 without loss: a line model, the tags we read, rewriting for encryption and for a viewer.
//!
//! The rules are those of draft-pantos-hls-rfc8216bis; comments name its sections. A playlist is
//! kept as its text: what is read are positions in it, what is written are splices of it, so an
//! unknown tag, a comment, an attribute or the order of lines cannot be lost.
//!
//! Must not know: files, HTTP, the store; it turns text into text.

mod again;
mod attribute;
mod body;
mod define;
mod delivery;
mod delta;
mod earlier;
mod encrypt;
mod error;
mod header;
mod key;
mod lineage;
mod listing;
mod low_latency;
mod media;
mod moved;
mod multivariant;
mod number;
mod partial;
mod pending;
mod range;
mod reader;
mod recording;
mod rewritten;
mod said;
mod section;
mod seen;
mod sliding;
mod splice;
mod tag;
mod text;
mod timing;
mod unsupported;
mod uris;
mod variables;
mod version;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;

pub use again::Next;
pub use define::{
    QueryParameter, QueryParameterError, SharedError, is_shared_name, shared, shared_name,
};
pub use delivery::{BadDirective, Delivery, Directives, Edge, Form};
pub use error::PlaylistError;
pub use key::KeyTag;
pub use listing::{Earlier, Encrypted, Entry, Listing, RewriteError, Section, Span};
pub use low_latency::{LowLatency, Report, Reports, Serving};
pub use media::{MediaPlaylist, Segment};
pub use multivariant::{Child, ChildKind, MultivariantPlaylist};
pub use partial::PartialSegment;
pub use range::ByteRange;
pub use rewritten::{Rewritten, Step};
pub use said::{Said, tags};
pub use section::Map;
pub use text::MAX_BYTES;
pub use unsupported::Unsupported;
pub use uris::UriKind;
pub use variables::Definitions;

use tag::Group;
use text::{Kind, Text};

/// A playlist of either kind. Its `Display` gives the parsed text byte for byte.
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it was parsed"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Playlist {
    /// Lists media segments.
    Media(MediaPlaylist),
    /// Lists media playlists.
    Multivariant(MultivariantPlaylist),
}

impl Playlist {
    /// Reads a playlist of at most [`MAX_BYTES`]: LF or CRLF line ends, a leading byte order mark is
    /// let pass.
    ///
    /// A last line without a line end may be half written. What hangs on it is not there yet, or
    /// the whole is [`PlaylistError::Incomplete`]; a cut text never gives a wrong segment.
    pub fn parse(text: &str) -> Result<Self, PlaylistError> {
        Self::parse_with(text, &Definitions::new())
    }

    /// The same of a playlist that may import `definitions` of the multivariant playlist that
    /// names it.
    pub fn parse_with(text: &str, definitions: &Definitions) -> Result<Self, PlaylistError> {
        let text = Text::parse(text)?;
        match family(&text)? {
            Family::Media => MediaPlaylist::read(text, definitions).map(Self::Media),
            Family::Multivariant => MultivariantPlaylist::read(text).map(Self::Multivariant),
        }
    }

    /// A media playlist, if `text` is one.
    pub fn media(text: &str) -> Option<MediaPlaylist> {
        Self::media_with(text, &Definitions::new())
    }

    /// Puts every URI through `f`, which gets it as written and gives the new one; everything
    /// else stays byte for byte.
    ///
    /// What `f` gives is made safe for its place: quotes and control characters are
    /// percent-encoded; an empty answer keeps the old URI.
    pub fn map_uris(&self, f: &mut dyn FnMut(UriKind, &str) -> String) -> String {
        match self {
            Self::Media(list) => uris::map(&list.text, UriKind::Segment, f),
            Self::Multivariant(list) => uris::map(&list.text, UriKind::Child, f),
        }
    }

    /// The same for who looks for what the URIs lead to: `f` gets them with their variables put in
    /// (§4.3), of which `definitions` are those that the multivariant playlist defines. A URI with a
    /// variable that is not known here stays as it is written, and `f` does not get it.
    pub fn map_defined_uris(
        &self,
        definitions: &Definitions,
        f: &mut dyn FnMut(UriKind, &str) -> String,
    ) -> String {
        match self {
            Self::Media(list) => uris::map_defined(&list.text, UriKind::Segment, definitions, f),
            Self::Multivariant(list) => {
                uris::map_defined(&list.text, UriKind::Child, definitions, f)
            }
        }
    }

    /// A media playlist that may import `definitions`, if `text` is one.
    pub fn media_with(text: &str, definitions: &Definitions) -> Option<MediaPlaylist> {
        match Self::parse_with(text, definitions) {
            Ok(Self::Media(list)) => Some(list),
            _ => None,
        }
    }
}

impl fmt::Display for Playlist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Media(list) => list.fmt(f),
            Self::Multivariant(list) => list.fmt(f),
        }
    }
}

enum Family {
    Media,
    Multivariant,
}

/// §4.1: any multivariant tag makes a multivariant playlist, any media tag a media playlist, and
/// both together are invalid. With neither the draft sees an empty multivariant playlist; a media
/// playlist whose first lines have just been written looks the same, so we wait for more.
fn family(text: &Text) -> Result<Family, PlaylistError> {
    let mut found = None;
    for (line, _) in text.whole_lines() {
        let family = match line.kind {
            Kind::Tag(tag) => match tag.group() {
                Group::Basic | Group::Either => continue,
                Group::Media | Group::Segment | Group::Metadata => Family::Media,
                Group::Multivariant => Family::Multivariant,
            },
            _ => continue,
        };
        match (&found, &family) {
            (None, _) => found = Some(family),
            (Some(Family::Media), Family::Media)
            | (Some(Family::Multivariant), Family::Multivariant) => {}
            _ => return Err(PlaylistError::Mixed { line: line.number }),
        }
    }
    found.ok_or(PlaylistError::Incomplete {
        line: text.last_number(),
    })
}
