//! Every container that ffmpeg writes: encrypted, opened by other code than the product's, and
//! played frame by frame like the clear one.
//!
//! Must not know: how it is encrypted.

mod groups;
mod live;
mod vod;

use std::path::Path;

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

/// No file below `root` begins like clear media: a fragment, packets, packed audio, subtitles.
fn nothing_clear(root: &Path) {
    for path in crate::harness::opening::files(root) {
        let bytes = std::fs::read(root.join(&path)).unwrap();
        let is_packets = bytes.len() > 188 && bytes[0] == 0x47 && bytes[188] == 0x47;
        let kind = bytes.get(4..8).unwrap_or_default();
        let is_fragment = [b"styp", b"moof", b"sidx", b"mdat"]
            .iter()
            .any(|own| *own == kind);
        let is_named = [&b"ID3"[..], b"WEBVTT"]
            .iter()
            .any(|own| bytes.starts_with(own));
        let is_clear = is_packets || is_fragment || is_named;
        assert!(!is_clear, "{} is clear", path.display());
    }
}
