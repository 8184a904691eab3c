//! `--define`: one encrypted playlist for all viewers, each with a token in the URL that it begins with.
//!
//! Must not know: how the shared form is written.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::encrypt::Encrypt;
use crate::harness::ffmpeg::{finish, package};
use crate::harness::packager::{Packager, replace};
use crate::harness::process::Process;
use crate::harness::push::files_below;
use crate::harness::rust_source::root;
use crate::harness::serve::Serve;
use crate::harness::wait::{seconds, until};

const DEFINE: &str = "#EXT-X-DEFINE:QUERYPARAM=\"token\"";

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The plain form of a shared playlist: what it adds is taken out again.
fn plain(shared: &str, version: Option<&str>) -> String {
    let text = shared
        .replace(".define.m3u8", ".m3u8")
        .replace("?token={$token}", "");
    let kept = text.lines().filter(|line| *line != DEFINE);
    let lines = kept.filter_map(|line| match line.starts_with("#EXT-X-VERSION:") {
        true => {
            assert_eq!(line, "#EXT-X-VERSION:11");
            version.map(str::to_owned)
        }
        false => Some(line.to_owned()),
    });
    lines.map(|line| line + "\n").collect()
}

/// Every list in the folder has its shared form, and that says what the list does.
fn judge(folder: &Path) -> usize {
    let files = files_below(folder);
    let lists: Vec<_> = files
        .iter()
        .filter(|it| it.ends_with(".m3u8") && !it.contains(".define."))
        .collect();
    let shared = files
        .iter()
        .filter(|it| it.ends_with(".define.m3u8"))
        .count();
    assert_eq!(lists.len(), shared, "{files:?}");
    for name in &lists {
        let text = read(folder, name);
        let form = read(folder, &name.replace(".m3u8", ".define.m3u8"));
        let version = text
            .lines()
            .find(|line| line.starts_with("#EXT-X-VERSION:"));
        // Where the version stands makes no difference.
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(
            sorted(&plain(&form, version)),
            sorted(&text),
            "{name}: {form}"
        );
        assert_eq!(form.matches(DEFINE).count(), 1, "{form}");
        let keys = |text: &str| text.matches("/v1/keys/").count();
        let children = text.matches(".m3u8").count();
        assert_eq!(
            form.matches("?token={$token}").count(),
            keys(&text) + children,
            "{form}"
        );
        assert!(
            form.lines().position(|it| it == DEFINE)
                < form.lines().position(|it| it.contains("{$token}"))
        );
    }
    lists.len()
}

async fn in_chromium(serve: &Serve, streams: &[(&str, String)]) -> Process {
    let mut command = Command::new("node");
    command
        .current_dir(root().join("tests/browser"))
        .arg("play.mjs")
        .arg(serve.url());
    command.args(streams.iter().map(|(name, url)| format!("{name}={url}")));
    let mut node = Process::start(command);
    node.end(seconds(150)).await;
    node
}

/// What ffmpeg makes: a picture, and a sound of its own.
const LADDER: [&str; 10] = [
    "-map",
    "0:v",
    "-map",
    "1:a",
    "-f",
    "hls",
    "-hls_time",
    "1",
    "-hls_list_size",
    "0",
];
const NAMES: [&str; 8] = [
    "-var_stream_map",
    "a:0,agroup:a,name:sound v:0,agroup:a,name:picture",
    "-hls_segment_filename",
    "%v/s%d.ts",
    "-master_pl_name",
    "master.m3u8",
    "-hls_playlist_type",
    "vod",
];

