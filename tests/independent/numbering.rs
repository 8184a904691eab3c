//! Numbers and breaks: numbers never go back, and a source that began anew shows once, wherever it
//! is listed, as one discontinuity and another key.
//!
//! Must not know: keys, files.

use std::collections::BTreeMap;

use super::playlist::{Listed, MediaList};

/// A source that has no discontinuities of its own began anew at each of `starts`.
pub(crate) fn faults(published: &[(String, MediaList)], starts: &[u64]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut first: BTreeMap<&str, u64> = BTreeMap::new();
    let mut keys: BTreeMap<(&str, u64), String> = BTreeMap::new();
    for (rendition, list) in published {
        let before = first.insert(rendition, list.media_sequence);
        if before.is_some_and(|before| before > list.media_sequence) {
            faults.push(format!("{rendition}: its numbers go back"));
        }
        let mut breaks = list.discontinuity_sequence;
        for segment in &list.segments {
            breaks += segment.breaks;
            let so_far = starts.iter().filter(|start| **start <= segment.msn).count() as u64;
            if breaks != so_far {
                let number = segment.msn;
                faults.push(format!(
                    "{rendition} #{number}: {breaks} breaks, not {so_far}"
                ));
            }
            if let Some(uri) = key_uri(segment) {
                keys.insert((rendition, segment.msn), uri);
            }
        }
    }
    let kept = |(rendition, msn): (&str, u64)| {
        let before = msn.checked_sub(1)?;
        (keys.get(&(rendition, msn))? == keys.get(&(rendition, before))?).then_some(())
    };
    for (rendition, start) in first
        .keys()
        .flat_map(|r| starts.iter().map(move |s| (*r, *s)))
    {
        if kept((rendition, start)).is_some() {
            faults.push(format!("{rendition} #{start}: a new run under the old key"));
        }
    }
    faults
}

fn key_uri(segment: &Listed) -> Option<String> {
    let tag = segment.key.as_ref().filter(|_| !segment.gap)?;
    let (_, uri) = tag.iter().find(|(name, _)| name == "URI")?;
    Some(uri.clone())
}

#[test]
fn numbers_that_go_back_and_breaks_that_are_missing_are_found() {
    let read = |text: &str| super::playlist::read_media(text).unwrap();
    let list = |first: u64, before: u64, keys: [char; 2]| {
        let [a, b] = keys.map(|key| format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{key}\"\n"));
        let text = format!(
            "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:{first}\n#EXT-X-DISCONTINUITY-SEQUENCE:{before}\n\
             {a}#EXTINF:1,\na.ts\n#EXT-X-DISCONTINUITY\n{b}#EXTINF:1,\nb.ts\n"
        );
        ("v0".to_owned(), read(&text))
    };
    let seen = |lists: &[(String, MediaList)]| faults(lists, &[8]).len();
    assert_eq!(seen(&[list(7, 0, ['a', 'b'])]), 0);
    assert_eq!(seen(&[list(7, 0, ['a', 'a'])]), 1, "one key for both");
    assert_eq!(seen(&[list(7, 1, ['a', 'b'])]), 2, "counted twice");
    assert_eq!(seen(&[list(6, 0, ['a', 'b'])]), 1, "broken too early");
    let back = [list(7, 0, ['a', 'b']), list(6, 0, ['a', 'b'])];
    assert!(seen(&back) > 1);
}
