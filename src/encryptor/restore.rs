//! What a sink's own playlist says is published: where a new run goes on from.
//!
//! Must not know: the source.

use std::collections::BTreeMap;

use super::names::Name;
use super::partials::Partials;
use super::path::Beneath;
use super::periods::Listing;
use super::section::Published;
use super::track::{Done, Listed, Media};
use crate::domain::Kid;
use crate::playlist::{Map, MediaPlaylist, PartialSegment, Playlist, Segment};

/// A playlist that an earlier run published.
pub(super) struct Restored {
    pub(super) done: BTreeMap<u64, Done>,
    pub(super) listed: Listed,
    pub(super) partials: Partials,
}

/// Why a playlist in the sink is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Foreign {
    /// It is no media playlist.
    #[error("the sink's playlist cannot be read as a media playlist{0}")]
    Unreadable(String),
    /// A segment is clear, or its key is none of ours.
    #[error("the sink's playlist lists segment {0} without a key of this server")]
    Key(u64),
    /// A segment is not a file beneath the sink.
    #[error("the sink's playlist lists segment {0} from elsewhere")]
    Elsewhere(u64),
}

/// Reads the playlist at `at`, whose text is `text`.
pub(super) fn restore(at: &Beneath, text: String) -> Result<Restored, Foreign> {
    let list = match Playlist::parse(&text) {
        Ok(Playlist::Media(list)) => list,
        Ok(Playlist::Multivariant(_)) => return Err(Foreign::Unreadable(String::new())),
        Err(error) => return Err(Foreign::Unreadable(format!(": {error}"))),
    };
    let done = list
        .segments()
        .iter()
        .map(|segment| Ok((segment.msn, done(at, segment)?)))
        .collect::<Result<BTreeMap<_, _>, Foreign>>()?;
    let partials = partials(at, &list)?;
    let listed = listed(&list, text, &done);
    listed
        .map(|listed| Restored {
            done,
            listed,
            partials,
        })
        .ok_or_else(|| Foreign::Unreadable(": it lists nothing".to_owned()))
}

/// The parts that it lists, of the segment that is not complete too.
fn partials(at: &Beneath, list: &MediaPlaylist) -> Result<Partials, Foreign> {
    let mut partials = Partials::default();
    let all = list.segments().iter().chain(list.open());
    for segment in all.filter(|segment| !segment.parts.is_empty()) {
        let name = |part: &PartialSegment| {
            let path = at.resolve_segment(&part.uri);
            let path = path.map_err(|_| Foreign::Elsewhere(segment.msn))?;
            let uri = part.uri.clone();
            Ok(Name { path, uri })
        };
        let names = segment.parts.iter().map(name);
        let names = names.collect::<Result<Vec<_>, Foreign>>()?;
        let first = segment.parts[0].uri.clone();
        let segment = Segment {
            uri: first,
            ..segment.clone()
        };
        partials.restore(segment.msn, Some(media(at, &segment)?), names);
    }
    Ok(partials)
}

fn listed(list: &MediaPlaylist, text: String, done: &BTreeMap<u64, Done>) -> Option<Listed> {
    let (first, last) = (list.segments().first()?, list.segments().last()?);
    let mut periods = Listing::default();
    periods.go_on(first.msn, done.iter(), done);
    Some(Listed {
        text: text.into(),
        next: last.msn.saturating_add(1),
        periods,
        first: first.msn,
        last: last.msn,
        ended: list.is_ended(),
        longest: list.segments().iter().map(|segment| segment.duration).sum(),
        open: list.open().map(|open| open.parts.len()),
    })
}

fn done(at: &Beneath, segment: &Segment) -> Result<Done, Foreign> {
    let media = match segment.gap {
        true => None,
        false => Some(media(at, segment)?),
    };
    Ok(Done {
        duration: segment.duration,
        date: segment.time,
        time: segment.time,
        media,
    })
}

fn media(at: &Beneath, segment: &Segment) -> Result<Media, Foreign> {
    let msn = segment.msn;
    let key = segment.key.clone().ok_or(Foreign::Key(msn))?;
    let path = at.resolve_segment(&segment.uri);
    Ok(Media {
        kid: kid_of(&key.uri).ok_or(Foreign::Key(msn))?,
        key_uri: key.uri.clone(),
        iv: key.iv.clone(),
        uri: segment.uri.clone(),
        path: path.map_err(|_| Foreign::Elsewhere(msn))?,
        range: segment.range,
        section: segment
            .map
            .as_deref()
            .map(|map| section(at, msn, map))
            .transpose()?,
        source: None,
        fingerprint: None,
    })
}

fn section(at: &Beneath, msn: u64, map: &Map) -> Result<Published, Foreign> {
    let key = map.key.as_deref();
    if key.is_some_and(|key| kid_of(&key.uri).is_none()) {
        return Err(Foreign::Key(msn));
    }
    Published::new(at, map.uri.clone(), key.cloned()).map_err(|_| Foreign::Elsewhere(msn))
}

/// A key's URI ends in its kid; a viewer's own playlist says a token besides.
pub(super) fn kid_of(uri: &str) -> Option<Kid> {
    let path = uri.split(['?', '#']).next()?;
    path.rsplit('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KID: &str = "0b5f3f0e-1c9c-4f7e-9d3a-000000000001";

    fn read(body: &str) -> Result<Restored, Foreign> {
        let head = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n";
        let at = Beneath::found("v0/index.m3u8").unwrap();
        restore(&at, format!("{head}{body}"))
    }

    #[test]
    fn a_published_playlist_tells_what_was_done() {
        let key = format!("#EXT-X-KEY:METHOD=AES-128,URI=\"https://k/v1/keys/{KID}\",IV=0x07\n");
        let body = format!("{key}#EXTINF:4,\na-7.ts\n#EXT-X-GAP\n#EXTINF:3.5,\nb.ts\n");
        let restored = read(&body).unwrap();
        assert_eq!((restored.listed.first, restored.listed.last), (7, 8));
        assert_eq!(restored.listed.longest.as_millis(), 7500);
        let media = restored.done[&7].media.clone().unwrap();
        assert_eq!(media.kid.to_string(), KID);
        assert_eq!(media.iv.as_deref(), Some("0x07"));
        assert_eq!(media.path.as_str(), "v0/a-7.ts");
        assert!(restored.done[&8].media.is_none());
    }

    #[test]
    fn a_playlist_that_is_not_ours_is_told_apart() {
        let foreign = |body: &str, why| assert_eq!(read(body).err(), Some(why), "{body}");
        foreign("#EXTINF:4,\na.ts\n", Foreign::Key(7));
        let key = "#EXT-X-KEY:METHOD=AES-128,URI=\"https://k/key.php\"\n";
        foreign(&format!("{key}#EXTINF:4,\na.ts\n"), Foreign::Key(7));
        let key = format!("#EXT-X-KEY:METHOD=AES-128,URI=\"https://k/{KID}\"\n");
        let remote = format!("{key}#EXTINF:4,\nhttps://cdn/a.ts\n");
        foreign(&remote, Foreign::Elsewhere(7));
        assert!(matches!(read(""), Err(Foreign::Unreadable(_))));
    }
}
