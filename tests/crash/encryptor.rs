//! The encryptor, killed at every one of its fail points, twice at each, on each store; at those of a
//! sink elsewhere, with an origin that takes PUT beside its folder.
//!
//! Must not know: where the points stand.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use futures_util::StreamExt as _;
use futures_util::stream::iter;
use rand::RngExt as _;

use super::picture::Picture;
use super::points;
use crate::harness::binary::armed;
use crate::harness::chance::seeded;
use crate::harness::collector::{Collector, Origin};
use crate::harness::dav::Dav;
use crate::harness::postgres::Cluster;
use crate::harness::process::Process;
use crate::harness::serve::Serve;

/// Cases that run beside each other: each mostly waits for its segments.
const BESIDE: usize = 4;
/// Segments in a list, and published after each start.
const WINDOW: u64 = 6;
/// How often keys change.
const ROTATION: &str = "{ segments = 3 }";
/// What the points of a sink elsewhere begin with.
const ELSEWHERE: &str = "replica.";
/// A point after which a half-written file is left.
const LEFTOVER: &str = "segment.written";

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_a_kill_at_any_step_leaves_nothing_clear_broken_or_changed() {
    kills(Serve::prepare(ROTATION, "")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_a_kill_at_any_step_leaves_nothing_clear_broken_or_changed() {
    let cluster = Cluster::start();
    let serve = Serve::prepare(ROTATION, "");
    serve.amend("sqlite:keystore/hlskey.db", &cluster.database("postgres"));
    kills(serve).await;
}

async fn kills(mut serve: Serve) {
    let mut random = seeded();
    serve.resume().await;
    let points = points::all().encryptor;
    assert!(points.contains(LEFTOVER));
    let mut cases = Vec::new();
    for point in points {
        let origin = match point.starts_with(ELSEWHERE) {
            true => Some(Elsewhere::start(&serve).await),
            false => None,
        };
        cases.push(Case {
            picture: Picture::ladder(&serve, &format!("test/at/{point}"), WINDOW),
            again: random.random_range(2..6),
            point,
            origin,
        });
    }
    let done: Vec<()> = iter(cases.into_iter().map(Case::run))
        .buffer_unordered(BESIDE)
        .collect()
        .await;
    println!("killed at {} points", done.len());
}

/// An origin, and what its viewers saw.
struct Elsewhere {
    dav: Dav,
    seen: Collector,
}

impl Elsewhere {
    async fn start(serve: &Serve) -> Self {
        let dav = Dav::start().await;
        let reader = dav.reader(&serve.ca());
        let seen = Collector::new(Origin::Https(reader, "/live".to_owned()));
        Self { dav, seen }
    }
}

/// A point, and a picture of its own.
struct Case {
    point: String,
    again: u32,
    picture: Picture,
    origin: Option<Elsewhere>,
}

impl Case {
    /// Killed at the first passing of the point, then at another one if there is one, then left
    /// alone.
    async fn run(mut self) {
        self.first_kill().await;
        self.picture.judge().await;
        self.look_elsewhere().await;
        let mut worker = self.start(&format!("{}:{}", self.point, self.again));
        if !self.dies(&mut worker, WINDOW).await {
            worker.kill();
        }
        self.picture.judge().await;
        self.look_elsewhere().await;
        let mut worker = Process::start(self.command());
        self.picture.goes_on(&mut worker, 2 * WINDOW).await;
        self.picture.catches_up(&mut worker).await;
        self.picture.judge_all(3).await;
        if let Some(origin) = &self.origin {
            origin.dav.has_what_is_in(self.picture.sink()).await;
        }
        self.look_elsewhere().await;
    }

    /// No list there names a file that is not there, or is another one than before.
    async fn look_elsewhere(&mut self) {
        if let Some(Elsewhere { seen, .. }) = &mut self.origin {
            seen.look(&self.picture.packager.renditions).await;
            seen.nothing_changed().await;
        }
    }

    /// What a worker does from its first start until it deletes what left its window; else what it
    /// does after it was killed with a file half written.
    async fn first_kill(&mut self) {
        // A sink elsewhere begins a second later, and looks every other second what may go.
        let long = if self.origin.is_some() { 20 } else { 5 };
        let mut worker = self.start(&self.point);
        if self.dies(&mut worker, long * WINDOW).await {
            return;
        }
        worker.kill();
        let mut worker = self.start(LEFTOVER);
        assert!(self.dies(&mut worker, WINDOW).await);
        let mut worker = self.start(&self.point);
        let died = self.dies(&mut worker, 5 * WINDOW).await;
        assert!(died, "nothing here reaches the fail point {}", self.point);
    }

    fn start(&self, point: &str) -> Process {
        Process::start(armed(&self.command(), point))
    }

    fn command(&self) -> Command {
        let Some(Elsewhere { dav, .. }) = &self.origin else {
            return self.picture.job.command(&[]);
        };
        let (url, file) = (dav.url(), dav.credential());
        let file = file.to_str().unwrap();
        let args = ["--sink", &url, "--sink-credential-file", file];
        self.picture.job.command(&args)
    }

    /// Whether the worker is killed before it has published `count` more segments.
    async fn dies(&mut self, worker: &mut Process, count: u64) -> bool {
        let goal = self.picture.published_to().map_or(0, |last| last + 1) + count;
        let ended = self
            .picture
            .until(60, async |picture| match worker.ended() {
                Some(status) => Some(Some(status)),
                None => (picture.published_to() >= Some(goal - 1)).then_some(None),
            });
        let Some(status) = ended.await.expect("published, or killed") else {
            return false;
        };
        assert_eq!(status.signal(), Some(9), "{}", worker.stderr.text());
        true
    }
}
