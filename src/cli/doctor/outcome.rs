//! What one client met on its way.
//!
//! Must not know: how it went.

use std::collections::BTreeMap;

use reqwest::Url;

use super::client::{Client, Kit};
use super::media::Rendition;
use crate::crypto::ContentKey;

/// As far as it has come.
pub(super) struct Outcome<'a> {
    pub(super) kit: &'a Kit,
    /// Why it does not play: the first thing that it stumbled over; `None` if it does.
    pub(super) why: Option<String>,
    pub(super) renditions: Vec<Rendition>,
    /// Keys by URI; `None` where it did not get one.
    pub(super) keys: BTreeMap<String, Option<ContentKey>>,
    /// A credential was shown for a key and refused.
    pub(super) was_refused: bool,
    pub(super) by: Ways,
    /// No playlist ever came: nothing could be looked at.
    pub(super) silent: Option<String>,
}

/// How keys were got.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ways {
    pub(super) cookie: bool,
    pub(super) bearer: bool,
    pub(super) query: bool,
    pub(super) define: bool,
}

impl<'a> Outcome<'a> {
    /// Of a client that has asked for nothing yet.
    pub(super) fn of(kit: &'a Kit) -> Self {
        Self {
            kit,
            why: None,
            renditions: Vec::new(),
            keys: BTreeMap::new(),
            was_refused: false,
            by: Ways::default(),
            silent: None,
        }
    }

    pub(super) fn client(&self) -> Client {
        self.kit.client
    }

    /// How many keys it got.
    pub(super) fn got(&self) -> usize {
        self.keys.values().flatten().count()
    }

    /// Every URL that it was led to, of which a server's certificate can be looked at.
    pub(super) fn servers(&self) -> Vec<Url> {
        let mut found = Vec::new();
        for rendition in &self.renditions {
            found.push(rendition.url.clone());
            found.extend(rendition.keys());
            let ends = rendition.ends();
            found.extend(ends.iter().filter_map(|end| rendition.join(&end.uri)));
        }
        found.retain(|url| url.scheme() == "https");
        found
    }
}
