//! The codes in the source, those that are provoked and those that are documented are the same.
//!
//! Must not know: what they mean.

use std::collections::BTreeSet;

use serde_json::Value;

use super::keys::{KEYS, PAGES};
use super::playlists::LISTS;
use super::segments::SEGMENTS;
use super::servers;
use crate::harness::binary::printed;
use crate::harness::rust_source::root;

fn known() -> Vec<Value> {
    serde_json::from_str(&printed(&["doctor", "--codes", "--json"])).unwrap()
}

fn code(entry: &Value) -> String {
    entry["code"].as_str().unwrap().to_owned()
}

#[test]
fn every_code_is_provoked() {
    let rows = KEYS.iter().chain(&PAGES).chain(&LISTS).chain(&SEGMENTS);
    let codes = rows.map(|row| row.code).chain(servers::CODES);
    let mut provoked: Vec<String> = codes.map(str::to_owned).collect();
    let known: BTreeSet<String> = known().iter().map(code).collect();
    assert_eq!(provoked.iter().cloned().collect::<BTreeSet<_>>(), known);
    provoked.sort();
    let count = provoked.len();
    provoked.dedup();
    assert_eq!(provoked.len(), count, "one row for each code");
}

#[test]
fn every_code_is_documented() {
    let text = std::fs::read_to_string(root().join("docs/DOCTOR.md")).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("| `"));
    let documented: BTreeSet<String> = lines.map(str::to_owned).collect();
    let expected: BTreeSet<String> = known().iter().map(line).collect();
    let missing: Vec<_> = expected.difference(&documented).collect();
    let stale: Vec<_> = documented.difference(&expected).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "missing {missing:#?}\nstale {stale:#?}"
    );
}

fn line(entry: &Value) -> String {
    let text = |name: &str| entry[name].as_str().unwrap().to_owned();
    format!(
        "| `{}` | {} | {} |",
        text("code"),
        text("severity"),
        text("change")
    )
}
