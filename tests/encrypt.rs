//! `hlskey encrypt` as another machine would run it: nothing but HTTPS is shared with the server.
//!
//! Must not know: how the encryptor is built. The audit is independent of it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::harness::collector::Collector;
use crate::harness::encrypt::Encrypt;
use crate::harness::packager::Packager;
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};
use crate::independent::audit::beside;

const NEVER: &str = "\"never\"";

/// Audits a finished folder.
pub(crate) async fn audit(
    serve: &Serve,
    job: &Encrypt,
    packager: &Packager,
    segments: usize,
    keys: usize,
) {
    let mut collector = Collector::of(&job.sink);
    collector.look(&packager.renditions).await;
    collector.take_source(packager);
    finish(serve, job, &mut collector, segments, keys).await;
}

/// Judges what was seen, with the keys as a viewer has them.
pub(crate) async fn finish(
    serve: &Serve,
    job: &Encrypt,
    seen: &mut Collector,
    segments: usize,
    keys: usize,
) {
    seen.nothing_changed().await;
    seen.fetch_keys(&serve.viewer(&job.stream)).await;
    let credential = std::fs::read_to_string(&job.credential).unwrap();
    let packager = serve.stranger().with(credential.trim());
    seen.lease(&packager, &job.stream, "").await;
    seen.judge(segments, keys);
}

/// Every file below `root`, by path.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().path())
        {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_ladder_rotates_by_time_and_loses_nothing() {
    let serve = Serve::start("{ every = \"10s\" }", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::ladder(source.path());
    packager.write_vod(45);
    let job = Encrypt::at(&serve, "test/vod", source.path(), sink.path());
    let output = job.once_well();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|e| panic!("{line}: {e}"));
    }
    audit(&serve, &job, &packager, 3 * 45, 5).await;
    for rendition in &packager.renditions {
        let clear = std::fs::read_to_string(source.path().join(rendition)).unwrap();
        let published = std::fs::read_to_string(sink.path().join(rendition)).unwrap();
        assert_eq!(without_keys(&published), clear);
    }
    let master = std::fs::read(source.path().join("master.m3u8")).unwrap();
    assert_eq!(
        std::fs::read(sink.path().join("master.m3u8")).unwrap(),
        master
    );
}

