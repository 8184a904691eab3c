//! A low-latency packager: writes parts, then the playlist that names them, step by step.
//!
//! A segment is its parts, one after the other. Must not know: encryption.

use std::path::{Path, PathBuf};

use super::fragments::{fragment, section};
use super::packager::replace;

/// How many parts a segment has.
pub(crate) const PARTS: u64 = 4;

/// One rendition, a segment a second.
pub(crate) struct LowLatency {
    root: PathBuf,
    pub(crate) list: String,
    /// Parts are ranges of their segment's file, which grows.
    pub(crate) ranges: bool,
    /// Whether dates are written.
    pub(crate) dated: bool,
    /// How many parts there are of all segments.
    pub(crate) parts: u64,
    /// The first segment listed.
    pub(crate) first: u64,
}

/// The clear bytes of a part.
pub(crate) fn part(list: &str, msn: u64, index: u64) -> Vec<u8> {
    fragment(list, msn * PARTS + index)
}

/// The clear bytes of a segment.
pub(crate) fn whole(list: &str, msn: u64) -> Vec<u8> {
    (0..PARTS)
        .flat_map(|index| part(list, msn, index))
        .collect()
}

impl LowLatency {
    pub(crate) fn new(root: &Path, list: &str) -> Self {
        std::fs::write(root.join("init.mp4"), section("init")).unwrap();
        Self {
            root: root.to_owned(),
            list: list.to_owned(),
            ranges: false,
            dated: true,
            parts: 0,
            first: 0,
        }
    }

    /// Makes parts, and the list after each.
    pub(crate) fn advance(&mut self, parts: u64) {
        for _ in 0..parts {
            let (msn, index) = (self.parts / PARTS, self.parts % PARTS);
            let through: Vec<u8> = (0..=index)
                .flat_map(|at| part(&self.list, msn, at))
                .collect();
            if self.ranges || index + 1 == PARTS {
                std::fs::write(self.root.join(format!("s{msn}.m4s")), &through).unwrap();
            }
            if !self.ranges {
                let name = format!("s{msn}.{index}.m4s");
                std::fs::write(self.root.join(name), part(&self.list, msn, index)).unwrap();
            }
            self.parts += 1;
            self.write("");
        }
    }

    /// Writes the list; `end` comes last.
    pub(crate) fn write(&self, end: &str) {
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:1\n#EXT-X-SERVER-CONTROL:\
             CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.75,CAN-SKIP-UNTIL=6\n\
             #EXT-X-PART-INF:PART-TARGET=0.25\n#EXT-X-MEDIA-SEQUENCE:{}\n#EXT-X-MAP:URI=\"init.mp4\"\n",
            self.first
        );
        let (open, of_open) = (self.parts / PARTS, self.parts % PARTS);
        for msn in self.first..=open {
            let parts = if msn < open { PARTS } else { of_open };
            if self.dated && parts > 0 {
                text += &format!("#EXT-X-PROGRAM-DATE-TIME:{}\n", date(msn));
            }
            for index in (0..parts).filter(|_| msn + 4 > open) {
                let independent = if index == 0 { ",INDEPENDENT=YES" } else { "" };
                text += &format!(
                    "#EXT-X-PART:DURATION=0.25,{}{independent}\n",
                    self.named(msn, index)
                );
            }
            if msn < open {
                text += &format!("#EXTINF:1.000,\ns{msn}.m4s\n");
            }
        }
        if end.is_empty() {
            let name = match self.ranges {
                true => format!("s{open}.m4s"),
                false => format!("s{open}.{of_open}.m4s"),
            };
            text += &format!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{name}\"\n");
        }
        replace(&self.root.join(&self.list), &(text + end));
    }

    fn named(&self, msn: u64, index: u64) -> String {
        if !self.ranges {
            return format!("URI=\"s{msn}.{index}.m4s\"");
        }
        let before: usize = (0..index).map(|at| part(&self.list, msn, at).len()).sum();
        let own = part(&self.list, msn, index).len();
        format!("URI=\"s{msn}.m4s\",BYTERANGE=\"{own}@{before}\"")
    }
}

/// Segments are of the year 2027, a second each.
fn date(msn: u64) -> String {
    format!("2027-01-15T08:{:02}:{:02}.000Z", msn / 60, msn % 60)
}
