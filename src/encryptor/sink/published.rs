//! What the engine has published, as other sinks are given it: playlists, and what they list.
//!
//! Nothing else can be sent: a [`Parcel`] is made of these alone. Must not know: where it goes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::api::RenditionProgress;
use crate::crypto::sha256;
use crate::encryptor::path::Beneath;
use crate::encryptor::root::{Root, Stamp};
use crate::playlist::{ByteRange, MediaPlaylist, Playlist, Segment};

/// What tells a segment from another of the same name: a digest of its number, key and IV.
pub(in crate::encryptor) type Mark = [u8; 8];

/// Looks at a file of the directory.
type Look<'a> = &'a dyn Fn(&Beneath) -> Option<Stamp>;

/// The content of a file is not known.
pub(in crate::encryptor) const ANY: Mark = [0; 8];

/// All that is published at one time.
#[derive(Debug, Clone, Default)]
pub(in crate::encryptor) struct Published {
    /// Counts up with every change.
    pub(in crate::encryptor) serial: u64,
    /// Media playlists.
    pub(in crate::encryptor) media: BTreeMap<Beneath, Arc<PublishedList>>,
    /// Multivariant playlists.
    pub(in crate::encryptor) multivariants: BTreeMap<Beneath, Arc<str>>,
}

/// A media playlist as it was swapped.
#[derive(Debug)]
pub(in crate::encryptor) struct PublishedList {
    /// Its path.
    pub(in crate::encryptor) at: Beneath,
    /// Its text.
    pub(in crate::encryptor) text: Arc<str>,
    /// Its form for all viewers, where there is to be one.
    pub(in crate::encryptor) shared: Option<Arc<str>>,
    /// The files that it lists, in its order.
    pub(in crate::encryptor) files: Vec<ListedFile>,
    /// What the server is told of it.
    pub(in crate::encryptor) progress: RenditionProgress,
    /// For how long a segment is kept that has left it.
    pub(in crate::encryptor) stays: Duration,
    /// The directory in which the files were looked at.
    generation: u64,
}

/// A file that a published playlist lists.
#[derive(Debug, Clone)]
pub(in crate::encryptor) struct ListedFile {
    /// Its path.
    pub(in crate::encryptor) path: Beneath,
    /// Which content it has.
    pub(in crate::encryptor) mark: Mark,
    /// How long it plays; nothing for an initialisation section.
    pub(in crate::encryptor) duration: Duration,
    /// The directory's file as it was when the playlist was swapped.
    stamp: Option<Stamp>,
}

/// A file on its way to a sink: ciphertext, or a playlist.
pub(in crate::encryptor) struct Parcel {
    /// Where it goes.
    pub(in crate::encryptor) path: Beneath,
    /// What it is.
    pub(in crate::encryptor) bytes: Vec<u8>,
}

/// The engine's directory, for reading what it published.
#[derive(Debug, Clone)]
pub(in crate::encryptor) struct Outgoing(PathBuf);

/// The longest file that is sent in one piece; a longer one goes in parts.
pub(in crate::encryptor) const LONG: u64 = 32 << 20;

