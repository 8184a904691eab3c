//! What opens the source, and stays out of everything that others see.
//!
//! Must not know: how it is carried.

use crate::harness::encrypt::Encrypt;
use crate::harness::nginx::Nginx;
use crate::harness::packager::Packager;
use crate::harness::push::files_below;
use crate::harness::serve::Serve;

const TOKEN: &str = "obviously-a-fake-token";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_all_of_the_source_and_is_seen_nowhere() {
    let serve = Serve::start("\"never\"", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::ladder(source.path());
    packager.write_vod(8);
    let user = "authorization";
    let basic = "Basic bWU6b2J2aW91c2x5LWEtZmFrZS1wYXNzd29yZA=="; // me:obviously-a-fake-password
    let guard = format!(
        "if ($arg_token != {TOKEN}) {{ return 403; }} if ($http_{user} != \"{basic}\") {{ return 401; }}"
    );
    let nginx = Nginx::origin(source.path(), &guard).await;
    let port = nginx.port;
    // One list says its own token for each segment, another names them from the root.
    let own = packager.list("v0/index.m3u8", 0..8, true);
    let own = own.replace(".ts\n", &format!(".ts?token={TOKEN}\n"));
    std::fs::write(source.path().join("v0/index.m3u8"), own).unwrap();
    let rooted = packager.list("v1/deep/index.m3u8", 0..8, true);
    let rooted = rooted.replace("\nseg-", &format!("\nhttp://127.0.0.1:{port}/v1/deep/seg-"));
    std::fs::write(source.path().join("v1/deep/index.m3u8"), rooted).unwrap();
    let mut job = Encrypt::at(&serve, "test/tokens", source.path(), sink.path());
    job.from = Some(format!(
        "pull:http://me:obviously-a-fake-password@127.0.0.1:{port}/master.m3u8?token={TOKEN}"
    ));
    let output = job.once_well();
    crate::encrypt::audit(&serve, &job, &packager, 3 * 8, 1).await;
    let mut seen = vec![output.stdout, output.stderr];
    for root in [sink.path(), &job.spool()] {
        for file in files_below(root) {
            seen.push(file.clone().into_bytes());
            seen.push(std::fs::read(root.join(file)).unwrap());
        }
    }
    for text in seen.iter().map(|it| String::from_utf8_lossy(it)) {
        assert!(!text.contains("obviously-a-fake"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_token_the_source_is_not_had_and_that_is_said() {
    let serve = Serve::start("\"never\"", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Packager::single(source.path()).write_vod(3);
    let guard = format!("if ($arg_token != {TOKEN}) {{ return 403; }}");
    let nginx = Nginx::origin(source.path(), &guard).await;
    let mut job = Encrypt::at(&serve, "test/no-token", source.path(), sink.path());
    let url = nginx.url("index.m3u8?token=obviously-wrong");
    job.from = Some(format!("pull:{url}"));
    let mut worker = job.start();
    crate::harness::wait::until(
        "it is said",
        crate::harness::wait::seconds(20),
        async || {
            assert!(worker.ended().is_none(), "{}", worker.stderr.text());
            let told = worker.stdout.text();
            told.contains("the source answered 403").then_some(())
        },
    )
    .await;
    worker.stop(rustix::process::Signal::TERM).await;
    let told = worker.stdout.text() + &worker.stderr.text();
    assert!(!told.contains("obviously-wrong"), "{told}");
}
