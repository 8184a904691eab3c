//! The database restarts, and stops for a while, under load at two servers and an encryptor.
//!
//! Must not know: how a server finds its database again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::{Pair, keys, leased, status, told_when};
use crate::harness::actor::{Actor, Answer};
use crate::harness::collector::Collector;
use crate::harness::encrypt::Encrypt;
use crate::harness::packager::Packager;
use crate::harness::wait::{seconds, throughout, until};

/// The stream whose keys are in both servers' memory.
const CACHED: &str = "/v1/streams/test/cached";

/// What is asked for again and again.
#[derive(Debug, Clone, Copy)]
enum What {
    KeyInMemory,
    NewLease,
    Report,
    LongPoll,
}

const ALL: [What; 4] = [
    What::KeyInMemory,
    What::NewLease,
    What::Report,
    What::LongPoll,
];

/// What all askers of one thing were answered.
#[derive(Default)]
struct Tally {
    good: AtomicUsize,
    later: AtomicUsize,
    /// Kid and key of everything that was leased.
    given: Mutex<BTreeMap<String, String>>,
}

/// Asks one server for one thing without a pause.
struct Asker {
    what: What,
    name: String,
    packager: Actor,
    viewer: Actor,
    kids: Vec<String>,
    tally: Arc<Tally>,
    stop: Arc<AtomicBool>,
}

impl Asker {
    async fn run(self) {
        let mut turn = 0;
        while !self.stop.load(Ordering::SeqCst) {
            let answer = self.ask(turn).await;
            self.take(&answer).await;
            turn += 1;
        }
    }

    async fn ask(&self, turn: usize) -> Answer {
        match self.what {
            What::KeyInMemory => {
                let kid = &self.kids[turn % self.kids.len()];
                let answer = self.viewer.get(&format!("/v1/keys/{kid}")).await;
                assert!(answer.status != 200 || answer.body.len() == 16);
                answer
            }
            What::NewLease => {
                let stream = format!("/v1/streams/test/{}-{turn}", self.name);
                self.packager.get(&format!("{stream}/schedule")).await
            }
            What::Report => {
                let report = json!({"instance": self.name, "acknowledged": 1, "claims": [turn]});
                let path = format!("{CACHED}/progress");
                self.packager
                    .ask("POST", &path, Some(&report.to_string()))
                    .await
            }
            What::LongPoll => {
                let path = format!("{CACHED}/schedule?known=1&wait=2");
                self.packager.get(&path).await
            }
        }
    }

    /// Every answer is good, or says to come again.
    async fn take(&self, answer: &Answer) {
        told_when(answer);
        match answer.status {
            200 => self.tally.good.fetch_add(1, Ordering::SeqCst),
            503 => self.tally.later.fetch_add(1, Ordering::SeqCst),
            status => panic!("{:?}: {status} {}", self.what, answer.text()),
        };
        if matches!(self.what, What::NewLease) && answer.status == 200 {
            self.tally.given.lock().await.extend(keys(&answer.json()));
        }
    }
}

/// Askers of everything at both servers.
struct Load {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<()>,
    tallies: [Arc<Tally>; 4],
}

