//! Who has which name in the sink, so that no published file is ever written again.
//!
//! A packager may use a file for several segments: by wrapping its numbers, by listing a slate
//! twice, or in two playlists. The first segment keeps the file's name, others get their number in
//! it. A segment that is a range of a file, or an I-frame, has its number in any case.
//! Must not know: playlists' texts, file contents.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use super::given::{Given, Line};
use super::path::{Beneath, PathError, numbered, tagged};
use crate::domain::Rendition;
use crate::playlist::{MediaPlaylist, Segment};

/// The names of segments in the sink.
#[derive(Default)]
pub(super) struct Names {
    owners: HashMap<Beneath, Owner>,
    /// Names that are listed no more, with the count of those before: kept for a while, since
    /// caches still have the bytes.
    left: VecDeque<(u64, Beneath)>,
    count: u64,
    /// Given since they were last noted.
    fresh: Vec<Line>,
}

struct Owner {
    holder: Holder,
    in_use: bool,
    /// When it was last left, or asked for by another segment, by that count.
    left: u64,
}

/// What a file is.
enum Holder {
    Segment(Rendition, u64),
    /// An initialisation section, of any rendition: its name tells its bytes.
    Section,
}

/// A name for one segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The file.
    pub(super) path: Beneath,
    /// The URI that names it in the playlist.
    pub(super) uri: String,
}

/// Why a segment has no name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NameError {
    /// The playlist names no usable file.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Every name that could be given is taken.
    #[error("its name is taken")]
    Taken,
}

const MAX_LEFT: usize = 50_000;
/// The plain name, then this many with numbers.
const TRIES: usize = 4;

impl Names {
    /// The name of the segment `msn` of `rendition`, whose playlist at `list` calls it `uri`.
    /// The same segment always gets the same name.
    pub(super) fn claim(
        &mut self,
        rendition: &Rendition,
        list: &Beneath,
        msn: u64,
        uri: &str,
    ) -> Result<Name, NameError> {
        let tries = std::iter::successors(Some(uri.to_owned()), |uri| Some(numbered(uri, msn)));
        for uri in tries.take(TRIES) {
            let path = list.resolve_segment(&uri)?;
            match self.owners.get(&path).map(|owner| &owner.holder) {
                Some(Holder::Segment(of, other)) if (of, *other) != (rendition, msn) => {
                    let (of, other) = (of.clone(), *other);
                    self.recur(&of, other, path);
                }
                Some(Holder::Section) => {}
                known => {
                    if known.is_none() {
                        self.fresh.push(line(rendition, msn, &path));
                    }
                    self.take(rendition, msn, &path);
                    return Ok(Name { path, uri });
                }
            }
        }
        Err(NameError::Taken)
    }

    /// Nothing that an earlier run published is written again for another segment.
    pub(super) fn remember(&mut self, given: &Given) {
        for Line {
            path,
            rendition,
            msn,
        } in given.earlier()
        {
            if let (Some(path), Ok(rendition)) = (Beneath::found(path), rendition.parse()) {
                self.take(&rendition, *msn, &path);
                self.leave(&path);
            }
        }
    }