#[tokio::test(flavor = "multi_thread")]
async fn hls_js_takes_the_token_from_the_first_url_to_every_key() {
    let serve = Serve::start("{ segments = 2 }", "").await;
    let source = tempfile::tempdir().unwrap();
    let how = [&LADDER[..], &NAMES, &["%v/index.m3u8"]].concat();
    finish(package(source.path(), 6, false, &how));
    let job = Encrypt::at(
        &serve,
        "test/shared",
        source.path(),
        &serve.origin().join("test/shared"),
    );
    job.of_asset(source.path()).once_well_with(&["--define"]);
    assert_eq!(judge(&job.sink), 3);

    let url = |list: &str, query: &str| format!("{}/hls/test/shared/{list}{query}", serve.url());
    let token = format!("?token={}", serve.minted("viewers", "test/shared", "1h"));
    let other = format!("?token={}", serve.minted("viewers", "test/other", "1h"));
    let plain = format!("{}/v1/play/test/shared/master.m3u8{token}", serve.url());
    let both = [
        ("shared", url("master.define.m3u8", &token)),
        ("plain", plain),
    ];
    let played = in_chromium(&serve, &both).await;
    let seen: Value = serde_json::from_str(&played.stdout.text()).expect("it plays");
    let of = |name: &str, what: &str| seen[name][0][what].as_array().unwrap().clone();
    assert_eq!(of("shared", "keys"), of("plain", "keys"));
    // hls.js may give up a sound that ends a moment before the picture, and then shows no end.
    let [shared, plain] = ["shared", "plain"].map(|name| of(name, "pictures"));
    let seen_of_both = shared.len().min(plain.len());
    assert!(seen_of_both > 7, "{shared:?} {plain:?}");
    assert_eq!(shared[..seen_of_both], plain[..seen_of_both]);
    let variant = &seen["shared"][0];
    assert!(
        variant["pictures"].as_array().unwrap().len() > 8,
        "{variant}"
    );
    assert!(variant["keys"].as_array().unwrap().len() >= 3, "{variant}");
    // Without one, or with one for something else, nothing is shown.
    for query in ["", other.as_str()] {
        let refused = in_chromium(&serve, &[("shared", url("master.define.m3u8", query))]).await;
        let said = refused.stdout.text() + &refused.stderr.text();
        let told = ["QUERYPARAM", "keyLoadError"]
            .iter()
            .any(|told| said.contains(told));
        assert!(told && !said.contains("video"), "{query}: {said}");
    }
    // One text for all: a cache may leave the token out of its key.
    let viewer = serve.stranger();
    let path = |query: &str| format!("/hls/test/shared/picture/index.define.m3u8{query}");
    let one = viewer.get(&path(&token)).await.expect(200);
    let two = viewer.get(&path(&other)).await.expect(200);
    assert_eq!(
        (one.text(), one.header("etag")),
        (two.text(), two.header("etag"))
    );
    assert!(!one.text().contains(&token[7..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shared_form_follows_a_live_stream_in_every_sink_and_after_a_kill() {
    let serve = Serve::start("{ segments = 3 }", "").await;
    let (source, sink, second) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    let mut packager = Packager::ladder(source.path());
    packager.write_master();
    let job = Encrypt::at(&serve, "test/live", source.path(), sink.path());
    let also = format!("dir:{}", second.path().display());
    let args = ["--define", "token", "--sink", &also];
    let mut worker = job.start_with(&args);
    for round in 0..3 {
        for _ in 0..4 {
            packager.publish();
        }
        let last = packager.listed().end - 1;
        for folder in [sink.path(), second.path()] {
            until(
                "the last segment is listed everywhere",
                seconds(30),
                async || {
                    let lists = ["v0/index", "v1/deep/index", "audio/index"];
                    let forms = lists.iter().map(|list| {
                        std::fs::read_to_string(folder.join(format!("{list}.define.m3u8")))
                    });
                    let all = forms
                        .map(|text| text.is_ok_and(|text| text.contains(&format!("seg-{last}."))));
                    let has_master = folder.join("master.define.m3u8").exists();
                    (all.filter(|is| *is).count() == 3 && has_master).then_some(())
                },
            )
            .await;
            assert_eq!(judge(folder), 4, "round {round}");
        }
        worker.kill();
        // What a killed run left behind of it is made good.
        match round {
            0 => std::fs::remove_file(sink.path().join("v0/index.define.m3u8")).unwrap(),
            _ => replace(&second.path().join("v0/index.define.m3u8"), "#EXTM3U\n"),
        }
        worker = job.start_with(&args);
    }
    worker.kill();
    // Whoever wants it no more has none that grows old.
    let mut without = job.start();
    packager.publish();
    until("it is gone", seconds(30), async || {
        let left = files_below(sink.path())
            .into_iter()
            .filter(|it| it.contains(".define."));
        (left.count() == 0).then_some(())
    })
    .await;
    without.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_source_uses_the_name_for_is_refused_and_explained() {
    let serve = Serve::start("\"never\"", "").await;
    let bad = Encrypt::at(&serve, "test/none", "/none".as_ref(), "/none".as_ref());
    let output = bad.command(&["--define", "_HLS_msn"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("no query parameter's name"));
    for (name, list, told) in [
        ("token", "index.m3u8", "defines 'token' itself"),
        (
            "other",
            "index.define.m3u8",
            "another's form for all viewers",
        ),
    ] {
        let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut packager = Packager::single(source.path());
        packager.write_vod(3);
        let text = read(source.path(), "index.m3u8");
        let head = format!("#EXT-X-VERSION:8\n#EXT-X-DEFINE:NAME=\"{name}\",VALUE=\"x\"\n");
        for written in ["index.m3u8", "master.m3u8"] {
            std::fs::remove_file(source.path().join(written)).unwrap();
        }
        replace(
            &source.path().join(list),
            &text.replace("#EXT-X-VERSION:3\n", &head),
        );
        let stream = format!("test/{name}");
        let job = Encrypt::at(&serve, &stream, source.path(), sink.path());
        let mut worker = job.start_with(&["--define"]);
        until("it is explained", seconds(20), async || {
            worker.stdout.text().contains(told).then_some(())
        })
        .await;
        worker.kill();
        // Without it there is nothing to refuse.
        job.once_well();
        assert!(sink.path().join(list).exists());
    }
}

/// Without `--define` such a name is nobody's but the source's.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_the_sources_own_that_is_called_so_stays() {
    let serve = Serve::start("\"never\"", "").await;
    let (source, sink) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Packager::single(source.path()).write_vod(3);
    let text = read(source.path(), "index.m3u8");
    let head = format!("#EXT-X-VERSION:11\n{DEFINE}\n");
    let own = text.replace("#EXT-X-VERSION:3\n", &head);
    replace(&source.path().join("index.define.m3u8"), &own);
    let job = Encrypt::at(&serve, "test/own", source.path(), sink.path());
    job.once_well();
    let published = read(sink.path(), "index.define.m3u8");
    assert!(published.contains(DEFINE) && published.contains("/v1/keys/"));
    let written = || {
        let file = std::fs::metadata(sink.path().join("index.define.m3u8"));
        file.unwrap().modified().unwrap()
    };
    let before = written();
    job.once_well();
    assert_eq!(read(sink.path(), "index.define.m3u8"), published);
    assert_eq!(written(), before, "not even taken away and put back");
}
