//! Sinks that are not begun with: one another, over the source or the state, or in the clear.
//!
//! Must not know: what a good one does.

use rustix::process::Signal;

use super::Scene;
use crate::harness::collector::Collector;
use crate::harness::dav::Dav;
use crate::harness::packager::Packager;

/// Somebody's stream, in the clear.
const FOREIGN: &str =
    "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:3\n#EXTINF:4,\ntheirs-3.ts\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_of_somebody_else_is_not_replaced() {
    let mut scene = Scene::live("test/foreign", Packager::single).await;
    let dav = Dav::start().await;
    std::fs::create_dir_all(dav.folder()).unwrap();
    let (list, segment) = ("index.m3u8", "theirs-3.ts");
    std::fs::write(dav.folder().join(list), FOREIGN).unwrap();
    std::fs::write(dav.folder().join(segment), "obviously theirs").unwrap();
    let mut worker = scene.worker(Some(&dav), None, &[]);
    let folder = scene.sink.path().to_owned();
    let there = |name: &str| std::fs::read_to_string(dav.folder().join(name)).unwrap_or_default();
    scene
        .on_air("it is told", async || {
            worker
                .stdout
                .text()
                .contains("index.m3u8 there is not replaced")
        })
        .await;
    scene.packager.run(8).await; // a window, and more
    assert_eq!(there(list), FOREIGN);
    assert_eq!(there(segment), "obviously theirs");
    assert!(folder.join(list).exists(), "the folder is published");
    std::fs::remove_file(dav.folder().join(list)).unwrap();
    scene
        .on_air("it goes on without it", async || {
            there(list).contains("#EXT-X-KEY")
        })
        .await;
    assert_eq!(there(segment), "obviously theirs");
    worker.stop(Signal::TERM).await;
}

/// Whoever cleans up takes a whole folder away, and somebody makes it anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_folder_that_is_made_anew_is_filled_again() {
    let mut scene = Scene::live("test/anew", Packager::single).await;
    scene.packager.window = 20;
    let above = tempfile::tempdir().unwrap();
    let second = above.path().join("second");
    let place = format!("dir:{}", second.display());
    let mut worker = scene.worker(None, None, &["--sink", &place]);
    scene.on_air("it begins", async || lists(&second, 6)).await;
    std::fs::rename(&second, above.path().join("gone")).unwrap();
    std::fs::create_dir(&second).unwrap();
    let mut seen = Collector::of(second.clone());
    scene
        .on_air("it is filled", async || {
            seen.look(&["index.m3u8".to_owned()]).await; // wants each listed file
            lists(&second, 12)
        })
        .await;
    worker.stop(Signal::TERM).await;
}

fn lists(folder: &std::path::Path, least: usize) -> bool {
    let text = std::fs::read_to_string(folder.join("index.m3u8")).unwrap_or_default();
    text.matches("#EXTINF").count() >= least
}

#[tokio::test(flavor = "multi_thread")]
async fn sinks_that_would_harm_each_other_are_refused() {
    let scene = Scene::finished("test/refused", 3).await;
    let folder = |path: &std::path::Path| format!("dir:{}", path.display());
    let inside = folder(&scene.sink.path().join("inside"));
    let source = folder(&scene.packager.root.join("out"));
    let state = folder(scene.job.state().parent().unwrap());
    for (sinks, expected) in [
        (vec![inside.as_str()], "must not lie inside each other"),
        (vec![&source], "must not lie inside each other"),
        (vec![&state], "must not lie inside"),
        (
            vec!["s3://bucket/a", "s3://bucket/a/"],
            "must not lie inside each other",
        ),
        (
            vec![
                "https://o.example/a",
                "https://me:fake-password@o.example/a/b",
            ],
            "must not lie inside each other",
        ),
        (vec!["http://o.example/a"], "must begin with https://"),
        (vec!["https://o.example/a?x=1"], "no ? and no #"),
        (vec!["ftp://o.example/a"], "is not a sink"),
    ] {
        let mut args = vec!["--once"];
        args.extend(sinks.iter().flat_map(|&sink| ["--sink", sink]));
        let output = scene.job.command(&args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{sinks:?}");
        assert!(said.contains(expected), "{sinks:?}: {said}");
        assert!(!said.contains("fake-password"), "{said}");
    }
    let file = scene.job.credential.to_str().unwrap().to_owned();
    let too_many = ["--once", "--sink-credential-file", &file];
    assert!(
        !scene
            .job
            .command(&too_many)
            .output()
            .unwrap()
            .status
            .success()
    );
    scene.job.once_well();
}
