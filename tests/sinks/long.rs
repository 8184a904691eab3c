//! A file that is too long for memory is the same in every kind of sink.
//!
//! Must not know: in what parts it goes.

use super::Scene;
use crate::harness::bucket::ObjectStore;
use crate::harness::dav::Dav;
use crate::harness::wait::seconds;

/// Bytes that no sink is given in one piece.
const LONG: usize = 40 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_long_file_is_the_same_in_every_sink() {
    let scene = Scene::finished("test/long-file", 3).await;
    let segment = scene.packager.segment("index.m3u8", 1);
    let bytes = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, bytes.repeat(LONG / bytes.len())).unwrap();
    let (dav, store) = (
        Dav::start().await,
        ObjectStore::start(&scene.serve.ca()).await,
    );
    let copy = tempfile::tempdir().unwrap();
    let second = format!("dir:{}", copy.path().display());
    let more = ["--once", "--sink", &second];
    let mut run = scene.worker(Some(&dav), Some(&store), &more);
    let status = run.end(seconds(120)).await;
    assert!(status.success(), "{}", run.stderr.text());
    let name = "seg-1.ts";
    let own = std::fs::read(scene.sink.path().join(name)).unwrap();
    assert!(own.len() > LONG - bytes.len());
    for folder in [dav.folder(), copy.path().to_owned()] {
        let there = std::fs::read(folder.join(name)).unwrap();
        assert!(there == own, "{} differs", folder.display());
    }
    let there = scene.seen_in(&store).origin.read(name).await;
    assert!(there.unwrap() == own, "the object differs");
}
