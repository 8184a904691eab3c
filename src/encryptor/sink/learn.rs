//! Finds out what lies in another place: by its playlists, by an earlier run's note, and by asking
//! for each file that either speaks of.
//!
//! Must not know: what is done about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::mirror::Mirror;
use super::published::{ListedFile, Mark, Published, PublishedList, sections_in, segments_in};
use super::remote::Fault;
use crate::api::{RenditionProgress, Text};
use crate::encryptor::path::Beneath;
use crate::encryptor::periods::periods_of;
use crate::encryptor::restore::{Foreign, restore};
use crate::playlist::Playlist;

/// A media playlist as it lies there.
pub(super) struct Shown {
    /// Its text.
    pub(super) text: Arc<str>,
    /// The files that it lists; of some it cannot be told which content they have.
    pub(super) files: BTreeMap<Beneath, Mark>,
}

/// The content of a file is not known.
const ANY: Mark = [0; 8];
/// Files that are asked for at a time.
const AT_ONCE: usize = 16;

impl Shown {
    /// One that was just put there.
    pub(super) fn of(list: &PublishedList) -> Self {
        let files = list.files.iter();
        Self {
            text: list.text.clone(),
            files: files.map(|file| (file.path.clone(), file.mark)).collect(),
        }
    }

    /// Whether it lists another file under the same name.
    pub(super) fn differs(&self, file: &ListedFile) -> bool {
        let listed = self.files.get(&file.path);
        listed.is_some_and(|mark| *mark != file.mark && *mark != ANY)
    }

    fn found(at: &Beneath, text: &str) -> Self {
        let list = Playlist::media(text);
        let segments = list.iter().flat_map(|list| segments_in(at, list));
        let sections = list.iter().flat_map(|list| sections_in(at, list));
        let sections = sections.map(|path| (path, ANY));
        Self {
            text: text.into(),
            files: sections
                .chain(segments.map(|file| (file.path, file.mark)))
                .collect(),
        }
    }
}

impl Mirror {
    /// Looks at each playlist of `published` that was not looked at yet, and at what it lists.
    pub(super) async fn learn(&mut self, published: &Published) -> Result<(), Fault> {
        for (at, list) in &published.media {
            if self.learnt.contains(at) {
                continue;
            }
            self.look(at).await?;
            self.check(list).await?;
            self.learnt.insert(at.clone());
        }
        // A rendition that is published no more may lie there still, with its files.
        let noted = self.listed.keys().filter_map(|at| Beneath::found(at));
        let noted: Vec<Beneath> = noted.filter(|at| !self.learnt.contains(at)).collect();
        for at in noted {
            self.look(&at).await?;
            self.learnt.insert(at);
        }
        Ok(())
    }

    async fn look(&mut self, at: &Beneath) -> Result<(), Fault> {
        match self.remote.text(at).await? {
            Some(text) => self.found(at, text)?,
            None => {
                self.shown.remove(at);
                self.listed.remove(at.as_str());
            }
        }
        Ok(())
    }

    /// One that this program did not write is nobody's to replace, nor are the files that it lists to
    /// be deleted.
    fn found(&mut self, at: &Beneath, text: String) -> Result<(), Fault> {
        let shown = Shown::found(at, &text);
        let listing = listing_of(at, text).map_err(|foreign| Fault::Foreign {
            path: at.to_string(),
            why: foreign.to_string(),
        })?;
        let told = shown.files.iter().filter(|(_, mark)| **mark != ANY);
        self.known
            .extend(told.map(|(path, mark)| (path.clone(), *mark)));
        self.shown.insert(at.clone(), shown);
        if let Some(listing) = listing {
            self.listed.insert(at.as_str().to_owned(), listing);
        }
        Ok(())
    }

    /// Wants every file of the list that is said to be there to have its length.
    async fn check(&mut self, list: &PublishedList) -> Result<(), Fault> {
        let said = list.files.iter();
        let said = said.filter(|file| self.known.get(&file.path) == Some(&file.mark));
        let said: Vec<(Beneath, u64)> = said.map(|file| (file.path.clone(), file.len())).collect();
        let one = |(path, expected): (Beneath, u64)| {
            let remote = self.remote.clone();
            async move {
                match remote.length(&path).await {
                    Ok(length) => Ok((length != Some(expected)).then_some(path)),
                    Err(Fault::Refused { .. }) => Ok(Some(path)), // sent again
                    Err(fault) => Err(fault),
                }
            }
        };
        let asked = stream::iter(said).map(one).buffer_unordered(AT_ONCE);
        let asked: Vec<Result<Option<Beneath>, Fault>> = asked.collect().await;
        for missing in asked {
            if let Some(path) = missing? {
                self.known.remove(&path);
            }
        }
        Ok(())
    }
}

/// What a playlist of ours lists, for the server.
fn listing_of(at: &Beneath, text: String) -> Result<Option<RenditionProgress>, Foreign> {
    let is_pinned = text.contains("#EXT-X-PLAYLIST-TYPE:");
    let restored = restore(at, text)?;
    let last = restored.done.values().next_back();
    let listing = |rendition| RenditionProgress {
        rendition: Text(rendition),
        last_time: last.and_then(|done| done.time).map(Text),
        duration_ms: u64::try_from(restored.listed.longest.as_millis()).unwrap_or(u64::MAX),
        kept: restored.listed.ended || is_pinned,
        iframes: restored.listed.is_iframes(),
        periods: periods_of(restored.done.iter()),
    };
    Ok(at.as_str().parse().ok().map(listing))
}