    /// The names that were given since this was last asked.
    pub(super) fn fresh(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.fresh)
    }

    /// Takes note that `path` holds a segment already.
    pub(super) fn take(&mut self, rendition: &Rendition, msn: u64, path: &Beneath) {
        self.hold(path, Holder::Segment(rendition.clone(), msn));
    }

    /// Takes `path` for an initialisation section, unless a segment has it.
    pub(super) fn claim_section(&mut self, path: &Beneath) -> Result<(), NameError> {
        let holder = self.owners.get(path).map(|owner| &owner.holder);
        if let Some(Holder::Segment(..)) = holder {
            return Err(NameError::Taken);
        }
        self.hold(path, Holder::Section);
        Ok(())
    }

    fn hold(&mut self, path: &Beneath, holder: Holder) {
        let owner = Owner {
            holder,
            in_use: true,
            left: 0,
        };
        self.owners.insert(path.clone(), owner);
    }

    /// Takes note that no playlist lists `path` any more.
    pub(super) fn leave(&mut self, path: &Beneath) {
        if let Some(owner) = self.owners.get_mut(path) {
            owner.in_use = false;
            self.left_now(path.clone());
        }
    }

    /// Another segment would have `path`, which `msn` had: a name that recurs is kept longest.
    fn recur(&mut self, rendition: &Rendition, msn: u64, path: Beneath) {
        if !self.in_use(&path) {
            self.fresh.push(line(rendition, msn, &path));
            self.left_now(path);
        }
    }

    fn left_now(&mut self, path: Beneath) {
        self.count += 1;
        if let Some(owner) = self.owners.get_mut(&path) {
            owner.left = self.count;
        }
        self.left.push_back((self.count, path));
        if self.left.len() > MAX_LEFT
            && let Some((count, oldest)) = self.left.pop_front()
            && let Some(owner) = self.owners.get(&oldest)
            && !owner.in_use
            && owner.left == count
        {
            self.owners.remove(&oldest);
        }
    }

    /// Whether `path` is listed, or written to be listed.
    pub(super) fn in_use(&self, path: &Beneath) -> bool {
        self.owners.get(path).is_some_and(|owner| owner.in_use)
    }
}

fn line(rendition: &Rendition, msn: u64, path: &Beneath) -> Line {
    Line {
        path: path.to_string(),
        rendition: rendition.to_string(),
        msn,
    }
}

/// What `segment` of `list` is to be called in the sink; `is_later` if it is of a later run.
///
/// All I-frames have names of their own, for they lie in files that segments are made of.
pub(super) fn wished(list: &MediaPlaylist, segment: &Segment, is_later: bool) -> String {
    let stem = stem(list.is_iframes(), segment);
    let has_number = is_later || segment.range.is_some() || list.is_iframes();
    match has_number {
        true => numbered(&stem, segment.msn),
        false => stem.into_owned(),
    }
}

fn stem(is_iframes: bool, segment: &Segment) -> Cow<'_, str> {
    match is_iframes {
        true => Cow::Owned(tagged(&segment.uri, "iframe")),
        false => Cow::Borrowed(&segment.uri),
    }
}

