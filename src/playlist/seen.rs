//! What the entries of a listing say, and that none says what a player would misread.
//!
//! No key and IV may stand for two segments, so what a list says is remembered while it is listed.
//! Must not know: how a playlist is rewritten.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::key::{self, KeyTag};
use super::listing::{Entry, RewriteError, Section, is_safe_line};
use super::media::{Block, Segment};

/// A key's URI and an IV.
type Pair = (Arc<str>, String);

/// What key tags of a list have said.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// The last key's URI, which is safe: most segments share theirs with the one before.
    uri: Option<Arc<str>>,
    pairs: HashSet<Pair>,
    /// Initialisation sections, and how many segments need each.
    sections: HashMap<Arc<Section>, usize>,
}

/// What one entry has said.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pair: Option<Pair>,
    section: Option<Arc<Section>>,
}

impl Seen {
    /// What `entry` says of a segment, unless a player would misread it or its IV is used up, here or
    /// in what was `before`; `at` is its index among the entries.
    pub(super) fn note(
        &mut self,
        before: Option<&Self>,
        (entry, at): (&Entry, usize),
        (segment, block): (&Segment, &Block),
    ) -> Result<Said, RewriteError> {
        let Entry::Encrypted(listed) = entry else {
            return Ok(Said::default());
        };
        let uri = listed.uri.as_ref();
        let uri = uri.or_else(|| block.imports.then_some(&segment.uri));
        let is_safe_part = |uri: &String| is_safe_line(uri) && !uri.contains('"');
        if uri.is_some_and(|uri| !is_safe_line(uri)) || !listed.parts.iter().all(is_safe_part) {
            return Err(RewriteError::Uri { entry: at });
        }
        if listed.section.is_none() && segment.map.is_some() {
            return Err(RewriteError::NoSection { entry: at });
        }
        let pair = self.key(before, (&listed.key_uri, listed.iv.as_deref()), at)?;
        if let Some(section) = &listed.section {
            self.section(before, section, at)?;
        }
        let section = listed.section.clone();
        Ok(Said { pair, section })
    }

    /// Takes all that was said since into account.
    pub(super) fn add(&mut self, since: Self) {
        self.uri = since.uri.or(self.uri.take());
        self.pairs.extend(since.pairs);
        for (section, count) in since.sections {
            *self.sections.entry(section).or_default() += count;
        }
    }

    /// An entry that said so is not listed any more.
    pub(super) fn forget(&mut self, said: &Said) {
        if let Some(pair) = &said.pair {
            self.pairs.remove(pair);
        }
        let Some(section) = &said.section else {
            return;
        };
        if let Some(count) = self.sections.get_mut(section) {
            *count -= 1;
            if *count == 0 {
                self.sections.remove(section);
                let key = section.key.as_ref();
                let pair = key.and_then(|key| Some((key.uri.as_str().into(), key.iv.clone()?)));
                pair.map(|pair| self.pairs.remove(&pair));
            }
        }
    }

    /// How many pairs and sections are remembered.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.pairs.len(), self.sections.len())
    }

    fn key(
        &mut self,
        before: Option<&Self>,
        (uri, iv): (&str, Option<&str>),
        entry: usize,
    ) -> Result<Option<Pair>, RewriteError> {
        let known = self.uri.clone().or(before.and_then(|b| b.uri.clone()));
        let uri = match known.filter(|known| **known == *uri) {
            Some(known) => known,
            None if key::is_safe_uri(uri) => uri.into(),
            None => return Err(RewriteError::KeyUri { entry }),
        };
        self.uri = Some(uri.clone());
        let Some(iv) = iv else {
            return Ok(None);
        };
        if !key::is_iv(iv) {
            return Err(RewriteError::Iv { entry });
        }
        let pair = (uri, iv.to_owned());
        let is_used = before.is_some_and(|before| before.pairs.contains(&pair));
        match !is_used && self.pairs.insert(pair.clone()) {
            true => Ok(Some(pair)),
            false => Err(RewriteError::RepeatedIv { entry }),
        }
    }

    fn section(
        &mut self,
        before: Option<&Self>,
        section: &Arc<Section>,
        entry: usize,
    ) -> Result<(), RewriteError> {
        let is_known = before.is_some_and(|before| before.sections.contains_key(section));
        let count = self.sections.entry(section.clone()).or_default();
        *count += 1;
        if is_known || *count > 1 {
            return Ok(());
        }
        if !is_safe_line(&section.uri) || section.uri.contains('"') {
            return Err(RewriteError::Uri { entry });
        }
        match &section.key {
            Some(KeyTag { iv: None, .. }) => Err(RewriteError::Iv { entry }),
            Some(own) => self
                .key(before, (&own.uri, own.iv.as_deref()), entry)
                .map(drop),
            None => Ok(()),
        }
    }
}
