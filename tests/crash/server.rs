//! The server, killed at every one of its fail points, on both stores, while it serves a live
//! picture and runs everybody's errands.
//!
//! Must not know: where the points stand.

use std::os::unix::process::ExitStatusExt as _;

use rand::RngExt as _;

use super::errands::Errands;
use super::picture::Picture;
use super::points;
use crate::harness::binary::armed;
use crate::harness::chance::seeded;
use crate::harness::postgres::Cluster;
use crate::harness::process::Process;
use crate::harness::serve::Serve;

/// Short, so that keys are issued all the time, and longer than an encryptor is waited for.
const LEASE: &str = "[keys]\nlease = \"15s\"";

/// The keys of a removed stream go soon.
const RETENTION: &str = "[keys.retention]\nsweep = \"1s\"\ndestroy_after = \"1s\"\n[keys]";

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_a_kill_at_any_step_breaks_no_promise() {
    matrix(Serve::prepare("{ every = \"1s\" }", "")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_a_kill_at_any_step_breaks_no_promise() {
    let cluster = Cluster::start();
    let serve = Serve::prepare("{ every = \"1s\" }", "");
    serve.amend("sqlite:keystore/hlskey.db", &cluster.database("postgres"));
    matrix(serve).await;
}

async fn matrix(mut serve: Serve) {
    let mut random = seeded();
    let points = points::all().server;
    serve.amend("[keys]", LEASE);
    if points.contains("sweep.changed") {
        serve.amend("[keys]", RETENTION);
    }
    serve.resume().await;
    let mut stage = Stage::at(serve);
    for point in points {
        let nth = random.random_range(1..4);
        stage.kill_at(&point, nth).await;
        stage.serve.resume().await;
        stage.errands.verify(2).await;
        stage.goes_on().await;
        stage.picture.judge().await;
    }
    stage.errands.verify(u64::MAX).await;
    stage.picture.catches_up(&mut stage.worker).await;
    stage.picture.judge_all(5).await;
}

/// A server, a picture that lives on it, and people with errands.
struct Stage {
    serve: Serve,
    picture: Picture,
    worker: Process,
    errands: Errands,
}

impl Stage {
    fn at(serve: Serve) -> Self {
        let picture = Picture::ladder(&serve, "test/live", 100).undated();
        Self {
            worker: picture.job.start(),
            errands: Errands::at(&serve),
            picture,
            serve,
        }
    }

    /// Killed at the `nth` passing of the point if there are so many within a while, else at the
    /// first.
    async fn kill_at(&mut self, point: &str, nth: u32) {
        let killed = self.is_killed_at(&format!("{point}:{nth}"), 5).await
            || self.is_killed_at(point, 40).await;
        assert!(killed, "nothing here reaches the fail point {point}");
    }

    /// Everything goes on until the server is killed at `point`; then it is dead.
    async fn is_killed_at(&mut self, point: &str, within: u64) -> bool {
        self.serve.kill();
        self.serve
            .resume_as(armed(&self.serve.command(), point))
            .await;
        let Self {
            serve,
            picture,
            errands,
            ..
        } = self;
        let process = serve.process.as_mut().unwrap();
        let silence = tokio::spawn(errands.silence());
        let killed = picture.until(within, async |_| {
            let _ = errands.run().await; // the killed server answers nobody
            process.ended()
        });
        let killed = killed.await;
        silence.abort();
        let Some(status) = killed else {
            return false;
        };
        assert_eq!(status.signal(), Some(9), "{}", process.stderr.text());
        picture.audit_at_rest().await;
        true
    }

    async fn goes_on(&mut self) {
        self.picture.goes_on(&mut self.worker, 2).await;
    }
}
