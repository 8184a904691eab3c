//! ffmpeg sends RTMP to a real nginx-rtmp that asks before it takes anything, with the commands and the
//! configuration of docs/PUBLISHING.md.
//!
//! Must not know: what nginx-rtmp sends.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::document::{block, run};
use super::file;
use crate::harness::collector::Collector;
use crate::harness::encrypt::Encrypt;
use crate::harness::keeper::Keeper;
use crate::harness::nginx::Nginx;
use crate::harness::process::Process;
use crate::harness::serve::{Serve, free_port};
use crate::harness::wait::{seconds, until};

/// A server as the document configures it, with its users; their passwords and the hook's secret.
async fn configured() -> (Serve, [String; 3]) {
    let section = block("toml", "hooks.rtmp");
    assert!(section.contains("10m"), "{section}");
    let mut serve = Serve::prepare("{ every = \"4s\" }", &section.replace("10m", "4s"));
    run(&serve, &block("sh", "openssl"), &[]);
    run(&serve, &block("sh", "credential add"), &[]);
    serve.resume().await;
    let files = ["User1.password", "User2.password", "keystore/rtmp.secret"];
    let read = |name| {
        std::fs::read_to_string(file(&serve, name))
            .unwrap()
            .trim()
            .to_owned()
    };
    let secrets = files.map(read);
    (serve, secrets)
}

/// nginx-rtmp as the document configures it.
async fn asking(serve: &Serve, secret: &str, folder: &Path) -> Nginx {
    let port = free_port();
    let section = block("nginx", "on_publish");
    for mark in ["listen 1935;", "127.0.0.1:9443", "SECRET", "/srv/clear"] {
        assert!(section.contains(mark), "{mark}: {section}");
    }
    let section = section
        .replace("listen 1935;", &format!("listen 127.0.0.1:{port};"))
        .replace("127.0.0.1:9443", &format!("127.0.0.1:{}", serve.ops_port()))
        .replace("SECRET", secret)
        .replace("/srv/clear", folder.to_str().unwrap());
    Nginx::of(port, &section).await
}

/// So many seconds of picture and sound, with the document's command.
fn sends(nginx: &Nginx, to: &str, user: &str, password: &str, lasts: u32) -> Process {
    let script = block("sh", "ffmpeg");
    for mark in [
        "-i input.mp4 -c copy",
        "rtmp://media.example.com",
        "/live/show",
        "user=User1",
        "PASSWORD",
    ] {
        assert!(script.contains(mark), "{mark}: {script}");
    }
    let picture = format!(
        "-nostdin -v error -f lavfi -i testsrc=size=160x90:rate=10 -f lavfi -i sine=frequency=440 \
         -t {lasts} -c:v libx264 -preset ultrafast -tune zerolatency -g 10 -pix_fmt yuv420p -c:a aac \
         -ar 44100"
    );
    let script = script
        .replace("-i input.mp4 -c copy", &picture)
        .replace(
            "rtmp://media.example.com",
            &format!("rtmp://127.0.0.1:{}", nginx.port),
        )
        .replace("/live/show", to)
        .replace("user=User1", &format!("user={user}"))
        .replace("PASSWORD", password);
    let mut command = Command::new("bash");
    command.args(["-euc", &format!("exec {}", script.trim())]);
    Process::start(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_the_right_password_publishes_and_what_comes_out_is_encrypted() {
    let (serve, [first, second, secret]) = configured().await;
    let (clear, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let nginx = asking(&serve, &secret, clear.path()).await;
    for (to, user, password) in [
        ("/live/show", "User1", "obviously-another-password"),
        ("/live/show", "User2", &second),
        ("/live8/show", "User1", &first),
    ] {
        let mut refused = sends(&nginx, to, user, password, 20);
        assert!(!refused.end(seconds(15)).await.success(), "{to} {user}");
    }
    let count = || files_below(clear.path());
    assert_eq!(count(), 0, "nothing is published");

    let source = clear.path().join("live");
    std::fs::create_dir_all(&source).unwrap();
    let mut job = Encrypt::at(&serve, "live/show", &source, sink.path());
    job.credential = serve.credential("encryptor", "live/*", &[]);
    let mut worker = job.start();
    let mut ffmpeg = sends(&nginx, "/live/show", "User1", &first, 10);
    let (mut keeper, mut seen) = (Keeper::default(), Collector::of(sink.path()));
    let renditions = ["show.m3u8".to_owned()];
    until("the stream is over", seconds(60), async || {
        keeper.look_at(&source, "show.m3u8");
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
    crate::pipelines::audit(&serve, &job, seen, keeper, 8).await;
}

/// How many files there are below a folder.
fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let below = |path: PathBuf| if path.is_dir() { files_below(&path) } else { 1 };
    entries.map(|entry| below(entry.path())).sum()
}
