//! Who has which name in the sink, so that no published file is ever written again.
//!
//! A packager may use a file for several segments: by wrapping its numbers, or by listing a
//! slate twice. The first segment keeps the file's name, later ones get their number in it.
//! Must not know: playlists, file contents.

use std::collections::{HashMap, VecDeque};

use super::path::{Beneath, PathError, numbered};
use crate::domain::Rendition;

/// The names of segments in the sink.
#[derive(Default)]
pub(super) struct Names {
    owners: HashMap<Beneath, Owner>,
    /// Names that are listed no more, oldest first: kept for a while, since caches still have
    /// the bytes.
    left: VecDeque<Beneath>,
}

struct Owner {
    rendition: Rendition,
    msn: u64,
    in_use: bool,
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
    /// Another rendition publishes under that name.
    #[error("{0} publishes it too; let each rendition have files of its own")]
    Shared(Rendition),
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
            match self.owners.get(&path) {
                Some(owner) if owner.rendition != *rendition => {
                    return Err(NameError::Shared(owner.rendition.clone()));
                }
                Some(owner) if owner.msn != msn => {}
                _ => {
                    self.take(rendition, msn, &path);
                    return Ok(Name { path, uri });
                }
            }
        }
        Err(NameError::Taken)
    }

    /// Takes note that `path` holds a segment already.
    pub(super) fn take(&mut self, rendition: &Rendition, msn: u64, path: &Beneath) {
        let owner = Owner {
            rendition: rendition.clone(),
            msn,
            in_use: true,
        };
        self.owners.insert(path.clone(), owner);
    }

    /// Takes note that no playlist lists `path` any more.
    pub(super) fn leave(&mut self, path: &Beneath) {
        let Some(owner) = self.owners.get_mut(path) else {
            return;
        };
        owner.in_use = false;
        self.left.push_back(path.clone());
        if self.left.len() > MAX_LEFT
            && let Some(oldest) = self.left.pop_front()
            && !self.in_use(&oldest)
        {
            self.owners.remove(&oldest);
        }
    }

    /// Whether `path` is listed, or written to be listed.
    pub(super) fn in_use(&self, path: &Beneath) -> bool {
        self.owners.get(path).is_some_and(|owner| owner.in_use)
    }
}

/// Whether `path` is a name that the segment `msn`, called `uri` by the playlist at `list`, can
/// have been given.
pub(super) fn is_name_of(path: &Beneath, list: &Beneath, msn: u64, uri: &str) -> bool {
    let tries = std::iter::successors(Some(uri.to_owned()), |uri| Some(numbered(uri, msn)));
    tries
        .take(TRIES)
        .any(|uri| list.resolve_segment(&uri).as_ref() == Ok(path))
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
        assert!(is_name_of(&again.path, &list, 9, "a.ts"));
        assert!(!is_name_of(&again.path, &list, 8, "a.ts"));
        let shared = names.claim(&v1, &list, 1, "a.ts");
        assert_eq!(shared, Err(NameError::Shared(v0)));
    }
}
