//! Reads an M3U8 line by line, strictly, for the tests alone.
//!
//! Must not know: keys' bytes, files, HTTP.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One segment as a media playlist lists it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listed {
    pub(crate) msn: u64,
    pub(crate) uri: String,
    /// The attributes of the `EXT-X-KEY` in scope, in order, as written.
    pub(crate) key: Option<Vec<(String, String)>>,
    pub(crate) gap: bool,
    /// How many bytes of the file it is, and from which on.
    pub(crate) range: Option<(u64, u64)>,
    /// The `EXT-X-MAP` in scope.
    pub(crate) map: Option<ListedMap>,
    /// How many `EXT-X-DISCONTINUITY` stand before it.
    pub(crate) breaks: u64,
    /// Milliseconds, from `EXTINF`.
    pub(crate) duration: f64,
    /// Milliseconds since the epoch: its own date, or carried on from an earlier one.
    pub(crate) time: Option<i64>,
}

/// An initialisation section as a media playlist lists it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ListedMap {
    pub(crate) uri: String,
    pub(crate) has_range: bool,
    /// The attributes of the `EXT-X-KEY` in whose scope the tag stands, unless that is NONE.
    pub(crate) key: Option<Vec<(String, String)>>,
    /// The line right above is an `EXT-X-KEY`.
    pub(crate) is_under_key: bool,
}

/// A media playlist.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct MediaList {
    pub(crate) media_sequence: u64,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) version: Option<u64>,
    pub(crate) ended: bool,
    pub(crate) iframes_only: bool,
    pub(crate) segments: Vec<Listed>,
}

/// What the lines so far say about the next segment.
#[derive(Default)]
struct Pending {
    key: Option<Vec<(String, String)>>,
    map: Option<ListedMap>,
    range: Option<(u64, Option<u64>)>,
    above: String,
    gap: bool,
    breaks: u64,
    duration: Option<f64>,
    time: Option<i64>,
}

/// Reads a media playlist, or says which line is wrong.
pub(crate) fn read_media(text: &str) -> Result<MediaList, String> {
    let mut lines = text.lines();
    if lines.next() != Some("#EXTM3U") {
        return Err("line 1 is not #EXTM3U".to_owned());
    }
    if !text.ends_with('\n') {
        return Err("the last line does not end".to_owned());
    }
    let mut list = MediaList::default();
    let mut pending = Pending::default();
    for (number, line) in lines.enumerate() {
        take_line(line, &mut list, &mut pending)
            .map_err(|fault| format!("line {}: {fault}: {line}", number + 2))?;
        pending.above = line.to_owned();
    }
    match pending.duration {
        Some(_) => Err("an EXTINF without its segment".to_owned()),
        None => Ok(list),
    }
}

fn take_line(line: &str, list: &mut MediaList, pending: &mut Pending) -> Result<(), String> {
    let (tag, value) = line.split_once(':').unwrap_or((line, ""));
    match tag {
        "#EXT-X-MEDIA-SEQUENCE" => list.media_sequence = number(value)?,
        "#EXT-X-VERSION" if list.version.is_some() => return Err("a second version".to_owned()),
        "#EXT-X-VERSION" => list.version = Some(number(value)?),
        "#EXT-X-ENDLIST" => list.ended = true,
        "#EXT-X-KEY" => pending.key = Some(attributes(value)?),
        "#EXT-X-I-FRAMES-ONLY" => list.iframes_only = true,
        "#EXT-X-MAP" => pending.map = Some(map(value, pending)?),
        "#EXT-X-BYTERANGE" => pending.range = Some(range(value)?),
        "#EXT-X-DISCONTINUITY-SEQUENCE" => list.discontinuity_sequence = number(value)?,
        "#EXT-X-DISCONTINUITY" => pending.breaks += 1,
        "#EXT-X-GAP" => pending.gap = true,
        "#EXT-X-PROGRAM-DATE-TIME" => pending.time = Some(millis(value)?),
        "#EXTINF" => pending.duration = Some(extinf(value)?),
        _ if line.starts_with('#') || line.trim().is_empty() => {}
        _ => list.segments.push(segment(line, list, pending)?),
    }
    Ok(())
}

fn map(value: &str, pending: &Pending) -> Result<ListedMap, String> {
    let is_clear = |key: &[(String, String)]| key == [("METHOD".to_owned(), "NONE".to_owned())];
    let key = pending.key.clone().filter(|key| !is_clear(key));
    Ok(ListedMap {
        uri: quoted(value, "URI").ok_or("an EXT-X-MAP without URI")?,
        has_range: quoted(value, "BYTERANGE").is_some(),
        key,
        is_under_key: pending.above.starts_with("#EXT-X-KEY:"),
    })
}

fn range(value: &str) -> Result<(u64, Option<u64>), String> {
    match value.split_once('@') {
        Some((len, from)) => Ok((number(len)?, Some(number(from)?))),
        None => Ok((number(value)?, None)),
    }
}