impl PublishedList {
    /// The playlist at `at`, whose text is `text`. Files that `before` listed already are not
    /// looked at again.
    pub(in crate::encryptor) fn new(
        (at, text): (&Beneath, &str),
        before: Option<&Self>,
        progress: RenditionProgress,
        stays: Duration,
        (generation, stamp): (u64, Look<'_>),
    ) -> Self {
        let before = before.filter(|before| before.generation == generation);
        let known = before.map_or(&[][..], |before| &before.files);
        let known: HashMap<&Beneath, &ListedFile> =
            known.iter().map(|file| (&file.path, file)).collect();
        let list = Playlist::media(text);
        let mut files = list
            .as_ref()
            .map_or_else(Vec::new, |list| segments_in(at, list));
        for file in &mut files {
            let same = known.get(&file.path).filter(|old| old.mark == file.mark);
            file.stamp = same.and_then(|old| old.stamp).or_else(|| stamp(&file.path));
        }
        files.extend(list.iter().flat_map(|list| section_files(at, list, stamp)));
        Self {
            at: at.clone(),
            text: text.into(),
            shared: None,
            files,
            progress,
            stays,
            generation,
        }
    }

    /// Whether it says what `text` in the directory `generation` does, of every file.
    pub(in crate::encryptor) fn tells(&self, text: &str, generation: u64) -> bool {
        *self.text == *text && self.generation == generation && self.unseen() == 0
    }

    /// Whether it says something else than `known`, or of more files.
    pub(in crate::encryptor) fn is_news_to(&self, known: &Self) -> bool {
        let is_same = self.text == known.text && self.generation == known.generation;
        !is_same || self.unseen() < known.unseen()
    }

    /// Files that could not be looked at: they cannot be sent.
    pub(in crate::encryptor) fn unseen(&self) -> usize {
        let files = self.files.iter();
        files.filter(|file| file.stamp.is_none()).count()
    }

    /// The playlist for sending.
    pub(in crate::encryptor) fn parcel(&self) -> Parcel {
        parcel_of(&self.at, &self.text)
    }
}

/// A published multivariant playlist for sending.
pub(in crate::encryptor) fn parcel_of(at: &Beneath, text: &Arc<str>) -> Parcel {
    Parcel {
        path: at.clone(),
        bytes: text.as_bytes().to_vec(),
    }
}

impl ListedFile {
    /// Bytes, as far as they are known.
    pub(in crate::encryptor) fn len(&self) -> u64 {
        self.stamp.map_or(0, |stamp| stamp.len)
    }

