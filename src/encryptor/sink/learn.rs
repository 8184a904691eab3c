//! Finds out what lies in another place: by its playlists, by an earlier run's note, and by asking
//! for each file that either speaks of.
//!
//! Must not know: what is done about it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt as _;
use futures_util::stream;

use super::mirror::Mirror;
use super::published::{ANY, ListedFile, Mark, Published, PublishedList, sections_in, segments_in};
use super::remote::{Fault, Version};
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
    /// Tells it from the next, where the place does.
    pub(super) version: Version,
}

/// Files that are asked for at a time.
const AT_ONCE: usize = 16;
/// For so many a listing of all is shorter.
const WORTH: usize = 64;

impl Shown {
    /// One that was just put there.
    pub(super) fn of(list: &PublishedList, version: Version) -> Self {
        let files = list.files.iter();
        Self {
            text: list.text.clone(),
            files: files.map(|file| (file.path.clone(), file.mark)).collect(),
            version,
        }
    }

    /// Whether it lists another file under the same name.
    pub(super) fn differs(&self, file: &ListedFile) -> bool {
        let listed = self.files.get(&file.path);
        listed.is_some_and(|mark| *mark != file.mark && *mark != ANY)
    }

    fn found(at: &Beneath, text: &str, version: Version) -> Self {
        let list = Playlist::media(text);
        let segments = list.iter().flat_map(|list| segments_in(at, list));
        let sections = list.iter().flat_map(|list| sections_in(at, list));
        let sections = sections.map(|path| (path, ANY));
        Self {
            text: text.into(),
            files: sections
                .chain(segments.map(|file| (file.path, file.mark)))
                .collect(),
            version,
        }
    }
}

impl Mirror {
    /// Looks at each playlist of `published` that was not looked at yet, and at what it lists.
    pub(super) async fn learn(&mut self, published: &Published) -> Result<(), Fault> {
        let lists = published.media.iter();
        let new: Vec<_> = lists.filter(|(at, _)| !self.learnt.contains(*at)).collect();
        for (at, _) in &new {
            self.look(at).await?;
        }
        self.check_listed(&new).await;
        for (at, list) in new {
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
        let text = self.remote.text(at).await?;
        self.pulse.answered = self.clock.steady();
        match text {
            Some((text, version)) => self.found(at, text, version)?,
            None => {
                self.shown.remove(at);
                self.listed.remove(at.as_str());
            }
        }
        Ok(())
    }

    /// One that this program did not write is nobody's to replace, nor are the files that it lists to
    /// be deleted.
    fn found(&mut self, at: &Beneath, text: String, version: Version) -> Result<(), Fault> {
        let shown = Shown::found(at, &text, version);
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

    /// Wants every file of the list that is said to be there to have its length. What was asked for
    /// is not asked for again, whatever became of the others.
    async fn check(&mut self, list: &PublishedList) -> Result<(), Fault> {
        let said = self.said(list);
        let is_over = AtomicBool::new(false);
        let next = said.into_iter();
        let next = next.take_while(|_| !is_over.load(Ordering::Relaxed));
        let one = |(path, expected): (Beneath, u64)| {
            let remote = self.remote.clone();
            async move {
                let length = remote.length(&path).await;
                (path, length.map(|length| length == Some(expected)))
            }
        };
        let mut asked = stream::iter(next).map(one).buffer_unordered(AT_ONCE);
        let mut answers = Vec::new();
        while let Some(answer) = asked.next().await {
            is_over.fetch_or(answer.1.is_err(), Ordering::Relaxed);
            answers.push(answer);
        }
        drop(asked);
        self.take_answers(answers)
    }

    /// Files that are said to be there, and were not asked for, with their lengths.
    fn said(&self, list: &PublishedList) -> Vec<(Beneath, u64)> {
        let said = list.files.iter();
        let said = said.filter(|file| self.known.get(&file.path) == Some(&file.mark));
        let said = said.filter(|file| !self.verified.contains(&file.path));
        said.map(|file| (file.path.clone(), file.len())).collect()
    }

    /// The same for all lists at once where a place can tell what it has, and it is worth it.
    async fn check_listed(&mut self, lists: &[(&Beneath, &Arc<PublishedList>)]) {
        let said: Vec<_> = lists.iter().flat_map(|(_, list)| self.said(list)).collect();
        if said.len() < WORTH {
            return;
        }
        let Some(there) = self.remote.lengths().await else {
            return; // each is asked for
        };
        let answers = said.into_iter().map(|(path, expected)| {
            let is_there = there.get(path.as_str()) == Some(&expected);
            (path, Ok(is_there))
        });
        let _ = self.take_answers(answers.collect());
    }

    fn take_answers(&mut self, answers: Vec<(Beneath, Result<bool, Fault>)>) -> Result<(), Fault> {
        let mut done = Ok(());
        for (path, answer) in answers {
            match answer {
                Ok(true) => drop(self.verified.insert(path)),
                Ok(false) => drop(self.known.remove(&path)), // sent again
                Err(fault) => {
                    done = done.and(Err(fault));
                    continue;
                }
            }
            self.pulse.answered = self.clock.steady();
        }
        done
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