fn without_keys(text: &str) -> String {
    let lines = text.split_inclusive('\n');
    lines
        .filter(|line| !line.starts_with("#EXT-X-KEY:"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_encryptors_of_one_stream_write_the_same_bytes() {
    let serve = Serve::start("{ segments = 7 }", "").await;
    let source = tempfile::tempdir().unwrap();
    let sinks = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut packager = Packager::ladder(source.path());
    packager.write_vod(30);
    let job = Encrypt::at(&serve, "test/twice", source.path(), sinks[0].path());
    let mut runs = [
        Process::start(job.command(&["--once"])),
        Process::start(job.to_sink(sinks[1].path()).command(&["--once"])),
    ];
    for run in &mut runs {
        assert!(
            run.end(seconds(60)).await.success(),
            "{}",
            run.stderr.text()
        );
    }
    let [one, other] = [tree(sinks[0].path()), tree(sinks[1].path())];
    assert_eq!(published(&one), published(&other));
    audit(&serve, &job, &packager, 3 * 30, 5).await;

    // A third one, later and from nothing, writes the same again.
    let third = tempfile::tempdir().unwrap();
    job.to_sink(third.path()).once_well();
    assert_eq!(published(&tree(third.path())), published(&one));
}

/// What a viewer can see: playlists and segments, not a worker's own notes.
pub(crate) fn published(tree: &BTreeMap<String, Vec<u8>>) -> BTreeMap<&str, &[u8]> {
    let shown = tree
        .iter()
        .filter(|(path, _)| !path.split('/').any(|part| part.starts_with('.')));
    shown
        .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_source_without_dates_is_the_same_twice() {
    let serve = Serve::start("{ every = \"3s\" }", "").await;
    let source = tempfile::tempdir().unwrap();
    let sinks = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut packager = Packager::ladder(source.path());
    (packager.epoch, packager.span) = (None, 500);
    packager.write_master();
    let job = Encrypt::at(&serve, "test/undated", source.path(), sinks[0].path());
    let _one = job.start();
    let _other = job.to_sink(sinks[1].path()).start();
    let mut seen = sinks.each_ref().map(|sink| Collector::of(sink.path()));
    for _ in 0..24 {
        packager.run(1).await;
        look_at(&mut seen, &packager).await;
    }
    packager.write_lists(true);
    until("both end", seconds(20), async || {
        look_at(&mut seen, &packager).await;
        let ended = |c: &Collector| c.evidence.published.iter().filter(|(_, l)| l.ended).count();
        seen.iter()
            .all(|collector| ended(collector) == 3)
            .then_some(())
    })
    .await;
    let [mut one, mut other] = seen;
    same_where_both_have_it(&one, &other);
    for collector in [&mut one, &mut other] {
        collector.take_source(&packager);
        finish(&serve, &job, collector, 3 * 20, 3).await;
    }
}

async fn look_at(seen: &mut [Collector; 2], packager: &Packager) {
    for collector in seen {
        collector.look(&packager.renditions).await;
    }
}

fn same_where_both_have_it(one: &Collector, other: &Collector) {
    let mut both = 0;
    for (path, bytes) in &one.evidence.files {
        if let Some(same) = other.evidence.files.get(path) {
            assert_eq!(bytes, same, "{path}");
            both += 1;
        }
    }
    assert!(both >= 60, "{both} files in both");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_on_demand_and_a_restart_keep_all_that_was_published() {
    let serve = Serve::start(NEVER, "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::ladder(source.path());
    (packager.span, packager.window) = (500, 60);
    packager.begin_now();
    packager.write_master();
    let job = Encrypt::at(&serve, "test/cut", source.path(), sink.path());
    let mut seen = Collector::of(sink.path());
    let mut worker = job.start();
    follow(&mut packager, &mut seen, 6).await;
    let actor = serve.stranger();
    let credential = std::fs::read_to_string(&job.credential).unwrap();
    let actor = actor.with(credential.trim());
    let cut = actor
        .ask("POST", "/v1/streams/test/cut/rotate", None)
        .await
        .expect(200)
        .json();
    assert!(
        cut["boundary"].is_object() && cut["index"].is_i64(),
        "{cut}"
    );
    let again = actor
        .ask("POST", "/v1/streams/test/cut/rotate", Some("{}"))
        .await
        .expect(200);
    assert_eq!(again.json(), cut, "a cut still to come is answered again");
    follow(&mut packager, &mut seen, 6).await;
    worker.kill();
    follow(&mut packager, &mut seen, 4).await;
    let _worker = job.start();
    follow(&mut packager, &mut seen, 24).await;
    until("the worker catches up", seconds(10), async || {
        seen.look(&packager.renditions).await;
        (seen.evidence.count() == 3 * 40).then_some(())
    })
    .await;
    seen.take_source(&packager);
    finish(&serve, &job, &mut seen, 3 * 40, 2).await;
}

async fn follow(packager: &mut Packager, seen: &mut Collector, count: u64) {
    for _ in 0..count {
        packager.run(1).await;
        seen.look(&packager.renditions).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rendition_has_its_own_key_when_asked() {
    let serve = Serve::start(NEVER, "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut packager = Packager::ladder(source.path());
    packager.write_vod(5);
    let job = Encrypt::at(&serve, "test/scoped", source.path(), sink.path());
    let credential = std::fs::read_to_string(&job.credential).unwrap();
    let body = r#"{"key_scope":"rendition","rotation":{"segments":3}}"#;
    let actor = serve.stranger().with(credential.trim());
    actor
        .ask("PUT", "/v1/streams/test/scoped", Some(body))
        .await
        .expect(201);
    job.once_well();
    let mut seen = Collector::of(sink.path());
    seen.look(&packager.renditions).await;
    seen.take_source(&packager);
    seen.fetch_keys(&serve.viewer(&job.stream)).await;
    for rendition in &packager.renditions {
        let scope = format!("&rendition={rendition}");
        seen.lease(&actor, &job.stream, &scope).await;
    }
    seen.judge(15, 6);
    assert_eq!(beside(&packager.renditions[1], "a.ts"), "v1/deep/a.ts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_all_can_read_is_warned_of() {
    let serve = Serve::start(NEVER, "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Packager::single(source.path()).write_vod(3);
    let job = Encrypt::at(&serve, "test/modes", source.path(), sink.path());
    for (mode, is_warned) in [(0o600, false), (0o644, true)] {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&job.credential, permissions).unwrap();
        let errors = String::from_utf8(job.once_well().stderr).unwrap();
        assert_eq!(errors.contains("chmod 600"), is_warned, "{errors}");
    }
}
