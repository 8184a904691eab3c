//! Partial segments of a rendition: what is durable of them, and under which key.
//!
//! A part is encrypted under its segment's key and IV before the segment is complete, so what the
//! first part was given is noted and holds for all that comes of the segment. Must not know: ciphers,
//! playlists' texts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::choose::Candidate;
use super::lease::HeldKey;
use super::names::Name;
use super::path::{Beneath, numbered, tagged};
use super::track::{Done, Media, Track};
use crate::domain::Kid;
use crate::playlist::{Encrypted, MediaPlaylist, PartialSegment, Segment};

/// Segments by number of which parts are durable.
#[derive(Default)]
pub(super) struct Partials {
    of: BTreeMap<u64, Parent>,
    /// A part's file is being written.
    pub(super) waits: bool,
}

/// What is durable of one segment.
#[derive(Default)]
pub(super) struct Parent {
    /// Its key, unless that was an earlier process's.
    key: Option<Arc<HeldKey>>,
    /// How its parts are opened: what the segment itself will say.
    pub(super) media: Option<Media>,
    /// The first parts' names, without a gap.
    pub(super) parts: Vec<Name>,
    /// A playlist that names one of them is published.
    is_listed: bool,
}

/// How long a part stays after its tag has gone, in target durations (§6.2.2).
const STAYS: u32 = 3;

impl Partials {
    /// How many first parts of segment `msn` are durable.
    pub(super) fn count(&self, msn: u64) -> usize {
        self.of.get(&msn).map_or(0, |parent| parent.parts.len())
    }

    /// The key that published parts of segment `msn` are under, by its name.
    pub(super) fn kid(&self, msn: u64) -> Option<Kid> {
        let parent = self.of.get(&msn).filter(|parent| parent.is_listed)?;
        Some(parent.media.as_ref()?.kid)
    }

    /// The same key, if it was taken by this process.
    pub(super) fn key(&self, msn: u64) -> Option<&Arc<HeldKey>> {
        self.of.get(&msn)?.key.as_ref()
    }

    /// Whether there are parts that no playlist names yet.
    pub(super) fn has_unlisted(&self) -> bool {
        self.of.values().any(|parent| !parent.is_listed)
    }

    /// The last segment of which parts are published.
    pub(super) fn last_listed(&self) -> Option<u64> {
        let mut listed = self.of.iter().rev().filter(|(_, parent)| parent.is_listed);
        listed.next().map(|(msn, _)| *msn)
    }

    /// Takes note that a part is durable.
    pub(super) fn note(&mut self, candidate: Candidate, done: impl Fn(Candidate) -> Done) {
        let parent = self.of.entry(candidate.msn).or_default();
        let known = parent.media.as_ref().map(|media| media.kid);
        let is_same = known.is_none_or(|kid| kid == candidate.key.kid);
        if is_same && candidate.partial == Some(parent.parts.len()) {
            parent.key = Some(candidate.key.clone());
            let done = done(candidate).media;
            parent.parts.extend(done.as_ref().map(|media| Name {
                path: media.path.clone(),
                uri: media.uri.clone(),
            }));
            parent.media = done;
        }
    }

    /// Takes note of a part without media, which has a name and no file.
    pub(super) fn note_gap(&mut self, msn: u64, name: Name) {
        self.of.entry(msn).or_default().parts.push(name);
    }

    /// What an earlier process published.
    pub(super) fn restore(&mut self, msn: u64, media: Option<Media>, parts: Vec<Name>) {
        let parent = Parent {
            key: None,
            media,
            parts,
            is_listed: true,
        };
        self.of.insert(msn, parent);
    }

    /// Every durable part's name, with its segment's number.
    pub(super) fn names(&self) -> impl Iterator<Item = (u64, &Beneath)> {
        let all = self.of.iter();
        all.flat_map(|(msn, parent)| parent.parts.iter().map(|name| (*msn, &name.path)))
    }

    /// Whether a part needs the initialisation section at `path`.
    pub(super) fn needs(&self, path: &Beneath) -> bool {
        let media = self.of.values().filter_map(|parent| parent.media.as_ref());
        let mut sections = media.filter_map(|media| media.section.as_ref());
        sections.any(|section| section.path == *path)
    }

