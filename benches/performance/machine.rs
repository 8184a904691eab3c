//! The machine: two cores to measure on, and what a reader has to know of it.

use std::process::Command;

use anyhow::{Context as _, ensure};
use rustix::thread::{CpuSet, sched_setaffinity};

/// Cores of this process: the client's is where it stays from now on, and what it starts with it.
pub(crate) struct Cores {
    pub(crate) server: usize,
}

impl Cores {
    pub(crate) fn take() -> anyhow::Result<Self> {
        let allowed = rustix::thread::sched_getaffinity(None)?;
        let mut free = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let server = free.next();
        let client = free.next();
        let (server, client) = server
            .zip(client)
            .context("two cores are needed, one for the server and one for the client")?;
        let mut only = CpuSet::new();
        only.set(client);
        sched_setaffinity(None, &only)?;
        Ok(Self { server })
    }
}

/// Lines of the page: what does not say whose machine it is.
pub(crate) fn facts() -> anyhow::Result<Vec<String>> {
    let cpus = read("/proc/cpuinfo")?;
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |text| text.trim_start_matches([' ', '\t', ':']));
    let cores = cpus
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let features = ["aes", "vaes", "avx512f"];
    let has = |feature: &&str| cpus.split_whitespace().any(|word| word == *feature);
    let features: Vec<_> = features.into_iter().filter(has).collect();
    let kernel = read("/proc/sys/kernel/osrelease")?;
    let kernel = kernel.split(['-', '+']).next().unwrap_or_default();
    let load = read("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    Ok(vec![
        format!(
            "{model}, {cores} cores ({}), Linux {}",
            features.join(", "),
            kernel.trim()
        ),
        format!(
            "{}; {}",
            said("nginx", &["-v"])?,
            said("openssl", &["version"])?
        ),
        format!(
            "{}; hlskey {}",
            said("wrk", &["-v"])?,
            env!("CARGO_PKG_VERSION")
        ),
        format!("load of the last minute before the run: {load}"),
    ])
}

fn read(path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.to_owned())
}

/// The first line that a program prints, wherever, without what follows its version.
fn said(program: &str, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(args).output();
    let output = output.with_context(|| format!("{program} is missing: make bench installs it"))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().next().unwrap_or_default();
    ensure!(!line.is_empty(), "{program} does not tell its version");
    let end = line.find(['(', '[']).unwrap_or(line.len());
    Ok(line[..end].trim().to_owned())
}
