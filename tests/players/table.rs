//! The table of `docs/PLAYERS.md`, made of what was seen.
//!
//! Must not know: how it was seen.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::{PLAYERS, Seen, TRANSPORTS, cannot::Cannot};
use crate::harness::rust_source::root;

const FROM: &str = "<!-- made by `make players` of what it saw -->\n";
const TO: &str = "<!-- end of what it saw -->\n";

/// Writes the table into the document.
pub(super) fn write(seen: &[Seen], cannot: &Cannot) {
    let text = std::fs::read_to_string(path()).unwrap();
    let (before, rest) = text.split_once(FROM).unwrap();
    let (_, after) = rest.split_once(TO).unwrap();
    let text = format!("{before}{FROM}{}{TO}{after}", made(seen, cannot));
    std::fs::write(path(), text).unwrap();
}

/// Wants these cells and all reasons to stand in the document as they were seen.
pub(super) fn agrees(seen: &[Seen], cannot: &Cannot) {
    let text = std::fs::read_to_string(path()).unwrap();
    for cell in seen {
        let row = format!("| {} |", cell.player);
        let line = text.lines().find(|line| line.starts_with(&row));
        let line = line.unwrap_or_else(|| panic!("{row}: `make players`"));
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let at = TRANSPORTS
            .iter()
            .position(|it| *it == cell.transport)
            .unwrap();
        let mark = mark(cell, cannot);
        assert_eq!(
            columns[3 + at],
            mark,
            "{} by {}: `make players`",
            cell.player,
            cell.transport
        );
    }
    assert!(text.contains(&reasons(cannot)), "reasons: `make players`");
}

fn path() -> PathBuf {
    root().join("docs/PLAYERS.md")
}

fn made(seen: &[Seen], cannot: &Cannot) -> String {
    let mut text = format!(
        "| player | version | {} | requests for a key |\n",
        TRANSPORTS.join(" | ")
    );
    text.push_str("|---|---|---|---|---|---|---|\n");
    for player in PLAYERS {
        let own: Vec<&Seen> = seen.iter().filter(|cell| cell.player == player).collect();
        let marks = TRANSPORTS.map(|transport| {
            let cell = own.iter().find(|cell| cell.transport == transport);
            mark(cell.unwrap(), cannot)
        });
        let (version, marks) = (version(player), marks.join(" | "));
        let asked = asked(&own);
        writeln!(text, "| {player} | {version} | {marks} | {asked} |").unwrap();
    }
    text + "\n" + &reasons(cannot)
}

/// What a cell shows: `yes` for all five behaviours, with the numbers of what is missing.
fn mark(seen: &Seen, cannot: &Cannot) -> String {
    let about = cannot.about(&seen.player, &seen.transport);
    let numbers: Vec<String> = about.map(|(number, _)| number.to_string()).collect();
    let word = if seen.did("rotation") { "yes" } else { "no" };
    match numbers.is_empty() {
        true => word.to_owned(),
        false => format!("{word} ({})", numbers.join(", ")),
    }
}

/// Whether a player keeps its keys. The very counts differ from run to run.
fn asked(own: &[&Seen]) -> &'static str {
    let sum = |of: fn(&Seen) -> usize| own.iter().map(|seen| of(seen)).sum::<usize>();
    let (keys, requests, cached) = (
        sum(|it| it.keys),
        sum(|it| it.requests),
        sum(|it| it.cached),
    );
    match () {
        () if requests > 2 * keys => "for each segment, at the server",
        () if cached > 2 * keys => "for each segment, answered by the browser's cache",
        () => "one or two a viewer",
    }
}

fn reasons(cannot: &Cannot) -> String {
    let mut text = String::new();
    for (at, entry) in cannot.entries().iter().enumerate() {
        writeln!(text, "{}. {} ({})", at + 1, entry.why, entry.source).unwrap();
    }
    text
}

fn version(player: &str) -> String {
    match player {
        "hls.js" => locked("web", "hls.js"),
        "hls.js 1.4" => locked("tests/browser", "hls.js-1.4"),
        "Shaka Player" => locked("tests/browser", "shaka-player"),
        "video.js" => locked("tests/browser", "video.js"),
        "Chromium's own" => told("chromium"),
        "ffmpeg" => told("ffmpeg"),
        "GStreamer" => told("gst-launch-1.0"),
        "VLC" => told("vlc"),
        other => panic!("{other}"),
    }
}

fn locked(folder: &str, name: &str) -> String {
    let path = root().join(folder).join("package-lock.json");
    let lock: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let package = &lock["packages"][format!("node_modules/{name}")];
    package["version"].as_str().unwrap().to_owned()
}

/// The first number with a dot that a command of Debian's says of itself.
fn told(command: &str) -> String {
    let flag = if command == "ffmpeg" {
        "-version"
    } else {
        "--version"
    };
    let mut asked = match command {
        // It refuses to run as root even for this.
        "vlc" => {
            let mut asked = Command::new("dpkg-query");
            asked.args(["-W", "vlc-bin"]);
            asked
        }
        _ => {
            let mut asked = Command::new(command);
            asked.arg(flag);
            asked
        }
    };
    let output = asked.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = text.split(|c: char| c.is_whitespace() || c == '-');
    let mut numbers = words.filter(|word| {
        word.starts_with(|c: char| c.is_ascii_digit())
            && word.contains('.')
            && *word != "1.0" // of the command's own name
            && word.chars().all(|c| c.is_ascii_digit() || c == '.')
    });
    numbers
        .next()
        .unwrap_or_else(|| panic!("{command}: {text}"))
        .to_owned()
}
