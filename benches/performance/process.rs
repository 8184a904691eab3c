//! A server of the run's own: on one core, ended with it, its CPU time known.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

pub(crate) struct Server(Child);

/// What it may take to start, or to stop.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

impl Server {
    /// Starts `program` on `core`; what it says goes to `log`.
    pub(crate) fn start(
        program: &str,
        args: &[&str],
        core: usize,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let said = std::fs::File::create(log)?;
        let child = Command::new("taskset")
            .args(["-c", &core.to_string(), program])
            .args(args)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn();
        Ok(Self(child.with_context(|| program.to_owned())?))
    }

    /// Waits until `ready`, or fails with what the log says.
    pub(crate) fn until(
        &mut self,
        log: &Path,
        mut ready: impl FnMut() -> bool,
    ) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !ready() {
            let ended = self.0.try_wait()?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                bail!("it does not start: {}", std::fs::read_to_string(log)?);
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// The CPU time of all its threads and of its workers, in nanoseconds.
    pub(crate) fn cpu(&self) -> anyhow::Result<u64> {
        let pid = self.0.id();
        let children = format!("/proc/{pid}/task/{pid}/children");
        let children = std::fs::read_to_string(children)?;
        let workers = children.split_whitespace().map(str::to_owned);
        let all = std::iter::once(pid.to_string()).chain(workers);
        all.map(|pid| cpu_of(&pid)).sum()
    }
}

/// `schedstat` counts nanoseconds on a core, where `stat` has hundredths of a second.
fn cpu_of(pid: &str) -> anyhow::Result<u64> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let ran = text.split(' ').next().unwrap_or_default();
        sum += ran.parse::<u64>().context("schedstat")?;
    }
    Ok(sum)
}

impl Drop for Server {
    /// SIGTERM first: a master that is killed leaves its workers behind.
    fn drop(&mut self) {
        let pid = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let begun = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) && begun.elapsed() < PATIENCE {
            std::thread::sleep(LOOK);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