/// A range without an offset follows the one before.
fn resolved(
    said: Option<(u64, Option<u64>)>,
    before: Option<&Listed>,
) -> Result<Option<(u64, u64)>, String> {
    let end = before
        .and_then(|before| before.range)
        .map(|(len, from)| len + from);
    match said {
        None => Ok(None),
        Some((len, from)) => {
            let from = from.or(end).ok_or("a range without an offset")?;
            Ok(Some((len, from)))
        }
    }
}

fn segment(uri: &str, list: &MediaList, pending: &mut Pending) -> Result<Listed, String> {
    let duration = pending.duration.take().ok_or("a segment without EXTINF")?;
    let time = pending.time;
    pending.time = time.map(|at| at + duration.round() as i64);
    Ok(Listed {
        msn: list.media_sequence + list.segments.len() as u64,
        uri: uri.to_owned(),
        key: pending.key.clone(),
        range: resolved(pending.range.take(), list.segments.last())?,
        map: pending.map.clone(),
        gap: std::mem::take(&mut pending.gap),
        breaks: std::mem::take(&mut pending.breaks),
        duration,
        time,
    })
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "not a number".to_owned())
}

fn extinf(value: &str) -> Result<f64, String> {
    let seconds = value.split(',').next().unwrap_or_default();
    let seconds: f64 = seconds.parse().map_err(|_| "not a duration".to_owned())?;
    Ok(seconds * 1000.0)
}

/// RFC 3339, also with ffmpeg's `+0000`.
pub(crate) fn millis(text: &str) -> Result<i64, String> {
    let text = match text.strip_suffix("+0000") {
        Some(local) => format!("{local}Z"),
        None => text.to_owned(),
    };
    let at = OffsetDateTime::parse(&text, &Rfc3339).map_err(|e| e.to_string())?;
    Ok((at.unix_timestamp_nanos() / 1_000_000) as i64)
}

/// `NAME=value,NAME="a,b"`; the quotes stay on the value.
pub(crate) fn attributes(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, tail) = rest.split_once('=').ok_or("an attribute without '='")?;
        let end = value_end(tail)?;
        if found.iter().any(|(known, _)| known == name) {
            return Err(format!("{name} twice"));
        }
        found.push((name.to_owned(), tail[..end].to_owned()));
        rest = tail[end..].strip_prefix(',').unwrap_or("");
    }
    Ok(found)
}

fn value_end(text: &str) -> Result<usize, String> {
    let end = match text.strip_prefix('"') {
        Some(quoted) => 2 + quoted.find('"').ok_or("an open quote")?,
        None => text.find(',').unwrap_or(text.len()),
    };
    match text[end..].chars().next() {
        None | Some(',') => Ok(end),
        Some(_) => Err("text after a quote".to_owned()),
    }
}

/// The media playlists that a multivariant playlist names, each once, in order.
pub(crate) fn children(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut is_variant = false;
    for line in text.lines() {
        let named = match line.split_once(':') {
            Some(("#EXT-X-MEDIA", value)) => quoted(value, "URI"),
            _ if is_variant && !line.starts_with('#') => Some(line.to_owned()),
            _ => None,
        };
        is_variant = line.starts_with("#EXT-X-STREAM-INF:");
        found.extend(named.filter(|uri| !found.contains(uri)));
    }
    found
}

/// An attribute's value without its quotes.
pub(crate) fn quoted(attributes_text: &str, name: &str) -> Option<String> {
    let found = attributes(attributes_text).ok()?;
    let (_, value) = found.into_iter().find(|(key, _)| key == name)?;
    Some(value.trim_matches('"').to_owned())
}

#[test]
fn playlists_are_read_strictly() {
    let text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:7\n\
        #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:01.000+0000\n\
        #EXT-X-KEY:METHOD=AES-128,URI=\"https://a/b,c\",IV=0x01\n#EXTINF:1.5,\na.ts\n\
        #EXT-X-GAP\n#EXT-X-DISCONTINUITY\n#EXTINF:2,\nb.ts\n#EXT-X-ENDLIST\n";
    let list = read_media(text).unwrap();
    assert!(list.ended);
    let [a, b] = list.segments.as_slice() else {
        panic!("{list:?}")
    };
    assert_eq!((a.msn, a.time, a.gap), (7, Some(1000), false));
    assert_eq!((b.msn, b.time, b.gap), (8, Some(2500), true));
    assert_eq!((a.breaks, b.breaks), (0, 1));
    assert_eq!(a.key.as_ref().unwrap()[1].1, "\"https://a/b,c\"");
    for bad in [
        "",
        "#EXTM3U\na.ts\n",
        "#EXTM3U\n#EXTINF:1,\n",
        "#EXTM3U\n#EXTINF:1,\na.ts",
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-VERSION:3\n",
        "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"x\n",
        "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,METHOD=NONE\n",
    ] {
        assert!(read_media(bad).is_err(), "{bad}");
    }
    let master = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",URI=\"a/i.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=1\nv0/i.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=2\nv0/i.m3u8\n";
    assert_eq!(children(master), ["a/i.m3u8", "v0/i.m3u8"]);
}
