//! ffmpeg sends as it does to any server, and what it kept itself is what players get.
//!
//! Must not know: what ffmpeg encodes.

use std::process::Command;

use crate::harness::collector::Collector;
use crate::harness::keeper::Keeper;
use crate::harness::process::Process;
use crate::harness::push::Push;
use crate::harness::rust_source::root;
use crate::harness::wait::{seconds, until};

/// As docs/SOURCES.md says it.
fn documented() -> String {
    let text = std::fs::read_to_string(root().join("docs/SOURCES.md")).unwrap();
    let from = text.find("ffmpeg -re -i input.mp4").unwrap();
    let length = text[from..].find("```").unwrap();
    text[from..from + length].trim_end().to_owned()
}

/// The same to a packager's own disk.
const LOCAL: &str = "-map 0:v -map 0:a -map 0:v -map 0:a -c copy -f hls -hls_time 1 -hls_list_size 5 \
                     -hls_flags program_date_time+delete_segments -master_pl_name master.m3u8 \
                     -var_stream_map 'v:0,a:0 v:1,a:1' -hls_segment_filename v%v/seg%d.ts \
                     v%v/index.m3u8";

/// Ten seconds of picture and sound in real time as two variants, to `url` and to its own disk.
fn ffmpeg(push: &Push, line: &str, url: &str) -> Process {
    let mut made = Command::new("/usr/bin/ffmpeg");
    made.current_dir(push.local.path());
    let input = "-nostdin -v error -f lavfi -i testsrc=size=160x90:rate=10 -f lavfi \
                 -i sine=frequency=440 -t 10 -c:v libx264 -preset ultrafast -g 10 -c:a aac";
    made.args(input.split_whitespace()).arg("input.mp4");
    assert!(made.status().unwrap().success());
    let mut command = Command::new("/bin/sh");
    command.current_dir(push.local.path()).env("URL", url);
    command.args(["-c", &format!("exec {line} {LOCAL}")]);
    Process::start(command)
}

/// Sends by the documented command, as `amend` has it for a secret, with this user in the URL.
async fn pushes(stream: &str, amend: fn(&str, &str) -> String, user: fn(&str) -> String) {
    let push = Push::prepare(stream, "{ every = \"4s\" }").await;
    let mut worker = push.start(&[]).await;
    let (user, port) = (user(&push.secret), push.port);
    let url = format!("https://{user}localhost:{port}/{stream}");
    let line = amend(&documented(), &push.secret);
    let mut ffmpeg = ffmpeg(&push, &line, &url);
    let (mut keeper, mut seen) = (Keeper::default(), Collector::of(push.sink()));
    until("the stream ends", seconds(60), async || {
        keeper.look(push.local.path(), "master.m3u8");
        let renditions = seen.origin.renditions("master.m3u8").await;
        seen.look(&renditions).await;
        assert!(worker.ended().is_none(), "{}", worker.stderr.text());
        let ended = seen
            .evidence
            .published
            .iter()
            .filter(|(_, list)| list.ended);
        (ended.count() >= 2).then_some(())
    })
    .await;
    let status = ffmpeg.end(seconds(10)).await;
    assert!(status.success(), "{}", ffmpeg.stderr.text());
    seen.nothing_changed().await;
    seen.evidence.source = keeper.segments;
    seen.fetch_keys(&push.serve.viewer(stream)).await;
    let actor = push.serve.stranger().with(&push.secret);
    seen.lease(&actor, stream, "").await;
    seen.judge(18, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_shows_the_user_of_its_url() {
    let as_it_is = |line: &str, _: &str| line.to_owned();
    pushes("test/ffmpeg-user", as_it_is, |secret| {
        format!("any:{secret}@")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_shows_a_header_and_posts() {
    let amend = |line: &str, secret: &str| {
        let header = format!("-headers 'Authorization: Bearer {secret}' -method POST");
        line.replace("-method PUT", &header)
    };
    pushes("test/ffmpeg-header", amend, |_| String::new()).await;
}
