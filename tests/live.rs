//! ffmpeg as the packager: real media, written in place or renamed, encrypted while it grows.
//!
//! Must not know: what ffmpeg encodes; the clear files are kept as they come.

use std::path::Path;
use std::process::Command;

use crate::harness::collector::Collector;
use crate::harness::encrypt::Encrypt;
use crate::harness::keeper::Keeper;
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// A live ladder of one picture with sound in real time, for ten seconds.
pub(crate) fn packager(dir: &Path, flags: &str) -> Process {
    let mut command = Command::new("/usr/bin/ffmpeg");
    command
        .current_dir(dir)
        .args(["-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i"]);
    command.args([
        "testsrc=size=160x90:rate=10",
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=440",
    ]);
    command.args([
        "-t",
        "10",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-g",
        "10",
    ]);
    command.args([
        "-c:a",
        "aac",
        "-f",
        "hls",
        "-hls_time",
        "1",
        "-hls_list_size",
        "5",
    ]);
    command.args(["-hls_flags", flags, "-master_pl_name", "master.m3u8"]);
    command.args([
        "-var_stream_map",
        "v:0,a:0",
        "-hls_segment_filename",
        "v%v/seg%d.ts",
    ]);
    command.arg("v%v/index.m3u8");
    Process::start(command)
}

/// Encrypts what ffmpeg writes, and audits all of it at the end.
async fn encrypts(stream: &str, flags: &str) {
    let serve = Serve::start("{ every = \"4s\" }", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let job = Encrypt::at(&serve, stream, source.path(), sink.path());
    let mut worker = job.start();
    let mut ffmpeg = packager(source.path(), flags);
    let (mut keeper, mut seen) = (Keeper::default(), Collector::of(sink.path()));
    until("the stream ends", seconds(40), async || {
        keeper.look(source.path(), "master.m3u8");
        let renditions = seen.origin.renditions("master.m3u8").await;
        seen.look(&renditions).await;
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        seen.evidence
            .published
            .iter()
            .any(|(_, list)| list.ended)
            .then_some(())
    })
    .await;
    assert!(
        ffmpeg.end(seconds(5)).await.success(),
        "{}",
        ffmpeg.stderr.text()
    );
    seen.nothing_changed().await;
    seen.evidence.source = keeper.segments;
    seen.fetch_keys(&serve.viewer(stream)).await;
    let credential = std::fs::read_to_string(&job.credential).unwrap();
    seen.lease(&serve.stranger().with(credential.trim()), stream, "")
        .await;
    seen.judge(9, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_written_in_place() {
    encrypts("test/inplace-ffmpeg", "program_date_time+delete_segments").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_written_aside_and_renamed() {
    encrypts(
        "test/renamed-ffmpeg",
        "temp_file+program_date_time+delete_segments",
    )
    .await;
}
