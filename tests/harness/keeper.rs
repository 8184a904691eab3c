//! Keeps a copy of a clear live source that somebody else writes and deletes again.
//!
//! Must not know: what is published of it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::independent::audit::beside;
use crate::independent::playlist::{children, read_media};

/// Follows a clear source that somebody else writes, and keeps every segment it ever listed.
#[derive(Default)]
pub(crate) struct Keeper {
    /// Clear segments, by rendition and number.
    pub(crate) segments: BTreeMap<(String, u64), Vec<u8>>,
    /// Their lines in the playlist, tags before, by rendition and number.
    pub(crate) lines: BTreeMap<(String, u64), String>,
}

impl Keeper {
    /// Reads the source as it is now.
    pub(crate) fn look(&mut self, root: &Path, master: &str) {
        let Ok(master_text) = std::fs::read_to_string(root.join(master)) else {
            return;
        };
        for rendition in children(&master_text).iter().map(|uri| beside(master, uri)) {
            self.look_at(root, &rendition);
        }
    }

    /// Reads one rendition as it is now.
    pub(crate) fn look_at(&mut self, root: &Path, rendition: &str) {
        let text = std::fs::read_to_string(root.join(rendition)).unwrap_or_default();
        let Ok(list) = read_media(&text) else {
            return;
        };
        for segment in list.segments {
            let name = (rendition.to_owned(), segment.msn);
            if !self.segments.contains_key(&name)
                && let Ok(bytes) = std::fs::read(root.join(beside(rendition, &segment.uri)))
            {
                let seconds = segment.duration / 1000.0;
                let lines = format!("#EXTINF:{seconds:.6},\n{}\n", segment.uri);
                self.segments.insert(name.clone(), bytes);
                self.lines.insert(name, lines);
            }
        }
    }

    /// Writes the clear source as a finished asset whose renditions begin at `starts`; the
    /// multivariant playlist is the caller's.
    pub(crate) fn write(&self, root: &Path, starts: &BTreeMap<String, u64>) {
        for ((rendition, msn), bytes) in &self.segments {
            let uri = self.lines[&(rendition.clone(), *msn)]
                .lines()
                .last()
                .unwrap()
                .to_owned();
            let path = root.join(beside(rendition, &uri));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        for (rendition, first) in starts {
            let listed = self
                .lines
                .range((rendition.clone(), *first)..(rendition.clone(), u64::MAX));
            let lines: String = listed.map(|(_, lines)| lines.as_str()).collect();
            let text = format!(
                "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n\
                 #EXT-X-MEDIA-SEQUENCE:{first}\n{lines}#EXT-X-ENDLIST\n"
            );
            std::fs::write(root.join(rendition), text).unwrap();
        }
    }

    /// The number of the segment that `uri` ends in.
    pub(crate) fn number(&self, uri: &str) -> Option<(String, u64)> {
        let path = uri.split('?').next().unwrap_or_default();
        let mut named = self.lines.iter().filter(|((rendition, _), lines)| {
            let file = lines.lines().last().unwrap_or_default();
            path.ends_with(&format!("/{}", beside(rendition, file)))
        });
        named.next().map(|(name, _)| name.clone())
    }
}
