//! Parts that come from other machines, and what other sinks have of them.

use super::{Air, listed, published};
use crate::harness::dav::Dav;
use crate::harness::low_latency::{LowLatency, PARTS, whole};
use crate::harness::nginx::Nginx;
use crate::harness::opening::Viewing;
use crate::harness::parts::open_parts;
use crate::harness::push::Push;

/// Sends what the packager's last step wrote: the part, the segment that it ends, then the list.
async fn send_step(push: &Push, source: &LowLatency) {
    let (msn, index) = ((source.parts - 1) / PARTS, (source.parts - 1) % PARTS);
    let folder = push.local.path();
    push.send_local(&folder.join(format!("s{msn}.{index}.m4s")))
        .await;
    if index + 1 == PARTS {
        push.send_local(&folder.join(format!("s{msn}.m4s"))).await;
    }
    push.send_local(&folder.join("i.m3u8")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_are_pushed_are_published_before_their_segment() {
    let push = Push::prepare("test/pushed-parts", "{ segments = 2 }").await;
    let mut worker = push.start(&[]).await;
    let mut source = LowLatency::new(push.local.path(), "i.m3u8");
    push.send_local(&push.local.path().join("init.mp4")).await;
    let viewer = push.serve.viewer(&push.job.stream);
    for step in 0..3 * PARTS + 2 {
        source.advance(1);
        send_step(&push, &source).await;
        let (msn, index) = (step / PARTS, step % PARTS);
        if msn > 0 {
            let list = push.sink().join("i.m3u8");
            let text = published(&mut worker, &list, &listed(msn, index)).await;
            open_parts((&viewer, push.sink()), "i.m3u8", &text).await;
        }
    }
    // The worker begins again within a segment, from what it was sent before.
    drop(worker);
    let mut worker = push.start(&[]).await;
    source.advance(1);
    send_step(&push, &source).await;
    let text = published(&mut worker, &push.sink().join("i.m3u8"), &listed(3, 2)).await;
    open_parts((&viewer, push.sink()), "i.m3u8", &text).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_are_pulled_are_published_before_their_segment() {
    let mut air = Air::new("pulled-parts", "{ segments = 2 }").await;
    let nginx = Nginx::origin(air.source.path(), "").await;
    let mut source = LowLatency::new(air.source.path(), "i.m3u8");
    source.advance(PARTS + 1);
    air.job.from = Some(format!("pull:{}", nginx.url("i.m3u8")));
    let mut worker = air.job.start();
    for _ in 0..2 * PARTS {
        let (msn, index) = ((source.parts - 1) / PARTS, (source.parts - 1) % PARTS);
        let text = air
            .published(&mut worker, "i.m3u8", &listed(msn, index))
            .await;
        air.check("i.m3u8", &text).await;
        source.advance(1);
    }
    let text = air.published(&mut worker, "i.m3u8", "\ns2.m4s\n").await;
    for opened in Viewing::of(&air.serve, &air.job)
        .await
        .open_text("i.m3u8", &text)
    {
        assert_eq!(opened.plain, whole("i.m3u8", opened.listed.msn));
    }
}

/// The folder has parts; the server that files are sent to has whole segments, and promises nothing.
#[tokio::test(flavor = "multi_thread")]
async fn of_several_sinks_the_folder_has_parts_and_the_others_whole_segments() {
    let air = Air::new("sinks-parts", "{ segments = 2 }").await;
    let dav = Dav::start().await;
    let mut source = LowLatency::new(air.source.path(), "i.m3u8");
    let (url, file) = (dav.url(), dav.credential());
    let more = [
        "--sink",
        &url,
        "--sink-credential-file",
        file.to_str().unwrap(),
    ];
    let mut worker = air.job.start_with(&more);
    source.advance(3 * PARTS + 2);
    let text = air.published(&mut worker, "i.m3u8", &listed(3, 1)).await;
    air.check("i.m3u8", &text).await;
    let sent = published(&mut worker, &dav.folder().join("i.m3u8"), "\ns2.m4s\n").await;
    for tag in ["EXT-X-PART", "HINT", "CAN-", "PART-HOLD-BACK"] {
        assert!(!sent.contains(tag), "{tag}\n{sent}");
    }
    let mut job = air.job.clone();
    job.sink = dav.folder();
    let open = Viewing::of(&air.serve, &job)
        .await
        .open_text("i.m3u8", &sent);
    assert_eq!(open.len(), 3);
    for opened in open {
        assert_eq!(opened.plain, whole("i.m3u8", opened.listed.msn));
    }
}
