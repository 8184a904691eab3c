//! One media playlist of the source, look by look: its new segments into the spool, then itself.
//!
//! Must not know: when the next look is.

mod wanted;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use reqwest::Url;
use tokio::sync::watch;

use super::fault::PullError;
use super::fetch::{Missed, There, Wanted, fetch_one, write};
use super::local::{last, localized, taken_in};
use super::names::Names;
use super::origin::{Origin, Page, Seen};
use super::partial::Parts;
use crate::encryptor::path::Beneath;
use crate::encryptor::spool::Spool;
use crate::playlist::{Definitions, MediaPlaylist, Playlist};

/// What is known of it.
pub(super) struct Rendition {
    origin: Arc<Origin>,
    spool: Arc<Spool>,
    at: Beneath,
    url: Url,
    /// What the multivariant playlist defines for it.
    definitions: watch::Receiver<Arc<Definitions>>,
    seen: Seen,
    /// Segments of the last list that were fetched, here or before, by number and file.
    taken: HashSet<(u64, Beneath)>,
    /// Those of them that no spooled list names yet.
    unlisted: HashSet<(u64, Beneath)>,
    /// What tells whether they have changed.
    fetched: HashMap<Beneath, Seen>,
    /// The number of the last that was listed.
    newest: Option<u64>,
    parts: Parts,
    /// Initialisation sections that were fetched.
    sections: HashSet<Beneath>,
    /// How often what is listed could not be fetched.
    failures: HashMap<Beneath, u32>,
    /// The list as it is spooled.
    listed: Option<String>,
    /// Whether what is spooled is still what the source has.
    is_checked: bool,
    /// It went back, and what is spooled is from before.
    is_anew: bool,
    last: Look,
    /// How many files were fetched.
    pub(super) count: u64,
}

/// What a look brought.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Look {
    /// Whether the list was another than before.
    pub(super) has_changed: bool,
    /// Whether it begins anew, as far as its numbers show.
    pub(super) went_back: bool,
    /// The longest segment, or part where there are any.
    pub(super) target: Duration,
    /// Whether there is no more to come.
    pub(super) has_ended: bool,
}

/// Files that are fetched at once.
const AT_ONCE: usize = 3;
/// Segments of a live list that are fetched before those are listed: a window of hours may be more
/// than the spool holds, and what no list names is cleared after a while.
const BATCH: usize = 6;
/// Looks at which a file must be missing before the list goes without it. It is tried on.
const PATIENCE: u32 = 4;
/// A finished list of more segments than this is spooled first, for all of them may be more than the
/// spool holds.
const MANY: usize = 64;
/// The longest file that is compared with what is spooled, in bytes.
const COMPARED: usize = 64 << 20;

impl Rendition {
    /// The list at `url`, which is spooled at `at`: what an earlier run left there is known.
    pub(super) fn new(
        (origin, spool): (Arc<Origin>, Arc<Spool>),
        (at, url): (Beneath, Url),
        definitions: watch::Receiver<Arc<Definitions>>,
    ) -> Self {
        let listed = spool.text(&at);
        let known = listed.as_deref().and_then(Playlist::media);
        let taken = known.as_ref().map(|list| taken_in(list, &at, &spool));
        Self {
            origin,
            spool,
            at,
            url,
            definitions,
            seen: Seen::default(),
            taken: taken.unwrap_or_default(),
            unlisted: HashSet::new(),
            fetched: HashMap::new(),
            newest: known.as_ref().and_then(last),
            parts: Parts::default(),
            sections: HashSet::new(),
            failures: HashMap::new(),
            listed,
            is_checked: false,
            is_anew: false,
            last: Look::default(),
            count: 0,
        }
    }

