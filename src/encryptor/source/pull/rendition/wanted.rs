//! Which files of a list are to be fetched.
//!
//! Must not know: how they are, or where they go.

use std::collections::HashSet;

use super::super::fetch::Wanted;
use super::super::local::listed_in;
use super::super::names::Names;
use super::super::origin::{Page, Seen};
use super::Rendition;
use crate::encryptor::path::Beneath;
use crate::playlist::{MediaPlaylist, Playlist, Unsupported, UriKind};

impl Rendition {
    pub(super) fn wanted(&mut self, page: &Page, list: &MediaPlaylist) -> Vec<Wanted> {
        let names = Names::of(&self.at, &page.url, list);
        let listed = listed_in(list, &names);
        self.taken.retain(|key| listed.contains(key));
        let files: HashSet<&Beneath> = listed.iter().map(|(_, path)| path).collect();
        self.fetched.retain(|path, _| files.contains(path));
        if let Some(Unsupported::AlreadyEncrypted { .. } | Unsupported::Variable { .. }) =
            list.unsupported()
        {
            return Vec::new(); // the engine refuses it by its list, and says so
        }
        let mut wanted = self.wanted_sections(page, list, &names);
        let mut paths = HashSet::new();
        for segment in list.segments().iter().filter(|segment| !segment.gap) {
            let Some(local) = names.file(&segment.uri, Some(segment.msn)) else {
                continue;
            };
            let is_taken = self.taken.contains(&(segment.msn, local.path.clone()));
            if !is_taken && paths.insert(local.path.clone()) {
                let seen = self.fetched.get(&local.path).cloned();
                let grows = segment.range.is_some() && seen.is_some() && !self.is_anew;
                let spooled = self.spool.stamp(&local.path).filter(|_| grows);
                wanted.push(Wanted {
                    held: spooled.map_or(0, |stamp| stamp.len),
                    path: local.path,
                    url: self.origin.resolve(&page.url, &segment.uri),
                    seen: seen.unwrap_or_default(),
                    msn: Some(segment.msn),
                });
            }
        }
        self.failures
            .retain(|path, _| wanted.iter().any(|it| it.path == *path));
        wanted
    }

    fn wanted_sections(&self, page: &Page, list: &MediaPlaylist, names: &Names<'_>) -> Vec<Wanted> {
        let mut wanted: Vec<Wanted> = Vec::new();
        let definitions = self.definitions.borrow().clone();
        Playlist::Media(list.clone()).map_defined_uris(&definitions, &mut |kind, uri| {
            let local = names.file(uri, None).filter(|_| kind == UriKind::Map);
            let is_new = |path: &Beneath| {
                !self.sections.contains(path) && !wanted.iter().any(|it| it.path == *path)
            };
            if let Some(local) = local.filter(|local| is_new(&local.path)) {
                wanted.push(Wanted {
                    path: local.path,
                    url: self.origin.resolve(&page.url, uri),
                    seen: Seen::default(),
                    msn: None,
                    held: 0,
                });
            }
            String::new()
        });
        wanted
    }
}
