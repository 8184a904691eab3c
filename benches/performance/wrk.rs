//! Load on kept connections, by `wrk` on the client's core.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::client::Ask;

/// One turn's load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: u32,
    pub(crate) seconds: u64,
}

/// What `wrk` saw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    pub(crate) requests: f64,
    pub(crate) per_second: f64,
    /// In microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

pub(crate) fn run(address: SocketAddr, ask: &Ask, load: Load) -> anyhow::Result<Seen> {
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--latency"]);
    command.args(["--connections", &load.connections.to_string()]);
    command.args(["--duration", &format!("{}s", load.seconds)]);
    if let Some(token) = &ask.bearer {
        command.args(["--header", &format!("Authorization: Bearer {token}")]);
    }
    command.arg(format!("https://{address}{}", ask.target));
    let output = command.output().context("wrk")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "wrk: {text}");
    ensure!(
        !text.contains("Non-2xx") && !text.contains("Socket errors"),
        "not all answers were good: {text}"
    );
    seen(&text).with_context(|| format!("wrk said: {text}"))
}

fn seen(text: &str) -> Option<Seen> {
    let after = |name: &str| {
        let mut words = text.lines().flat_map(str::split_whitespace);
        words.find(|word| *word == name)?;
        words.next()
    };
    let line = text.lines().find(|line| line.contains(" requests in "))?;
    Some(Seen {
        requests: line.split_whitespace().next()?.parse().ok()?,
        per_second: after("Requests/sec:")?.parse().ok()?,
        p50: micros(after("50%")?)?,
        p99: micros(after("99%")?)?,
    })
}

/// `272.00us`, `1.14ms`, `2.00s`.
fn micros(text: &str) -> Option<f64> {
    let units = [("us", 1.0), ("ms", 1e3), ("s", 1e6)];
    units.iter().find_map(|(unit, factor)| {
        let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(number * factor)
    })
}
