//! What lies in another place, and bringing it to what is published: files first, then the
//! playlists that list them, then multivariant ones; deletions the other way (invariant 3).
//!
//! Must not know: when to try again, who is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::learn::Shown;
use super::note::{Note, NoteFile};
use super::published::{ListedFile, Mark, Outgoing, Parcel, Published, PublishedList, parcel_of};
use super::remote::{Fault, Remote};
use super::tenure::{Hold, Tenure};
use crate::api::RenditionProgress;
use crate::domain::Clock;
use crate::encryptor::path::Beneath;
use crate::encryptor::periods::add;

/// A copy of what is published.
pub(super) struct Mirror {
    pub(super) remote: Arc<Remote>,
    pub(super) outgoing: Outgoing,
    pub(super) tenure: Option<Arc<Tenure>>,
    pub(super) clock: Arc<dyn Clock>,
    /// Files that are there, and their contents.
    pub(super) known: BTreeMap<Beneath, Mark>,
    /// Media playlists that are there.
    pub(super) shown: BTreeMap<Beneath, Shown>,
    /// Multivariant playlists that this run put there.
    pub(super) multivariants: BTreeMap<Beneath, Arc<str>>,
    /// Playlists that were looked at.
    pub(super) learnt: BTreeSet<Beneath>,
    /// What the playlists there may list, by their paths.
    pub(super) listed: BTreeMap<String, RenditionProgress>,
    /// The same, and what they are about to list, for who asks.
    pub(super) listing: watch::Sender<Vec<RenditionProgress>>,
    /// The tenure in which all this was found out.
    pub(super) term: u64,
    /// Files that no playlist lists any more, and when they may go by the steady clock.
    leaving: BTreeMap<Beneath, Duration>,
    token: String,
    file: NoteFile,
    /// Since when there is more to note.
    unnoted: Option<Duration>,
    /// How many files there were when the note was written.
    noted: usize,
}

/// Writes to a place as long as nobody else may: nothing is begun, or goes on, after that.
#[derive(Clone)]
struct Hand {
    remote: Arc<Remote>,
    tenure: Option<Arc<Tenure>>,
    term: u64,
}

/// How far a sink is behind what is published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Behind {
    /// Segments that are still to be sent.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How much of the rendition that lacks most viewers there do not see yet, in milliseconds.
    pub lag_ms: u64,
}

/// Files that are sent at a time.
const AT_ONCE: usize = 6;
/// The note is at most this old; a key is noted before it is listed…
const NOTE: Duration = Duration::from_secs(5);
/// … and it lacks at most so many files, and an eighth of all.
const NEW: usize = 32;

impl Mirror {
    /// A mirror at `remote` that goes on from what an earlier run noted.
    pub(super) fn new(
        (remote, tenure): (Arc<Remote>, Option<Arc<Tenure>>),
        outgoing: Outgoing,
        (file, note): (NoteFile, Note),
        clock: Arc<dyn Clock>,
    ) -> Self {
        let known = note.files.into_iter();
        let known = known.filter_map(|(path, mark)| Some((Beneath::found(&path)?, mark)));
        let listed = note.listings.iter();
        let listed = listed.map(|one| (one.rendition.0.as_str().to_owned(), one.clone()));
        Self {
            remote,
            outgoing,
            tenure,
            clock,
            known: known.collect(),
            shown: BTreeMap::new(),
            multivariants: BTreeMap::new(),
            learnt: BTreeSet::new(),
            listed: listed.collect(),
            listing: watch::Sender::new(note.listings),
            term: 0,
            leaving: BTreeMap::new(),
            token: note.token,
            file,
            unnoted: None,
            noted: 0,
        }
    }

    /// Does all that there is to do for `published`.
    pub(super) async fn follow(&mut self, published: &Published) -> Result<(), Fault> {
        self.forget_other_terms();
        self.may_write()?;
        self.learn(published).await?;
        self.expect(published)?;
        self.unlist_rewritten(published).await?;
        let sent = self.send_files(published).await;
        let swapped = self.swap(published).await;
        sent.and(swapped)?;
        self.swap_multivariants(published).await?;
        self.clean(published).await?;
        self.remember()
    }

    /// Whether viewers there see what is published.
    pub(super) fn is_level(&self, published: &Published) -> bool {
        let mut media = published.media.iter();
        let mut multivariants = published.multivariants.iter();
        media.all(|(at, list)| self.shows(at, list))
            && multivariants.all(|(at, text)| self.multivariants.get(at) == Some(text))
    }

