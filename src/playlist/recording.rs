//! An encrypted playlist as it was before: what a recording is encrypted anew from.
//!
//! Must not know: keys; it says which of them opens which segment.

use std::sync::Arc;

use super::key::KeyTag;
use super::media::MediaPlaylist;
use super::splice::Splicer;
use super::tag::Tag;
use super::text::{Kind, Text};
use super::variables::Definitions;
use super::{PlaylistError, Unsupported};

/// A playlist without its key tags, and what each segment was encrypted under, in order.
pub struct Recording {
    /// The playlist as if it were clear.
    pub list: MediaPlaylist,
    /// `None` for a segment that is clear, or missing.
    pub keys: Vec<Option<Arc<KeyTag>>>,
}

impl MediaPlaylist {
    /// Whether it is encrypted, as far as that is why it is not taken.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.unsupported, Some(Unsupported::AlreadyEncrypted { .. }))
    }

    /// The playlist without its EXT-X-KEY tags. All else stays byte for byte.
    pub fn recording(&self) -> Result<Recording, PlaylistError> {
        let mut out = Splicer::new(self.text.as_str(), self.text.start());
        for line in self.text.lines() {
            if line.kind == Kind::Tag(Tag::Key) {
                out.remove(line.start..line.next);
            }
        }
        let keys = self.segments.iter();
        let keys = keys.map(|segment| segment.key.clone().filter(|_| !segment.gap));
        Ok(Recording {
            list: Self::read(Text::parse(&out.finish())?, &Definitions::new())?,
            keys: keys.collect(),
        })
    }
}
