//! Shaka Packager writes a live stream and the worker reads it: transport streams and fragmented MP4.
//!
//! It writes segments in place and lists by renaming, dates nothing, begins its files at 1 and its
//! numbers at 0, shows no list before there are three segments, and writes initialisation sections
//! anew when it ends. Must not know: what is encoded.

use std::path::Path;
use std::process::Command;

use super::encoders::{LADDER, SECONDS, fed};
use super::played::Played;
use super::{OFTEN, audit, shown};
use crate::harness::collector::Collector;
use crate::harness::encrypt::Encrypt;
use crate::harness::keeper::Keeper;
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::shaka::shaka;
use crate::harness::wait::{seconds, until};

/// What comes first is written by the packager in its own time: three segments.
const LEAST: usize = 2 * (SECONDS as usize - 1);

/// Packages the pipe `in.ts` in `folder` into a picture and a sound of `extensions`, each with an
/// initialisation section if `init`.
fn package(folder: &Path, extensions: [&str; 2], init: bool) -> Process {
    let mut command = Command::new(shaka());
    command.current_dir(folder);
    for (kind, extension) in ["video", "audio"].into_iter().zip(extensions) {
        let section = match init {
            true => format!("init_segment={kind}/init.mp4,"),
            false => String::new(),
        };
        command.arg(format!(
            "in=in.ts,stream={kind},{section}segment_template={kind}/$Number$.{extension},\
             playlist_name={kind}/main.m3u8,hls_group_id=sound,hls_name=main"
        ));
    }
    command.args(["--hls_master_playlist_output", LADDER]);
    command.args(["--hls_playlist_type", "LIVE", "--segment_duration", "1"]);
    command.args(["--time_shift_buffer_depth", "60"]);
    command.args(["--io_block_size", "1316"]); // seven packets: what comes is not kept back
    Process::start(command)
}

async fn pipeline(stream: &str, extensions: [&str; 2], init: bool) {
    let serve = Serve::start(OFTEN, "").await;
    let source = tempfile::tempdir().unwrap();
    let sink = shown(&serve, stream);
    let job = Encrypt::at(&serve, stream, source.path(), &sink);
    let mut worker = job.start();
    let pipe = Command::new("mkfifo")
        .arg(source.path().join("in.ts"))
        .status();
    assert!(pipe.unwrap().success());
    let mut packager = package(source.path(), extensions, init);
    let mut ffmpeg = fed(source.path(), "in.ts");
    let (mut keeper, mut seen) = (Keeper::default(), Collector::of(&sink));
    until("all of it is published", seconds(40), async || {
        let is_over = packager.ended().is_some();
        keeper.look(source.path(), LADDER);
        let renditions = seen.origin.renditions(LADDER).await;
        seen.look(&renditions).await;
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        (is_over && seen.evidence.count() >= keeper.segments.len()).then_some(())
    })
    .await;
    assert!(ffmpeg.end(seconds(1)).await.success());
    let status = packager.end(seconds(1)).await;
    assert!(status.success(), "{}", packager.stderr.text());
    audit(&serve, &job, seen, keeper, LEAST).await;
    let played = Played {
        serve: &serve,
        stream,
        clear: source.path(),
        list: LADDER,
        seconds: f64::from(SECONDS) - 1.5, // the list does not end
    };
    let (ours, clear) = (played.decoded(LADDER).await, played.clear_decoded().await);
    assert!(clear.len() > 10 * (SECONDS as usize - 2), "{clear:?}");
    assert!(ours == clear, "{} and {} frames", ours.len(), clear.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn shaka_packager_writes_transport_streams_and_the_worker_reads() {
    pipeline("test/shaka-ts", ["ts", "aac"], false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shaka_packager_writes_fragmented_mp4_and_the_worker_reads() {
    pipeline("test/shaka-mp4", ["m4s", "m4s"], true).await;
}
