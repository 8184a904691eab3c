//! Made-up fragmented MP4, byte ranges and I-frames, and what of them is in the sink.

use super::*;
use crate::encryptor::{ByteRanges, IFrames, MapRule};

/// One ISO box.
pub(super) fn boxed(kind: &str, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).unwrap();
    [&size.to_be_bytes(), kind.as_bytes(), body].concat()
}

/// An initialisation section, another one for each `what`.
pub(super) fn init(what: &str) -> Vec<u8> {
    [boxed("ftyp", b"iso6"), boxed("moov", what.as_bytes())].concat()
}

/// A media segment of its own for each number.
pub(super) fn fragment(msn: u64) -> Vec<u8> {
    let media = format!("obviously clear {msn} ").repeat(20);
    [
        boxed("styp", b"msdh"),
        boxed("moof", &msn.to_be_bytes()),
        boxed("mdat", media.as_bytes()),
    ]
    .concat()
}

/// A playlist of dated four-second segments, with what stands before each and its URI.
pub(super) fn listing(
    numbers: std::ops::RangeInclusive<u64>,
    lines: impl Fn(u64) -> (String, String),
) -> String {
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:{}\n",
        numbers.start()
    );
    for msn in numbers {
        let time = Timestamp::from_millis(i64::try_from(msn).unwrap() * 4000);
        let (before, uri) = lines(msn);
        text += &format!("{before}#EXT-X-PROGRAM-DATE-TIME:{time}\n#EXTINF:4.000,\n{uri}\n");
    }
    text
}

/// What a listed segment is made of, and its initialisation section.
pub(super) type Made = (Vec<u8>, Option<Vec<u8>>);

impl Bench {
    pub(super) fn with(mut self, change: impl FnOnce(&mut Containers)) -> Self {
        change(&mut self.containers);
        self
    }

    /// Checks every listed segment and its section against what they were made of.
    pub(super) fn audit_made(&self, list: &str, made: impl Fn(u64) -> Made) {
        let at = Beneath::found(list).unwrap();
        let rendition = list.parse().unwrap();
        let published = self.published(list);
        for segment in published.segments().iter().filter(|segment| !segment.gap) {
            let (plain, section) = made(segment.msn);
            let tag = segment.key.as_deref().unwrap();
            let key = key_of(tag.uri.rsplit('/').next().unwrap());
            let iv = Iv::for_segment(&key, &rendition, segment.msn);
            assert_eq!(tag.iv, Some(iv.to_string()));
            let path = at.resolve_segment(&segment.uri).unwrap();
            let file = fs::read(self.sink(path.as_str())).unwrap();
            let cut = segment.range.map_or(0..file.len(), |range| {
                range.offset() as usize..range.end() as usize
            });
            assert!(
                file[cut] == sealed(plain, &key, iv),
                "{list} {}",
                segment.msn
            );
            assert_eq!(section.is_some(), segment.map.is_some());
            let Some((section, map)) = section.zip(segment.map.as_deref()) else {
                continue;
            };
            let path = at.resolve_segment(&map.uri).unwrap();
            let file = fs::read(self.sink(path.as_str())).unwrap();
            match &map.key {
                None => assert!(file == section, "{list}: {}", map.uri),
                Some(own) => {
                    assert_eq!(own.uri, tag.uri, "one key for both");
                    let iv = Iv::for_map(&key, &rendition, &section);
                    assert_eq!(own.iv, Some(iv.to_string()));
                    assert!(file == sealed(section, &key, iv), "{list}: {}", map.uri);
                }
            }
        }
        for (path, content) in files(self.sink.path()) {
            let is_clear = content.windows(15).any(|text| text == b"obviously clear");
            assert!(!is_clear, "{path} is clear");
        }
    }

    /// The names of the sink's files with this in them.
    pub(super) fn named(&self, part: &str) -> Vec<String> {
        let all = files(self.sink.path()).into_keys();
        all.filter(|name| name.contains(part)).collect()
    }

    pub(super) fn text(&self, list: &str) -> String {
        fs::read_to_string(self.sink(list)).unwrap()
    }
}

fn sealed(mut data: Vec<u8>, key: &ContentKey, iv: Iv) -> Vec<u8> {
    let data_of = &mut data;
    encrypt_batch(&mut [Job {
        key,
        iv,
        data: data_of,
    }]);
    data
}

pub(super) fn encrypted(containers: &mut Containers) {
    containers.map = MapRule::Encrypted;
}

pub(super) fn rebased(containers: &mut Containers) {
    containers.byteranges = ByteRanges::Rebase;
}

pub(super) fn dropped(containers: &mut Containers) {
    containers.iframes = IFrames::Drop;
}
