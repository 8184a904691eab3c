//! Debian's ffmpeg as a player: decodes a URL and prints a hash of each decoded frame.
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

/// Picture and sound, decoded, a line of hash for each frame.
fn hashed(mut command: Command, seconds: u32) -> Command {
    let seconds = seconds.to_string();
    command.args(["-map", "0:v:0", "-map", "0:a:0", "-t", &seconds]);
    command.args(["-f", "framehash", "-hash", "md5", "-"]);
    command
}