    /// Forgets the parts of segments that `goes` names; gives their files.
    pub(super) fn forget(&mut self, goes: impl Fn(u64, &Parent) -> bool) -> Vec<Beneath> {
        let gone = self.of.extract_if(.., |msn, parent| goes(*msn, parent));
        let names = gone.flat_map(|(_, parent)| parent.parts);
        names.map(|name| name.path).collect()
    }

    /// A playlist that names the parts of these segments is published, and of all up to `last` no
    /// others; gives the files of those.
    pub(super) fn published(&mut self, named: &BTreeMap<u64, usize>, last: u64) -> Vec<Beneath> {
        for (msn, parent) in &mut self.of {
            parent.is_listed |= named.contains_key(msn);
        }
        self.forget(|msn, _| msn <= last && !named.contains_key(&msn))
    }
}

impl Parent {
    /// Whether none of it is published, and it is under another key than `kid`.
    pub(super) fn is_misplaced(&self, kid: Kid) -> bool {
        let own = self.media.as_ref().map(|media| media.kid);
        !self.is_listed && own.is_some_and(|own| own != kid)
    }
}

impl Track {
    /// The names of the parts of `segment` that are listed with it once it is complete: all, or
    /// those that are published already.
    ///
    /// The segment is under the key `kid`; parts that an earlier process encrypted under another one
    /// are listed no more.
    pub(super) fn parts(&self, segment: &Segment, kid: Kid) -> Vec<String> {
        let parent = self.partials.of.get(&segment.msn);
        let is_own = |media: &Media| media.kid == kid;
        let Some(parent) = parent.filter(|it| it.media.as_ref().is_none_or(is_own)) else {
            return Vec::new();
        };
        match parent.is_listed || parent.parts.len() >= segment.parts.len() {
            true => parent.names(segment),
            false => Vec::new(),
        }
    }

    /// How `segment` is listed while only parts of it are durable.
    pub(super) fn open(&self, segment: &Segment) -> Option<Encrypted> {
        let parent = self.partials.of.get(&segment.msn)?;
        let media = parent.media.as_ref()?;
        let parts = parent.names(segment);
        (!parts.is_empty()).then(|| Encrypted {
            parts,
            uri: None,
            range: None,
            ..media.listed()
        })
    }

    /// For how long a part's file stays.
    pub(super) fn part_stays(&self) -> Duration {
        let target = self.source.as_ref().map(|list| list.target_duration());
        target.unwrap_or_default() * STAYS + target.unwrap_or_default()
    }
}

impl Parent {
    fn names(&self, segment: &Segment) -> Vec<String> {
        let names = self.parts.iter().take(segment.parts.len());
        names.map(|name| name.uri.clone()).collect()
    }
}

/// What the part `index` of segment `msn` is called in the sink, which the source calls `uri`: a
/// function of these alone, so it is known before there is a part, and two encryptors agree.
pub(super) fn part_name(uri: &str, msn: u64, index: usize) -> String {
    numbered(&tagged(uri, &format!("part{index}")), msn)
}

/// The name that the part will have that is published next: after the `listed` parts of the segment
/// `msn`. The source may have it already, and `next` is that segment then.
pub(super) fn next_name(
    list: &MediaPlaylist,
    (msn, next): (u64, Option<&Segment>),
    listed: usize,
) -> Option<String> {
    let is_whole = list.segments().last().is_some_and(|last| msn <= last.msn);
    let uri = match next.and_then(|next| next.parts.get(listed)) {
        Some(part) => Some(part.uri.as_str()).filter(|_| !part.gap),
        None if is_whole => None,
        None => list.hinted_part(),
    };
    Some(part_name(uri?, msn, listed))
}

/// The source's name for a part of which nothing is published.
pub(super) fn gap_name(
    at: &Beneath,
    msn: u64,
    index: usize,
    part: &PartialSegment,
) -> Option<Name> {
    let uri = part_name(&part.uri, msn, index);
    let path = at.resolve_segment(&uri).ok()?;
    Some(Name { path, uri })
}
