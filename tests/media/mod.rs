//! Every container that ffmpeg writes: encrypted, opened by other code than the product's, and
//! played frame by frame like the clear one.
//!
//! Must not know: how it is encrypted.

mod groups;
mod live;
mod vod;

use std::path::{Path, PathBuf};

use crate::harness::encrypt::Encrypt;
use crate::harness::ffmpeg::frames_of;
use crate::harness::opening::Viewing;
use crate::harness::serve::Serve;
use crate::independent::audit::beside;
use crate::independent::opened::Opened;
use crate::independent::playlist::read_media;

/// A source, a sink, and a server between.
struct Stage {
    serve: Serve,
    source: tempfile::TempDir,
    sink: tempfile::TempDir,
    job: Encrypt,
}

impl Stage {
    async fn new(stream: &str, rotation: &str) -> Self {
        let serve = Serve::start(rotation, "").await;
        let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let job = Encrypt::at(&serve, stream, source.path(), sink.path());
        Self {
            serve,
            source,
            sink,
            job,
        }
    }

    async fn viewing(&self) -> Viewing {
        Viewing::of(&self.serve, &self.job).await
    }

    fn clear(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.source.path().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Wants every segment of `rendition` to open to the source's, in their order; gives them.
    fn opens(&self, viewing: &Viewing, rendition: &str) -> Vec<Opened> {
        let text = String::from_utf8(self.clear(rendition)).unwrap();
        let source = read_media(&text).unwrap();
        let opened = viewing.open(rendition);
        assert_eq!(opened.len(), source.segments.len(), "{rendition}");
        for (opened, clear) in opened.iter().zip(&source.segments) {
            assert_eq!(opened.listed.msn, clear.msn);
            let bytes = self.clear(&beside(rendition, &clear.uri));
            let own = cut(&bytes, clear.range);
            assert!(opened.plain == own, "{rendition} {}", clear.msn);
            let map = clear.map.as_ref().map(|map| {
                let file = self.clear(&beside(rendition, &map.uri));
                match map.has_range {
                    true => cut(&file, map_range(&text)).to_vec(),
                    false => file,
                }
            });
            assert!(opened.map == map, "{rendition} {}: its section", clear.msn);
        }
        opened
    }

    /// Wants a player to decode the same frames of `map`, clear and encrypted.
    fn plays(&self, viewing: &Viewing, rendition: &str, map: &str) {
        let copy = tempfile::tempdir().unwrap();
        viewing.copy_to(copy.path());
        let clear = frames_of(&self.source.path().join(rendition), map);
        assert!(clear.len() > 20, "{} frames", clear.len());
        assert_eq!(
            frames_of(&copy.path().join(rendition), map),
            clear,
            "{rendition}"
        );
    }
}

fn cut(bytes: &[u8], range: Option<(u64, u64)>) -> &[u8] {
    range.map_or(bytes, |(len, from)| {
        &bytes[from as usize..(from + len) as usize]
    })
}

/// The first EXT-X-MAP's range, as `<n>@<o>`.
fn map_range(text: &str) -> Option<(u64, u64)> {
    let said = text.split_once("BYTERANGE=\"")?.1.split('"').next()?;
    let (len, from) = said.split_once('@')?;
    Some((len.parse().ok()?, from.parse().ok()?))
}

/// No file below `root` has clear media in it: MP4 fragments, packets, or the source's cues.
fn nothing_clear(root: &Path, but: &[PathBuf]) {
    for path in crate::harness::opening::files(root) {
        let bytes = std::fs::read(root.join(&path)).unwrap();
        let is_text = path.extension().is_some_and(|end| end == "m3u8");
        let has = |what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
        let is_packets = bytes.len() > 188 && bytes[0] == 0x47 && bytes[188] == 0x47;
        let is_clear = is_packets || has(b"mdat") || has(b"-->") || bytes.starts_with(b"ID3");
        assert!(
            is_text || but.contains(&path) || !is_clear,
            "{} is clear",
            path.display()
        );
    }
}
