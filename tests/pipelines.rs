//! Whole pipelines of other people's programs, from an encoder to what players get.
//!
//! Must not know: what the encoder encodes; the clear files are kept as they come.

use std::process::Command;

use crate::harness::collector::Collector;
use crate::harness::encrypt::Encrypt;
use crate::harness::keeper::Keeper;
use crate::harness::nginx::Nginx;
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// Judges what was published against what was kept of the source.
pub(crate) async fn audit(
    serve: &Serve,
    job: &Encrypt,
    mut seen: Collector,
    keeper: Keeper,
    least: usize,
) {
    seen.nothing_changed().await;
    seen.evidence.source = keeper.segments;
    seen.fetch_keys(&serve.viewer(&job.stream)).await;
    let credential = std::fs::read_to_string(&job.credential).unwrap();
    let actor = serve.stranger().with(credential.trim());
    seen.take_claims(&actor, &job.stream).await;
    seen.lease(&actor, &job.stream, "").await;
    seen.judge(least, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_writes_nginx_serves_and_the_worker_pulls() {
    let serve = Serve::start("{ every = \"4s\" }", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut nginx = Nginx::origin(source.path(), "").await;
    let mut job = Encrypt::at(&serve, "test/ffmpeg-pull", source.path(), sink.path());
    job.from = Some(format!("pull:{}", nginx.url("master.m3u8")));
    let mut worker = job.start();
    let flags = "temp_file+program_date_time";
    let mut ffmpeg = crate::live::packager(source.path(), flags);
    let (mut keeper, mut seen) = (Keeper::default(), Collector::of(sink.path()));
    let mut paused = false;
    until("the stream ends", seconds(60), async || {
        keeper.look(source.path(), "master.m3u8");
        let renditions = seen.origin.renditions("master.m3u8").await;
        seen.look(&renditions).await;
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        if !paused && seen.evidence.count() >= 3 {
            paused = true;
            nginx.pause().await;
            until("the worker says so", seconds(10), async || {
                keeper.look(source.path(), "master.m3u8");
                let told = worker.stdout.text();
                told.contains("source_failed").then_some(())
            })
            .await;
            nginx.resume().await;
        }
        let mut lists = seen.evidence.published.iter();
        lists.any(|(_, list)| list.ended).then_some(())
    })
    .await;
    assert!(
        ffmpeg.end(seconds(5)).await.success(),
        "{}",
        ffmpeg.stderr.text()
    );
    audit(&serve, &job, seen, keeper, 9).await;
}

/// Ten seconds of picture and sound in real time to an RTMP server.
fn publish(url: &str) -> Process {
    let mut command = Command::new("/usr/bin/ffmpeg");
    let args = "-nostdin -v error -re -f lavfi -i testsrc=size=160x90:rate=10 -f lavfi \
                -i sine=frequency=440 -t 10 -c:v libx264 -preset ultrafast -tune zerolatency \
                -g 10 -pix_fmt yuv420p -c:a aac -ar 44100 -f flv";
    command.args(args.split_whitespace()).arg(url);
    Process::start(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_sends_nginx_rtmp_writes_and_the_worker_reads() {
    let serve = Serve::start("{ every = \"4s\" }", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let nginx = Nginx::rtmp(source.path()).await;
    let job = Encrypt::at(&serve, "test/rtmp", source.path(), sink.path());
    let mut worker = job.start();
    let mut ffmpeg = publish(&format!("rtmp://127.0.0.1:{}/live/show", nginx.port));
    let (mut keeper, mut seen) = (Keeper::default(), Collector::of(sink.path()));
    let renditions = ["show.m3u8".to_owned()];
    until("the stream is over", seconds(60), async || {
        keeper.look_at(source.path(), "show.m3u8");
        seen.look(&renditions).await;
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        let is_over = ffmpeg.ended().is_some() && !keeper.segments.is_empty();
        (is_over && seen.evidence.count() >= keeper.segments.len()).then_some(())
    })
    .await;
    assert!(
        ffmpeg.end(seconds(1)).await.success(),
        "{}",
        ffmpeg.stderr.text()
    );
    seen.evidence.starts.push(0); // this packager begins with a break
    audit(&serve, &job, seen, keeper, 8).await;
}
