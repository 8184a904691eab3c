//! Deletes segments that no playlist lists any more, once no player can still want them.
//!
//! A segment stays for its duration and that of the longest playlist that listed it, from when it
//! left the list (RFC 8216bis §6.2.2). Must not know: playlists' texts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::path::Beneath;
use crate::domain::Timestamp;

/// What is to be deleted, and when.
pub(super) struct Window {
    due: BTreeSet<(Timestamp, Beneath)>,
    /// The same by path.
    when: BTreeSet<(Beneath, Timestamp)>,
    /// Segments that lay in the sink at the start and that no playlist listed, by folder.
    strays: BTreeMap<String, BTreeSet<Beneath>>,
    started: Timestamp,
}

impl Window {
    /// A window over a sink in which `strays` lie at `now`.
    pub(super) fn new(lying: Vec<Beneath>, now: Timestamp) -> Self {
        let mut strays: BTreeMap<String, BTreeSet<Beneath>> = BTreeMap::new();
        for stray in lying {
            let folder = stray.folder().to_owned();
            strays.entry(folder).or_default().insert(stray);
        }
        Self {
            due: BTreeSet::new(),
            when: BTreeSet::new(),
            strays,
            started: now,
        }
    }

    /// `path` has left its playlist at `now`.
    pub(super) fn left(&mut self, path: Beneath, stays: Duration, now: Timestamp) {
        self.add(now.plus(stays), path);
    }

    /// `path` was written again: what was to be deleted is not that file any more.
    pub(super) fn keep(&mut self, path: &Beneath) {
        let always = Timestamp::from_millis(i64::MIN);
        let own = self.when.range((path.clone(), always)..);
        let own: Vec<_> = own.take_while(|(due, _)| due == path).cloned().collect();
        for due in own {
            self.when.remove(&due);
            self.due.remove(&(due.1, due.0));
        }
        if let Some(strays) = self.strays.get_mut(path.folder()) {
            strays.remove(path);
            if strays.is_empty() {
                self.strays.remove(path.folder());
            }
        }
    }

    /// Whether there are strays that no rendition has adopted.
    pub(super) fn has_strays(&self) -> bool {
        !self.strays.is_empty()
    }

    fn add(&mut self, at: Timestamp, path: Beneath) {
        self.when.insert((path.clone(), at));
        self.due.insert((at, path));
    }

    /// `folder` is a live rendition's, whose segments stay for `stays`: its strays go like any.
    pub(super) fn adopt(&mut self, folder: &str, stays: Duration) {
        let gone = self.started.plus(stays);
        let strays = self.strays.remove(folder).unwrap_or_default();
        for path in strays {
            self.add(gone, path);
        }
    }

    /// The clock was set ahead: all stays for as long as it was to stay.
    pub(super) fn set_ahead(&mut self, by: Duration) {
        self.shift(|at| at.plus(by));
    }

    /// The clock was set back.
    pub(super) fn set_back(&mut self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.shift(|at| Timestamp::from_millis(at.millis().saturating_sub(by)));
    }

    fn shift(&mut self, shifted: impl Fn(Timestamp) -> Timestamp) {
        self.started = shifted(self.started);
        let due = std::mem::take(&mut self.due);
        self.when.clear();
        for (at, path) in due {
            self.add(shifted(at), path);
        }
    }

    /// What may be deleted at `now`; asked once.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Beneath> {
        let mut due = Vec::new();
        while let Some((at, _)) = self.due.first()
            && *at <= now
        {
            if let Some((at, path)) = self.due.pop_first() {
                self.when.remove(&(path.clone(), at));
                due.push(path);
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_stay_until_no_player_wants_them() {
        let at = |path: &str| Beneath::found(path).unwrap();
        let (zero, second) = (Timestamp::from_millis(0), Duration::from_secs(1));
        let strays = ["v0/a.ts", "v1/c.ts"].map(at);
        let mut window = Window::new(strays.to_vec(), zero);
        assert!(window.due(zero.plus(second * 1000)).is_empty());
        window.adopt("v0", second * 30);
        window.left(at("v0/d.ts"), second * 10, zero.plus(second * 5));
        assert!(window.due(zero.plus(second * 14)).is_empty());
        assert_eq!(window.due(zero.plus(second * 15)), [at("v0/d.ts")]);
        assert_eq!(window.due(zero.plus(second * 30)), [at("v0/a.ts")]);
        assert!(window.due(zero.plus(second * 9999)).is_empty());
    }

    #[test]
    fn what_is_written_again_is_not_deleted_for_what_it_was() {
        let at = |path: &str| Beneath::found(path).unwrap();
        let (zero, second) = (Timestamp::from_millis(0), Duration::from_secs(1));
        let files = vec![at("v0/a.ts"), at("v0/b.ts")];
        let mut window = Window::new(files, zero);
        window.keep(&at("v0/a.ts"));
        window.adopt("v0", second * 30);
        window.left(at("v0/a.ts"), second * 40, zero);
        window.left(at("v0/c.ts"), second * 30, zero);
        window.keep(&at("v0/c.ts"));
        assert_eq!(window.due(zero.plus(second * 30)), [at("v0/b.ts")]);
        assert_eq!(window.due(zero.plus(second * 40)), [at("v0/a.ts")]);
    }
}
