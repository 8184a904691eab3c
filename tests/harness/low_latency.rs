//! A low-latency packager: writes parts, then the playlist that names them, step by step.
//!
//! A segment is its parts, one after the other. Must not know: encryption.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::fragments::{fragment, section};
use super::packager::replace;

/// How many parts a segment has.
pub(crate) const PARTS: u64 = 4;

/// One rendition.
pub(crate) struct LowLatency {
    root: PathBuf,
    pub(crate) list: String,
    /// Parts are ranges of their segment's file, which grows.
    pub(crate) ranges: bool,
    /// Whether dates are written.
    pub(crate) dated: bool,
    /// How long a part is, in seconds.
    pub(crate) length: f64,
    /// How many parts there are of all segments.
    pub(crate) parts: u64,
    /// The first segment listed.
    pub(crate) first: u64,
    /// Which parts of all are missing, and said to be.
    pub(crate) gaps: BTreeSet<u64>,
    /// What stands behind everything else.
    pub(crate) tail: String,
    /// The media of each part, where it is not made up.
    media: Vec<Vec<u8>>,
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
            length: 0.25,
            parts: 0,
            first: 0,
            gaps: BTreeSet::new(),
            tail: String::new(),
            media: Vec::new(),
        }
    }

    /// Of a picture that players play: its initialisation section, and the media of each part.
    pub(crate) fn of(root: &Path, list: &str, (init, media): (&[u8], Vec<Vec<u8>>)) -> Self {
        let made_up = Self::new(root, list);
        std::fs::write(root.join("init.mp4"), init).unwrap();
        Self { media, ..made_up }
    }

    fn bytes(&self, msn: u64, index: u64) -> Vec<u8> {
        let real = self.media.get((msn * PARTS + index) as usize);
        real.map_or_else(|| part(&self.list, msn, index), Clone::clone)
    }

    /// Makes parts, and the list after each.
    pub(crate) fn advance(&mut self, parts: u64) {
        for _ in 0..parts {
            let (msn, index) = (self.parts / PARTS, self.parts % PARTS);
            let through: Vec<u8> = (0..=index).flat_map(|at| self.bytes(msn, at)).collect();
            if self.ranges || index + 1 == PARTS {
                std::fs::write(self.root.join(format!("s{msn}.m4s")), &through).unwrap();
            }
            if !self.ranges && !self.gaps.contains(&self.parts) {
                let name = format!("s{msn}.{index}.m4s");
                std::fs::write(self.root.join(name), self.bytes(msn, index)).unwrap();
            }
            self.parts += 1;
            self.write("");
        }
    }

    /// Writes the list; `end` comes last.
    pub(crate) fn write(&self, end: &str) {
        let (part, segment) = (self.length, self.length * PARTS as f64);
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:{segment}\n#EXT-X-SERVER-CONTROL:\
             CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={},CAN-SKIP-UNTIL={}\n\
             #EXT-X-PART-INF:PART-TARGET={part}\n#EXT-X-MEDIA-SEQUENCE:{}\n#EXT-X-MAP:URI=\"init.mp4\"\n",
            part * 3.0,
            segment * 6.0,
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
                let gap = match self.gaps.contains(&(msn * PARTS + index)) {
                    true => ",GAP=YES",
                    false => "",
                };
                text += &format!(
                    "#EXT-X-PART:DURATION={part},{}{independent}{gap}\n",
                    self.named(msn, index)
                );
            }
            if msn < open {
                text += &format!("#EXTINF:{segment:.3},\ns{msn}.m4s\n");
            }
        }
        if end.is_empty() {
            let name = match self.ranges {
                true => format!("s{open}.m4s"),
                false => format!("s{open}.{of_open}.m4s"),
            };
            text += &format!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{name}\"\n");
        }
        text += &self.tail;
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
