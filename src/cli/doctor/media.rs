//! A media playlist as it is walked: which keys it names, which segments stand at its ends.
//!
//! Must not know: who asks for them.

use reqwest::Url;

use super::define::Values;
use crate::playlist::{MediaPlaylist, Segment, tags};

/// One media playlist.
pub(super) struct Rendition {
    /// Its path below the multivariant playlist.
    pub(super) name: String,
    /// `variant`, `rendition`, `i-frames`, or `media` for one that stands alone.
    pub(super) kind: &'static str,
    pub(super) url: Url,
    pub(super) list: MediaPlaylist,
    /// What the multivariant playlist defines.
    pub(super) above: Values,
}

impl Rendition {
    /// The first and the last segment that has a file.
    pub(super) fn ends(&self) -> Vec<Segment> {
        let mut there = self.list.segments().iter().filter(|segment| !segment.gap);
        let first = there.next();
        first
            .into_iter()
            .chain(there.next_back())
            .cloned()
            .collect()
    }

    /// Every key that it names, each once.
    pub(super) fn keys(&self) -> Vec<Url> {
        let mut found: Vec<Url> = Vec::new();
        for segment in self.list.segments() {
            let map = segment.map.as_deref().and_then(|map| map.key.as_deref());
            for key in segment.key.as_deref().into_iter().chain(map) {
                let url = self.join(&key.uri).filter(|url| !found.contains(url));
                found.extend(url);
            }
        }
        found
    }

    /// A URI of the list as a whole URL.
    pub(super) fn join(&self, uri: &str) -> Option<Url> {
        self.url.join(uri).ok()
    }

    /// Whether any segment is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.list
            .segments()
            .iter()
            .any(|segment| segment.key.is_some())
    }
}

/// The text without key tags of formats that a player does not know.
pub(super) fn identity_alone(text: &str) -> String {
    let foreign: Vec<usize> = tags(text)
        .iter()
        .filter(|tag| tag.name == "EXT-X-KEY")
        .filter(|tag| tag.get("KEYFORMAT").is_some_and(|it| it != "identity"))
        .map(|tag| tag.line)
        .collect();
    let lines = text.split_inclusive('\n').enumerate();
    let kept = lines.filter(|(at, _)| !foreign.contains(&(at + 1)));
    kept.map(|(_, line)| line).collect()
}
