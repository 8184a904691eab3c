//! A playlist in object storage that somebody swapped, or deleted, behind the encryptor's back.
//!
//! Must not know: how the storage tells one version from the next.

use rustix::process::Signal;

use super::{Scene, level};
use crate::harness::actor::Answer;
use crate::harness::bucket::ObjectStore;
use crate::harness::packager::Packager;

/// Somebody's stream, in the clear.
const FOREIGN: &str =
    "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:3\n#EXTINF:4,\ntheirs-3.ts\n";
/// The server looks whether a request is signed, and not by whom.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=obviously-fake/20260101/us-east-1/s3/aws4_request, \
     SignedHeaders=host, Signature=obviously-fake";

/// The bucket's owner, who goes by no condition.
async fn owner(scene: &Scene, store: &ObjectStore, method: &str, body: Option<&str>) -> Answer {
    let path = format!("{}/index.m3u8", ObjectStore::above());
    let signed = [("authorization", SIGNED)];
    let reader = store.reader(&scene.serve.ca());
    reader.try_ask(method, &path, &signed, body).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_that_somebody_swapped_meanwhile_is_not_replaced() {
    let mut scene = Scene::live("test/swapped", Packager::single).await;
    let store = ObjectStore::start(&scene.serve.ca()).await;
    let mut worker = scene.worker(None, Some(&store), &[]);
    let mut seen = scene.seen_in(&store);
    scene.packager.run(8).await;
    level(&scene, &mut seen).await;
    owner(&scene, &store, "PUT", Some(FOREIGN))
        .await
        .expect(200);
    let swapped = scene.packager.next;
    for what in [
        "index.m3u8 was swapped by somebody else",
        "index.m3u8 there is not replaced",
    ] {
        scene
            .on_air(what, async || worker.stdout.text().contains(what))
            .await;
    }
    let waited = (scene.packager.next - swapped) / 2;
    assert!(waited < 30, "what to do is told after {waited} s");
    scene.packager.run(8).await; // a window, and more
    let there = owner(&scene, &store, "GET", None).await.expect(200);
    assert_eq!(there.text(), FOREIGN);
    let folder = String::from_utf8(scene.list("index.m3u8")).unwrap();
    let lately = scene.packager.next - 4;
    let goes_on = folder.contains(&format!("seg-{lately}.ts"));
    assert!(goes_on, "the folder waits for it: {folder}");

    // Its place is free again.
    owner(&scene, &store, "DELETE", None).await.expect(204);
    let mut seen = scene.seen_in(&store);
    scene.packager.run(1).await;
    level(&scene, &mut seen).await;
    scene.judge_shown(&mut seen, 4, 1).await;
    worker.stop(Signal::TERM).await;
}

/// Nobody else has written there: what is missing is put there again.
#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_that_somebody_deleted_meanwhile_is_put_there_again() {
    let mut scene = Scene::live("test/deleted", Packager::single).await;
    let store = ObjectStore::start(&scene.serve.ca()).await;
    let mut worker = scene.worker(None, Some(&store), &[]);
    let mut seen = scene.seen_in(&store);
    scene.packager.run(8).await;
    level(&scene, &mut seen).await;
    owner(&scene, &store, "DELETE", None).await.expect(204);
    scene.packager.run(2).await;
    level(&scene, &mut seen).await;
    scene.judge_shown(&mut seen, 5, 1).await;
    worker.stop(Signal::TERM).await;
}