    #[cfg(test)]
    pub(in crate::encryptor) fn unseen(path: Beneath) -> Self {
        Self {
            path,
            mark: ANY,
            duration: Duration::ZERO,
            stamp: None,
        }
    }
}

impl Outgoing {
    /// The directory at `path`.
    pub(in crate::encryptor) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// A listed file as it was when its playlist was swapped; `None` if it is that no more.
    pub(in crate::encryptor) fn read(&self, file: &ListedFile) -> io::Result<Option<Parcel>> {
        match Root::open(&self.0)?.read(&file.path, LONG) {
            Ok((bytes, stamp)) if Some(stamp) == file.stamp => Ok(Some(Parcel {
                path: file.path.clone(),
                bytes,
            })),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A part of such a file. One that is it no more is an error.
    pub(in crate::encryptor) fn part(
        &self,
        file: &ListedFile,
        from: u64,
        len: u64,
    ) -> io::Result<Vec<u8>> {
        let range = ByteRange::new(from, len).ok_or(io::ErrorKind::InvalidInput)?;
        match Root::open(&self.0)?.read_range(&file.path, range, len)? {
            (bytes, stamp) if Some(stamp) == file.stamp => Ok(bytes),
            _ => Err(io::Error::other("it is another file meanwhile")),
        }
    }

    /// Whether the directory still has a file of this name, as far as that can be said.
    pub(in crate::encryptor) fn has(&self, path: &Beneath) -> bool {
        let stamp = Root::open(&self.0).and_then(|root| root.stamp(path));
        !matches!(stamp, Ok(None))
    }

    /// Whether the directory has the listed file as it was.
    pub(in crate::encryptor) fn still_has(&self, file: &ListedFile) -> bool {
        let stamp = Root::open(&self.0).and_then(|root| root.stamp(&file.path));
        stamp.is_ok_and(|stamp| stamp.is_some() && stamp == file.stamp)
    }

    #[cfg(test)]
    pub(in crate::encryptor) fn listed(&self, path: Beneath) -> ListedFile {
        let stamp = Root::open(&self.0).unwrap().stamp(&path).unwrap();
        ListedFile {
            stamp,
            ..ListedFile::unseen(path)
        }
    }
}

/// The segments' files that the media playlist at `at` lists, gaps left out; a file of several
/// ranges is one.
pub(in crate::encryptor) fn segments_in(at: &Beneath, list: &MediaPlaylist) -> Vec<ListedFile> {
    let shown = list.segments().iter().filter(|segment| !segment.gap);
    let file = |segment: &Segment| {
        Some(ListedFile {
            path: at.resolve_segment(&segment.uri).ok()?,
            mark: mark_of(segment),
            duration: segment.duration,
            stamp: None,
        })
    };
    let mut files: Vec<ListedFile> = Vec::new();
    for next in shown.filter_map(file) {
        match files.last_mut().filter(|last| last.path == next.path) {
            Some(last) => {
                last.mark = digest(&[&last.mark, &next.mark]);
                last.duration += next.duration;
            }
            None => files.push(next),
        }
    }
    files
}

/// Their initialisation sections' files.
pub(in crate::encryptor) fn sections_in(at: &Beneath, list: &MediaPlaylist) -> BTreeSet<Beneath> {
    let maps = list
        .segments()
        .iter()
        .filter_map(|segment| segment.map.as_deref());
    maps.filter_map(|map| at.resolve_segment(&map.uri).ok())
        .collect()
}

/// The same as files: their names have a digest of their contents. One that cannot be looked at is
/// listed all the same, so that nothing that names it is shown without it.
fn section_files(
    at: &Beneath,
    list: &MediaPlaylist,
    stamp: &dyn Fn(&Beneath) -> Option<Stamp>,
) -> Vec<ListedFile> {
    let file = |path: Beneath| ListedFile {
        mark: digest(&[b"section", path.as_str().as_bytes()]),
        duration: Duration::ZERO,
        stamp: stamp(&path),
        path,
    };
    sections_in(at, list).into_iter().map(file).collect()
}

fn mark_of(segment: &Segment) -> Mark {
    let (uri, iv) = segment.key.as_ref().map_or(("", ""), |key| {
        (key.uri.as_str(), key.iv.as_deref().unwrap_or_default())
    });
    digest(&[uri.as_bytes(), iv.as_bytes(), &segment.msn.to_be_bytes()])
}

fn digest(parts: &[&[u8]]) -> Mark {
    let whole = sha256(&parts.join(&0));
    let mut mark = Mark::default();
    mark.copy_from_slice(&whole[..8]);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n\
        #EXT-X-MAP:URI=\"init-0.mp4\"\n#EXTINF:4,\na.m4s\n";

    fn published(
        before: Option<&PublishedList>,
        generation: u64,
        stamp: &dyn Fn(&Beneath) -> Option<Stamp>,
    ) -> PublishedList {
        let at = Beneath::found("v0/index.m3u8").unwrap();
        let progress = RenditionProgress {
            rendition: crate::api::Text("v0/index.m3u8".parse().unwrap()),
            last_time: None,
            duration_ms: 0,
            kept: false,
            iframes: false,
            periods: Vec::new(),
        };
        let looked = (generation, stamp);
        PublishedList::new((&at, LIST), before, progress, Duration::ZERO, looked)
    }

    #[test]
    fn a_file_that_cannot_be_looked_at_is_listed_and_looked_at_again() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("v0")).unwrap();
        for name in ["v0/init-0.mp4", "v0/a.m4s"] {
            std::fs::write(dir.path().join(name), "obviously fake").unwrap();
        }
        let root = Root::open(dir.path()).unwrap();
        let sees = |path: &Beneath| root.stamp(path).unwrap();
        let blind = published(None, 0, &|_| None);
        assert_eq!((blind.files.len(), blind.unseen()), (2, 2));
        assert!(!blind.tells(LIST, 0));
        let outgoing = Outgoing::new(dir.path().to_owned());
        for file in &blind.files {
            assert!(outgoing.read(file).unwrap().is_none(), "{}", file.path);
        }
        let next = published(Some(&blind), 0, &sees);
        assert!(next.tells(LIST, 0));
        let marks = |list: &PublishedList| list.files.iter().map(|f| f.mark).collect::<Vec<_>>();
        assert_eq!(marks(&blind), marks(&next));
        for file in &next.files {
            assert!(outgoing.read(file).unwrap().is_some(), "{}", file.path);
        }
    }

    #[test]
    fn files_of_a_lost_folder_say_nothing_of_the_next() {
        let before = published(None, 0, &|_| None);
        assert!(!before.tells(LIST, 1));
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "a").unwrap();
        let root = Root::open(dir.path()).unwrap();
        let stamp = || root.stamp(&Beneath::found("a").unwrap()).unwrap();
        let first = stamp();
        let before = published(None, 0, &|_| first);
        std::fs::write(dir.path().join("a"), "another").unwrap();
        let second = stamp();
        let same = published(Some(&before), 0, &|_| second);
        let stamps = |list: &PublishedList| list.files[0].stamp;
        assert_eq!(stamps(&same), first, "a segment of this name is as it was");
        let next = published(Some(&before), 1, &|_| second);
        assert_eq!(stamps(&next), second);
        assert!(next.tells(LIST, 1));
    }
}
