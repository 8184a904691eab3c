//! Many channels in one worker on all cores, from files to files, against plain `cp -r` of the same
//! files: bytes a second of the clear media, and the worker's memory.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::files;
use super::keyserver::{KeyServer, PROGRAM, text};
use super::rounds::{Compared, Plan};

pub(crate) struct Row {
    pub(crate) channels: usize,
    /// MB a second of clear media.
    pub(crate) rate: Compared,
    /// The worker's resident memory at its most, in MiB: the median of the rounds.
    pub(crate) memory: f64,
}

struct Turn {
    rate: f64,
    memory: f64,
}

const CHANNELS: [usize; 3] = [1, 8, 32];
const SEGMENTS: usize = 16;

pub(crate) fn compare(plan: Plan, folder: &Path, server: &KeyServer) -> anyhow::Result<Vec<Row>> {
    let folder = folder.join("channels");
    CHANNELS
        .into_iter()
        .map(|count| {
            eprintln!("{count} channels");
            let studio = Studio::set(&folder, server, count)?;
            let pairs = plan.by_turns(|| studio.ours(), || studio.copied())?;
            let memory = Compared::by(&pairs, |turn| turn.memory);
            std::fs::remove_dir_all(&folder)?;
            Ok(Row {
                channels: count,
                rate: Compared::by(&pairs, |turn| turn.rate),
                memory: memory.ours,
            })
        })
        .collect()
}

/// Finished assets and a worker's configuration.
struct Studio {
    source: PathBuf,
    sink: PathBuf,
    config: PathBuf,
    bytes: f64,
}

impl Studio {
    fn set(folder: &Path, server: &KeyServer, count: usize) -> anyhow::Result<Self> {
        let studio = Self {
            source: folder.join("in"),
            sink: folder.join("out"),
            config: folder.join("hlskey.toml"),
            bytes: (count * SEGMENTS * files::BYTES) as f64,
        };
        let mut config = format!(
            "[encrypt]\nserver = \"{}\"\nca = \"{}\"\ncredential_file = \"{}\"\nstate = \"state\"\n",
            server.url(),
            text(&server.files.ca),
            text(&server.files.credential)
        );
        for channel in 0..count {
            let stream = format!("live/channel-{channel}");
            files::write_asset(&studio.source.join(channel.to_string()), SEGMENTS)?;
            server.add_stream(&stream, &["--segments", "8"])?;
            config += &format!(
                "[[encrypt.channels]]\nstream = \"{stream}\"\nsource = \"vod:in/{channel}\"\n\
                 sink = \"dir:out/{channel}\"\n"
            );
        }
        std::fs::write(&studio.config, config)?;
        Ok(studio)
    }

    fn ours(&self) -> anyhow::Result<Turn> {
        std::fs::create_dir(&self.sink)?;
        let mut command = Command::new(PROGRAM);
        command.args([
            "encrypt",
            "--once",
            "--json",
            "--config",
            &text(&self.config),
        ]);
        let turn = self.timed(command)?;
        let lists = std::fs::read_dir(&self.sink)?;
        for list in lists {
            let path = list?.path().join("index.m3u8");
            ensure!(path.exists(), "{} is not there", path.display());
        }
        std::fs::remove_dir_all(&self.sink)?;
        Ok(turn)
    }

    fn copied(&self) -> anyhow::Result<Turn> {
        let mut command = Command::new("cp");
        command.args(["-r", &text(&self.source), &text(&self.sink)]);
        let turn = self.timed(command)?;
        std::fs::remove_dir_all(&self.sink)?;
        Ok(turn)
    }

    fn timed(&self, mut command: Command) -> anyhow::Result<Turn> {
        let begun = Instant::now();
        let mut child = command.stdout(Stdio::null()).spawn()?;
        let mut memory = 0.0_f64;
        let status = loop {
            memory = memory.max(most_memory(child.id()).unwrap_or(0.0));
            match child.try_wait()? {
                Some(status) => break status,
                None => std::thread::sleep(LOOK),
            }
        };
        ensure!(status.success(), "{command:?}: {status}");
        Ok(Turn {
            rate: self.bytes / 1e6 / begun.elapsed().as_secs_f64(),
            memory,
        })
    }
}

const LOOK: Duration = Duration::from_millis(5);

/// Resident at its most, in MiB.
fn most_memory(pid: u32) -> anyhow::Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.context("VmHWM")?.trim().parse::<f64>()? / 1024.0)
}
