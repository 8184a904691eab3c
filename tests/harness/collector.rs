//! Collects the audit's evidence: what was published, by whom it was leased, what was clear.
//!
//! Must not know: what is wrong with it; `independent::audit` does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::actor::Actor;
use super::database;
use super::packager::{Packager, payload, payload_of};
use crate::independent::audit::{Evidence, beside};
use crate::independent::playlist::{Listed, children, read_media};
use crate::independent::schedule::{Edge, Period, periods};

/// Where published files are read.
pub(crate) enum Origin {
    Folder(PathBuf),
    /// A viewer, and the path above the files.
    Https(Actor, String),
}

/// Evidence as it grows, look by look.
pub(crate) struct Collector {
    pub(crate) origin: Origin,
    pub(crate) evidence: Evidence,
    texts: BTreeSet<(String, String)>,
}

impl Origin {
    /// A file's bytes, if it is there.
    pub(crate) async fn read(&self, path: &str) -> Option<Vec<u8>> {
        match self {
            Self::Folder(root) => std::fs::read(root.join(path)).ok(),
            Self::Https(viewer, above) => {
                let answer = viewer.get(&format!("{above}/{path}")).await;
                (answer.status == 200).then_some(answer.body)
            }
        }
    }

    async fn text(&self, path: &str) -> Option<String> {
        let bytes = self.read(path).await?;
        Some(String::from_utf8(bytes).unwrap())
    }

    /// The media playlists that `master` names, by their paths from the root.
    pub(crate) async fn renditions(&self, master: &str) -> Vec<String> {
        let text = self.text(master).await.unwrap_or_default();
        children(&text)
            .iter()
            .map(|uri| beside(master, uri))
            .collect()
    }
}

impl Collector {
    /// Nothing collected yet.
    pub(crate) fn new(origin: Origin) -> Self {
        let (evidence, texts) = Default::default();
        Self {
            origin,
            evidence,
            texts,
        }
    }

    /// Of a folder.
    pub(crate) fn of(folder: impl Into<PathBuf>) -> Self {
        Self::new(Origin::Folder(folder.into()))
    }

    /// Reads each rendition's playlist, and what it newly lists; a playlist that does not read
    /// and a listed file that is not there are panics, for they may never be seen.
    pub(crate) async fn look(&mut self, renditions: &[String]) {
        for rendition in renditions {
            let Some(text) = self.origin.text(rendition).await else {
                continue;
            };
            let key = (rendition.clone(), text);
            if !self.texts.contains(&key) {
                self.read_list(rendition, &key.1).await;
                self.texts.insert(key);
            }
        }
    }

    async fn read_list(&mut self, rendition: &str, text: &str) {
        let list = read_media(text).unwrap_or_else(|e| panic!("{rendition}: {e}\n{text}"));
        for segment in list.segments.iter().filter(|segment| !segment.gap) {
            let path = beside(rendition, &segment.uri);
            if self.evidence.files.contains_key(&path) {
                continue;
            }
            match self.origin.read(&path).await {
                Some(file) => drop(self.evidence.files.insert(path, file)),
                // The reader was so slow that the file was deleted since.
                None if self.origin.text(rendition).await.as_deref() != Some(text) => return,
                None => panic!("{path} is listed and not there"),
            }
        }
        self.evidence.published.push((rendition.to_owned(), list));
    }

    /// Reads every file again and wants the bytes of the first time, where it is still there.
    pub(crate) async fn nothing_changed(&self) {
        for (path, known) in &self.evidence.files {
            let now = self.origin.read(path).await;
            assert!(now.is_none_or(|now| now == *known), "{path} changed");
        }
    }

    /// Fetches each key that a tag names, as the viewer.
    pub(crate) async fn fetch_keys(&mut self, viewer: &Actor) {
        let lists = self.evidence.published.iter();
        let tags = lists.flat_map(|(_, list)| list.segments.iter().filter_map(|s| s.key.clone()));
        let uris: BTreeSet<String> = tags
            .flatten()
            .filter(|(name, _)| name == "URI")
            .map(|(_, value)| value.trim_matches('"').to_owned())
            .collect();
        for uri in uris
            .into_iter()
            .filter(|uri| !self.evidence.keys.contains_key(uri))
            .collect::<Vec<_>>()
        {
            let answer = viewer.get(&uri).await.expect(200);
            let key = answer.body.as_slice().try_into().unwrap();
            self.evidence.keys.insert(uri, key);
        }
    }

