//! Whole pipelines of other people's programs, from an encoder to what players get.
//!
//! Each is audited by the independent decrypter, and played by ffmpeg and by hls.js beside its clear
//! source. Must not know: what the encoder encodes; the clear files are kept as they come.

mod encoders;
mod played;
mod shaka;
mod tampered;

use std::path::PathBuf;

use self::encoders::{LADDER, SECONDS, asset, ladder, publish, recorded, sends};
use self::played::Played;
use crate::harness::collector::Collector;
use crate::harness::encrypt::Encrypt;
use crate::harness::keeper::Keeper;
use crate::harness::nginx::Nginx;
use crate::harness::process::Process;
use crate::harness::push::Push;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// Rotation that a pipeline of some seconds sees more than once.
const OFTEN: &str = "{ every = \"3s\" }";

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
    seen.take_claims(&serve.database(), &job.stream).await;
    seen.lease(&actor, &job.stream, "").await;
    seen.judge(least, 2);
}

/// The folder of `stream` at the server's origin, where players find it.
fn shown(serve: &Serve, stream: &str) -> PathBuf {
    let folder = serve.origin().join(stream);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Follows a ladder to the end of both its renditions; `meanwhile` happens at each look.
async fn follow(
    job: &Encrypt,
    worker: &mut Process,
    ffmpeg: &mut Process,
    mut meanwhile: impl AsyncFnMut(&mut Process, &mut Keeper, &Collector),
) -> (Keeper, Collector) {
    let (mut keeper, mut seen) = (Keeper::default(), Collector::of(&job.sink));
    until("the stream ends", seconds(60), async || {
        keeper.look(&job.source, LADDER);
        let renditions = seen.origin.renditions(LADDER).await;
        seen.look(&renditions).await;
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        meanwhile(worker, &mut keeper, &seen).await;
        let lists = seen.evidence.published.iter();
        (lists.filter(|(_, list)| list.ended).count() >= 2).then_some(())
    })
    .await;
    let status = ffmpeg.end(seconds(5)).await;
    assert!(status.success(), "{}", ffmpeg.stderr.text());
    (keeper, seen)
}

/// Audits a ladder that has ended, and plays it.
async fn holds(serve: &Serve, job: &Encrypt, (keeper, seen): (Keeper, Collector)) {
    audit(serve, job, seen, keeper, 2 * SECONDS as usize).await;
    let played = Played {
        serve,
        stream: &job.stream,
        clear: &job.source,
        list: LADDER,
        seconds: SECONDS.into(),
    };
    played.is_as_the_clear_one().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_writes_and_the_worker_reads() {
    let serve = Serve::start(OFTEN, "").await;
    let source = tempfile::tempdir().unwrap();
    let sink = shown(&serve, "test/ffmpeg-dir");
    let job = Encrypt::at(&serve, "test/ffmpeg-dir", source.path(), &sink);
    let mut worker = job.start();
    let mut ffmpeg = ladder(source.path(), "program_date_time");
    let ended = follow(&job, &mut worker, &mut ffmpeg, async |_, _, _| {}).await;
    holds(&serve, &job, ended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_pushes_to_the_worker() {
    let mut push = Push::prepare("test/ffmpeg-push", OFTEN).await;
    push.job.sink = shown(&push.serve, &push.job.stream);
    let mut worker = push.start(&[]).await;
    recorded(push.local.path());
    let url = push.path("");
    let url = format!("https://any:{}@localhost:{}{url}", push.secret, push.port);
    let mut ffmpeg = sends(push.local.path(), url.trim_end_matches('/'));
    let ended = follow(&push.job, &mut worker, &mut ffmpeg, async |_, _, _| {}).await;
    holds(&push.serve, &push.job, ended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_writes_nginx_serves_and_the_worker_pulls() {
    let serve = Serve::start(OFTEN, "").await;
    let source = tempfile::tempdir().unwrap();
    let sink = shown(&serve, "test/ffmpeg-pull");
    let mut nginx = Nginx::origin(source.path(), "").await;
    let mut job = Encrypt::at(&serve, "test/ffmpeg-pull", source.path(), &sink);
    job.from = Some(format!("pull:{}", nginx.url(LADDER)));
    let mut worker = job.start();
    let mut ffmpeg = ladder(source.path(), "temp_file+program_date_time");
    let mut paused = false;
    let meanwhile = async |worker: &mut Process, keeper: &mut Keeper, seen: &Collector| {
        if !paused && seen.evidence.count() >= 3 {
            paused = true;
            nginx.pause().await;
            until("the worker says so", seconds(10), async || {
                keeper.look(source.path(), LADDER);
                let told = worker.stdout.text();
                told.contains("source_failed").then_some(())
            })
            .await;
            nginx.resume().await;
        }
    };
    let ended = follow(&job, &mut worker, &mut ffmpeg, meanwhile).await;
    assert!(paused);
    holds(&serve, &job, ended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_sends_nginx_rtmp_writes_and_the_worker_reads() {
    let serve = Serve::start(OFTEN, "").await;
    let source = tempfile::tempdir().unwrap();
    let sink = shown(&serve, "test/rtmp");
    let nginx = Nginx::rtmp(source.path()).await;
    let job = Encrypt::at(&serve, "test/rtmp", source.path(), &sink);
    let mut worker = job.start();
    let mut ffmpeg = publish(&format!("rtmp://127.0.0.1:{}/live/show", nginx.port));
    let (mut keeper, mut seen) = (Keeper::default(), Collector::of(&sink));
    let renditions = ["show.m3u8".to_owned()];
    until("the stream is over", seconds(60), async || {
        keeper.look_at(source.path(), "show.m3u8");
        seen.look(&renditions).await;
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        let is_over = ffmpeg.ended().is_some() && !keeper.segments.is_empty();
        (is_over && seen.evidence.count() >= keeper.segments.len()).then_some(())
    })
    .await;
    let status = ffmpeg.end(seconds(1)).await;
    assert!(status.success(), "{}", ffmpeg.stderr.text());
    seen.evidence.starts.push(0); // this packager begins with a break
    audit(&serve, &job, seen, keeper, SECONDS as usize - 2).await;
    let played = Played {
        serve: &serve,
        stream: &job.stream,
        clear: source.path(),
        list: "show.m3u8",
        // The list does not end, so that a player keeps what it may have to show before the rest.
        seconds: length(&source.path().join("show.m3u8")) - 1.0,
    };
    played.is_as_the_clear_one().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_makes_fragmented_mp4_and_the_worker_takes_it_as_an_asset() {
    let serve = Serve::start("{ segments = 3 }", "").await;
    let source = tempfile::tempdir().unwrap();
    let sink = shown(&serve, "test/film");
    asset(source.path(), &["-hls_segment_type", "fmp4"], "m4s");
    let job = Encrypt::at(&serve, "test/film", source.path(), &sink);
    job.of_asset(&source.path().join(LADDER)).once_well();
    let (mut keeper, mut seen) = (Keeper::default(), Collector::of(&sink));
    keeper.look(source.path(), LADDER);
    let renditions = seen.origin.renditions(LADDER).await;
    seen.look(&renditions).await;
    holds(&serve, &job, (keeper, seen)).await;
}

/// How long the segments of a list are together.
fn length(list: &std::path::Path) -> f64 {
    let text = std::fs::read_to_string(list).unwrap();
    let lines = text.lines();
    let lengths = lines.filter_map(|line| line.strip_prefix("#EXTINF:"));
    let lengths = lengths.map(|line| line.trim_end_matches(',').parse::<f64>().unwrap());
    lengths.sum()
}
