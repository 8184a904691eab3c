//! The disk of the server's store full: 503 for what must be written, all else goes on, nothing is
//! half done, and no restart is needed when there is room again. A picture goes on through all of it.
//!
//! Must not know: what is written when.

use std::os::unix::fs::{MetadataExt as _, chown};

use super::errands::{Errands, Step};
use super::picture::Picture;
use crate::harness::postgres::Cluster;
use crate::harness::serve::Serve;
use crate::harness::small_disk::SmallDisk;
use crate::harness::wait::{seconds, until};

/// Streams that are there before the disk is full.
const STREAMS: u64 = 6;
/// Streams that are there to be cut when it is.
const SPARES: u64 = 120;
/// How often something is asked for until there must be no room for more.
const PATIENCE: u64 = 3000;

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite_a_full_disk_is_503_and_nothing_half() {
    let serve = Serve::prepare("{ segments = 5 }", "");
    let folder = serve.config().with_file_name("small");
    std::fs::create_dir(&folder).unwrap();
    let small = SmallDisk::mount(&folder, 16 << 10);
    serve.amend("sqlite:keystore/hlskey.db", "sqlite:small/hlskey.db");
    fills_up(serve, &small).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres_a_full_disk_is_503_and_nothing_half() {
    let cluster = Cluster::start();
    let folder = cluster.folder().join("small");
    std::fs::create_dir(&folder).unwrap();
    // The log has room: without any, Postgres itself stops, and says so.
    let small = SmallDisk::mount(&folder, 32 << 10);
    let owner = std::fs::metadata(cluster.folder()).unwrap();
    chown(&folder, Some(owner.uid()), Some(owner.gid())).unwrap();
    cluster.sql(&format!(
        "CREATE TABLESPACE small LOCATION '{}'",
        folder.display()
    ));
    cluster.sql("CREATE DATABASE small TABLESPACE small");
    let serve = Serve::prepare("{ segments = 5 }", "");
    serve.amend("sqlite:keystore/hlskey.db", &cluster.database("small"));
    fills_up(serve, &small).await;
}

async fn fills_up(mut serve: Serve, small: &SmallDisk) {
    serve.resume().await;
    let mut errands = Errands::at(&serve);
    for _ in 0..STREAMS {
        errands.run().await.unwrap();
    }
    let mut picture = Picture::ladder(&serve, "test/live", 100);
    let mut worker = picture.job.start();
    for _ in 0..2 {
        picture.goes_on(&mut worker, 5).await;
        errands.lay_in(SPARES).await.unwrap();
        small.fill();
        for step in [Step::Register, Step::Lease, Step::Claim, Step::Rotate] {
            let mut room = 0..PATIENCE;
            while errands.step(step).await.is_ok() {
                assert!(room.next().is_some(), "{step:?}: the disk is never full");
            }
        }
        errands.are_served(STREAMS).await;
        picture.goes_on(&mut worker, 5).await;
        picture.audit_at_rest().await;
        small.empty();
        until("all goes on by itself", seconds(10), async || {
            errands.run().await.ok()
        })
        .await;
        errands.verify(u64::MAX).await;
        picture.goes_on(&mut worker, 5).await;
        picture.judge().await;
    }
    picture.catches_up(&mut worker).await;
    picture.judge_all(3).await;
    drop(serve);
}
