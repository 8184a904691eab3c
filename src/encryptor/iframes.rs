//! Where I-frames stand in the schedule: each is in the period of the media segment that it is cut
//! from.
//!
//! I-frames have numbers of their own, by which neither a count nor what the server says of
//! segments can place them. Two encryptors agree, as both follow the segment. Must not know: keys.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::choose::Context;
use super::engine::Engine;
use super::path::Beneath;
use super::piece::Piece;
use super::place;
use super::track::Track;
use crate::domain::Position;
use crate::playlist::MediaPlaylist;

/// The media segments that a rendition's I-frames are cut from.
#[derive(Debug, Default)]
pub(super) struct Parents {
    /// How many playlists had been taken when it was found out.
    as_of: u64,
    /// A media playlist and a segment's number, by the I-frame's number.
    of: BTreeMap<u64, (Beneath, u64)>,
    /// Where those segments stand.
    places: BTreeMap<u64, Position>,
}

/// The segments of media playlists by the first of their bytes: the byte after the last, the
/// playlist, the number.
type Cut = BTreeMap<(Beneath, u64), (u64, Beneath, u64)>;

impl Parents {
    /// The numbers begin anew.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// The positions of the segments from the index `from` on, in the order of the playlist; `None` for an
/// I-frame whose segment is not known.
pub(super) fn positions(
    track: &Track,
    (list, from): (&MediaPlaylist, usize),
    context: &Context<'_>,
) -> Vec<Option<Position>> {
    let Some(lease) = context.lease else {
        return Vec::new();
    };
    if list.is_iframes() {
        let own = list.segments()[from..].iter();
        return own
            .map(|frame| track.parents.places.get(&frame.msn).copied())
            .collect();
    }
    let (own, assigned) = ((list, from), context.claims.of(&track.name));
    let all = place::positions(own, lease.schedule(), track.timeline, assigned);
    all.into_iter().map(Some).collect()
}

impl Engine {
    /// Finds the segment of each I-frame, and where it stands now.
    pub(super) fn place_iframes(&mut self, context: &Context<'_>) {
        let iframes = self.tracks.values().filter(|track| track.is_iframes());
        let iframes: Vec<Beneath> = iframes.map(|track| track.at.clone()).collect();
        if iframes.is_empty() {
            return;
        }
        let is_old = |at: &Beneath| self.tracks[at].parents.as_of != self.taken;
        if iframes.iter().any(is_old) {
            self.find_parents(&iframes);
        }
        let places = self.places(&iframes, context);
        for track in self.tracks.values_mut().filter(|track| track.is_iframes()) {
            let Parents {
                of, places: own, ..
            } = &mut track.parents;
            let of = of.iter();
            own.extend(of.filter_map(|(msn, parent)| Some((*msn, *places.get(parent)?))));
        }
    }

    fn find_parents(&mut self, iframes: &[Beneath]) {
        let frames: Vec<_> = iframes.iter().map(|at| frames(&self.tracks[at])).collect();
        let files: BTreeSet<&Beneath> = frames
            .iter()
            .flatten()
            .map(|(_, piece)| &piece.path)
            .collect();
        let media = self.tracks.values().filter(|track| !track.is_iframes());
        let mut cut = Cut::new();
        for (at, msn, piece) in media.flat_map(segments) {
            if files.contains(&piece.path) {
                let (begin, end) = bounds(&piece, u64::MAX);
                let parent = (end, at.clone(), msn);
                cut.entry((piece.path, begin)).or_insert(parent);
            }
        }
        for (at, frames) in iframes.iter().zip(frames) {
            let Some(track) = self.tracks.get_mut(at) else {
                continue;
            };
            let found = frames
                .into_iter()
                .filter_map(|(msn, frame)| Some((msn, parent(&cut, frame)?)));
            track.parents.of.extend(found);
            let first = track
                .source
                .as_ref()
                .map_or(0, |list| list.media_sequence());
            track.parents.of = track.parents.of.split_off(&first);
            track.parents.places = track.parents.places.split_off(&first);
            track.parents.as_of = self.taken;
        }
    }

    /// The positions of the segments that I-frames are cut from.
    fn places(
        &self,
        iframes: &[Beneath],
        context: &Context<'_>,
    ) -> HashMap<(Beneath, u64), Position> {
        let Some(lease) = context.lease else {
            return HashMap::new();
        };
        let parents = iframes
            .iter()
            .flat_map(|at| self.tracks[at].parents.of.values());
        let lists: BTreeSet<&Beneath> = parents.map(|(at, _)| at).collect();
        let mut places = HashMap::new();
        for at in lists {
            let Some(track) = self.tracks.get(at) else {
                continue;
            };
            let Some(list) = &track.source else { continue };
            let (own, assigned) = ((&**list, 0), context.claims.of(&track.name));
            let all = place::positions(own, lease.schedule(), track.timeline, assigned);
            places.extend(
                all.into_iter()
                    .map(|place| ((at.clone(), place.segment), place)),
            );
        }
        places
    }
}

/// A rendition's I-frames, by number.
fn frames(track: &Track) -> Vec<(u64, Piece)> {
    let all = segments(track);
    all.map(|(_, msn, piece)| (msn, piece)).collect()
}

fn segments(track: &Track) -> impl Iterator<Item = (&Beneath, u64, Piece)> {
    let list = track.source.as_deref();
    let all = list.into_iter().flat_map(move |list| {
        let segments = list.segments().iter();
        segments.filter_map(move |segment| {
            Some((
                segment.msn,
                Piece::of(&track.at, list.is_iframes(), segment).ok()?,
            ))
        })
    });
    all.map(|(msn, piece)| (&track.at, msn, piece))
}

/// The first byte of a piece and the one after its last, which is `whole` for a whole file.
fn bounds(piece: &Piece, whole: u64) -> (u64, u64) {
    piece
        .range
        .map_or((0, whole), |range| (range.offset(), range.end()))
}

fn parent(cut: &Cut, frame: Piece) -> Option<(Beneath, u64)> {
    let (begin, end) = bounds(&frame, 0);
    let key = (frame.path, begin);
    let ((path, _), (last, at, msn)) = cut.range(..=&key).next_back()?;
    (*path == key.0 && end <= *last).then(|| (at.clone(), *msn))
}
