//! Partial segments at the end of a pulled list: fetched before the list that names them is spooled.
//!
//! One that cannot be had holds up nothing: its segment comes as a whole. Ranges of a file that still
//! grows are left out for the same reason. Must not know: what becomes of them.

use std::collections::HashSet;

use reqwest::Url;

use super::fault::PullError;
use super::fetch::Wanted;
use super::names::Names;
use super::origin::Seen;
use crate::encryptor::path::Beneath;
use crate::playlist::MediaPlaylist;

/// Those of the last list that were fetched, by number and file.
#[derive(Default)]
pub(super) struct Parts(HashSet<(u64, Beneath)>);

/// Parts are listed for three target durations at least (§6.2.2).
const NEWEST: usize = 3;

impl Parts {
    /// What is new among the parts of the last segments, and of the one that is not complete.
    pub(super) fn wanted(
        &mut self,
        list: &MediaPlaylist,
        names: &Names<'_>,
        resolve: impl Fn(&str) -> Result<Url, PullError>,
    ) -> Vec<Wanted> {
        if list.is_ended() || list.unsupported().is_some() {
            return Vec::new();
        }
        let mut listed = HashSet::new();
        let mut wanted = Vec::new();
        let segments = list.segments();
        let newest = &segments[segments.len().saturating_sub(NEWEST)..];
        for segment in newest.iter().chain(list.open()) {
            let parts = segment.parts.iter();
            for part in parts.filter(|part| !part.gap && part.range.is_none()) {
                let Some(local) = names.file(&part.uri, None) else {
                    continue;
                };
                let key = (segment.msn, local.path.clone());
                if listed.insert(key.clone()) && !self.0.contains(&key) {
                    wanted.push(Wanted {
                        path: local.path,
                        url: resolve(&part.uri),
                        seen: Seen::default(),
                        msn: Some(segment.msn),
                        held: 0,
                    });
                }
            }
        }
        self.0.retain(|key| listed.contains(key));
        wanted
    }

    /// One is there.
    pub(super) fn note(&mut self, msn: u64, path: Beneath) {
        self.0.insert((msn, path));
    }

    /// The source may use their names anew.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}