    /// Fetches what is new, then spools the list. The second is what is still missing of it.
    pub(super) async fn look(&mut self) -> Result<(Look, Option<PullError>), PullError> {
        if self.definitions.has_changed().unwrap_or_default() {
            self.seen = Seen::default(); // the same text may name other files
        }
        let definitions = self.definitions.borrow_and_update().clone();
        let page = self.origin.list(&self.url, &self.seen).await;
        if page.is_err() {
            self.is_checked = false; // it may be started anew while nobody sees it
        }
        let Some(page) = page? else {
            (self.last.has_changed, self.last.went_back) = (false, false);
            return Ok((self.last, None));
        };
        let list = Playlist::media_with(&page.text, &definitions);
        let list = list.ok_or(PullError::NoPlaylist("media"))?;
        self.check(&page, &list).await?;
        let newest = last(&list);
        let went_back = newest < self.newest;
        if went_back {
            // It began anew, perhaps with names that it had; or it is an old one, of which no file
            // has changed.
            self.taken.clear();
            self.parts.forget();
            self.is_anew = true;
        }
        self.newest = newest;
        self.forget_cleared();
        let wanted = self.wanted(&page, &list);
        let missed = match list.is_ended() {
            true => self.take_finished(&page, &list, wanted).await?,
            false => self.take_live(&page, &list, wanted).await?,
        };
        self.take_parts(&page, &list).await?;
        let has_changed = self.spool_list(&page, &list).await?;
        if missed.is_none() {
            self.seen = page.seen;
        }
        self.last = Look {
            has_changed,
            went_back,
            target: list.part_target().unwrap_or(list.target_duration()),
            has_ended: list.is_ended(),
        };
        Ok((self.last, missed))
    }

    /// All of a finished list.
    async fn take_finished(
        &mut self,
        page: &Page,
        list: &MediaPlaylist,
        wanted: Vec<Wanted>,
    ) -> Result<Option<PullError>, PullError> {
        if wanted.len() > MANY {
            self.spool_list(page, list).await?;
        }
        self.fetch(wanted, list).await
    }

    /// What is new of a live list, which grows by batches and never shrinks. What is missing of one
    /// batch keeps none of the later ones from being fetched.
    async fn take_live(
        &mut self,
        page: &Page,
        list: &MediaPlaylist,
        mut wanted: Vec<Wanted>,
    ) -> Result<Option<PullError>, PullError> {
        let shown = self.listed.as_deref().and_then(Playlist::media);
        let shown = shown.as_ref().and_then(last).filter(|_| !self.is_anew);
        let (mut missed, mut waits) = (None, None);
        while !wanted.is_empty() {
            let rest = wanted.split_off(BATCH.min(wanted.len()));
            match self.fetch(wanted, list).await {
                Ok(gone) => missed = gone.or(missed),
                Err(why) if why.is_answer() => waits = waits.or(Some(why)),
                Err(why) => return Err(why),
            }
            wanted = rest;
            let next = wanted.first().and_then(|it| it.msn);
            if let (Some(next), None) = (next, &waits) {
                self.grow(page, list, (shown, next)).await?;
            }
        }
        waits.map_or(Ok(missed), Err)
    }

