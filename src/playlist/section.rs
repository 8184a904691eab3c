//! EXT-X-MAP (§4.4.4.5): the initialisation section of the segments that follow.
//!
//! Must not know: files, and what an initialisation section is.

use std::sync::Arc;

use super::PlaylistError;
use super::attribute;
use super::key::KeyTag;
use super::range::{self, ByteRange};
use super::tag::Tag;
use super::text::{Line, Text};
use super::variables::{From, Variables};

/// What an EXT-X-MAP says of the segments in its scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    /// Its URI, variables put in.
    pub uri: String,
    /// The part of the file that it is; `None` for the whole.
    pub range: Option<ByteRange>,
    /// The EXT-X-KEY in whose scope it stands, unless that is METHOD=NONE. Only a list that is
    /// encrypted already has any.
    pub key: Option<Arc<KeyTag>>,
    /// Its attributes besides URI and BYTERANGE, as text.
    pub(super) others: String,
}

/// Reads the tag, which stands in the scope of `key`, and says where its URI's variables come from.
pub(super) fn read(
    text: &Text,
    line: &Line,
    key: Option<&Arc<KeyTag>>,
    variables: &Variables<'_>,
) -> Result<(Map, From), PlaylistError> {
    let malformed = || PlaylistError::Attributes {
        tag: Tag::Map.name(),
        line: line.number,
    };
    let list = text.attributes(line).map_err(|_| malformed())?;
    let uri = attribute::quoted(&list, "URI").ok_or_else(malformed)?;
    let range = match attribute::quoted(&list, "BYTERANGE") {
        None => None,
        Some(said) => Some(whole_range(said).ok_or_else(malformed)?),
    };
    let others = list
        .iter()
        .filter(|attribute| !matches!(attribute.name, "URI" | "BYTERANGE"));
    let (uri, from) = variables.put_in(uri);
    let map = Map {
        uri: uri.into_owned(),
        range,
        key: key.cloned(),
        others: others.map(|other| format!(",{other}")).collect(),
    };
    Ok((map, from))
}

/// A range whose offset is said, which it must be here.
fn whole_range(said: &str) -> Option<ByteRange> {
    let (len, offset) = range::read(said)?;
    ByteRange::new(offset?, len)
}

impl Map {
    /// The tag line of the same initialisation section at another place, without its line end.
    pub(super) fn tag(&self, uri: &str) -> String {
        format!("#{}:URI=\"{uri}\"{}", Tag::Map.name(), self.others)
    }
}