/// Whether `path` is a name that `segment` of the playlist at `at` can have been given.
pub(super) fn is_name_of(
    path: &Beneath,
    at: &Beneath,
    is_iframes: bool,
    segment: &Segment,
) -> bool {
    let first = stem(is_iframes, segment).into_owned();
    let tries = std::iter::successors(Some(first), |uri| Some(numbered(uri, segment.msn)));
    tries
        .take(TRIES)
        .any(|uri| at.resolve_segment(&uri).as_ref() == Ok(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_once() {
        let mut names = Names::default();
        let list = Beneath::found("v0/index.m3u8").unwrap();
        let (v0, v1) = ("v0/index.m3u8".parse().unwrap(), "v1.m3u8".parse().unwrap());
        let mut claim = |msn, uri: &str| names.claim(&v0, &list, msn, uri).map(|name| name.uri);
        assert_eq!(claim(1, "a.ts").as_deref(), Ok("a.ts"));
        assert_eq!(claim(1, "a.ts").as_deref(), Ok("a.ts"), "asked again");
        assert_eq!(claim(2, "a-3.ts").as_deref(), Ok("a-3.ts"));
        assert_eq!(claim(3, "a.ts").as_deref(), Ok("a-3-3.ts"));
        assert_eq!(claim(4, "x/../a.ts?q").as_deref(), Ok("x/../a-4.ts?q"));
        assert_eq!(claim(5, "/a.ts"), Err(NameError::Path(PathError::Absolute)));
        let path = Beneath::found("v0/a.ts").unwrap();
        names.leave(&path);
        assert!(!names.in_use(&path));
        let again = names.claim(&v0, &list, 9, "a.ts").unwrap();
        assert_eq!(again.uri, "a-9.ts", "caches still have the old bytes");
        let mut shared = |uri: &str| names.claim(&v1, &list, 1, uri).map(|name| name.uri);
        assert_eq!(shared("a-9.ts").as_deref(), Ok("a-9-1.ts"), "another's");
        assert_eq!(shared("a.ts").as_deref(), Ok("a-1.ts"), "it was another's");
    }

    #[test]
    fn a_name_that_recurs_is_given_once_across_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let list = Beneath::found("i.m3u8").unwrap();
        let rendition: Rendition = "i.m3u8".parse().unwrap();
        let claim = |names: &mut Names, msn, uri: &str| {
            let uri = names.claim(&rendition, &list, msn, uri).unwrap().uri;
            names.leave(&list.resolve_segment(&uri).unwrap());
            uri
        };
        let mut names = Names::default();
        assert_eq!(claim(&mut names, 0, "slate.ts"), "slate.ts");
        let half = MAX_LEFT as u64 / 2;
        for round in 1..4 {
            for msn in (round - 1) * half + 1..round * half {
                claim(&mut names, msn, &format!("a{msn}.ts"));
            }
            let (msn, expected) = (round * half, format!("slate-{}.ts", round * half));
            assert_eq!(claim(&mut names, msn, "slate.ts"), expected);
        }
        let mut given = Given::open(dir.path().join("names"), "sink").unwrap();
        given.note(names.fresh()).unwrap();
        let given = Given::open(dir.path().join("names"), "sink").unwrap();
        let mut names = Names::default();
        names.remember(&given);
        assert_eq!(claim(&mut names, 900_000, "slate.ts"), "slate-900000.ts");
        assert_eq!(claim(&mut names, 0, "slate.ts"), "slate.ts", "its own");
    }

    #[test]
    fn a_section_and_a_segment_never_share_a_name() {
        let mut names = Names::default();
        let list = Beneath::found("v0/index.m3u8").unwrap();
        let v0 = "v0/index.m3u8".parse().unwrap();
        let path = Beneath::found("v0/a.mp4").unwrap();
        assert_eq!(names.claim_section(&path), Ok(()));
        assert_eq!(names.claim_section(&path), Ok(()), "another rendition's");
        let segment = names.claim(&v0, &list, 7, "a.mp4").unwrap();
        assert_eq!(segment.uri, "a-7.mp4");
        assert_eq!(names.claim_section(&segment.path), Err(NameError::Taken));
    }

    #[test]
    fn ranges_iframes_and_later_runs_have_their_number_in_their_names() {
        let at = Beneath::found("v0/index.m3u8").unwrap();
        let range = "#EXT-X-BYTERANGE:9@0\n";
        let frames = "#EXT-X-I-FRAMES-ONLY\n";
        for (head, tag, is_later, expected) in [
            ("", "", false, "a.ts"),
            ("", "", true, "a-7.ts"),
            ("", range, false, "a-7.ts"),
            ("", range, true, "a-7.ts"),
            (frames, range, false, "a-iframe-7.ts"),
            (frames, "", false, "a-iframe-7.ts"),
        ] {
            let list = list(&format!("{head}{tag}#EXTINF:4,\na.ts\n"));
            let segment = &list.segments()[0];
            let uri = wished(&list, segment, is_later);
            assert_eq!(uri, expected, "{head}{tag}");
            let path = at.resolve_segment(&uri).unwrap();
            assert!(
                is_name_of(&path, &at, list.is_iframes(), segment),
                "{expected}"
            );
            let other = at.resolve_segment("a-8.ts").unwrap();
            assert!(
                !is_name_of(&other, &at, list.is_iframes(), segment),
                "{expected}"
            );
        }
    }

    fn list(body: &str) -> MediaPlaylist {
        let head = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n";
        match crate::playlist::Playlist::parse(&format!("{head}{body}")) {
            Ok(crate::playlist::Playlist::Media(list)) => list,
            other => panic!("{other:?}"),
        }
    }
}
