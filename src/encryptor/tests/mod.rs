//! The engine between two directories, under a clock and a lease of the tests' own.
//!
//! Must not know: HTTP. What the tests expect of the sink they compute from the source.

mod apart;
mod containers;
mod ended;
mod faults;
mod finished;
mod gone;
mod iframes;
mod leases;
mod live;
mod maps;
mod property;
mod ranges;
mod restart;
mod runs;
mod session_key;
mod stale;
mod variables;
mod windows;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::choose::Context;
use super::engine::{Engine, Outcome};
use super::event::StallReason;
use super::lease::{Lease, Probe};
use super::path::Beneath;
use super::runs::Runs;
use super::sink::DirSink;
use super::source::{DirSource, OpenFiles};
use super::spool::{Spool, SpoolLimits};
use super::term::Footing;
use super::undated::Claims;
use super::{Containers, Event};
use crate::crypto::cbc::{Job, encrypt_batch};
use crate::crypto::{ContentKey, Iv};
use crate::domain::{Clock as _, SystemClock, Timestamp};
use crate::playlist::{MediaPlaylist, Playlist};

/// A source, a sink and what lies between.
pub(super) struct Bench {
    source: Arc<tempfile::TempDir>,
    sink: tempfile::TempDir,
    engine: Option<Engine>,
    pub(super) lease: Option<Lease>,
    pub(super) claims: Claims,
    pub(super) footing: Footing,
    pub(super) runs: Runs,
    pub(super) containers: Containers,
    pub(super) now: Timestamp,
    pub(super) events: Vec<Event>,
}

/// Ten seconds a period, from the epoch on.
pub(super) const EVERY_TEN: &str = r#"{"every": "10s"}"#;
/// Three segments a period.
pub(super) const BY_THREE: &str = r#"{"segments": 3}"#;
/// One period.
pub(super) const NEVER: &str = r#""never""#;

impl Bench {
    pub(super) fn new(rule: &str) -> Self {
        Self::beside(&Arc::new(tempfile::tempdir().unwrap()), rule)
    }

    /// Another encryptor of the same source.
    pub(super) fn another(&self, rule: &str) -> Self {
        Self::beside(&self.source, rule)
    }

    fn beside(source: &Arc<tempfile::TempDir>, rule: &str) -> Self {
        let mut bench = Self {
            source: source.clone(),
            sink: tempfile::tempdir().unwrap(),
            engine: None,
            lease: Some(lease(rule, 0..100)),
            claims: Claims::default(),
            footing: Footing::Leased,
            runs: initial(),
            containers: Containers::default(),
            // files written now are old enough by then
            now: SystemClock.now().plus(Duration::from_secs(100)),
            events: Vec::new(),
        };
        bench.restart();
        bench
    }

    /// The run ends, wherever it is, and another begins on the same directories.
    pub(super) fn restart(&mut self) {
        self.engine = None;
        let source = DirSource::open(self.source.path(), OpenFiles::default()).unwrap();
        let sink = DirSink::open(self.sink.path()).unwrap();
        self.engine = Some(Engine::new(source, sink, self.now).unwrap());
    }

    /// The source is a spool: what nobody needs any more is deleted.
    pub(super) fn spool(&mut self) {
        let limits = SpoolLimits {
            bytes: 1 << 30,
            files: 1000,
        };
        let spool = Spool::at(self.source.path(), limits).unwrap();
        let engine = self.engine.as_mut().unwrap();
        engine.source.spool = Some(spool);
    }

    pub(super) fn source(&self, path: &str) -> PathBuf {
        self.source.path().join(path)
    }

    pub(super) fn sink(&self, path: &str) -> PathBuf {
        self.sink.path().join(path)
    }

