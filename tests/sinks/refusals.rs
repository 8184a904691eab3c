//! Sinks that are not begun with: one another, over the source or the state, or in the clear.
//!
//! Must not know: what a good one does.

use super::Scene;

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
