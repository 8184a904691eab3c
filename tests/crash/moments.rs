//! `kill -9` of server and encryptor at two hundred random moments, half of them on each store.
//!
//! Must not know: what either is doing at such a moment.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::time::Instant;

use super::errands::Errands;
use super::picture::Picture;
use crate::harness::chance::seeded;
use crate::harness::clear::Watching;
use crate::harness::postgres::Cluster;
use crate::harness::process::Process;
use crate::harness::serve::Serve;

/// Kills on each store.
const KILLS: u32 = 100;
/// How many kills lie between two looks at what goes on in peace.
const SETTLED: u32 = 10;
/// Milliseconds from one kill to the next.
const APART: std::ops::Range<u64> = 5..500;
/// Segments in a list: more than pass while anybody is down.
const WINDOW: u64 = 100;

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_no_moment_is_a_bad_one_to_be_killed() {
    kills(Serve::prepare("{ segments = 5 }", ""), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_no_moment_is_a_bad_one_to_be_killed() {
    let cluster = Cluster::start();
    let serve = Serve::prepare("{ every = \"1s\" }", "");
    serve.amend("sqlite:keystore/hlskey.db", &cluster.database("postgres"));
    kills(serve, true).await;
}

async fn kills(mut serve: Serve, undated: bool) {
    let mut random = seeded();
    serve.amend("[keys]", "[keys]\nlease = \"2s\""); // so that keys are issued all the time
    serve.resume().await;
    let picture = Picture::ladder(&serve, "test/live", WINDOW);
    let mut life = Life {
        picture: if undated { picture.undated() } else { picture },
        errands: Errands::at(&serve),
        serve,
        worker: None,
    };
    life.worker = Some(life.picture.job.start());
    let watching = Watching::start(life.picture.sink());
    for number in 1..=KILLS {
        life.goes_by(&mut random).await;
        match random.random_range(0..9) {
            0..4 => life.kill_worker().await,
            4..8 => life.kill_server().await,
            _ => {
                life.kill_server().await;
                life.kill_worker().await;
            }
        }
        if number % SETTLED == 0 {
            life.picture.goes_on(life.worker.as_mut().unwrap(), 5).await;
            life.errands.verify(5).await;
        }
        life.errands.verify(1).await;
        life.picture.judge().await;
    }
    life.ends().await;
    println!("{} files were looked at", watching.end());
}

/// A server, an encryptor, and those who deal with them.
struct Life {
    serve: Serve,
    picture: Picture,
    worker: Option<Process>,
    errands: Errands,
}

impl Life {
    /// Some time of work, to a random moment of it.
    async fn goes_by(&mut self, random: &mut StdRng) {
        let end = Instant::now() + Duration::from_millis(random.random_range(APART));
        let work = async {
            loop {
                self.picture.tick().await;
                let run = self.errands.run().await;
                run.unwrap();
            }
        };
        tokio::select! {
            () = work => {}
            () = tokio::time::sleep_until(end) => {}
        }
    }

    async fn kill_worker(&mut self) {
        self.worker.take().unwrap().kill();
        self.picture.audit_at_rest().await;
        self.worker = Some(self.picture.job.start());
    }

    /// The picture goes on meanwhile, and somebody asks for something at that very moment.
    async fn kill_server(&mut self) {
        let Self {
            serve,
            errands,
            picture,
            ..
        } = self;
        let (asked, ()) = tokio::join!(errands.run(), async { serve.kill() });
        drop(asked);
        let back = serve.resume();
        tokio::pin!(back);
        loop {
            tokio::select! {
                () = &mut back => break,
                () = picture.tick() => {}
            }
        }
    }

    async fn ends(&mut self) {
        let worker = self.worker.as_mut().unwrap();
        self.picture.goes_on(worker, 1).await;
        self.picture.catches_up(worker).await;
        self.errands.verify(u64::MAX).await;
        self.picture.judge_all(10).await;
    }
}