    /// Writes a source file whole, with its folders.
    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.source(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The server says when an undated segment of the playlist at `list` is.
    pub(super) fn assign(&mut self, list: &str, msn: u64, time: Timestamp) {
        self.claims.insert((list.parse().unwrap(), msn), time);
    }

    /// Writes segments `numbers` of the playlist at `list`, and the playlist with all of them.
    pub(super) fn live(&self, list: &str, numbers: std::ops::RangeInclusive<u64>) {
        let folder = list
            .rsplit_once('/')
            .map_or(String::new(), |(f, _)| format!("{f}/"));
        for msn in numbers.clone() {
            let path = format!("{folder}s{msn}.ts");
            if !self.source(&path).exists() {
                self.write(&path, segment(msn));
            }
        }
        self.write(list, playlist(numbers, ""));
    }

    pub(super) fn pass(&mut self) -> Outcome {
        let engine = self.engine.as_mut().unwrap();
        let context = Context {
            lease: self.lease.as_ref(),
            claims: &self.claims,
            footing: self.footing,
            runs: &self.runs,
            containers: self.containers,
            now: self.now,
        };
        let outcome = engine.pass(&context);
        self.events.extend(outcome.events.iter().cloned());
        outcome
    }

    /// Passes while there is work at hand.
    pub(super) fn settle(&mut self) -> Outcome {
        for _ in 0..100 {
            let outcome = self.pass();
            if !outcome.busy {
                return outcome;
            }
        }
        panic!("no end of work");
    }

    pub(super) fn after(&mut self, millis: u64) -> Outcome {
        self.now = self.now.plus(Duration::from_millis(millis));
        self.settle()
    }

    pub(super) fn engine(&self) -> &Engine {
        self.engine.as_ref().unwrap()
    }

    /// The published playlist at `list`.
    pub(super) fn published(&self, list: &str) -> MediaPlaylist {
        let text = fs::read_to_string(self.sink(list)).unwrap();
        match Playlist::parse(&text) {
            Ok(Playlist::Media(list)) => list,
            other => panic!("{other:?}: {text}"),
        }
    }

    /// The numbers that the published playlist lists.
    pub(super) fn listed(&self, list: &str) -> Vec<u64> {
        if !self.sink(list).exists() {
            return Vec::new();
        }
        let list = self.published(list);
        list.segments().iter().map(|segment| segment.msn).collect()
    }

    /// Checks that every listed segment has a key of the lease and its own source under it, and
    /// that no file of the sink holds a clear one.
    pub(super) fn audit(&self, list: &str) {
        self.audit_as(list, |msn| msn);
    }

    /// The same, where the segment that is published as a number was made as another.
    pub(super) fn audit_as(&self, list: &str, made: impl Fn(u64) -> u64) {
        let at = Beneath::found(list).unwrap();
        let published = self.published(list);
        for segment in published.segments().iter().filter(|segment| !segment.gap) {
            let key_tag = segment.key.clone().unwrap();
            let kid = key_tag.uri.rsplit('/').next().unwrap().to_owned();
            let key = key_of(&kid);
            let iv = Iv::for_segment(&key, &list.parse().unwrap(), segment.msn);
            assert_eq!(key_tag.iv, Some(iv.to_string()));
            let path = at.resolve_segment(&segment.uri).unwrap();
            let mut expected = segment_bytes(made(segment.msn));
            encrypt_batch(&mut [Job {
                key: &key,
                iv,
                data: &mut expected,
            }]);
            let found = fs::read(self.sink(path.as_str())).unwrap();
            assert!(found == expected, "{list} {}", segment.msn);
        }
        for (path, content) in files(self.sink.path()) {
            let is_clear = content.len() > 188 && content[0] == 0x47 && content[188] == 0x47;
            assert!(!is_clear, "{path} is clear");
        }
    }

    pub(super) fn stalls(&self) -> Vec<(String, StallReason)> {
        let told = self.events.iter().filter_map(|event| match event {
            Event::Stalled {
                rendition, reason, ..
            } => Some((rendition.clone(), *reason)),
            _ => None,
        });
        told.collect()
    }
}

/// What a server says of a stream whose source has never restarted, to any question.
pub(super) fn initial() -> Runs {
    let view = json!({
        "run": 0, "first": 0, "output": 0, "discontinuities": 0, "shift_ms": 0, "version": 0,
        "marks": [],
    });
    Runs::new(u64::MAX, vec![serde_json::from_value(view).unwrap()])
}

/// Every file beneath `root` and what it holds.
pub(super) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

/// A transport stream of its own for each number, of several packets.
pub(super) fn segment(msn: u64) -> Vec<u8> {
    segment_bytes(msn)
}

fn segment_bytes(msn: u64) -> Vec<u8> {
    let packets = 2 + usize::try_from(msn % 5).unwrap();
    let mut bytes = Vec::new();
    for packet in 0..packets {
        let mut one = [u8::try_from(msn % 251).unwrap(); 188];
        one[0] = 0x47;
        one[1] = u8::try_from(packet).unwrap();
        one[2..10].copy_from_slice(&msn.to_be_bytes());
        bytes.extend_from_slice(&one);
    }
    bytes
}

/// A playlist of dated four-second segments; segment 0 begins at the epoch.
pub(super) fn playlist(numbers: std::ops::RangeInclusive<u64>, end: &str) -> String {
    let mut text = format!(
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:{}\n",
        numbers.start()
    );
    for msn in numbers {
        let time = Timestamp::from_millis(i64::try_from(msn).unwrap() * 4000);
        text += &format!("#EXT-X-PROGRAM-DATE-TIME:{time}\n#EXTINF:4.000,\ns{msn}.ts\n");
    }
    text + end
}

/// The same without dates.
pub(super) fn undated(numbers: std::ops::RangeInclusive<u64>, end: &str) -> String {
    let dated = playlist(numbers, end);
    let lines = dated.lines().filter(|line| !line.contains("DATE-TIME"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// A lease of `periods` under one era from zero on, every key seen served.
pub(super) fn lease(rule: &str, periods: std::ops::Range<u64>) -> Lease {
    served(view(rule, periods))
}

/// The lease that the server's answer `view` makes, every key seen served.
pub(super) fn served(view: serde_json::Value) -> Lease {
    let mut lease = leased(view);
    while let Some(probe) = first_probe(&lease) {
        let key = key_of(probe.uri.rsplit('/').next().unwrap());
        lease.served(&probe, &key);
    }
    lease
}

/// The first key of `lease` that was not seen served yet.
pub(super) fn first_probe(lease: &Lease) -> Option<Probe> {
    let all = (0..100).map(|index| (None, index)).collect();
    lease.unchecked(&all, &HashSet::new())
}

/// The same, no key seen served yet.
pub(super) fn unserved(rule: &str, periods: std::ops::Range<u64>) -> Lease {
    leased(view(rule, periods))
}

fn leased(view: serde_json::Value) -> Lease {
    let view = serde_json::from_value(view).unwrap();
    Lease::new(view, &"live/a".parse().unwrap(), None).unwrap()
}

/// The server's answer that makes such a lease.
pub(super) fn view(rule: &str, periods: std::ops::Range<u64>) -> serde_json::Value {
    let rule: serde_json::Value = serde_json::from_str(rule).unwrap();
    let boundary = |index: u64| match &rule {
        serde_json::Value::Object(rule) if rule.contains_key("every") => {
            let time = Timestamp::from_millis(i64::try_from(index).unwrap() * 10_000);
            json!({"time": time.to_string()})
        }
        _ => json!({"segment": index * 3}),
    };
    let period = |index: u64| {
        let kid = format!("0b5f3f0e-1c9c-4f7e-9d3a-{index:012x}");
        json!({
            "index": index, "kid": kid, "boundary": boundary(index), "state": "pending",
            "key": STANDARD.encode(key_of(&kid).expose()),
            "uri": format!("https://keys.test/v1/keys/{kid}"), "probe": "obviously-a-fake",
        })
    };
    json!({
        "stream": "live/a", "version": 1, "key_scope": "stream", "iv": "explicit",
        "eras": [{"start": boundary(0), "base": 0, "rotation": rule}],
        "periods": periods.map(period).collect::<Vec<_>>(),
        "now": "2026-01-01T00:00:00.000Z",
    })
}

/// A key that is obviously a fake, another for each kid.
pub(super) fn key_of(kid: &str) -> ContentKey {
    let text = format!("fake{}", &kid[kid.len() - 12..]);
    ContentKey::from_slice(text.as_bytes()).unwrap()
}
