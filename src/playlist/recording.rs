//! An encrypted playlist as it was before: what a recording is encrypted anew from.
//!
//! Must not know: keys; the segments of the encrypted one say under which they are.

use super::media::MediaPlaylist;
use super::splice::Splicer;
use super::tag::Tag;
use super::text::{Kind, Text};
use super::variables::Definitions;
use super::{PlaylistError, Unsupported};

impl MediaPlaylist {
    /// Whether it is encrypted, as far as that is why it is not taken.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.unsupported, Some(Unsupported::AlreadyEncrypted { .. }))
    }

    /// The playlist as if it were clear, with the same segments: without its EXT-X-KEY tags. All
    /// else stays byte for byte. It may import `definitions`, as this one did.
    pub fn without_keys(&self, definitions: &Definitions) -> Result<Self, PlaylistError> {
        let mut out = Splicer::new(self.text.as_str(), self.text.start());
        for line in self.text.lines() {
            if line.kind == Kind::Tag(Tag::Key) {
                out.remove(line.start..line.next);
            }
        }
        Self::read(Text::parse(&out.finish())?, definitions)
    }
}
