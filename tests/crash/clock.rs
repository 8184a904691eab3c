//! The clocks of server and encryptor, each set an hour forward and back while they stream.
//!
//! Must not know: who reads a clock, or for what.

use std::collections::BTreeSet;

use super::errands::Errands;
use super::picture::Picture;
use crate::harness::actor::Actor;
use crate::harness::binary::mint;
use crate::harness::clock::SetClock;
use crate::harness::postgres::Cluster;
use crate::harness::process::Process;
use crate::harness::serve::Serve;

/// An hour, in seconds.
const HOUR: i64 = 3600;
/// From right to an hour ahead and back, and to an hour behind and back.
const JUMPS: [i64; 4] = [HOUR, 0, -HOUR, 0];
/// How often keys change.
const ROTATION: &str = "{ every = \"1s\" }";
/// New keys that must be seen after each jump, and within how many seconds: twice their periods,
/// since undated segments make up for a clock that was set back at half its pace, and what a
/// worker needs to ask for a lease again.
const KEYS: usize = 3;
const WITHIN: u64 = 30;

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_a_clock_that_is_set_harms_nothing() {
    clocks(Serve::prepare(ROTATION, "")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_a_clock_that_is_set_harms_nothing() {
    let cluster = Cluster::start();
    let serve = Serve::prepare(ROTATION, "");
    serve.amend("sqlite:keystore/hlskey.db", &cluster.database("postgres"));
    clocks(serve).await;
}

async fn clocks(mut serve: Serve) {
    let (server, encryptor) = (SetClock::right(), SetClock::right());
    serve.resume_as(server.given_to(serve.command())).await;
    let mut dated = Live::at(&serve, "test/dated", &encryptor, false);
    let mut undated = Live::at(&serve, "test/undated", &encryptor, true);
    tokio::join!(dated.rotates(), undated.rotates());
    let viewers = Viewers::at(&serve, &dated.picture);
    let mut errands = Errands::at(&serve);
    for (clock, is_server) in [(&server, true), (&encryptor, false)] {
        for offset in JUMPS {
            clock.set(offset);
            tokio::join!(dated.rotates(), undated.rotates());
            if is_server {
                viewers.are_judged_at(offset).await;
            }
            errands.run().await.unwrap();
            errands.verify(u64::MAX).await;
            dated.picture.judge().await;
            undated.picture.judge().await;
        }
    }
    for mut live in [dated, undated] {
        live.picture.catches_up(&mut live.worker).await;
        live.picture.judge_all(KEYS * 8).await;
    }
}

/// A picture with its encryptor, which goes by a clock of its own.
struct Live {
    picture: Picture,
    worker: Process,
}

impl Live {
    fn at(serve: &Serve, stream: &str, clock: &SetClock, undated: bool) -> Self {
        let picture = Picture::ladder(serve, stream, 50);
        let picture = if undated { picture.undated() } else { picture };
        let worker = Process::start(clock.given_to(picture.job.command(&[])));
        Self { picture, worker }
    }

    /// Keys that were not seen before come into use.
    async fn rotates(&mut self) {
        let before = keys(&self.picture);
        let worker = &mut self.worker;
        let rotated = self.picture.until(WITHIN, async |picture| {
            assert!(worker.ended().is_none(), "{}", worker.stderr.text());
            (keys(picture).difference(&before).count() >= KEYS).then_some(())
        });
        let rotated = rotated.await;
        let said = || worker.stdout.text();
        assert!(rotated.is_some(), "keys do not change any more\n{}", said());
    }
}

/// The URIs of the keys in use in the newest lists.
fn keys(picture: &Picture) -> BTreeSet<String> {
    let lists = picture.seen.evidence.published.iter();
    let segments = lists.flat_map(|(_, list)| &list.segments);
    let tags = segments.filter_map(|segment| segment.key.as_ref()?.get(1));
    tags.map(|(_, uri)| uri.clone()).collect()
}

/// Viewers whose tokens were made while every clock was right.
struct Viewers {
    short: Actor,
    long: Actor,
    key: String,
}

impl Viewers {
    fn at(serve: &Serve, picture: &Picture) -> Self {
        let with = |ttl: &str| {
            let token = mint(&serve.config(), &picture.job.stream, ttl);
            serve.stranger().with(&token)
        };
        Self {
            short: with("30m"),
            long: with("3h"),
            key: keys(picture).first().unwrap().trim_matches('"').to_owned(),
        }
    }

    /// A server goes by its clock: a token of half an hour is old an hour ahead.
    async fn are_judged_at(&self, offset: i64) {
        let short = if offset == HOUR { 401 } else { 200 };
        assert_eq!(self.short.get(&self.key).await.status, short, "at {offset}");
        assert_eq!(self.long.get(&self.key).await.status, 200, "at {offset}");
    }
}
