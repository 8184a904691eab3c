//! The parts that a published list names, opened by the independent decrypter.
//!
//! Must not know: which code wrote them.

use std::collections::BTreeMap;
use std::path::Path;

use super::actor::Actor;
use super::low_latency::part;
use crate::independent::cipher::{Block, decrypt, iv_of_text};

/// A published part: the number of its segment, its URI, and the key tag above it.
pub(crate) type Part = (u64, String, String);

/// The parts of a list, in order, those without media left out.
pub(crate) fn parts(text: &str) -> Vec<Part> {
    let all = with_gaps(text).into_iter();
    all.filter_map(|(_, part)| part).collect()
}

/// Each part's place in its segment; none where it is a gap.
fn with_gaps(text: &str) -> Vec<(u64, Option<Part>)> {
    let (mut msn, mut index) = (0, 0);
    let (mut key, mut found) = (String::new(), Vec::new());
    for line in text.lines() {
        if let Some(first) = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:") {
            msn = first.parse().unwrap();
        } else if line.starts_with("#EXT-X-KEY:") {
            line.clone_into(&mut key);
        } else if line.starts_with("#EXT-X-PART:") {
            let part = (msn, attribute(line, "URI"), key.clone());
            found.push((index, Some(part).filter(|_| !line.contains("GAP=YES"))));
            index += 1;
        } else if !line.starts_with('#') {
            (msn, index) = (msn + 1, 0);
        }
    }
    found
}

/// An attribute's value in a tag's line, without its quotes.
pub(crate) fn attribute(line: &str, name: &str) -> String {
    let (_, value) = line.split_once(&format!("{name}=")).unwrap();
    let value = value.strip_prefix('"').unwrap_or(value);
    value.split(['"', ',']).next().unwrap().to_owned()
}

/// Opens every part that `text` names, with the keys that `viewer` gets and the files of `folder`, and
/// wants the bytes of the source's rendition `list`.
pub(crate) async fn open_parts(
    (viewer, folder): (&Actor, &Path),
    list: &str,
    text: &str,
) -> BTreeMap<String, Vec<u8>> {
    let (mut files, mut keys) = (BTreeMap::new(), BTreeMap::<String, Block>::new());
    for (index, found) in with_gaps(text) {
        let Some((msn, uri, tag)) = found else {
            continue;
        };
        let key = attribute(&tag, "URI");
        if !keys.contains_key(&key) {
            let answer = viewer.get(&key).await.expect(200);
            keys.insert(key.clone(), answer.body.as_slice().try_into().unwrap());
        }
        let iv = iv_of_text(&attribute(&tag, "IV")).unwrap();
        let file = std::fs::read(folder.join(&uri)).unwrap_or_else(|e| panic!("{uri}: {e}"));
        let plain = decrypt(&keys[&key], &iv, &file);
        let plain = plain.unwrap_or_else(|why| panic!("{uri}: {why}\n{text}"));
        assert_eq!(plain, part(list, msn, index), "{uri}\n{text}");
        files.insert(uri, file);
    }
    files
}
