//! Keys in packagers' own words: what each is told, who is refused, and what the packagers
//! themselves make of it.
//!
//! Must not know: how a period is chosen.

mod cpix;
mod export;
mod ffmpeg;
mod folders;
mod tools;
mod words;

use std::path::Path;
use std::process::Command;

use crate::harness::actor::Actor;
use crate::harness::ffmpeg::{finish, package};
use crate::harness::process::Process;
use crate::harness::rust_source::root;
use crate::harness::serve::Serve;
use crate::harness::wait::seconds;
use crate::independent::cipher::{Block, decrypt, iv_of_text};
use crate::independent::playlist::read_media;

/// The stream of these tests, and the one that the documentation speaks of.
const STREAM: &str = "test/news";
const DOCUMENTED: &str = "live/news";

/// A packager of `streams` that may lease, and its secret.
fn packager(serve: &Serve, name: &str, streams: &str) -> (Actor, String) {
    let file = serve.credential(name, streams, &["lease"]);
    let secret = std::fs::read_to_string(file).unwrap().trim().to_owned();
    (serve.stranger().with(&secret), secret)
}

/// The sub-resource of [`STREAM`].
fn resource(name: &str) -> String {
    format!("/v1/streams/{STREAM}/{name}")
}

/// The command of docs/PACKAGERS.md that begins with `start` after `heading`, of this stream at this
/// server.
fn documented(serve: &Serve, heading: &str, start: &str) -> String {
    let text = std::fs::read_to_string(root().join("docs/PACKAGERS.md")).unwrap();
    let after = text.split_once(heading).unwrap().1;
    let block = after.split("```sh\n").find(|block| block.contains(start));
    let block = block.unwrap().split("```").next().unwrap();
    let line = block.split_at(block.find(start).unwrap()).1;
    let place = format!("localhost:{}", serve.port());
    let line = line.replace("keys.example.com", &place);
    line.replace(DOCUMENTED, STREAM)
}

/// Runs such a command in `folder`.
fn shell(line: &str, folder: &Path, environment: &[(&str, &str)]) -> Process {
    let mut command = Command::new("/bin/sh");
    command.current_dir(folder);
    command.envs(environment.iter().copied());
    command.args(["-c", line]);
    Process::start(command)
}

/// Four seconds of picture and sound, or as long as is said, a key frame a second.
fn input(folder: &Path, length: u32) {
    let how = ["-f", "mp4", "input.mp4"];
    finish(package(folder, length, false, &how));
}

/// A segment as an independent decrypter opens it, with what a viewer was given.
struct Opened {
    uri: String,
    iv: Block,
    plain: Vec<u8>,
}

/// Opens every segment of the playlist at `path` with the keys that a viewer gets.
async fn opened(path: &Path, viewer: &Actor) -> Vec<Opened> {
    let list = read_media(&std::fs::read_to_string(path).unwrap().replace('\r', "")).unwrap();
    let mut all = Vec::new();
    for segment in &list.segments {
        let tag = segment.key.clone().expect("a segment without a key");
        let of = |name: &str| tag.iter().find(|(key, _)| key == name).unwrap().1.clone();
        assert_eq!(of("METHOD"), "AES-128");
        let uri = of("URI").trim_matches('"').to_owned();
        let iv = iv_of_text(&of("IV").to_lowercase()).unwrap();
        let key: Block = viewer.get(&uri).await.expect(200).body.try_into().unwrap();
        let data = std::fs::read(path.with_file_name(&segment.uri)).unwrap();
        let plain = decrypt(&key, &iv, &data).unwrap();
        all.push(Opened { uri, iv, plain });
    }
    all
}

/// The hashes of decoded pictures, without their times.
fn hashes(frames: &[String]) -> Vec<String> {
    let pictures = frames.iter().filter(|line| line.starts_with("0,"));
    let hash = |line: &String| line.rsplit(',').next().unwrap().trim().to_owned();
    pictures.map(hash).collect()
}

/// The same of what [`input`] made.
async fn clear_hashes(folder: &Path) -> Vec<String> {
    let line = "exec /usr/bin/ffmpeg -nostdin -v error -i input.mp4 -map 0:v -f framemd5 -";
    let mut ffmpeg = shell(line, folder, &[]);
    let status = ffmpeg.end(seconds(30)).await;
    assert!(status.success(), "{}", ffmpeg.stderr.text());
    hashes(&ffmpeg.stdout.all())
}

/// Whether it is whole transport packets.
fn is_transport(plain: &[u8]) -> bool {
    plain.len().is_multiple_of(188) && plain.chunks(188).all(|packet| packet[0] == 0x47)
}