    /// The newest parts of a live list. One that is missing is no fault.
    async fn take_parts(&mut self, page: &Page, list: &MediaPlaylist) -> Result<(), PullError> {
        let names = Names::of(&self.at, &page.url, list);
        let resolve = |uri: &str| self.origin.resolve(&page.url, uri);
        let wanted = self.parts.wanted(list, &names, resolve);
        let mut fetched = stream::iter(wanted)
            .map(|wanted| fetch_one(self.origin.clone(), self.spool.clone(), wanted))
            .buffered(AT_ONCE);
        while let Some(outcome) = fetched.next().await {
            match outcome {
                Ok(There { path, msn, .. }) => {
                    self.count += 1;
                    if let Some(msn) = msn {
                        self.parts.note(msn, path);
                    }
                }
                Err(it) if it.why.is_ours() => return Err(it.why),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Spools the list up to number `next`, if that is more than was `shown`.
    async fn grow(
        &mut self,
        page: &Page,
        list: &MediaPlaylist,
        (shown, next): (Option<u64>, u64),
    ) -> Result<(), PullError> {
        let count = list.segments().iter().position(|it| it.msn == next);
        let definitions = self.definitions.borrow().clone();
        let through = |count| Playlist::media_with(list.text_through(count), &definitions);
        let grown = count.and_then(through);
        if let Some(grown) = grown.filter(|grown| last(grown) > shown) {
            self.spool_list(page, &grown).await?;
        }
        Ok(())
    }

    /// What no list names is cleared after a while: it is fetched again.
    fn forget_cleared(&mut self) {
        let spool = &self.spool;
        let cleared = self
            .unlisted
            .extract_if(|(_, path)| spool.stamp(path).is_none());
        for key in cleared {
            self.taken.remove(&key);
            self.fetched.remove(&key.1);
        }
    }

    /// After a start: the newest segment that is spooled and listed must be the one that the source has.
    /// A source that was started anew may use its names and numbers again. What it lists and does not
    /// have is another's, too; where it does not tell, nothing is taken for another.
    async fn check(&mut self, page: &Page, list: &MediaPlaylist) -> Result<(), PullError> {
        if self.is_checked {
            return Ok(());
        }
        let names = Names::of(&self.at, &page.url, list);
        let known = list.segments().iter().rev().find_map(|segment| {
            let path = names.file(&segment.uri, Some(segment.msn))?.path;
            let is_known = self.taken.contains(&(segment.msn, path.clone()));
            (is_known && self.spool.stamp(&path).is_some()).then_some((segment, path))
        });
        if let Some((segment, path)) = known {
            let url = self.origin.resolve(&page.url, &segment.uri)?;
            let is_same = match self.origin.bytes(&url, COMPARED).await {
                Ok(bytes) => self.spool.has(&path, &bytes),
                Err(PullError::Status(404 | 410)) => false,
                Err(PullError::Status(400..500) | PullError::TooLong) => true,
                Err(error) => return Err(error),
            };
            if !is_same {
                self.taken.clear();
                self.parts.forget();
            }
        }
        self.is_checked = true;
        Ok(())
    }

    /// Fetches files in their order. An error if one is missing that the list still waits for, else
    /// what it goes without.
    async fn fetch(
        &mut self,
        wanted: Vec<Wanted>,
        list: &MediaPlaylist,
    ) -> Result<Option<PullError>, PullError> {
        let mut fetched = stream::iter(wanted)
            .map(|wanted| fetch_one(self.origin.clone(), self.spool.clone(), wanted))
            .buffered(AT_ONCE);
        let (mut there, mut missed) = (Vec::new(), Vec::new());
        while let Some(outcome) = fetched.next().await {
            match outcome {
                Ok(it) => there.push(it),
                Err(it) if it.why.is_ours() => {
                    missed.push(it);
                    break; // the others would not be taken either
                }
                Err(it) => missed.push(it),
            }
        }
        drop(fetched);
        self.note(there, list);
        self.judge(missed)
    }

    fn note(&mut self, there: Vec<There>, list: &MediaPlaylist) {
        for There { path, seen, msn } in there {
            self.failures.remove(&path);
            self.count += 1;
            self.fetched.extend(seen.map(|seen| (path.clone(), seen)));
            let Some(msn) = msn else {
                self.sections.insert(path);
                continue;
            };
            let segments = list.segments();
            let first = segments.iter().find(|it| it.msn == msn);
            let is_same = |uri: &str| first.is_some_and(|first| first.uri == uri);
            let same = segments.iter().filter(|it| is_same(&it.uri));
            let keys = same.map(|it| (it.msn, path.clone()));
            let new: Vec<_> = keys.filter(|key| !self.taken.contains(key)).collect();
            self.unlisted.extend(new.iter().cloned());
            self.taken.extend(new);
        }
    }

    fn judge(&mut self, missed: Vec<Missed>) -> Result<Option<PullError>, PullError> {
        let mut last = None;
        for Missed { path, why } in missed {
            let tries = self.failures.entry(path).or_insert(0);
            *tries += u32::from(!why.is_ours());
            if *tries < PATIENCE || why.is_ours() {
                return Err(why);
            }
            last = Some(why);
        }
        Ok(last)
    }

    /// Spools the list with local names, if it is another than before; says whether it was.
    async fn spool_list(&mut self, page: &Page, list: &MediaPlaylist) -> Result<bool, PullError> {
        let names = Names::of(&self.at, &page.url, list);
        let text = localized(list, &self.definitions.borrow(), &names);
        self.unlisted.clear();
        if self.listed.as_deref() == Some(&text) {
            return Ok(false);
        }
        write(&self.spool, &self.at, text.clone()).await?;
        self.listed = Some(text);
        self.is_anew = false;
        Ok(true)
    }
}
