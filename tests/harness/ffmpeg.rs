//! Debian's ffmpeg: as a player, it decodes a URL and prints a hash of each decoded frame; as a
//! packager, it makes HLS of a test picture and a tone.
//!
//! Must not know: tokens, keys.

use std::path::Path;
use std::process::Command;

use super::process::Process;

/// One run of it.
pub(crate) struct Player(pub(crate) Process);

/// The hash of one decoded frame: stream, time, hash, as ffmpeg prints them.
pub(crate) type Frame = String;

/// A command of ffmpeg that says what it opens. That it is missing is an error.
fn ffmpeg() -> Command {
    let mut command = Command::new("/usr/bin/ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-v", "verbose"]);
    command
}

impl Player {
    /// Plays `seconds` of a URL over HTTPS, from the first segment listed, with `headers`.
    pub(crate) fn play(url: &str, ca: &Path, headers: &str, seconds: u32) -> Self {
        let mut command = ffmpeg();
        command.args(["-tls_verify", "1", "-ca_file"]).arg(ca);
        if !headers.is_empty() {
            command.args(["-headers", headers]);
        }
        command.args(["-live_start_index", "0", "-i", url]);
        Self(Process::start(hashed(command, seconds)))
    }

    /// Plays the same of files.
    pub(crate) fn read(path: &Path, seconds: u32) -> Self {
        let mut command = ffmpeg();
        command.args(["-allowed_extensions", "ALL", "-i"]).arg(path);
        Self(Process::start(hashed(command, seconds)))
    }

    /// The decoded frames so far.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        let lines = self.0.stdout.all().into_iter();
        lines
            .filter(|line| !line.starts_with('#') && !line.is_empty())
            .collect()
    }

    /// The URLs of segments, in the order that it opened them.
    pub(crate) fn opened(&self) -> Vec<String> {
        let lines = self.0.stderr.all().into_iter();
        let named = lines.filter_map(|line| {
            let (_, tail) = line.split_once("HLS request for url '")?;
            Some(tail.split_once('\'')?.0.to_owned())
        });
        named.collect()
    }
}

/// A packager that makes `seconds` of picture and sound in `folder`, by its own arguments `how`; in
/// real time, or as fast as it can.
pub(crate) fn package(folder: &Path, seconds: u32, in_real_time: bool, how: &[&str]) -> Command {
    let mut command = Command::new("/usr/bin/ffmpeg");
    command
        .args(["-nostdin", "-v", "error", "-y"])
        .current_dir(folder);
    let sources = [
        format!("testsrc2=size=160x90:rate=25:duration={seconds}"),
        format!("sine=frequency=440:duration={seconds}"),
    ];
    for source in &sources {
        command.args(if in_real_time { &["-re"][..] } else { &[] });
        command.args(["-f", "lavfi", "-i", source]);
    }
    command.args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "25"]);
    command.args(["-keyint_min", "25", "-sc_threshold", "0", "-c:a", "aac"]);
    command.args(how);
    command
}

/// Runs it to its end, which must be a good one.
pub(crate) fn finish(mut command: Command) {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

/// Decodes `map` of files to their end: a line of hash for each frame, or for each subtitle packet.
pub(crate) fn frames_of(path: &Path, map: &str) -> Vec<Frame> {
    let mut command = Command::new("/usr/bin/ffmpeg");
    command.args([
        "-nostdin",
        "-v",
        "error",
        "-allowed_extensions",
        "ALL",
        "-i",
    ]);
    command.arg(path).args(["-map", map]);
    command.args(if map.contains(":s") {
        &["-c", "copy"][..]
    } else {
        &[]
    });
    let output = command.args(["-f", "framemd5", "-"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", path.display());
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// Picture and sound, decoded, a line of hash for each frame.
fn hashed(mut command: Command, seconds: u32) -> Command {
    let seconds = seconds.to_string();
    command.args(["-map", "0:v:0", "-map", "0:a:0", "-t", &seconds]);
    command.args(["-f", "framehash", "-hash", "md5", "-"]);
    command
}