    /// Leases every period that a published segment can be in; `more` ends the query.
    pub(crate) async fn lease(&mut self, packager: &Actor, stream: &str, more: &str) {
        let path = format!("/v1/streams/{stream}/schedule");
        let lease = async |query: String| {
            let answer = packager
                .get(&format!("{path}?{query}{more}"))
                .await
                .expect(200);
            periods(&answer.json()).unwrap()
        };
        let now = lease("count=3".to_owned()).await;
        // Each new run of the source cut a period short, which the grid of today knows nothing of.
        let cuts = self.evidence.starts.len() as i64;
        for (first, last) in self.runs(&now) {
            let (from, count) = (first - 3 - cuts, last - first + 7 + cuts);
            let query = format!("from={from}&count={count}");
            self.evidence.periods.extend(lease(query).await);
        }
    }

    /// The first and the last indices of published segments, by the grid of `now`, in runs without
    /// a wide gap.
    fn runs(&self, now: &[Period]) -> Vec<(i64, i64)> {
        let [.., a, b] = now else {
            return vec![(0, 20)];
        };
        let segments = self
            .evidence
            .published
            .iter()
            .flat_map(|(_, list)| &list.segments);
        let index = |segment: &Listed| {
            let (begin, end, at) = match (a.begin, b.begin) {
                (Edge::Time(begin), Edge::Time(end)) => (begin, end, segment.time?),
                (Edge::Segment(begin), Edge::Segment(end)) => {
                    (begin as i64, end as i64, segment.msn as i64)
                }
                _ => return None,
            };
            Some(a.index + (at - begin).div_euclid(end - begin))
        };
        let found: BTreeSet<i64> = segments.filter_map(index).collect();
        let mut runs: Vec<(i64, i64)> = Vec::new();
        for index in found {
            match runs.last_mut() {
                Some((_, last)) if index - *last <= 7 => *last = index,
                _ => runs.push((index, index)),
            }
        }
        if runs.is_empty() { vec![(0, 20)] } else { runs }
    }

    /// Dates the published segments as the server did, where their lists say no dates and the server
    /// has been told of them. Its `database` is read: whoever asks over HTTP claims what the encryptor
    /// has not reported yet.
    pub(crate) async fn take_claims(&mut self, database: &str, stream: &str) {
        let told = format!(
            "SELECT segment, time FROM claims WHERE stream = '{stream}' AND numbering = ''"
        );
        let times: BTreeMap<u64, i64> = database::pairs(database, &told)
            .await
            .into_iter()
            .map(|(segment, time)| (u64::try_from(segment).unwrap(), time))
            .collect();
        for segment in self.undated() {
            segment.time = times.get(&segment.msn).copied();
        }
    }

    /// How many published segments have no date, and none by the server.
    pub(crate) fn unclaimed(&mut self) -> usize {
        self.undated().count()
    }

    fn undated(&mut self) -> impl Iterator<Item = &mut Listed> {
        let lists = self.evidence.published.iter_mut();
        let segments = lists.flat_map(|(_, list)| &mut list.segments);
        segments.filter(|segment| segment.time.is_none() && !segment.gap)
    }

    /// What the packager wrote, of every number that it ever listed.
    pub(crate) fn take_source(&mut self, packager: &Packager) {
        for rendition in &packager.renditions {
            for msn in packager.first..packager.next {
                let name = (rendition.clone(), msn);
                self.evidence.source.insert(name, payload(rendition, msn));
            }
        }
    }

    /// The same of a packager that has begun anew, by the numbers that the server gave its runs:
    /// `told` is what it answers when it is asked for them.
    pub(crate) fn take_runs(&mut self, packager: &Packager, told: &serde_json::Value) {
        let number = |run: &serde_json::Value, name: &str| run[name].as_u64().unwrap();
        let mut end = u64::MAX;
        for told in told.as_array().unwrap() {
            let (run, first) = (number(told, "run"), number(told, "first"));
            let output = number(told, "output");
            let lengths = packager.runs.iter().chain([&packager.next]);
            let length = *lengths.clone().nth(run as usize).unwrap();
            for (rendition, msn) in packager
                .renditions
                .iter()
                .flat_map(|r| (first..length).map(move |n| (r, n)))
            {
                let published = output + msn - first;
                if published < end {
                    let bytes = payload_of(rendition, run, msn);
                    self.evidence
                        .source
                        .insert((rendition.clone(), published), bytes);
                }
            }
            self.evidence.starts.extend((run > 0).then_some(output));
            end = output;
        }
    }

    /// Wants evidence of at least `segments` segments under `keys` keys, and no fault in it.
    pub(crate) fn judge(&self, segments: usize, keys: usize) {
        let (count, used) = (self.evidence.count(), self.evidence.periods_used());
        assert!(count >= segments, "{count} segments, at least {segments}");
        assert!(used >= keys, "{used} keys, at least {keys}");
        let faults = self.evidence.faults();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
