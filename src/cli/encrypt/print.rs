//! What a person or a program is told while channels run.
//!
//! Must not know: how an event comes about.

use std::io::Write as _;

use serde::Serialize;
use tracing::field::display;

use crate::domain::StreamId;
use crate::encryptor::{Event, Severity};

/// What matters to an operator stands in the log as well, where alerts are made of it; `channel`
/// tells one of several.
pub(crate) fn log(channel: Option<&StreamId>, event: &Event) {
    let channel = channel.map(display);
    match event.severity() {
        Severity::Alarm => tracing::error!(channel, "{event}"),
        Severity::Warning => tracing::warn!(channel, "{event}"),
        Severity::Normal => {}
    }
}

/// An event of one of several channels, as a JSON line.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    event: &'a Event,
    channel: &'a str,
}

/// Prints an event on standard output. Nobody may be reading any more.
pub(super) fn print(channel: Option<&StreamId>, event: &Event, json: bool) {
    let line = match (channel, json) {
        (None, true) => serde_json::to_string(event).unwrap_or_default(),
        (Some(channel), true) => {
            let channel = channel.as_str();
            serde_json::to_string(&Line { event, channel }).unwrap_or_default()
        }
        (None, false) => event.to_string(),
        (Some(channel), false) => format!("{channel}: {event}"),
    };
    let _ = writeln!(std::io::stdout(), "{line}");
}
