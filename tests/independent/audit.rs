//! The audit: is every published segment its own source segment, under the right key and IV?
//!
//! It takes what a viewer can get (playlists, files) and what a packager knows (the source, the
//! lease), and finds faults. Must not know: where any of it came from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::cipher::{Block, decrypt, expected_iv, iv_of_text};
use super::numbering;
use super::playlist::{Listed, MediaList};
use super::schedule::Period;

/// A rendition's segment.
pub(crate) type Name = (String, u64);

/// Everything there is to judge.
#[derive(Debug, Default, Clone)]
pub(crate) struct Evidence {
    /// Every published playlist that was seen, by rendition.
    pub(crate) published: Vec<(String, MediaList)>,
    /// Every published file that was seen, by its path from the root.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Every source segment, by rendition and number.
    pub(crate) source: BTreeMap<Name, Vec<u8>>,
    /// What the server leased.
    pub(crate) periods: Vec<Period>,
    /// Published numbers with which the source began anew, where it did.
    pub(crate) starts: Vec<u64>,
    /// Keys as a viewer was given them, by URI.
    pub(crate) keys: BTreeMap<String, Block>,
}

/// Where a published file lies: its URI resolved against its playlist.
pub(crate) fn beside(rendition: &str, uri: &str) -> String {
    match rendition.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{uri}"),
        None => uri.to_owned(),
    }
}

impl Evidence {
    /// Every fault, in the order met; none means that all of it holds.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut ledger = Ledger::default();
        let mut faults = Vec::new();
        let mut judged = BTreeSet::new();
        for (rendition, list) in &self.published {
            for segment in list.segments.iter().filter(|segment| !segment.gap) {
                let entry = (
                    segment.msn,
                    rendition,
                    &segment.uri,
                    &segment.key,
                    segment.time,
                );
                if !judged.insert(entry) {
                    continue; // listed in the same way before
                }
                if let Err(fault) = self.judge(rendition, segment, &mut ledger) {
                    faults.push(format!("{rendition} #{}: {fault}", segment.msn));
                }
            }
        }
        faults.extend(self.unpublished(&ledger));
        faults.extend(numbering::faults(&self.published, &self.starts));
        faults.dedup();
        faults
    }

    /// How many different segments were published.
    pub(crate) fn count(&self) -> usize {
        let names = self.published.iter().flat_map(|(rendition, list)| {
            let shown = list.segments.iter().filter(|segment| !segment.gap);
            shown.map(move |segment| (rendition, segment.msn))
        });
        names.collect::<BTreeSet<_>>().len()
    }

    /// How many different keys they are under.
    pub(crate) fn periods_used(&self) -> usize {
        let lists = self.published.iter().flat_map(|(_, list)| &list.segments);
        let uris = lists.filter_map(|segment| segment.key.as_ref()?.get(1));
        uris.collect::<BTreeSet<_>>().len()
    }

    fn judge(&self, rendition: &str, segment: &Listed, ledger: &mut Ledger) -> Result<(), String> {
        let path = beside(rendition, &segment.uri);
        let (uri, iv) = key_tag(segment)?;
        let name = (rendition.to_owned(), segment.msn);
        let file = self.files.get(&path).ok_or("listed, and not there")?;
        ledger.note(&name, &path, &uri, iv, file)?;
        let period = self.period_of(&uri, segment)?;
        match self.keys.get(&uri) {
            Some(served) if *served != period.key => return Err("served another key".to_owned()),
            Some(_) => {}
            None => return Err("its key was not served".to_owned()),
        }
        if iv != expected_iv(&period.key, rendition, segment.msn) {
            return Err("not the derived IV".to_owned());
        }
        let plain = decrypt(&period.key, &iv, file)?;
        match self.source.get(&name) {
            Some(source) if *source == plain => Ok(()),
            Some(_) => Err("not its source segment".to_owned()),
            None => Err("no such source segment".to_owned()),
        }
    }

    fn period_of(&self, uri: &str, segment: &Listed) -> Result<&Period, String> {
        let mut same = self.periods.iter().filter(|period| period.uri == uri);
        let period = same.next_back().ok_or("a key outside the schedule")?;
        match period.holds(segment.msn, segment.time) {
            Some(true) => Ok(period),
            Some(false) => Err(format!("wrong period {}", period.index)),
            None => Ok(period), // placed by a claim; the IV and the key are still held
        }
    }

    /// Source segments between the first and the last published one that were left out.
    fn unpublished(&self, ledger: &Ledger) -> Vec<String> {
        let shown = |name: &Name| ledger.segments.contains_key(name) || self.is_gap(name);
        let mut spans: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (rendition, msn) in ledger.segments.keys() {
            let span = spans.entry(rendition).or_insert((*msn, *msn));
            *span = (span.0.min(*msn), span.1.max(*msn));
        }
        let inside = |(rendition, msn): &&Name| {
            let span = spans.get(rendition.as_str());
            span.is_some_and(|(first, last)| (first..=last).contains(&msn))
        };
        let missing = self
            .source
            .keys()
            .filter(inside)
            .filter(|name| !shown(name));
        missing
            .map(|(rendition, msn)| format!("{rendition} #{msn}: never published"))
            .collect()
    }

    fn is_gap(&self, (rendition, msn): &Name) -> bool {
        let mut lists = self.published.iter().filter(|(name, _)| name == rendition);
        lists.any(|(_, list)| {
            let mut segments = list.segments.iter();
            segments.any(|segment| segment.gap && segment.msn == *msn)
        })
    }
}

fn key_tag(segment: &Listed) -> Result<(String, Block), String> {
    tag_of(segment.key.as_ref().ok_or("no KEY in scope")?)
}

/// The key's URI and the IV of a tag: METHOD, URI, IV, in that order and no more.
pub(super) fn tag_of(tag: &[(String, String)]) -> Result<(String, Block), String> {
    let names: Vec<&str> = tag.iter().map(|(name, _)| name.as_str()).collect();
    if names != ["METHOD", "URI", "IV"] {
        return Err(format!("KEY has {names:?}"));
    }
    if tag[0].1 != "AES-128" {
        return Err(format!("METHOD={}", tag[0].1));
    }
    let uri = tag[1].1.trim_matches('"');
    match uri.starts_with("https://") {
        true => Ok((uri.to_owned(), iv_of_text(&tag[2].1)?)),
        false => Err("a key URI that is not absolute https".to_owned()),
    }
}

/// What was published as what, so that nothing is ever used twice or changed.
#[derive(Default)]
struct Ledger {
    segments: BTreeMap<Name, (String, String, Block)>,
    uses: HashMap<(String, Block), Name>,
    paths: HashMap<String, (Name, Vec<u8>)>,
}

impl Ledger {
    fn note(
        &mut self,
        name: &Name,
        path: &str,
        uri: &str,
        iv: Block,
        file: &[u8],
    ) -> Result<(), String> {
        let facts = (path.to_owned(), uri.to_owned(), iv);
        let known = self.segments.entry(name.clone()).or_insert(facts.clone());
        if *known != facts {
            return Err("published again under another name, key or IV".to_owned());
        }
        let user = self
            .uses
            .entry((uri.to_owned(), iv))
            .or_insert(name.clone());
        if user != name {
            return Err(format!("the same key and IV as {user:?}"));
        }
        let holder = (name.clone(), file.to_vec());
        let held = self.paths.entry(path.to_owned()).or_insert(holder.clone());
        match *held == holder {
            true => Ok(()),
            false => Err(format!("the same file as {:?}", held.0)),
        }
    }
}
