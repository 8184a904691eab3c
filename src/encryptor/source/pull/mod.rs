//! Another server's playlist as source: what it lists is fetched into the spool as it appears.
//!
//! Whatever fails is tried again, with longer and longer pauses, for as long as the worker runs. Must
//! not know: keys, or what becomes of the spool.

mod allowed;
mod fault;
mod fetch;
mod local;
mod names;
mod origin;
mod partial;
mod rendition;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Url;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep};

use crate::domain::Entropy;
use crate::encryptor::contact::{Contact, Tell};
use crate::encryptor::path::Beneath;
use crate::encryptor::spool::{Spool, SpoolError};
use crate::playlist::{Definitions, MultivariantPlaylist, Playlist, UriKind};
use names::Names;
use origin::{Origin, Page, Seen};
use rendition::{Look, Rendition};

use fault::PullError;

/// Follows a source.
pub(in crate::encryptor) struct Follower {
    origin: Arc<Origin>,
    spool: Arc<Spool>,
    tell: Tell,
    entropy: Arc<dyn Entropy>,
    once: bool,
    done: watch::Sender<bool>,
    /// A list of it could not be read to its end in a run that has one.
    gave_up: AtomicBool,
    /// One list began anew, so the others are looked at, too.
    stirred: watch::Sender<()>,
    /// What the multivariant playlist defines for its children.
    definitions: watch::Sender<Arc<Definitions>>,
}

/// How often a multivariant playlist is read.
const INTERVAL: Duration = Duration::from_secs(10);
/// What has ended is looked at this often: it may begin again.
const ENDED: Duration = Duration::from_secs(10);
/// A list that the multivariant playlist names no more is spooled for this long still.
const LEFT: Duration = Duration::from_secs(600);
const SHORTEST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);
/// A run with an end of its own gives up on a source that fails for so long.
const HOPE: Duration = Duration::from_secs(30);

impl Follower {
    /// Follows `top` into `spool`. What a list names must lie on the same host, or on one that is
    /// `allowed`. With `once`, until all that is listed is there.
    pub(in crate::encryptor) fn new(
        (top, allowed, ca): (Url, &[String], Option<&Path>),
        spool: Arc<Spool>,
        (tell, entropy): (Tell, Arc<dyn Entropy>),
        once: bool,
    ) -> Result<Self, PullError> {
        Ok(Self {
            origin: Arc::new(Origin::new(top, allowed, ca)?),
            spool,
            tell,
            entropy,
            once,
            done: watch::Sender::new(false),
            gave_up: AtomicBool::new(false),
            stirred: watch::Sender::default(),
            definitions: watch::Sender::default(),
        })
    }

    /// Whether nothing more is fetched.
    pub(in crate::encryptor) fn is_done(&self) -> bool {
        *self.done.borrow()
    }

    /// Whether some of the source could not be had, so that what is there is not all of it.
    pub(in crate::encryptor) fn gave_up(&self) -> bool {
        self.gave_up.load(Ordering::Relaxed)
    }

    /// Follows until it is dropped, or with `once` until it is done.
    pub(in crate::encryptor) async fn run(self: Arc<Self>) {
        if let Some(at) = names::top(self.origin.top()) {
            let mut all = Variants::default();
            self.clone().follow_top(&at, &mut all).await;
        }
        self.done.send_replace(true);
    }

    /// The operator's URL, whichever kind of list it has.
    async fn follow_top(self: Arc<Self>, at: &Beneath, all: &mut Variants) {
        let mut contact = Contact::of_source(at.to_string(), self.tell.clone());
        let patience = Patience::new(self.once);
        loop {
            let wait = match self.look_at_top(at, all).await {
                Ok(Kind::Media) => return self.follow_media(at.clone()).await,
                Ok(Kind::Multivariant) if self.once => return all.end().await,
                Ok(Kind::Multivariant) => {
                    contact.passed();
                    INTERVAL
                }
                Err(error) => {
                    let wait = self.jittered(contact.failed(&error));
                    if patience.is_over() {
                        self.gave_up.store(true, Ordering::Relaxed);
                        return all.end().await;
                    }
                    wait
                }
            };
            sleep(wait).await;
        }
    }

    async fn look_at_top(
        self: &Arc<Self>,
        at: &Beneath,
        all: &mut Variants,
    ) -> Result<Kind, PullError> {
        for gone in all.gone() {
            self.spool.remove_at(&gone).map_err(SpoolError::Disk)?;
        }
        let page = self.origin.list(self.origin.top(), &all.seen).await?;
        let Some(page) = page else {
            return Ok(Kind::Multivariant);
        };
        match Playlist::parse(&page.text) {
            Ok(Playlist::Media(_)) if all.tasks.is_empty() => Ok(Kind::Media),
            Ok(Playlist::Multivariant(list)) => {
                self.take_variants(at, &page, list, all).await?;
                Ok(Kind::Multivariant)
            }
            _ => Err(PullError::NoPlaylist("multivariant or media")),
        }
    }

