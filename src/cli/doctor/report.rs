//! The report: each client, the transports, the renditions, the faults and what to change.
//!
//! Must not know: how anything was found.

use std::collections::BTreeMap;
use std::fmt;

use reqwest::Url;
use serde::Serialize;

use super::client::Client;
use super::code::ALL;
use super::fault::{Fault, Faults};
use super::outcome::Outcome;
use super::shown::shown;

/// What `--json` prints; see docs/DOCTOR.md.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    url: String,
    clients: Vec<ClientLine>,
    transports: Vec<TransportLine>,
    renditions: Vec<RenditionLine>,
    pub(super) faults: Vec<Fault>,
}

#[derive(Debug, Serialize)]
struct ClientLine {
    client: Client,
    plays: bool,
    /// What it stumbled over first; `null` if it plays.
    why: Option<String>,
}

/// A way by which a credential came to a key.
#[derive(Debug, Serialize)]
struct TransportLine {
    transport: &'static str,
    /// Whom it serves, here or not.
    serves: &'static str,
}

#[derive(Debug, Serialize)]
struct RenditionLine {
    rendition: String,
    kind: &'static str,
    encrypted: bool,
    live: bool,
    segments: usize,
    keys: usize,
}

impl Report {
    pub(super) fn new(top: &Url, outcomes: &[Outcome<'_>], faults: Faults) -> Self {
        let clients = outcomes.iter().map(|outcome| ClientLine {
            client: outcome.client(),
            plays: outcome.why.is_none(),
            why: outcome.why.clone(),
        });
        let mut renditions = BTreeMap::new();
        for rendition in outcomes.iter().flat_map(|outcome| &outcome.renditions) {
            renditions.entry(&rendition.name).or_insert(rendition);
        }
        let renditions = renditions.values().map(|it| RenditionLine {
            rendition: it.name.clone(),
            kind: it.kind,
            encrypted: it.is_encrypted(),
            live: !it.list.is_ended(),
            segments: it.list.segments().len(),
            keys: it.keys().len(),
        });
        Self {
            url: shown(top),
            clients: clients.collect(),
            transports: transports(outcomes),
            renditions: renditions.collect(),
            faults: faults.sorted(),
        }
    }
}

fn transports(outcomes: &[Outcome<'_>]) -> Vec<TransportLine> {
    let any = |is: fn(&Outcome<'_>) -> bool| outcomes.iter().any(is);
    let all = [
        (
            "define",
            any(|it| it.by.query && it.by.define),
            "AVPlayer of recent systems, hls.js, Shaka and media3; casting with the URL; not FFmpeg, video.js or GStreamer",
        ),
        (
            "rewrite",
            any(|it| it.by.query && !it.by.define),
            "every player, and casting with the URL",
        ),
        (
            "cookie",
            any(|it| it.by.cookie),
            "native players and pages on the key server's site; not casting",
        ),
        (
            "header",
            any(|it| it.by.bearer),
            "apps and hls.js; not native players, not casting",
        ),
    ];
    let found = all.into_iter().filter(|(_, is_used, _)| *is_used);
    found
        .map(|(transport, _, serves)| TransportLine { transport, serves })
        .collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.url)?;
        for line in &self.renditions {
            let state = if line.encrypted { "encrypted" } else { "CLEAR" };
            let kind = if line.live { "live" } else { "finished" };
            let RenditionLine {
                rendition,
                segments,
                keys,
                ..
            } = line;
            writeln!(
                f,
                "{rendition:<32} {state:<10} {kind:<9} {segments} segments, {keys} keys"
            )?;
        }
        writeln!(f)?;
        for line in &self.clients {
            let name = line.client.name();
            match &line.why {
                None => writeln!(f, "{name:<8} plays")?,
                Some(why) => writeln!(f, "{name:<8} does not play: {why}")?,
            }
        }
        for line in &self.transports {
            writeln!(f, "key by {}: {}", line.transport, line.serves)?;
        }
        writeln!(f)?;
        self.faults
            .iter()
            .try_for_each(|fault| write!(f, "{fault}"))?;
        match self.faults.len() {
            0 => writeln!(f, "No fault was found."),
            1 => writeln!(f, "1 fault."),
            count => writeln!(f, "{count} faults."),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (severity, code) = (self.code.severity.name(), self.code.code);
        let rendition = self.rendition.as_deref().unwrap_or("the stream");
        write!(f, "{severity} {code} in {rendition}: {}", self.seen)?;
        if self.times > 1 {
            write!(f, " ({} times)", self.times)?;
        }
        writeln!(f)?;
        if let Some(url) = &self.url {
            writeln!(f, "    at {url}")?;
        }
        let clients: Vec<_> = self.clients.iter().map(|it| it.name()).collect();
        if !clients.is_empty() && clients.len() < Client::ALL.len() {
            writeln!(f, "    met by {}", clients.join(", "))?;
        }
        writeln!(f, "    {}", self.code.change)
    }
}

/// Every code.
pub(super) fn codes(as_json: bool) -> anyhow::Result<()> {
    if as_json {
        println!("{}", serde_json::to_string_pretty(ALL)?);
        return Ok(());
    }
    for code in ALL {
        println!(
            "{:<22} {:<8} {}",
            code.code,
            code.severity.name(),
            code.change
        );
    }
    Ok(())
}
