//! The tags we know, by name and by the draft's group.
//!
//! Must not know: a tag's value.

/// A tag that we read or must not confuse with another; every other one passes unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Inf,
    ByteRange,
    Discontinuity,
    Key,
    Map,
    ProgramDateTime,
    Gap,
    Bitrate,
    Part,
    M3u,
    Version,
    IndependentSegments,
    Start,
    Define,
    TargetDuration,
    MediaSequence,
    DiscontinuitySequence,
    EndList,
    PlaylistType,
    IFramesOnly,
    PartInf,
    ServerControl,
    DateRange,
    Skip,
    PreloadHint,
    RenditionReport,
    Media,
    StreamInf,
    IFrameStreamInf,
    SessionData,
    SessionKey,
    ContentSteering,
}

/// The draft's sections of tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// §4.4.1, in every playlist.
    Basic,
    /// §4.4.2, in either kind.
    Either,
    /// §4.4.3, of the whole media playlist.
    Media,
    /// §4.4.4, of the segments that follow.
    Segment,
    /// §4.4.5, beside the segments.
    Metadata,
    /// §4.4.6.
    Multivariant,
}

/// Each tag with its name; the ones that stand at every segment come first.
const NAMES: [(Tag, &str); 32] = [
    (Tag::Inf, "EXTINF"),
    (Tag::Key, "EXT-X-KEY"),
    (Tag::ProgramDateTime, "EXT-X-PROGRAM-DATE-TIME"),
    (Tag::ByteRange, "EXT-X-BYTERANGE"),
    (Tag::Discontinuity, "EXT-X-DISCONTINUITY"),
    (Tag::Part, "EXT-X-PART"),
    (Tag::Gap, "EXT-X-GAP"),
    (Tag::Bitrate, "EXT-X-BITRATE"),
    (Tag::Map, "EXT-X-MAP"),
    (Tag::M3u, "EXTM3U"),
    (Tag::Version, "EXT-X-VERSION"),
    (Tag::IndependentSegments, "EXT-X-INDEPENDENT-SEGMENTS"),
    (Tag::Start, "EXT-X-START"),
    (Tag::Define, "EXT-X-DEFINE"),
    (Tag::TargetDuration, "EXT-X-TARGETDURATION"),
    (Tag::MediaSequence, "EXT-X-MEDIA-SEQUENCE"),
    (Tag::DiscontinuitySequence, "EXT-X-DISCONTINUITY-SEQUENCE"),
    (Tag::EndList, "EXT-X-ENDLIST"),
    (Tag::PlaylistType, "EXT-X-PLAYLIST-TYPE"),
    (Tag::IFramesOnly, "EXT-X-I-FRAMES-ONLY"),
    (Tag::PartInf, "EXT-X-PART-INF"),
    (Tag::ServerControl, "EXT-X-SERVER-CONTROL"),
    (Tag::DateRange, "EXT-X-DATERANGE"),
    (Tag::Skip, "EXT-X-SKIP"),
    (Tag::PreloadHint, "EXT-X-PRELOAD-HINT"),
    (Tag::RenditionReport, "EXT-X-RENDITION-REPORT"),
    (Tag::Media, "EXT-X-MEDIA"),
    (Tag::StreamInf, "EXT-X-STREAM-INF"),
    (Tag::IFrameStreamInf, "EXT-X-I-FRAME-STREAM-INF"),
    (Tag::SessionData, "EXT-X-SESSION-DATA"),
    (Tag::SessionKey, "EXT-X-SESSION-KEY"),
    (Tag::ContentSteering, "EXT-X-CONTENT-STEERING"),
];

impl Tag {
    /// The tag of a line `#EXT` + `rest`; names are case sensitive (§4.1).
    pub(super) fn named(rest: &str) -> Option<Self> {
        let found = NAMES.iter().find(|(_, name)| &name[3..] == rest);
        found.map(|(tag, _)| *tag)
    }

    /// Its name, without `#`.
    pub(super) fn name(self) -> &'static str {
        let found = NAMES.iter().find(|(tag, _)| *tag == self);
        found.map_or("", |(_, name)| name)
    }

    /// The section that it belongs to.
    pub(super) fn group(self) -> Group {
        match self {
            Self::M3u | Self::Version => Group::Basic,
            Self::IndependentSegments | Self::Start | Self::Define => Group::Either,
            Self::TargetDuration
            | Self::MediaSequence
            | Self::DiscontinuitySequence
            | Self::EndList
            | Self::PlaylistType
            | Self::IFramesOnly
            | Self::PartInf
            | Self::ServerControl => Group::Media,
            Self::Inf
            | Self::ByteRange
            | Self::Discontinuity
            | Self::Key
            | Self::Map
            | Self::ProgramDateTime
            | Self::Gap
            | Self::Bitrate
            | Self::Part => Group::Segment,
            Self::DateRange | Self::Skip | Self::PreloadHint | Self::RenditionReport => {
                Group::Metadata
            }
            Self::Media
            | Self::StreamInf
            | Self::IFrameStreamInf
            | Self::SessionData
            | Self::SessionKey
            | Self::ContentSteering => Group::Multivariant,
        }
    }

    /// Whether it says something of a segment that does not hold of its parts.
    pub(super) fn is_of_whole(self) -> bool {
        matches!(
            self,
            Self::Inf | Self::ByteRange | Self::Gap | Self::Bitrate
        )
    }

    /// Whether it says nothing to a player that knows no parts.
    pub(super) fn is_low_latency(self) -> bool {
        matches!(
            self,
            Self::PartInf | Self::Part | Self::PreloadHint | Self::RenditionReport
        )
    }

    /// Whether it may stand only once in a playlist (§4.4.1.2, §4.4.2, §4.4.3, §4.4.5).
    pub(super) fn is_single(self) -> bool {
        match self.group() {
            Group::Basic | Group::Media => true,
            Group::Either => self != Self::Define,
            Group::Metadata => self == Self::Skip,
            Group::Multivariant => self == Self::ContentSteering,
            Group::Segment => false,
        }
    }
}

/// The single tags met so far.
#[derive(Debug, Default)]
pub(super) struct Met(u64);

impl Met {
    /// Notes `tag`; false if it is a second one of a kind that may stand once.
    pub(super) fn note(&mut self, tag: Tag) -> bool {
        let bit = 1_u64 << (tag as u32);
        let again = self.0 & bit != 0;
        self.0 |= bit;
        !(again && tag.is_single())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_has_one_name_and_a_bit() {
        for (tag, name) in NAMES {
            assert_eq!(tag.name(), name);
            assert_eq!(Tag::named(&name[3..]), Some(tag));
            assert!((tag as u32) < 64);
        }
        assert_eq!(Tag::named("-X-KEYS"), None);
        assert_eq!(Tag::named("-x-key"), None);
    }
}
