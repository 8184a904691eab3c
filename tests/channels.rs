//! Many channels in one worker, from `hlskey.toml`; how they are doing, by `--status` and metrics.
//!
//! Must not know: how a channel is run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use rustix::process::Signal;
use serde_json::Value;

use crate::encrypt::audit;
use crate::harness::binary;
use crate::harness::encrypt::Encrypt;
use crate::harness::packager::Packager;
use crate::harness::process::Process;
use crate::harness::serve::{Serve, free_port};
use crate::harness::wait::{seconds, until};

/// A worker's machine: a folder with a configuration and what it names.
struct Studio {
    serve: Serve,
    folder: tempfile::TempDir,
    port: u16,
}

const CHANNELS: [&str; 3] = ["one", "two", "three"];

impl Studio {
    async fn set() -> Self {
        let studio = Self {
            serve: Serve::start("{ segments = 5 }", "").await,
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
        };
        let credential = studio.serve.credential("studio", "test/**", &[]);
        fs::copy(credential, studio.path("studio.credential")).unwrap();
        let mut text = format!(
            "[encrypt]\nserver = \"{}\"\nca = \"{}\"\ncredential_file = \"studio.credential\"\n\
             state = \"state\"\nmetrics = \"127.0.0.1:{}\"\n",
            studio.serve.url(),
            studio.serve.ca().display(),
            studio.port
        );
        for name in CHANNELS {
            text += &format!(
                "[[encrypt.channels]]\nstream = \"test/{name}\"\nsource = \"dir:in/{name}\"\n\
                 sink = \"dir:out/{name}\"\n"
            );
        }
        fs::write(studio.path("hlskey.toml"), text).unwrap();
        studio
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn packager(&self, name: &str) -> Packager {
        Packager::single(&self.path("in").join(name))
    }

    fn worker(&self, more: &[&str]) -> Process {
        let config = self.path("hlskey.toml");
        let args = ["encrypt", "--config", config.to_str().unwrap(), "--json"];
        Process::start(binary::command(&[&args, more].concat()))
    }

    fn status(&self, more: &[&str]) -> Output {
        let config = self.path("hlskey.toml");
        let args = ["encrypt", "--config", config.to_str().unwrap(), "--status"];
        binary::run(&[&args, more].concat())
    }

    /// What is said of the channel that is called `name`.
    fn status_of(&self, name: &str) -> Option<Value> {
        let output = self.status(&["--json"]);
        let all: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut all = all.as_array().unwrap().iter();
        let stream = format!("test/{name}");
        all.find(|one| one["stream"] == stream.as_str()).cloned()
    }

    fn job(&self, name: &str) -> Encrypt {
        let (source, sink) = (self.path("in").join(name), self.path("out").join(name));
        Encrypt::at(&self.serve, &format!("test/{name}"), &source, &sink)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_worker_encrypts_many_channels_each_under_its_own_keys() {
    let studio = Studio::set().await;
    let mut packagers = CHANNELS.map(|name| studio.packager(name));
    for (at, packager) in packagers.iter_mut().enumerate() {
        packager.write_vod(10 + at as u64);
    }
    let mut worker = studio.worker(&["--once"]);
    assert!(
        worker.end(seconds(60)).await.success(),
        "{}",
        worker.stderr.text()
    );
    for (at, (name, packager)) in CHANNELS.iter().zip(&packagers).enumerate() {
        let keys = (10 + at).div_ceil(5);
        audit(&studio.serve, &studio.job(name), packager, 10 + at, keys).await;
    }
    let lines = worker.stdout.all();
    let lines = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let channels: Vec<String> = lines
        .map(|line| line["channel"].as_str().unwrap().into())
        .collect();
    assert!(
        CHANNELS
            .iter()
            .all(|name| channels.contains(&format!("test/{name}")))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_fails_ends_no_other_and_is_begun_again() {
    let studio = Studio::set().await;
    let mut packager = studio.packager("one");
    packager.write_vod(4);
    studio.packager("three").write_vod(4);
    let mut worker = studio.worker(&[]);
    let published = |name: &str| studio.path("out").join(name).join("index.m3u8").exists();
    until("the others publish", seconds(30), async || {
        (published("one") && published("three")).then_some(())
    })
    .await;
    assert!(
        worker.stderr.text().contains("test/two"),
        "{}",
        worker.stderr.text()
    );
    studio.packager("two").write_vod(4);
    until("it is begun again", seconds(40), async || {
        published("two").then_some(())
    })
    .await;
    worker.stop(Signal::TERM).await;

    let mut once = studio.worker(&["--once"]);
    assert!(
        once.end(seconds(60)).await.success(),
        "{}",
        once.stderr.text()
    );
    fs::remove_dir_all(studio.path("in/two")).unwrap();
    let mut once = studio.worker(&["--once"]);
    assert!(!once.end(seconds(60)).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_lag_period_lease_and_the_last_error() {
    let studio = Studio::set().await;
    for name in CHANNELS {
        studio.packager(name).write_vod(1);
    }
    fs::remove_dir_all(studio.path("in/one")).unwrap();
    let mut packager = studio.packager("one");
    packager.run(12).await;
    let mut worker = studio.worker(&[]);
    let all = async || {
        let one = studio.status_of("one")?;
        let rendition = one["renditions"].get(0)?;
        (rendition["behind"] == 0 && rendition["last"] == 11).then_some(one)
    };
    let one = until("all is published", seconds(30), all).await;
    assert_eq!(one["running"], true);
    assert_eq!(one["renditions"][0]["rendition"], "index.m3u8");
    assert_eq!(one["renditions"][0]["period"], 2);
    assert_eq!(one["renditions"][0]["lag_ms"], 0);
    let left = one["lease_left_ms"].as_u64().unwrap();
    assert!((60_000..=3_600_000).contains(&left), "{left}");
    assert_eq!(one["stalls"], Value::Array(Vec::new()));

    let metrics = format!("http://127.0.0.1:{}/metrics", studio.port);
    let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
    for line in [
        "hlskey_encrypt_period{stream=\"test/one\"} 2.0",
        "hlskey_encrypt_stalled{stream=\"test/one\"} 0.0",
        "hlskey_encrypt_segments_total{stream=\"test/one\"} 6",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(text.contains("hlskey_encrypt_lease_left_seconds{stream=\"test/one\"} "));
    let client = reqwest::Client::new();
    let rebound = client
        .get(&metrics)
        .header("host", "evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(rebound.status(), 421);

    // The source goes on, and the sink does not.
    let sink = studio.path("out/one");
    fs::remove_dir_all(&sink).unwrap();
    fs::write(&sink, "no folder").unwrap();
    packager.run(3).await;
    let late = async || {
        let one = studio.status_of("one")?;
        (one["renditions"][0]["behind"] == 3).then_some(one)
    };
    let one = until("it is told to be late", seconds(30), late).await;
    assert_eq!(one["renditions"][0]["lag_ms"], 3000);
    assert!(
        one["last_error"]["what"]
            .as_str()
            .unwrap()
            .contains("cannot write"),
        "{one}"
    );
    assert_eq!(one["stalls"][0]["subject"], "sink");
    let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
    let last = "hlskey_encrypt_last_error_timestamp_seconds{stream=\"test/one\",reason=\"";
    let line = text.lines().find_map(|line| line.strip_prefix(last));
    let (reason, at) = line
        .unwrap_or_else(|| panic!("{text}"))
        .split_once("\"} ")
        .unwrap();
    assert!(reason.starts_with("sink"), "{reason}");
    assert!(at.parse::<f64>().unwrap() > 1.7e9, "{at}");
    let said = String::from_utf8(studio.status(&[]).stdout).unwrap();
    assert!(said.contains("test/one  stalled  lag 3s"), "{said}");
    assert!(said.contains("last error"), "{said}");
    worker.kill();
    assert_eq!(studio.status_of("one").unwrap()["running"], false);
}

/// Two channels of one stream stand side by side, and a sink that is away is seen.
#[tokio::test(flavor = "multi_thread")]
async fn channels_of_one_stream_and_sinks_that_are_away_are_all_seen() {
    let studio = Studio::set().await;
    let config = studio.path("hlskey.toml");
    let text = fs::read_to_string(&config).unwrap();
    let nowhere = format!("http://127.0.0.1:{}/away/", free_port());
    let text = text
        .replace("stream = \"test/two\"", "stream = \"test/one\"")
        .replace(
            "\"dir:out/three\"",
            &format!("[\"dir:out/three\", \"{nowhere}\"]"),
        );
    fs::write(&config, text).unwrap();
    for (at, name) in CHANNELS.iter().enumerate() {
        studio.packager(name).write_vod(3 + at as u64);
    }
    let _worker = studio.worker(&[]);
    let metrics = format!("http://127.0.0.1:{}/metrics", studio.port);
    let lines = async || {
        let text = reqwest::get(&metrics).await.ok()?.text().await.ok()?;
        let lines = text.lines().map(str::to_owned).collect::<Vec<_>>();
        Some(lines)
    };
    let both = until("both channels are measured", seconds(30), async || {
        let lines = lines().await?;
        let of_one = "hlskey_encrypt_segments_total{stream=\"test/one\",encryptor=\"";
        let counts = lines.iter().filter_map(|line| line.strip_prefix(of_one));
        let mut counts: Vec<_> = counts.filter_map(|rest| rest.rsplit(' ').next()).collect();
        counts.sort_unstable();
        (counts == ["3", "4"]).then_some(lines.clone())
    })
    .await;
    let alone = "hlskey_encrypt_segments_total{stream=\"test/three\"} ";
    assert!(both.iter().any(|line| line.starts_with(alone)), "{both:?}");
    until(
        "the sink that is away is counted",
        seconds(30),
        async || {
            let lines = lines().await?;
            let stalled = "hlskey_encrypt_stalled{stream=\"test/three\"} 1.0";
            lines.iter().any(|line| line == stalled).then_some(())
        },
    )
    .await;
    until("the status says the same", seconds(30), async || {
        let said = String::from_utf8(studio.status(&[]).stdout).unwrap();
        let both = said.matches("test/one  running").count() == 2;
        let away =
            said.contains("  to http://127.0.0.1:") && said.contains("away, 5 segments behind");
        (both && away && said.contains("test/three  stalled")).then_some(())
    })
    .await;
}

/// A flag that a file makes meaningless is not let pass in silence.
#[test]
fn flags_of_one_channel_and_a_file_of_many_exclude_each_other() {
    for flag in [
        ["--map", "encrypted"],
        ["--on-lease-end", "hold"],
        ["--spool-limit", "9"],
    ] {
        let args = ["encrypt", "--config", "x.toml", flag[0], flag[1]];
        let output = binary::run(&args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(2) && said.contains("cannot be used"),
            "{said}"
        );
    }
}

/// Each channel by itself is well.
#[test]
fn no_channel_publishes_where_another_has_its_clear_media_its_state_or_its_sink() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().display();
    let credential = dir.path().join("credential");
    fs::write(&credential, "hk_obviously-a-fake\n").unwrap();
    fs::create_dir_all(dir.path().join("in/b")).unwrap();
    let path = dir.path().join("hlskey.toml");
    let run = |a: &str, b: &str| {
        let channel = |name: &str, own: &str| {
            format!(
                "[[encrypt.channels]]\nstream = \"test/{name}\"\n{own}\
                 credential_file = \"{root}/credential\"\nserver = \"https://127.0.0.1:1\"\n"
            )
        };
        let text = format!("[encrypt]\n{}{}", channel("a", a), channel("b", b));
        fs::write(&path, text.replace("ROOT", &root.to_string())).unwrap();
        let args = ["encrypt", "--once", "--config", path.to_str().unwrap()];
        let output = binary::run(&args);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let own = |source: &str, sink: &str, state: &str| {
        format!(
            "source = \"dir:ROOT/{source}\"\nsink = [\"dir:ROOT/{sink}\"]\nstate = \"ROOT/{state}\"\n"
        )
    };
    let b = own("in/b", "out/b", "state/b");
    for (a, why) in [
        (own("in/a", "in", "state/a"), "inside"),
        (own("in/a", "in/b/out", "state/a"), "inside"),
        (own("in/a", "state", "own/a"), "inside"),
        (
            own("in/a", "out", "state/a"),
            "must not lie inside each other",
        ),
        (
            own("in/a", "out/b", "state/a"),
            "must not lie inside each other",
        ),
    ] {
        let said = run(&a, &b);
        assert!(said.contains(why), "{a}: {said}");
        assert!(!dir.path().join("out").exists(), "{a}: nothing has begun");
    }
}

#[test]
fn a_wrong_file_is_told_with_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let path: &Path = &dir.path().join("hlskey.toml");
    for (text, said) in [
        ("", "[[encrypt.channels]]"),
        (
            "[encrypt]\nserver = \"https://k\"\n",
            "[[encrypt.channels]]",
        ),
        (
            "[encrypt]\n[[encrypt.channels]]\nstream = \"a/b\"\n",
            "credential_file",
        ),
        (
            "[encrypt]\n[[encrypt.channels]]\nsteam = \"a/b\"\n",
            "steam",
        ),
    ] {
        fs::write(path, text).unwrap();
        let output = binary::run(&["encrypt", "--config", path.to_str().unwrap()]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && error.contains(said),
            "{text}: {error}"
        );
    }
}
