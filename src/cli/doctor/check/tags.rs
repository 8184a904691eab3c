//! How a playlist's tags are written: keys, IVs, sections, versions.
//!
//! Must not know: whether what they name is there.

use std::collections::HashSet;

use super::super::code;
use super::super::fault::{Faults, Place};
use crate::playlist::{Said, tags};

/// Methods that the draft names.
const METHODS: [&str; 5] = [
    "NONE",
    "AES-128",
    "SAMPLE-AES",
    "SAMPLE-AES-CTR",
    "AES-256-GCM",
];
/// What media3 would take for an attribute inside a URI, and what FFmpeg splits at.
const TRAPS: [&str; 5] = ["IV=", "METHOD=", "KEYFORMAT=", "{$", ","];

pub(in super::super) fn judge(text: &str, place: Place<'_>, faults: &mut Faults) {
    let all = tags(text);
    for tag in all.iter().filter(|tag| tag.name == "EXT-X-KEY") {
        key(tag, place, faults);
    }
    formats(text, &all, place, faults);
    sections(&all, place, faults);
    vectors(text, place, faults);
    version(&all, place, faults);
}

fn key(tag: &Said, place: Place<'_>, faults: &mut Faults) {
    let line = tag.line;
    let method = tag.get("METHOD").unwrap_or_default();
    if !METHODS.contains(&method) {
        faults.add(
            &code::METHOD_UNKNOWN,
            place,
            format!("line {line}: METHOD={method}"),
        );
    }
    if !is_ours(tag) {
        return;
    }
    // A reference that was written for players with variables is meant.
    let uri = tag.get("URI").unwrap_or_default();
    let is_defined = uri.contains("{$") && uri.contains('}');
    let trap = TRAPS
        .iter()
        .find(|trap| uri.contains(**trap) && !(is_defined && **trap == "{$"));
    if let Some(trap) = trap {
        faults.add(
            &code::KEY_URI_TRAP,
            place,
            format!("line {line}: the URI has {trap}"),
        );
    }
    match tag.get("IV") {
        None => faults.add(&code::IV_MISSING, place, format!("line {line}")),
        Some(iv) if !is_iv(iv) => {
            let digits = iv.len();
            faults.add(
                &code::IV_FORM,
                place,
                format!("line {line}: {digits} characters"),
            );
        }
        Some(_) => {}
    }
}

/// AES-128 by the format that every player knows.
fn is_ours(tag: &Said) -> bool {
    let is_identity = tag
        .get("KEYFORMAT")
        .is_none_or(|format| format == "identity");
    tag.get("METHOD") == Some("AES-128") && is_identity
}

fn is_iv(iv: &str) -> bool {
    let digits = iv.strip_prefix("0x").or(iv.strip_prefix("0X"));
    digits.is_some_and(|it| it.len() == 32 && it.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Several key tags before one segment.
fn formats(text: &str, all: &[Said], place: Place<'_>, faults: &mut Faults) {
    let mut group: Vec<&Said> = Vec::new();
    let mut known = all.iter().filter(|tag| tag.name == "EXT-X-KEY").peekable();
    for (at, line) in text.lines().enumerate() {
        if let Some(tag) = known.next_if(|tag| tag.line == at + 1) {
            group.push(tag);
        } else if !line.is_empty() && !line.starts_with('#') {
            judge_group(&std::mem::take(&mut group), place, faults);
        }
    }
}

fn judge_group(group: &[&Said], place: Place<'_>, faults: &mut Faults) {
    let foreign = |tag: &&Said| tag.get("KEYFORMAT").is_some_and(|it| it != "identity");
    let Some(last) = group.last().filter(|_| group.iter().any(foreign)) else {
        return;
    };
    let format = last.get("KEYFORMAT").unwrap_or_default();
    let text = format!("line {}: KEYFORMAT={format}", last.line);
    match group.iter().all(foreign) {
        true => faults.add(&code::KEYFORMAT_FOREIGN, place, text),
        false if foreign(last) => faults.add(&code::KEYFORMAT_ORDER, place, text),
        false => {}
    }
}

fn sections(all: &[Said], place: Place<'_>, faults: &mut Faults) {
    let mut scope: Option<&Said> = None;
    for tag in all {
        match tag.name.as_str() {
            "EXT-X-KEY" => scope = Some(tag).filter(|tag| tag.get("METHOD") != Some("NONE")),
            "EXT-X-MAP" => {
                let Some(key) = scope else { continue };
                let line = format!("line {}", tag.line);
                if tag.get("BYTERANGE").is_some() {
                    faults.add(&code::MAP_RANGE, place, line.as_str());
                }
                if key.get("IV").is_none() {
                    faults.add(&code::MAP_WITHOUT_IV, place, line.as_str());
                }
            }
            _ => {}
        }
    }
}

/// One key and IV for several segments: parts of a resource that are ranges of it are one stream
/// in I-frame playlists.
fn vectors(text: &str, place: Place<'_>, faults: &mut Faults) {
    if text.contains("#EXT-X-I-FRAMES-ONLY") {
        return;
    }
    let (mut used, mut scope) = (HashSet::new(), None);
    let all = tags(text);
    let mut known = all.iter().filter(|tag| tag.name == "EXT-X-KEY").peekable();
    for (at, line) in text.lines().enumerate() {
        if let Some(tag) = known.next_if(|tag| tag.line == at + 1) {
            scope = tag.get("URI").zip(tag.get("IV"));
        } else if !line.is_empty()
            && !line.starts_with('#')
            && scope.is_some_and(|pair| !used.insert(pair))
        {
            let text = format!("line {}: key and IV of a segment before it", at + 1);
            return faults.add(&code::IV_REUSED, place, text);
        }
    }
}

/// RFC 8216bis §8.
fn version(all: &[Said], place: Place<'_>, faults: &mut Faults) {
    let is_iframes = all.iter().any(|tag| tag.name == "EXT-X-I-FRAMES-ONLY");
    let needed = all.iter().map(|tag| match tag.name.as_str() {
        "EXT-X-KEY" if tag.get("KEYFORMAT").is_some() => 5,
        "EXT-X-KEY" if tag.get("IV").is_some() => 2,
        "EXTINF"
            if tag
                .value
                .split(',')
                .next()
                .is_some_and(|it| it.contains('.')) =>
        {
            3
        }
        "EXT-X-BYTERANGE" | "EXT-X-I-FRAMES-ONLY" => 4,
        "EXT-X-MAP" if is_iframes => 5,
        "EXT-X-MAP" => 6,
        "EXT-X-DEFINE" if tag.get("QUERYPARAM").is_some() => 11,
        "EXT-X-DEFINE" => 8,
        "EXT-X-SKIP" => 9,
        _ => 1,
    });
    let needed = needed.max().unwrap_or(1);
    let said = all.iter().find(|tag| tag.name == "EXT-X-VERSION");
    let said = said
        .and_then(|tag| tag.value.trim().parse().ok())
        .unwrap_or(1);
    if said < needed {
        faults.add(
            &code::VERSION_LOW,
            place,
            format!("version {said}, {needed} is needed"),
        );
    }
}
