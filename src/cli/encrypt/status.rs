//! `hlskey encrypt --status`: how the channels of this machine are doing.
//!
//! Must not know: how they work; each says it in its state folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use humantime::format_duration;

use crate::encryptor::{self, Found, SinkState};

/// Prints the channels whose state folders these are, or lie in them.
pub(super) fn print(folders: &[PathBuf], json: bool) -> anyhow::Result<()> {
    let mut found = Vec::new();
    for folder in folders {
        collect(folder, &mut found)?;
    }
    found.sort_by_key(|one: &Found| one.status.stream.0.as_str().to_owned());
    if json {
        println!("{}", serde_json::to_string_pretty(&found)?);
        return Ok(());
    }
    if found.is_empty() {
        println!("no channel has run here");
    }
    for one in &found {
        print!("{}", text(one));
    }
    Ok(())
}

fn collect(folder: &Path, found: &mut Vec<Found>) -> anyhow::Result<()> {
    if let Some(one) = encryptor::look(folder)? {
        found.push(one);
        return Ok(());
    }
    let Ok(below) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in below {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(encryptor::look(&path)?);
        }
    }
    Ok(())
}

/// A line for the channel, and one for each of its playlists and other sinks and for what is wrong.
fn text(found: &Found) -> String {
    let Found { running, status } = found;
    let state = match (running, status.stalled()) {
        (false, _) => "not running",
        (true, 0) => "running",
        (true, _) => "stalled",
    };
    let lease = match status.lease_left_ms {
        Some(left) => format!("lease {}", format_duration(Duration::from_millis(left))),
        None => "no lease".to_owned(),
    };
    let stream = &status.stream.0;
    let lag = format_duration(status.lag());
    let mut text = format!(
        "{stream}  {state}  lag {lag}  {lease}  as {}\n",
        status.instance
    );
    for one in &status.renditions {
        let last = one
            .last
            .map_or("nothing".to_owned(), |last| format!("#{last}"));
        let period = one
            .period
            .map_or(String::new(), |period| format!("  period {period}"));
        let end = if one.ended { "  ended" } else { "" };
        let (name, behind) = (&one.rendition.0, one.behind);
        text += &format!("  {name}  {last}  {behind} behind{period}{end}\n");
    }
    text.extend(status.sinks.iter().map(sink));
    for stall in &status.stalls {
        text += &format!(
            "  {} waits since {}: {}\n",
            stall.subject, stall.since.0, stall.detail
        );
    }
    if let Some(last) = &status.last_error {
        text += &format!("  last error, {}: {}\n", last.at.0, last.what);
    }
    text
}

fn sink(sink: &SinkState) -> String {
    let (place, behind) = (&sink.place, sink.behind);
    let lag = format_duration(Duration::from_millis(behind.lag_ms));
    let state = match (sink.is_failing(), sink.connected, behind.segments) {
        (true, ..) => format!("away, {} segments behind, lag {lag}", behind.segments),
        (false, false, _) => "not reached yet".to_owned(),
        (false, true, 0) => "level".to_owned(),
        (false, true, segments) => format!("{segments} segments behind, lag {lag}"),
    };
    let why = sink.last_error.as_ref().filter(|_| sink.is_failing());
    let why = why.map_or(String::new(), |why| format!(": {why}"));
    format!("  to {place}  {state}{why}\n")
}
