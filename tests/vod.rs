//! `--source vod:PATH`: a finished asset, at once, gone on with after a kill, told as it goes.
//!
//! Must not know: how the encryptor remembers. The audit is independent of it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::encrypt::{audit, published, tree};
use crate::harness::encrypt::Encrypt;
use crate::harness::packager::{Packager, file_name, payload};
use crate::harness::process::Process;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

/// A server, an asset and a place for the encrypted one.
struct Studio {
    serve: Serve,
    packager: Packager,
    job: Encrypt,
    source: tempfile::TempDir,
    _sink: tempfile::TempDir,
}

impl Studio {
    /// A ladder of `segments`, whose stream rotates by `rotation`.
    async fn with(rotation: &str, segments: u64) -> Self {
        let serve = Serve::start(rotation, "").await;
        let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut packager = Packager::ladder(source.path());
        packager.write_vod(segments);
        let job = Encrypt::at(&serve, "test/film", source.path(), sink.path());
        let job = job.of_asset(&source.path().join("master.m3u8"));
        Self {
            serve,
            packager,
            job,
            source,
            _sink: sink,
        }
    }

    fn has(&self, path: &str) -> bool {
        self.job.sink.join(path).exists()
    }
}

/// The JSON lines of one kind.
fn told(output: &str, event: &str) -> Vec<Value> {
    let lines = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["event"] == event)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_is_encrypted_with_what_it_names_and_nothing_beside_it() {
    let studio = Studio::with("{ segments = 100 }", 250).await;
    let beside = studio.source.path().join("beside.m3u8");
    fs::copy(studio.source.path().join("v0/index.m3u8"), &beside).unwrap();
    let output = studio.job.command(&[]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "it ends by itself: {errors}");
    audit(&studio.serve, &studio.job, &studio.packager, 3 * 250, 3).await;
    assert!(studio.has("master.m3u8") && !studio.has("beside.m3u8"));
    let text = String::from_utf8(output.stdout).unwrap();
    let (done, advanced) = (told(&text, "encrypted"), told(&text, "advanced"));
    assert_eq!(done.len(), 750);
    assert_eq!(advanced.last().unwrap()["done"], 750);
    assert!(advanced.iter().all(|line| line["total"] == 750));
    let order: Vec<_> = advanced.iter().map(|line| line["done"].as_u64()).collect();
    assert!(order.is_sorted() && order.len() > 3, "{order:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_an_asset_too_and_a_single_playlist_also() {
    let studio = Studio::with("\"never\"", 4).await;
    let once = |asset: &Path| {
        let sink = tempfile::tempdir().unwrap();
        let job = studio.job.of_asset(asset).to_sink(sink.path());
        let output = job.command(&["--once"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        sink
    };
    let all = once(studio.source.path());
    assert!(all.path().join("master.m3u8").exists() && all.path().join("v0/seg-3.ts").exists());
    let one = once(&studio.source.path().join("v0/index.m3u8"));
    assert!(one.path().join("index.m3u8").exists() && one.path().join("seg-3.ts").exists());
    let missing = studio
        .job
        .of_asset(&studio.source.path().join("absent.m3u8"));
    let output = missing.once();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("absent.m3u8"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_asset_is_told_and_what_is_published_stays() {
    let studio = Studio::with("\"never\"", 4).await;
    for run in ["first", "again"] {
        let output = studio.job.command(&[]).output().unwrap();
        assert!(output.status.success(), "{run}: {output:?}");
    }
    let before = tree(&studio.job.sink);
    let corrected = studio.source.path().join("v0/seg-2.ts");
    fs::write(corrected, payload("v0/index.m3u8", 3)).unwrap();
    let output = studio.job.command(&[]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("changed are v0/index.m3u8 segment 2\n"),
        "{said}"
    );
    assert!(tree(&studio.job.sink) == before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_list_whose_head_is_gone_is_no_success() {
    let studio = Studio::with("\"never\"", 4).await;
    let (list, first) = ("v0/index.m3u8", studio.source.path().join("v0/seg-0.ts"));
    let live = studio.packager.list(list, 0..4, false);
    fs::write(studio.source.path().join(list), live).unwrap();
    let job = studio.job.of_asset(&studio.source.path().join("v0"));
    let bytes = fs::read(&first).unwrap();
    fs::remove_file(&first).unwrap();
    let output = job.once();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("index.m3u8 segment 0\n"), "{said}");
    assert!(job.sink.join("seg-3.ts").exists(), "the rest is published");
    fs::write(&first, bytes).unwrap();
    let sink = tempfile::tempdir().unwrap();
    job.to_sink(sink.path()).once_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_is_gone_on_with() {
    let studio = Studio::with("{ segments = 500 }", 1000).await;
    let mut run = Process::start(studio.job.command(&[]));
    let enough = async || (told(&run.stdout.text(), "encrypted").len() > 900).then_some(());
    until("a part is encrypted", seconds(60), enough).await;
    run.kill();
    assert!(
        !studio.has("v0/index.m3u8"),
        "nothing is listed before its end"
    );

    // What was written again since is no longer what was encrypted: by the same bytes and others.
    let changed = studio
        .source
        .path()
        .join("v0")
        .join(file_name("v0/index.m3u8", 3));
    fs::write(&changed, payload("v0/index.m3u8", 3)).unwrap();
    // What is gone from the sink is made again.
    fs::remove_file(
        studio
            .job
            .sink
            .join("v0")
            .join(file_name("v0/index.m3u8", 5)),
    )
    .unwrap();

    let output = studio.job.once_well();
    let again = told(&String::from_utf8(output.stdout).unwrap(), "encrypted");
    assert!((2..2200).contains(&again.len()), "{} again", again.len());
    let remade = |msn: u64| {
        let is = |line: &&Value| line["msn"] == msn && line["rendition"] == "v0/index.m3u8";
        again.iter().filter(is).count()
    };
    assert_eq!((remade(3), remade(4), remade(5)), (1, 0, 1));
    audit(&studio.serve, &studio.job, &studio.packager, 3000, 2).await;

    let fresh = tempfile::tempdir().unwrap();
    studio.job.to_sink(fresh.path()).once_well();
    let (one, other) = (tree(&studio.job.sink), tree(fresh.path()));
    assert!(
        published(&one) == published(&other),
        "as if it had not been killed"
    );
}

/// A state folder that is used for another sink says nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_sink_has_is_not_taken_for_anothers() {
    let studio = Studio::with("\"never\"", 600).await;
    let state = studio.job.state();
    let mut run = Process::start(studio.job.command(&[]));
    let enough = async || (told(&run.stdout.text(), "encrypted").len() > 200).then_some(());
    until("a part is encrypted", seconds(60), enough).await;
    run.kill();
    let other = tempfile::tempdir().unwrap();
    let job = studio.job.to_sink(other.path());
    fs::create_dir_all(job.states.as_path()).unwrap();
    fs::rename(&state, job.state()).unwrap();
    let output = job.once_well();
    let again = told(&String::from_utf8(output.stdout).unwrap(), "encrypted");
    assert_eq!(again.len(), 1800);
    audit(&studio.serve, &job, &studio.packager, 1800, 1).await;
}

/// A live stream was recorded as it was published, under many keys; the archive has one.
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_encrypted_anew_under_one_key() {
    let studio = Studio::with("{ segments = 7 }", 40).await;
    studio.job.once_well();
    let serve = &studio.serve;
    let archive = tempfile::tempdir().unwrap();
    let recording = studio.job.sink.join("master.m3u8");
    let job = Encrypt::at(serve, "test/archive", &recording, archive.path()).of_asset(&recording);
    let credential = fs::read_to_string(&job.credential).unwrap();
    let owner = serve.stranger().with(credential.trim());
    for stream in ["test/archive", "test/other"] {
        let path = format!("/v1/streams/{stream}");
        let put = owner
            .ask("PUT", &path, Some(r#"{"rotation":"never"}"#))
            .await;
        assert!(put.status < 300);
    }

    let refused = |more: &[&str]| {
        let output = job.command(more).output().unwrap();
        assert!(!output.status.success(), "{more:?}");
        assert!(!archive.path().join("v0/index.m3u8").exists(), "{more:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = refused(&[]);
    assert!(said.contains("encrypted already"), "{said}");
    let narrow = Encrypt {
        credential: serve.credential("archivist", "test/archive", &[]),
        ..job.clone()
    };
    let mut run = Process::start(narrow.command(&["--recorded", "test/film"]));
    let is_told = async || {
        let lines = told(&run.stdout.text(), "stalled");
        let is = |line: &Value| line["detail"].as_str().unwrap().contains("403");
        lines.iter().any(is).then_some(())
    };
    until(
        "whoever may not lease the stream does not open it",
        seconds(20),
        is_told,
    )
    .await;
    run.kill();
    let mut run = Process::start(job.command(&["--recorded", "test/other"]));
    let is_told = async || {
        let lines = told(&run.stdout.text(), "stalled");
        let is = |line: &Value| {
            line["detail"]
                .as_str()
                .unwrap()
                .contains("no key of the recorded")
        };
        lines.iter().any(is).then_some(())
    };
    until("another stream's keys are not given", seconds(20), is_told).await;
    run.kill();
    assert!(!archive.path().join("v0/index.m3u8").exists());

    let output = job.command(&["--recorded", "test/film"]).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    audit(serve, &job, &studio.packager, 3 * 40, 1).await;
}

/// One key that is gone is said by its name, and keeps none of the others back.
#[tokio::test(flavor = "multi_thread")]
async fn a_recordings_lost_key_is_named_and_the_others_are_fetched() {
    let studio = Studio::with("{ segments = 7 }", 40).await;
    studio.job.once_well();
    let list = studio.job.sink.join("v1/deep/index.m3u8");
    let text = fs::read_to_string(&list).unwrap();
    let uri = text.rfind("#EXT-X-KEY").unwrap();
    let end = uri + text[uri..].find("\",IV").unwrap();
    let lost = "00000000-0000-4000-8000-000000000000"; // asked for before all others
    let torn = format!("{}{lost}{}", &text[..end - lost.len()], &text[end..]);
    fs::write(&list, torn).unwrap();

    let archive = tempfile::tempdir().unwrap();
    let recording = studio.job.sink.join("master.m3u8");
    let job = Encrypt {
        source: recording.clone(),
        sink: archive.path().to_owned(),
        ..studio.job.clone()
    };
    let job = job.of_asset(&recording);
    let mut run = Process::start(job.command(&["--recorded", "test/film"]));
    let is_told = async || {
        let text = run.stdout.text();
        let names = |line: &Value| line["detail"].as_str().unwrap().contains(lost);
        let is_named = told(&text, "stalled").iter().any(names);
        (is_named && told(&text, "encrypted").len() >= 40).then_some(())
    };
    until("the lost key alone is missed", seconds(30), is_told).await;
    run.kill();
}

/// A playlist of another name is another rendition, whose IVs are its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_playlist_left_is_not_taken_for_anothers() {
    let studio = Studio::with("\"never\"", 600).await;
    let folder = studio.source.path().join("v0");
    let job = studio.job.of_asset(&folder.join("index.m3u8"));
    let mut run = Process::start(job.command(&[]));
    let enough = async || (told(&run.stdout.text(), "encrypted").len() > 100).then_some(());
    until("a part is encrypted", seconds(60), enough).await;
    run.kill();
    fs::rename(folder.join("index.m3u8"), folder.join("main.m3u8")).unwrap();
    let job = studio.job.of_asset(&folder.join("main.m3u8"));
    let output = job.once_well();
    let again = told(&String::from_utf8(output.stdout).unwrap(), "encrypted");
    assert_eq!(again.len(), 600);
    let text = fs::read_to_string(job.sink.join("main.m3u8")).unwrap();
    let list = crate::independent::playlist::read_media(&text).unwrap();
    let viewer = studio.serve.viewer(&job.stream);
    for segment in list.segments.iter().step_by(50) {
        let key = segment.key.as_ref().unwrap();
        let uri = key[1].1.trim_matches('"');
        let bytes: [u8; 16] = viewer
            .get(uri)
            .await
            .expect(200)
            .body
            .as_slice()
            .try_into()
            .unwrap();
        let iv = crate::independent::cipher::expected_iv(&bytes, "main.m3u8", segment.msn);
        let data = fs::read(job.sink.join(&segment.uri)).unwrap();
        let plain = crate::independent::cipher::decrypt(&bytes, &iv, &data).unwrap();
        assert_eq!(plain, payload("v0/index.m3u8", segment.msn));
    }
}

/// The sink's folder is made anew while an asset is under way: what was durable is made again.
#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_emptied_under_way_is_filled_whole() {
    let studio = Studio::with("\"never\"", 900).await;
    let mut run = Process::start(studio.job.command(&[]));
    let enough = async || (told(&run.stdout.text(), "encrypted").len() > 300).then_some(());
    until("a part is encrypted", seconds(60), enough).await;
    fs::rename(&studio.job.sink, studio.job.sink.with_extension("gone")).unwrap();
    fs::create_dir(&studio.job.sink).unwrap();
    assert!(
        run.end(seconds(120)).await.success(),
        "{}",
        run.stderr.text()
    );
    audit(&studio.serve, &studio.job, &studio.packager, 2700, 1).await;
    fs::remove_dir_all(studio.job.sink.with_extension("gone")).unwrap();
}
