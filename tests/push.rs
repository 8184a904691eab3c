//! `hlskey encrypt --source push`: packagers send, and what they send is published encrypted.
//!
//! Must not know: how it is kept meanwhile.

mod bodies;
mod ffmpeg;
mod refusals;

use crate::harness::collector::Collector;
use crate::harness::packager::Packager;
use crate::harness::push::Push;
use crate::harness::wait::{seconds, throughout, until};

/// Judges what was published of `packager`'s stream.
async fn audit(push: &Push, seen: &mut Collector, packager: &Packager, segments: usize) {
    until("all is published", seconds(30), async || {
        seen.look(&packager.renditions).await;
        (seen.evidence.count() >= segments).then_some(())
    })
    .await;
    seen.nothing_changed().await;
    seen.take_source(packager);
    seen.fetch_keys(&push.serve.viewer(&push.job.stream)).await;
    let actor = push.serve.stranger().with(&push.secret);
    seen.lease(&actor, &push.job.stream, "").await;
    seen.judge(segments, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_outlives_the_worker() {
    let push = Push::prepare("test/pushed", "{ every = \"4s\" }").await;
    let mut worker = push.start(&[]).await;
    let mut packager = Packager::ladder(push.local.path());
    (packager.span, packager.window) = (400, 40);
    packager.write_master();
    push.send_local(&push.local.path().join("master.m3u8"))
        .await;
    let mut seen = Collector::of(push.sink());
    for round in 0..30 {
        push.publish(&mut packager).await;
        seen.look(&packager.renditions).await;
        // Between a segment's answer and the lists that name it, and once more.
        if [9, 19].contains(&round) {
            let rendition = packager.renditions[0].clone();
            worker.kill();
            packager.publish();
            let resumed = push.start(&[]);
            let segment = packager.segment(&rendition, packager.next - 1);
            worker = resumed.await;
            push.send_local(&segment).await;
            worker.kill();
            worker = push.start(&[]).await;
            for rendition in &packager.renditions[1..] {
                let segment = packager.segment(rendition, packager.next - 1);
                push.send_local(&segment).await;
            }
            push.send_lists(&packager).await;
        }
    }
    audit(&push, &mut seen, &packager, 3 * 32).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clear_media_does_not_pile_up() {
    let push = Push::prepare("test/cleared", "{ every = \"4s\" }").await;
    let _worker = push.start(&[]).await;
    let mut packager = Packager::single(push.local.path());
    (packager.span, packager.window) = (100, 60);
    let mut seen = Collector::of(push.sink());
    for _ in 0..50 {
        push.publish(&mut packager).await;
    }
    audit(&push, &mut seen, &packager, 50).await;
    until("old ones are deleted", seconds(20), async || {
        (push.spooled().len() <= 17).then_some(())
    })
    .await;
    // The newest are kept at the next look too, and the stream goes on.
    let newest = (packager.next - 16..packager.next).map(|msn| format!("seg-{msn}.ts"));
    let newest: Vec<String> = newest.collect();
    throughout("the newest are kept", seconds(6), async || {
        let names = push.spooled();
        newest.iter().all(|name| names.contains(name))
    })
    .await;
    push.publish(&mut packager).await;
    audit(&push, &mut seen, &packager, 51).await;
}
