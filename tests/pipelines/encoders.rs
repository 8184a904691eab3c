//! ffmpeg as the encoder of the pipelines: two pictures that differ, and a tone.
//!
//! Must not know: who takes it.

use std::path::Path;
use std::process::Command;

use crate::harness::ffmpeg::finish;
use crate::harness::process::Process;

/// How long everything is.
pub(super) const SECONDS: u32 = 8;
/// The multivariant playlist of both pictures.
pub(super) const LADDER: &str = "master.m3u8";

/// Both pictures show the time, so that no two of their frames are alike.
const PICTURES: [&str; 2] = [
    "testsrc=size=160x90:rate=10",
    "testsrc2=size=160x90:rate=10",
];
const SOUND: &str = "sine=frequency=440";
const BOTH: [&str; 8] = ["-map", "0:v", "-map", "2:a", "-map", "1:v", "-map", "2:a"];
const CODED: &str = "-c:v libx264 -preset ultrafast -g 10 -pix_fmt yuv420p -b:v:0 200k -c:a aac";
const HLS: &str = "-f hls -hls_time 1 -hls_list_size 0 -master_pl_name master.m3u8";
/// hls.js takes variants of one bandwidth for the same.
const VARIANTS: [&str; 4] = ["-b:v:1", "300k", "-var_stream_map", "v:0,a:0 v:1,a:1"];

fn ffmpeg(folder: &Path) -> Command {
    let mut command = Command::new("/usr/bin/ffmpeg");
    command.current_dir(folder);
    command.args(["-nostdin", "-v", "error", "-y"]);
    command
}

/// The pictures and the tone, in real time or as fast as it can.
fn made(folder: &Path, in_real_time: bool) -> Command {
    let mut command = ffmpeg(folder);
    for source in PICTURES.iter().chain([&SOUND]) {
        command.args(in_real_time.then_some("-re"));
        command.args(["-f", "lavfi", "-i", source]);
    }
    command.args(["-t", &SECONDS.to_string()]);
    command
}

/// A live ladder in real time, written by these flags.
pub(super) fn ladder(folder: &Path, flags: &str) -> Process {
    let mut command = made(folder, true);
    command.args(BOTH).args(words(CODED)).args(words(HLS));
    command.args(["-hls_flags", flags]).args(VARIANTS);
    command.args(["-hls_segment_filename", "v%v/seg%d.ts", "v%v/index.m3u8"]);
    Process::start(command)
}

/// The same as a finished asset, at once.
pub(super) fn asset(folder: &Path, how: &[&str], extension: &str) {
    let mut command = made(folder, false);
    command.args(BOTH).args(words(CODED)).args(words(HLS));
    command.args(["-hls_playlist_type", "vod"]);
    command.args(how).args(VARIANTS);
    let segments = format!("v%v/seg%d.{extension}");
    command.args(["-hls_segment_filename", &segments, "v%v/index.m3u8"]);
    finish(command);
}

/// Makes `input.mp4`, to be sent.
pub(super) fn recorded(folder: &Path) {
    let mut command = made(folder, false);
    command
        .args(&BOTH[..4])
        .args(&BOTH[4..6])
        .args(words(CODED));
    command.arg("input.mp4");
    finish(command);
}

/// Sends `input.mp4` to `url` in real time as a ladder, and keeps the same itself.
pub(super) fn sends(folder: &Path, url: &str) -> Process {
    let mut command = ffmpeg(folder);
    command.args(["-re", "-i", "input.mp4"]);
    for (method, above) in [("PUT", format!("{url}/")), ("", String::new())] {
        let copied = "-map 0:v:0 -map 0:a -map 0:v:1 -map 0:a -c copy -hls_flags program_date_time";
        command.args(words(copied)).args(words(HLS)).args(VARIANTS);
        if !method.is_empty() {
            command.args(["-method", method]);
        }
        let segments = format!("{above}v%v/seg%d.ts");
        command.args(["-hls_segment_filename", &segments]);
        command.arg(format!("{above}v%v/index.m3u8"));
    }
    Process::start(command)
}

/// One picture and the tone in real time into a pipe of the folder.
pub(super) fn fed(folder: &Path, pipe: &str) -> Process {
    let mut command = made(folder, true);
    command
        .args(["-map", "0:v", "-map", "2:a"])
        .args(words(CODED));
    command.args(["-f", "mpegts", "-flush_packets", "1", pipe]);
    Process::start(command)
}

/// One picture and the tone in real time to an RTMP server.
pub(super) fn publish(url: &str) -> Process {
    let mut command = made(Path::new("/"), true);
    command.args(&BOTH[..4]).args(words(CODED));
    command.args(["-tune", "zerolatency", "-ar", "44100", "-f", "flv", url]);
    Process::start(command)
}

fn words(text: &str) -> std::str::SplitWhitespace<'_> {
    text.split_whitespace()
}
