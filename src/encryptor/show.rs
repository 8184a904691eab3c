//! Tells other sinks what is published, after each pass that has changed it.
//!
//! Must not know: where they are.

use std::sync::Arc;

use super::engine::Engine;
use super::path::Beneath;
use super::sharing::Sharing;
use super::sink::{Published, PublishedList};
use super::track::Track;

impl Engine {
    /// Takes note of what is published now; `listings` if a media playlist was swapped.
    pub(super) fn show(&self, listings: bool) {
        if self.shown.receiver_count() == 0 {
            return;
        }
        self.shown.send_if_modified(|shown| {
            let mut next = Published::clone(shown);
            let mut changed = false;
            // What could not be looked at is looked at again.
            let unseen = next.media.values().any(|list| list.unseen() > 0);
            if listings || unseen {
                changed |= self.show_media(&mut next);
            }
            changed |= self.show_multivariants(&mut next);
            if changed {
                next.serial += 1;
                *shown = Arc::new(next);
            }
            changed
        });
    }

    fn show_media(&self, shown: &mut Published) -> bool {
        let listed = |at: &Beneath| self.tracks.get(at).is_some_and(|t| t.listed.is_some());
        let before = shown.media.len();
        shown.media.retain(|at, _| listed(at));
        let mut changed = shown.media.len() != before;
        for (at, track) in &self.tracks {
            let known = shown.media.get(at).map(AsRef::as_ref);
            if let Some(list) = self.list(track, known) {
                shown.media.insert(at.clone(), Arc::new(list));
                changed = true;
            }
        }
        changed
    }

    /// The rendition's published playlist, if it says more than `known`.
    fn list(&self, track: &Track, known: Option<&PublishedList>) -> Option<PublishedList> {
        let listed = track.listed.as_ref()?;
        let (text, generation) = (listed.plain(), self.sink.generation());
        if known.is_some_and(|known| known.tells(&text, generation)) {
            return None;
        }
        let stamp = |path: &Beneath| self.sink.stamp(path);
        let mut list = PublishedList::new(
            (&track.at, &text),
            known,
            track.progress()?,
            track.stays(),
            (generation, &stamp),
        );
        let form = self.sharing.form(&text).and_then(Result::ok);
        list.shared = form.map(Arc::from);
        let is_news = known.is_none_or(|known| list.is_news_to(known));
        is_news.then_some(list)
    }

    fn show_multivariants(&self, shown: &mut Published) -> bool {
        let mut changed = false;
        for (at, list) in self.multivariants.iter().filter(|(_, l)| l.is_published) {
            let known = shown.multivariants.get(at);
            if known.is_none_or(|known| **known != *list.shown) {
                let form = self.sharing.form(&list.shown).and_then(Result::ok);
                let form = Sharing::path(at).zip(form.map(Arc::from));
                shown.multivariants.extend(form);
                let text = list.shown.as_str().into();
                shown.multivariants.insert(at.clone(), text);
                changed = true;
            }
        }
        changed
    }
}
