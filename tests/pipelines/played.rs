//! What players make of an encrypted stream, beside what the same players make of the clear one.
//!
//! ffmpeg decodes every rendition; hls.js in Chromium plays every variant. Must not know: where the
//! stream comes from.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::binary::mint;
use crate::harness::process::Process;
use crate::harness::rust_source::root;
use crate::harness::serve::Serve;
use crate::harness::wait::seconds;

/// An encrypted stream at a server's origin, and the clear one that it was made of.
pub(super) struct Played<'a> {
    pub(super) serve: &'a Serve,
    pub(super) stream: &'a str,
    /// The clear source, as its packager left it.
    pub(super) clear: &'a Path,
    /// The playlist to play, in both.
    pub(super) list: &'a str,
    /// How much of it ffmpeg decodes, in seconds.
    pub(super) seconds: f64,
}

/// Where the clear one is served, for hls.js to play it by the same ways.
const CLEAR: &str = "clear";

impl Played<'_> {
    /// Wants of both players what they make of the clear stream.
    pub(super) async fn is_as_the_clear_one(&self) {
        let (ours, clear) = (self.decoded(self.list).await, self.clear_decoded().await);
        let pictures = clear.iter().filter(|line| is_picture(line)).count();
        assert!(pictures as f64 > self.seconds * 9.0, "{clear:?}");
        assert!(ours == clear, "ffmpeg: {}", differences(&ours, &clear));

        let streams = [("clear", self.clear_url()), ("ours", self.url(self.list))];
        let seen = self.in_chromium(&streams).await;
        let [clear, ours] = ["clear", "ours"].map(|name| seen[name].as_array().unwrap());
        let text = std::fs::read_to_string(self.clear.join(self.list)).unwrap();
        let variants = text.matches("#EXT-X-STREAM-INF:").count().max(1);
        assert_eq!((ours.len(), clear.len()), (variants, variants));
        for (ours, clear) in ours.iter().zip(clear) {
            let shown = clear["pictures"].as_array().unwrap();
            assert!(shown.len() as f64 > self.seconds * 1.7, "{clear}");
            let is_other = |two: &[Value]| picture(&two[0]) != picture(&two[1]);
            assert!(shown.windows(2).all(is_other), "{clear}");
            assert_eq!(clear["keys"], json!([]));
            assert!(ours["keys"].as_array().unwrap().len() > 1, "{ours}");
            for same in ["errors", "pictures", "given"] {
                assert_eq!(ours[same], clear[same], "hls.js: {same}");
            }
            assert_eq!(ours["errors"], json!([]));
        }
    }

    /// A line for each frame that ffmpeg decodes of a playlist of the stream.
    pub(super) async fn decoded(&self, list: &str) -> Vec<String> {
        let token = mint(&self.serve.config(), self.stream, "1h");
        let url = format!("{}/hls/{}/{list}", self.serve.url(), self.stream);
        let header = format!("Authorization: Bearer {token}\r\n");
        self.frames(|command| {
            command.args(["-tls_verify", "1", "-ca_file"]);
            command.arg(self.serve.ca()).args(["-headers", &header]);
            command.args(["-live_start_index", "0", "-i", &url]);
        })
        .await
    }

    /// The same of the clear one.
    pub(super) async fn clear_decoded(&self) -> Vec<String> {
        let path = self.clear.join(self.list);
        self.frames(|command| {
            command.args(["-live_start_index", "0", "-i"]).arg(&path);
        })
        .await
    }

    /// Debian's ffmpeg decodes all of what `open` names; a line for each frame, in the order of the
    /// streams.
    async fn frames(&self, open: impl FnOnce(&mut Command)) -> Vec<String> {
        let mut command = Command::new("/usr/bin/ffmpeg");
        command.args(["-nostdin", "-v", "error", "-allowed_extensions", "ALL"]);
        open(&mut command);
        let until = format!("{:.3}", self.seconds);
        command.args(["-map", "0:v", "-map", "0:a", "-t", &until]);
        command.args(["-f", "framehash", "-hash", "md5", "-"]);
        let mut ffmpeg = Process::start(command);
        let status = ffmpeg.end(seconds(60)).await;
        let lines = ffmpeg.stdout.all().into_iter();
        let mut frames: Vec<String> = lines.filter(|line| !line.starts_with('#')).collect();
        frames.sort_by_key(|line| line.split(',').next().map(str::to_owned));
        if !status.success() {
            frames.insert(0, ffmpeg.stderr.text());
        }
        frames
    }

    /// A viewer's URL of a playlist of the stream.
    pub(super) fn url(&self, list: &str) -> String {
        let token = mint(&self.serve.config(), self.stream, "1h");
        let (server, stream) = (self.serve.url(), self.stream);
        format!("{server}/v1/play/{stream}/{list}?token={token}")
    }

    /// The clear one's, which is served as ours is.
    pub(super) fn clear_url(&self) -> String {
        copy_all(self.clear, &self.serve.origin().join(CLEAR));
        format!("{}/hls/{CLEAR}/{}", self.serve.url(), self.list)
    }

    /// What hls.js makes of each variant of the streams at these URLs, by their names.
    pub(super) async fn in_chromium(&self, streams: &[(&str, String)]) -> Value {
        let folder = root().join("tests/browser");
        let mut command = Command::new("node");
        command.current_dir(folder).arg("play.mjs");
        command.arg(self.serve.url());
        command.args(streams.iter().map(|(name, url)| format!("{name}={url}")));
        let mut node = Process::start(command);
        let status = node.end(seconds(150)).await;
        assert!(status.success(), "{status}: {}", node.stderr.text());
        serde_json::from_str(&node.stdout.text()).unwrap()
    }
}

/// A frame of more bytes than any of sound has.
fn is_picture(line: &str) -> bool {
    let length = line.split(',').nth(4).and_then(|it| it.trim().parse().ok());
    length.is_some_and(|length: u64| length > 10_000)
}

/// A picture's digest, without its time.
fn picture(line: &Value) -> String {
    line.as_str()
        .unwrap()
        .split(' ')
        .next_back()
        .unwrap()
        .to_owned()
}

fn differences(ours: &[String], clear: &[String]) -> String {
    let (one, other) = (ours.len(), clear.len());
    let first = ours.iter().zip(clear).find(|(ours, clear)| ours != clear);
    format!("{one} frames and {other}; first {first:?}")
}

/// Copies a folder with all in it.
pub(super) fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let from: PathBuf = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        match from.is_dir() {
            true => copy_all(&from, &to),
            false => drop(std::fs::copy(&from, &to).unwrap()),
        }
    }
}
