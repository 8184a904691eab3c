//! Shows that the audit finds what it is there to find: each fault is made and must be seen.
//!
//! Must not know: the product.

use super::audit::Evidence;
use super::cipher::{encrypt, expected_iv, iv_text};
use super::playlist::read_media;
use super::schedule::{Edge, Period};

const KEYS: [&[u8; 16]; 2] = [b"obviously-a-fake", b"another-fake-key"];
const RENDITIONS: [&str; 2] = ["v0/index.m3u8", "v1/index.m3u8"];

fn key_uri(period: usize) -> String {
    format!("https://localhost/v1/keys/{period}")
}

fn plain(rendition: &str, msn: u64) -> Vec<u8> {
    format!("\u{47}{rendition} {msn} ").repeat(40).into_bytes()
}

/// Two renditions of six segments; the key changes at number 13.
fn good() -> Evidence {
    let mut evidence = Evidence::default();
    for (index, key) in KEYS.iter().enumerate() {
        let end = (index == 0).then_some(Edge::Segment(13));
        evidence.periods.push(Period {
            index: index as i64 + 5,
            kid: index.to_string(),
            begin: Edge::Segment(10 + 3 * index as u64),
            end,
            uri: key_uri(index),
            key: **key,
        });
        evidence.keys.insert(key_uri(index), **key);
    }
    for rendition in RENDITIONS {
        publish(&mut evidence, rendition);
    }
    evidence
}

fn publish(evidence: &mut Evidence, rendition: &str) {
    let mut text = "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:10\n".to_owned();
    let folder = rendition.split('/').next().unwrap();
    for msn in 10..16 {
        let period = usize::from(msn >= 13);
        let iv = expected_iv(KEYS[period], rendition, msn);
        let data = encrypt(KEYS[period], &iv, &plain(rendition, msn));
        evidence.files.insert(format!("{folder}/{msn}.ts"), data);
        let name = (rendition.to_owned(), msn);
        evidence.source.insert(name, plain(rendition, msn));
        let (uri, iv) = (key_uri(period), iv_text(&iv));
        text += &format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{uri}\",IV={iv}\n");
        text += &format!("#EXTINF:1,\n{msn}.ts\n");
    }
    let list = read_media(&text).unwrap();
    evidence.published.push((rendition.to_owned(), list));
}

/// Breaks the good evidence and wants the fault named.
fn broken(expected: &str, break_it: impl FnOnce(&mut Evidence)) {
    let mut evidence = good();
    break_it(&mut evidence);
    let faults = evidence.faults();
    let named = faults.iter().any(|fault| fault.contains(expected));
    assert!(named, "'{expected}' is not in {faults:?}");
}

#[test]
fn what_is_right_has_no_fault() {
    let evidence = good();
    assert_eq!(evidence.faults(), [""; 0]);
    assert_eq!((evidence.count(), evidence.periods_used()), (12, 2));
}

#[test]
fn wrong_keys_and_periods_are_found() {
    broken("wrong period", |e| {
        e.periods[0].end = Some(Edge::Segment(12));
    });
    broken("served another key", |e| {
        e.keys.insert(key_uri(1), *KEYS[0]);
    });
    broken("was not served", |e| {
        e.keys.remove(&key_uri(0));
    });
    broken("outside the schedule", |e| {
        e.periods.pop();
    });
    broken("not the derived IV", |e| {
        e.periods[1].key = *KEYS[0];
        e.keys.insert(key_uri(1), *KEYS[0]);
    });
}

#[test]
fn dropped_swapped_and_clear_segments_are_found() {
    broken("never published", |e| {
        e.published[0].1.segments.remove(2);
    });
    broken("not there", |e| {
        e.files.remove("v0/12.ts");
    });
    broken("not the derived IV", |e| {
        let (first, second) = e.published.split_at_mut(1);
        std::mem::swap(&mut first[0].1, &mut second[0].1);
    });
    broken("not its source segment", |e| {
        let (a, b) = (e.files["v0/11.ts"].clone(), e.files["v1/11.ts"].clone());
        e.files.insert("v0/11.ts".to_owned(), b);
        e.files.insert("v1/11.ts".to_owned(), a);
    });
    broken("no whole blocks", |e| {
        let clear = plain(RENDITIONS[0], 11);
        e.files
            .insert("v0/11.ts".to_owned(), clear[..clear.len() - 1].to_vec());
    });
    broken("not its source segment", |e| {
        let name = (RENDITIONS[1].to_owned(), 12);
        e.source.insert(name, plain(RENDITIONS[0], 12));
    });
}

#[test]
fn missing_loose_and_repeated_tags_are_found() {
    broken("no KEY in scope", |e| {
        e.published[0].1.segments[0].key = None;
    });
    broken("KEY has", |e| {
        let tag = e.published[0].1.segments[0].key.as_mut().unwrap();
        tag.push(("KEYFORMAT".to_owned(), "\"identity\"".to_owned()));
    });
    broken("METHOD=NONE", |e| {
        let tag = e.published[0].1.segments[0].key.as_mut().unwrap();
        "NONE".clone_into(&mut tag[0].1);
    });
    broken("not absolute", |e| {
        let tag = e.published[0].1.segments[0].key.as_mut().unwrap();
        "\"keys/0\"".clone_into(&mut tag[1].1);
    });
    broken("the same key and IV", |e| {
        let tag = e.published[0].1.segments[0].key.clone();
        e.published[0].1.segments[1].key = tag;
    });
    broken("the same file", |e| {
        let segments = &mut e.published[0].1.segments;
        segments[1].uri = segments[0].uri.clone();
    });
    broken("published again", |e| {
        let mut again = e.published[0].clone();
        again.1.segments[0].uri = "other.ts".to_owned();
        e.files
            .insert("v0/other.ts".to_owned(), e.files["v0/10.ts"].clone());
        e.published.push(again);
    });
}