    /// How far it is behind.
    pub(super) fn behind(&self, published: &Published) -> Behind {
        let mut behind = Behind::default();
        for (at, list) in &published.media {
            for file in list.files.iter().filter(|file| !self.has(file)) {
                behind.segments += 1;
                behind.bytes += file.len();
            }
            let shown = self.shown.get(at).map(|shown| &shown.files);
            let unseen = |file: &&ListedFile| {
                shown.is_none_or(|shown| shown.get(&file.path) != Some(&file.mark))
            };
            let unseen = list.files.iter().filter(unseen);
            let lag: Duration = unseen.map(|file| file.duration).sum();
            let lag = u64::try_from(lag.as_millis()).unwrap_or(u64::MAX);
            behind.lag_ms = behind.lag_ms.max(lag);
        }
        behind
    }

    /// After an outage it is looked again at what is there.
    pub(super) fn doubt(&mut self) {
        self.learnt.clear();
        self.multivariants.clear();
    }

    fn has(&self, file: &ListedFile) -> bool {
        self.known.get(&file.path) == Some(&file.mark)
    }

    fn shows(&self, at: &Beneath, list: &PublishedList) -> bool {
        let shown = self.shown.get(at);
        shown.is_some_and(|shown| shown.text == list.text)
    }

    /// Whether something may be written.
    fn may_write(&self) -> Result<(), Fault> {
        match &self.tenure {
            Some(tenure) => tenure.left_of(self.term).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Who writes there in the tenure in which all this was found out.
    fn hand(&self) -> Hand {
        Hand {
            remote: self.remote.clone(),
            tenure: self.tenure.clone(),
            term: self.term,
        }
    }

    /// Another encryptor may have written there between two tenures.
    fn forget_other_terms(&mut self) {
        let hold = self.tenure.as_ref().map(|tenure| tenure.hold());
        let Some(Hold::Held { term, .. }) = hold.map(|hold| hold.borrow().clone()) else {
            return;
        };
        if self.term != 0 && self.term != term {
            self.known.clear();
            self.shown.clear();
            self.multivariants.clear();
            self.learnt.clear();
            self.leaving.clear();
        }
        self.term = term;
    }

    /// Tells what may be listed from now on: the keys stay at least as long. A key is noted before
    /// a playlist there names it.
    fn expect(&mut self, published: &Published) -> Result<(), Fault> {
        let mut all = self.listed.clone();
        for list in published.media.values() {
            let name = list.at.as_str().to_owned();
            match all.get_mut(&name) {
                Some(one) => add(one, &list.progress),
                None => drop(all.insert(name, list.progress.clone())),
            }
        }
        let all: Vec<RenditionProgress> = all.into_values().collect();
        self.listing.send_replace(all.clone());
        match self.file.covers(&all) {
            true => Ok(()),
            false => self.write_note(all),
        }
    }

    /// Takes playlists away that list a name whose file is to be another one.
    async fn unlist_rewritten(&mut self, published: &Published) -> Result<(), Fault> {
        let files = published.media.values().flat_map(|list| &list.files);
        let missing: Vec<&ListedFile> = files.filter(|file| !self.has(file)).collect();
        let lists = |shown: &Shown| missing.iter().any(|file| shown.differs(file));
        let wrong = self.shown.iter().filter(|(_, shown)| lists(shown));
        let wrong: Vec<Beneath> = wrong.map(|(at, _)| at.clone()).collect();
        for at in wrong {
            self.hand().delete(&at).await?;
            self.shown.remove(&at);
        }
        Ok(())
    }

    async fn send_files(&mut self, published: &Published) -> Result<(), Fault> {
        let files = published.media.values().flat_map(|list| &list.files);
        let missing: Vec<ListedFile> = files.filter(|file| !self.has(file)).cloned().collect();
        let ends = (self.hand(), self.outgoing.clone());
        let one = |file: ListedFile| {
            let (hand, outgoing) = ends.clone();
            async move {
                let sent = send(&hand, outgoing, &file).await?;
                Ok::<_, Fault>(sent.then_some((file.path, file.mark)))
            }
        };
        let mut sending = stream::iter(missing).map(one).buffer_unordered(AT_ONCE);
        while let Some(sent) = sending.next().await {
            if let Some((path, mark)) = sent? {
                self.known.insert(path, mark);
                self.unnoted.get_or_insert(self.clock.steady());
                self.remember()?;
            }
        }
        Ok(())
    }

    /// Swaps each media playlist all of whose files are there.
    async fn swap(&mut self, published: &Published) -> Result<(), Fault> {
        let lists = published.media.values();
        let due = lists.filter(|list| !self.shows(&list.at, list));
        let due = due.filter(|list| list.files.iter().all(|file| self.has(file)));
        let due: Vec<Arc<PublishedList>> = due.cloned().collect();
        let one = |list: Arc<PublishedList>| {
            let hand = self.hand();
            async move {
                let put = hand.put(list.parcel()).await;
                (list, put)
            }
        };
        let swapped = stream::iter(due).map(one).buffer_unordered(AT_ONCE);
        let swapped: Vec<_> = swapped.collect().await;
        let mut failed = Ok(());
        for (list, put) in swapped {
            self.note_swapped(&list, put.is_ok());
            failed = failed.and(put);
        }
        failed
    }

    /// A playlist that may have been swapped lists the old and the new.
    fn note_swapped(&mut self, list: &PublishedList, is_certain: bool) {
        self.unnoted.get_or_insert(self.clock.steady());
        let name = list.at.as_str().to_owned();
        match (is_certain, self.listed.get_mut(&name)) {
            (false, Some(one)) => add(one, &list.progress),
            _ => drop(self.listed.insert(name, list.progress.clone())),
        }
        match is_certain {
            true => drop(self.shown.insert(list.at.clone(), Shown::of(list))),
            false => drop(self.learnt.remove(&list.at)),
        }
        let all = self.listed.values().cloned().collect();
        self.listing.send_replace(all);
    }

    async fn swap_multivariants(&mut self, published: &Published) -> Result<(), Fault> {
        let mut media = published.media.keys();
        if !media.all(|at| self.shown.contains_key(at)) {
            return Ok(()); // each names playlists that are there
        }
        for (at, text) in &published.multivariants {
            if self.multivariants.get(at) != Some(text) {
                self.hand().put(parcel_of(at, text)).await?;
                self.multivariants.insert(at.clone(), text.clone());
            }
        }
        Ok(())
    }

    /// Deletes what no playlist there lists, once no player can want it and the directory has let
    /// it go.
    async fn clean(&mut self, published: &Published) -> Result<(), Fault> {
        if published.media.is_empty() {
            return Ok(()); // how long segments stay is not known yet
        }
        let now = self.clock.steady();
        let stays = published.media.values().map(|list| list.stays).max();
        let gone = now + stays.unwrap_or_default();
        let shown = self.shown.values().flat_map(|shown| shown.files.keys());
        let wanted = published.media.values().flat_map(|list| &list.files);
        let used: BTreeSet<&Beneath> = shown.chain(wanted.map(|file| &file.path)).collect();
        self.leaving.retain(|path, _| !used.contains(path));
        for path in self.known.keys().filter(|path| !used.contains(path)) {
            if !self.leaving.contains_key(path) {
                self.leaving.insert(path.clone(), gone);
            }
        }
        let due = self.leaving.iter().filter(|(_, at)| **at <= now);
        let due: Vec<Beneath> = due.map(|(path, _)| path.clone()).collect();
        for path in due.into_iter().filter(|path| !self.outgoing.has(path)) {
            self.hand().delete(&path).await?;
            self.leaving.remove(&path);
            self.known.remove(&path);
            self.unnoted.get_or_insert(now);
        }
        Ok(())
    }

    fn remember(&mut self) -> Result<(), Fault> {
        let now = self.clock.steady();
        match self.unnoted {
            Some(since) if now.saturating_sub(since) >= NOTE || self.many_are_new() => {
                let listings = self.listing.borrow().clone();
                self.write_note(listings)
            }
            _ => Ok(()),
        }
    }

    /// What a restart would send again. A long note is written seldom.
    fn many_are_new(&self) -> bool {
        self.known.len() > self.noted + self.noted / 8 + NEW
    }

    fn write_note(&mut self, listings: Vec<RenditionProgress>) -> Result<(), Fault> {
        let files = self.known.iter();
        let note = Note {
            token: self.token.clone(),
            files: files
                .map(|(path, mark)| (path.to_string(), *mark))
                .collect(),
            listings,
        };
        (self.unnoted, self.noted) = (None, self.known.len());
        let written = self.file.write(&note);
        written.map_err(|error| Fault::Local(format!("the state folder: {error}")))
    }
}

impl Hand {
    async fn put(&self, parcel: Parcel) -> Result<(), Fault> {
        self.within(self.remote.put(parcel)).await
    }

    async fn delete(&self, path: &Beneath) -> Result<(), Fault> {
        self.within(self.remote.delete(path)).await
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        match &self.tenure {
            Some(tenure) => tenure.within(self.term, work).await,
            None => work.await,
        }
    }
}

/// Sends a file; `false` if the directory has it no more.
async fn send(hand: &Hand, outgoing: Outgoing, file: &ListedFile) -> Result<bool, Fault> {
    let listed = file.clone();
    let read = spawn_blocking(move || outgoing.read(&listed)).await;
    let local = |error: &dyn std::error::Error| Fault::Local(error.to_string());
    let read = read.map_err(|error| local(&error))?;
    let Some(parcel) = read.map_err(|error| local(&error))? else {
        return Ok(false);
    };
    hand.put(parcel).await?;
    Ok(true)
}
