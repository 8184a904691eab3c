//! What an origin serves: the media types of HLS by file extension.
//!
//! Sources: RFC 8216 §3 and §4, Apple's authoring rules 10.4, IANA. Must not know: files.

/// A file's type, and with it how long it may be cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MediaType {
    /// For `Content-Type`.
    pub(crate) name: &'static str,
    /// Playlists change; everything else never does once it has a name.
    pub(crate) is_playlist: bool,
}

impl MediaType {
    /// The type of a playlist.
    pub(crate) const PLAYLIST: &'static str = "application/vnd.apple.mpegurl";

    /// By extension. Any other file is none of HLS and is not served: a ledger, a key-info file
    /// or a log that came to lie beneath the root stays there.
    pub(crate) fn of(extension: &str) -> Option<Self> {
        let (name, is_playlist) = match extension.to_ascii_lowercase().as_str() {
            "m3u8" | "m3u" => (Self::PLAYLIST, true),
            "ts" | "m2ts" => ("video/mp2t", false),
            "mp4" | "m4v" | "cmfv" => ("video/mp4", false),
            "m4s" => ("video/iso.segment", false),
            "m4a" | "cmfa" => ("audio/mp4", false),
            "cmft" => ("application/mp4", false),
            "aac" => ("audio/aac", false),
            "mp3" => ("audio/mpeg", false),
            "ac3" => ("audio/ac3", false),
            "ec3" => ("audio/eac3", false),
            "vtt" | "webvtt" => ("text/vtt", false),
            "jpg" | "jpeg" => ("image/jpeg", false),
            "png" => ("image/png", false),
            _ => return None,
        };
        Some(Self { name, is_playlist })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_hls_names_has_a_type() {
        let name = |extension| MediaType::of(extension).map(|kind| kind.name);
        assert_eq!(name("ts"), Some("video/mp2t"));
        assert_eq!(name("TS"), Some("video/mp2t"));
        assert_eq!(name("aac"), Some("audio/aac"));
        assert!(MediaType::of("m3u8").unwrap().is_playlist);
        for foreign in ["", "key", "json", "tmp", "part", "db", "html", "js"] {
            assert_eq!(name(foreign), None, "{foreign}");
        }
    }
}