    /// Begins to follow what is new, and leaves what is gone.
    async fn take_variants(
        self: &Arc<Self>,
        at: &Beneath,
        page: &Page,
        list: MultivariantPlaylist,
        all: &mut Variants,
    ) -> Result<(), PullError> {
        let children = list.children();
        self.define(list.definitions());
        let names = Names::new(at, &page.url, children.iter().map(|it| it.uri.as_str()));
        let mut listed = HashSet::new();
        for child in &children {
            let Some(local) = names.list(&child.uri) else {
                continue;
            };
            let url = self.origin.resolve(&page.url, &child.uri)?;
            if listed.insert(local.path.clone()) && !all.follows(&local.path) {
                let task = self.clone().follow(local.path.clone(), url);
                all.running.insert(local.path, all.tasks.spawn(task));
            }
        }
        all.leave_all_but(&listed);
        let list = Playlist::Multivariant(list);
        let text = list.map_defined_uris(&Definitions::new(), &mut |kind, uri| {
            let local = match kind {
                UriKind::Child => names.list(uri),
                UriKind::Other => return uri.to_owned(),
                _ => names.file(uri, None),
            };
            local.map_or_else(|| "unknown".to_owned(), |local| local.uri)
        });
        if self.spool.text(at).as_deref() != Some(&text) {
            fetch::write(&self.spool, at, text).await?;
        }
        all.seen = page.seen.clone();
        Ok(())
    }

    /// The children read their lists anew where what they import has changed.
    fn define(&self, definitions: &Definitions) {
        self.definitions.send_if_modified(|known| {
            let is_new = **known != *definitions;
            if is_new {
                *known = Arc::new(definitions.clone());
            }
            is_new
        });
    }

    async fn follow_media(self: Arc<Self>, at: Beneath) {
        let url = self.origin.top().clone();
        self.follow(at, url).await;
    }

    /// One media playlist.
    async fn follow(self: Arc<Self>, at: Beneath, url: Url) {
        let mut contact = Contact::of_source(at.to_string(), self.tell.clone());
        let mut patience = Patience::new(self.once);
        let mut stirred = self.stirred.subscribe();
        let spooled = (self.origin.clone(), self.spool.clone());
        let definitions = self.definitions.subscribe();
        let mut rendition = Rendition::new(spooled, (at, url), definitions);
        loop {
            let (begun, before) = (Instant::now(), rendition.count);
            let wait = match rendition.look().await {
                Ok((_, None)) if self.once => return,
                Ok((look, None)) => {
                    contact.passed();
                    if look.went_back {
                        self.stirred.send_replace(());
                        stirred.mark_unchanged();
                    }
                    look.wait().saturating_sub(begun.elapsed())
                }
                Ok((_, Some(missed))) => contact.failed(&missed),
                Err(error) => contact.failed(&error),
            };
            if rendition.count > before {
                patience = Patience::new(self.once);
            }
            match contact.has_failed() {
                true if patience.is_over() => {
                    self.gave_up.store(true, Ordering::Relaxed);
                    return;
                }
                true => sleep(self.jittered(wait)).await,
                false => {
                    patience = Patience::new(self.once);
                    tokio::select! {
                        () = sleep(wait) => {}
                        _ = stirred.changed() => {}
                    }
                }
            }
        }
    }

    /// Half of it, and up to another half: many workers that lost one source do not return at once.
    fn jittered(&self, wait: Duration) -> Duration {
        let mut byte = [0];
        self.entropy.fill(&mut byte);
        wait / 2 + wait / 2 * u32::from(byte[0]) / 255
    }
}

enum Kind {
    Media,
    Multivariant,
}

/// The lists that a multivariant playlist names.
#[derive(Default)]
struct Variants {
    seen: Seen,
    tasks: JoinSet<()>,
    running: HashMap<Beneath, AbortHandle>,
    /// Lists that are followed no more, and since when. What they name may wait to be published.
    left: HashMap<Beneath, Instant>,
}

impl Variants {
    fn follows(&self, at: &Beneath) -> bool {
        let task = self.running.get(at);
        task.is_some_and(|task| !task.is_finished())
    }

    fn leave_all_but(&mut self, listed: &HashSet<Beneath>) {
        let gone = |at: &Beneath, _: &mut AbortHandle| !listed.contains(at);
        for (at, task) in self.running.extract_if(gone) {
            task.abort();
            self.left.insert(at, Instant::now());
        }
        self.left.retain(|at, _| !listed.contains(at));
    }

    /// The lists that were left long ago.
    fn gone(&mut self) -> Vec<Beneath> {
        let is_over = |_: &Beneath, since: &mut Instant| since.elapsed() >= LEFT;
        self.left.extract_if(is_over).map(|(at, _)| at).collect()
    }

    /// Waits for those that have an end.
    async fn end(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// How long a run with an end of its own hopes for a source that fails.
struct Patience {
    since: Instant,
    once: bool,
}

impl Patience {
    fn new(once: bool) -> Self {
        let since = Instant::now();
        Self { since, once }
    }

    fn is_over(&self) -> bool {
        self.once && self.since.elapsed() >= HOPE
    }
}

impl Look {
    /// RFC 8216bis §6.3.4: a target duration after a change, half of one else; of a part's, where
    /// there are parts.
    fn wait(self) -> Duration {
        if self.has_ended {
            return ENDED;
        }
        let wait = match self.has_changed {
            true => self.target,
            false => self.target / 2,
        };
        wait.clamp(SHORTEST, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_each_target_duration_and_twice_as_often_while_it_is_late() {
        let look = |has_changed, has_ended| Look {
            has_changed,
            has_ended,
            target: Duration::from_secs(6),
            ..Look::default()
        };
        assert_eq!(look(true, false).wait(), Duration::from_secs(6));
        assert_eq!(look(false, false).wait(), Duration::from_secs(3));
        assert_eq!(look(true, true).wait(), ENDED);
        assert_eq!(Look::default().wait(), SHORTEST);
    }
}
