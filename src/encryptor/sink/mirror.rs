//! What lies in another place, and bringing it to what is published: files first, then the
//! playlists that list them, then multivariant ones; deletions the other way (invariant 3).
//!
//! Must not know: when to try again, who is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

use super::hand::{Hand, Pulse, room};
use super::hindered::{Hindered, worse};
use super::learn::Shown;
use super::note::{Note, NoteFile};
use super::published::{ANY, ListedFile, Mark, Outgoing, Published, PublishedList, parcel_of};
use super::remember::Memory;
use super::remote::{Fault, Remote, Version};
use super::tenure::{Hold, Tenure};
use crate::api::RenditionProgress;
use crate::crash;
use crate::domain::Clock;
use crate::encryptor::path::Beneath;
use crate::encryptor::periods::add;
use crate::encryptor::sharing::Sharing;

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
    /// Forms for all viewers that this run put there, by the playlists that they are of.
    pub(super) shared: BTreeMap<Beneath, Arc<str>>,
    /// Multivariant playlists that this run put there.
    pub(super) multivariants: BTreeMap<Beneath, Arc<str>>,
    /// Playlists that were looked at.
    pub(super) learnt: BTreeSet<Beneath>,
    /// Files that were asked for since, or sent.
    pub(super) verified: BTreeSet<Beneath>,
    /// What the playlists there may list, by their paths.
    pub(super) listed: BTreeMap<String, RenditionProgress>,
    /// The same, and what they are about to list, for who asks.
    pub(super) listing: watch::Sender<Vec<RenditionProgress>>,
    /// The tenure in which all this was found out.
    pub(super) term: u64,
    /// Files that no playlist lists any more, and when they may go by the steady clock.
    pub(super) leaving: BTreeMap<Beneath, Duration>,
    hindered: Hindered,
    room: Arc<Semaphore>,
    pub(super) pulse: Pulse,
    pub(super) memory: Memory,
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
/// Who refuses so many in a row is not asked for the rest at once.
const MANY: usize = 16;

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
            shared: BTreeMap::new(),
            multivariants: BTreeMap::new(),
            learnt: BTreeSet::new(),
            verified: BTreeSet::new(),
            listed: listed.collect(),
            listing: watch::Sender::new(note.listings),
            term: 0,
            leaving: BTreeMap::new(),
            hindered: Hindered::default(),
            room: room(),
            pulse: Pulse::default(),
            memory: Memory::new(file, note.token),
        }
    }

    /// Waits until it is known who may write there, or why it is not.
    pub(super) async fn is_known(&self) {
        if let Some(tenure) = &self.tenure {
            tenure.is_known().await;
        }
    }

    /// Does all that there is to do for `published`.
    pub(super) async fn follow(&mut self, published: &Published) -> Result<(), Fault> {
        self.forget_other_terms();
        self.may_write()?;
        self.learn(published).await?;
        self.expect(published).await?;
        self.unlist_rewritten(published).await?;
        // What is refused holds up nothing else.
        let mut done = self.send_files(published).await;
        done = worse(done, self.swap(published).await);
        if done.as_ref().is_err_and(Fault::is_of_place) {
            return done;
        }
        done = worse(done, self.swap_multivariants(published).await);
        done = worse(done, self.clean(published).await);
        worse(done, self.remember().await)
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
        self.verified.clear();
        self.shared.clear();
        self.multivariants.clear();
    }

    fn has(&self, file: &ListedFile) -> bool {
        self.known.get(&file.path) == Some(&file.mark)
    }

    fn shows(&self, at: &Beneath, list: &PublishedList) -> bool {
        let shown = self.shown.get(at);
        let has_form = list.shared.is_none() || self.shared.get(at) == list.shared.as_ref();
        has_form && shown.is_some_and(|shown| shown.text == list.text)
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
            room: self.room.clone(),
        }
    }

    /// Another encryptor may have written there between two tenures.
    fn forget_other_terms(&mut self) {
        let hold = self.tenure.as_ref().map(|tenure| tenure.hold());
        let Some(Hold::Held { term, .. }) = hold.map(|hold| hold.borrow().clone()) else {
            return;
        };
        if self.term != 0 && self.term != term {
            // what is there still is to be deleted one day
            self.known.values_mut().for_each(|mark| *mark = ANY);
            self.shown.clear();
            self.shared.clear();
            self.multivariants.clear();
            self.learnt.clear();
            self.verified.clear();
            self.leaving.clear();
        }
        self.term = term;
    }

    /// Takes playlists away that list a name whose file is to be another one.
    async fn unlist_rewritten(&mut self, published: &Published) -> Result<(), Fault> {
        let files = published.media.values().flat_map(|list| &list.files);
        let missing: Vec<&ListedFile> = files.filter(|file| !self.has(file)).collect();
        let lists = |shown: &Shown| missing.iter().any(|file| shown.differs(file));
        let wrong = self.shown.iter().filter(|(_, shown)| lists(shown));
        let wrong: Vec<Beneath> = wrong.map(|(at, _)| at.clone()).collect();
        for at in wrong {
            if self.shared.remove(&at).is_some()
                && let Some(form) = Sharing::path(&at)
            {
                self.hand().delete(&form).await?;
            }
            self.hand().delete(&at).await?;
            self.shown.remove(&at);
        }
        Ok(())
    }

    /// Sends what is missing. One that is refused holds up no other; a place that is away, all.
    async fn send_files(&mut self, published: &Published) -> Result<(), Fault> {
        let files = published.media.values().flat_map(|list| &list.files);
        let missing: Vec<ListedFile> = files.filter(|file| !self.has(file)).cloned().collect();
        let (due, mut done) = self.hindered.due(missing, self.clock.steady());
        let (mut next, mut refused) = (due.into_iter(), 0);
        let mut sending = FuturesUnordered::new();
        loop {
            let is_over = refused >= MANY || done.as_ref().is_err_and(Fault::is_of_place);
            while sending.len() < AT_ONCE && !is_over {
                let Some(file) = next.next() else { break };
                self.note_begun(&file).await?;
                sending.push(self.hand().send(self.outgoing.clone(), file));
            }
            let Some((file, sent)) = sending.next().await else {
                return done;
            };
            crash::point("replica.sent");
            let noted = match sent {
                Ok(true) => {
                    refused = 0;
                    self.note_sent(file).await
                }
                Ok(false) => Ok(()),
                Err(fault) => {
                    refused += 1;
                    let now = self.clock.steady();
                    self.hindered.add(file.path, &fault, now);
                    Err(fault)
                }
            };
            done = worse(done, noted);
        }
    }

    pub(super) fn moved(&mut self) {
        let now = self.clock.steady();
        self.pulse = Pulse {
            answered: now,
            moved: now,
        };
    }

    /// Swaps each media playlist all of whose files are there.
    async fn swap(&mut self, published: &Published) -> Result<(), Fault> {
        let lists = published.media.values();
        let due = lists.filter(|list| !self.shows(&list.at, list));
        let due = due.filter(|list| list.files.iter().all(|file| self.has(file)));
        let due: Vec<Arc<PublishedList>> = due.cloned().collect();
        let one = |list: Arc<PublishedList>| {
            let hand = self.hand();
            let was = self.shown.get(&list.at).map(|shown| shown.version.clone());
            async move {
                let put = hand.swap(&list, was.as_ref()).await;
                (list, put)
            }
        };
        let swapped = stream::iter(due).map(one).buffer_unordered(AT_ONCE);
        let swapped: Vec<_> = swapped.collect().await;
        let mut done = Ok(());
        for (list, put) in swapped {
            let (version, put) = match put {
                Ok(version) => (Some(version), Ok(())),
                Err(fault) => (None, Err(fault)),
            };
            self.note_swapped(&list, version);
            done = worse(done, put);
        }
        done
    }

    /// A playlist that may have been swapped lists the old and the new.
    fn note_swapped(&mut self, list: &PublishedList, version: Option<Version>) {
        let name = list.at.as_str().to_owned();
        match (version.is_some(), self.listed.get_mut(&name)) {
            (false, Some(one)) => add(one, &list.progress),
            _ => drop(self.listed.insert(name, list.progress.clone())),
        }
        match version {
            Some(version) => {
                self.moved();
                crash::point("replica.swapped");
                self.shown.insert(list.at.clone(), Shown::of(list, version));
                let form = list.shared.clone();
                self.shared.extend(form.map(|form| (list.at.clone(), form)));
            }
            None => drop(self.learnt.remove(&list.at)),
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
                self.moved();
                crash::point("replica.named");
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
        let mut done = Ok(());
        for path in self.gone(due).await {
            match self.hand().delete(&path).await {
                Err(fault) if fault.is_of_place() => return Err(fault),
                Err(fault) => done = worse(done, Err(fault)),
                Ok(()) => {
                    self.moved();
                    crash::point("replica.deleted");
                    self.note_gone(&path).await?;
                }
            }
        }
        done
    }

    /// Which of these the directory has no more. It may be slow, as the network's folders are.
    async fn gone(&self, mut paths: Vec<Beneath>) -> Vec<Beneath> {
        if paths.is_empty() {
            return paths;
        }
        let outgoing = self.outgoing.clone();
        let looked = spawn_blocking(move || {
            paths.retain(|path| !outgoing.has(path));
            paths
        });
        looked.await.unwrap_or_default()
    }
}