impl Load {
    fn start(pair: &Pair, kids: &[String]) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            tasks: JoinSet::new(),
            tallies: Default::default(),
        };
        let servers = pair.viewers().into_iter().zip(pair.packagers());
        for (at, (viewer, packager)) in servers.enumerate() {
            for (what, tally) in ALL.into_iter().zip(&load.tallies) {
                let asker = Asker {
                    what,
                    name: format!("load-{at}"),
                    packager: packager.clone(),
                    viewer: viewer.clone(),
                    kids: kids.to_vec(),
                    tally: tally.clone(),
                    stop: load.stop.clone(),
                };
                load.tasks.spawn(asker.run());
            }
        }
        load
    }

    /// Waits until each thing was answered well `more` times again.
    async fn goes_on(&self, more: usize) {
        let goods = || {
            self.tallies
                .each_ref()
                .map(|tally| tally.good.load(Ordering::SeqCst))
        };
        let before = goods();
        until("everything is answered again", seconds(30), async || {
            let mut gains = goods().into_iter().zip(before);
            gains
                .all(|(now, before)| now >= before + more)
                .then_some(())
        })
        .await;
    }

    async fn end(mut self) -> [Arc<Tally>; 4] {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        self.tallies
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_nothing_is_wrong_and_all_recovers() {
    let pair = Pair::start().await;
    let ([one, _], viewers) = (pair.packagers(), pair.viewers());
    let kids = leased(&one, "test/cached").await;
    let (cached, unseen) = kids.split_at(3);
    for (viewer, kid) in viewers
        .iter()
        .flat_map(|viewer| cached.iter().map(move |kid| (viewer, kid)))
    {
        assert_eq!(status(viewer, kid).await, 200);
    }
    let load = Load::start(&pair, cached);
    load.goes_on(1).await;
    pair.cluster.control(&["restart", "-m", "immediate"]);
    load.goes_on(3).await;

    pair.cluster.control(&["stop", "-m", "immediate"]);
    for viewer in &viewers {
        assert_eq!(status(viewer, &unseen[0]).await, 503);
    }
    throughout("keys in memory are given out", seconds(4), async || {
        let [here, there] = [
            status(&viewers[0], &cached[0]),
            status(&viewers[1], &cached[1]),
        ];
        (here.await, there.await) == (200, 200)
    })
    .await;
    pair.cluster.control(&["start"]);
    load.goes_on(3).await;

    let [in_memory, leases, reports, polls] = load.end().await;
    let later = |tally: &Tally| tally.later.load(Ordering::SeqCst);
    assert_eq!(
        later(&in_memory),
        0,
        "what is in memory was given all the time"
    );
    assert!(
        later(&leases) > 0 && later(&reports) > 0 && later(&polls) > 0,
        "a fault was met"
    );
    for viewer in &viewers {
        assert_eq!(status(viewer, &unseen[0]).await, 200);
    }
    // What was handed out is there, and the same at both.
    let given = leases.given.lock().await;
    for (turn, (kid, key)) in given.iter().enumerate() {
        let answer = viewers[turn % 2].get(&format!("/v1/keys/{kid}")).await;
        assert_eq!(base64(&answer.expect(200).body), *key, "{kid}");
    }
    let rows = pair.cluster.sql("SELECT encode(kid, 'hex') FROM periods");
    let rows: std::collections::BTreeSet<&str> = rows.lines().collect();
    assert!(given.len() > 20, "{} keys", given.len());
    assert!(
        given
            .keys()
            .all(|kid| rows.contains(kid.replace('-', "").as_str()))
    );
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encryptor_goes_on() {
    let pair = Pair::start().await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::single(source.path());
    (packager.window, packager.span) = (40, 500);
    packager.begin_now();
    let [here, _] = &pair.servers;
    let job = Encrypt::at(here, "test/live", source.path(), sink.path());
    let register = r#"{"rotation": {"every": "4s"}}"#;
    let [one, _] = pair.packagers();
    one.ask("PUT", "/v1/streams/test/live", Some(register))
        .await
        .expect(201);
    let worker = job.start();
    packager.run(6).await;
    pair.cluster.control(&["stop", "-m", "immediate"]);
    packager.run(12).await;
    pair.cluster.control(&["start"]);
    packager.run(12).await;
    let mut seen = Collector::of(sink.path());
    until("everything is published", seconds(30), async || {
        seen.look(&packager.renditions).await;
        (seen.evidence.count() == 30).then_some(())
    })
    .await;
    drop(worker);
    seen.nothing_changed().await;
    seen.take_source(&packager);
    // The other server has the same keys.
    seen.fetch_keys(&here.viewer("test/live")).await;
    seen.lease(&one, "test/live", "").await;
    seen.judge(30, 4);
}
