//! Allocations of a warm key request, as the test counts them that bounds them.
//!
//! Must not know: how they are counted.

use std::process::Command;

use anyhow::{Context as _, ensure};

/// What ends each line of the test that says a count.
const SAYS: &str = " allocations for a warm key request with a ";

/// What was counted, for each kind of credential.
pub(crate) fn counted() -> anyhow::Result<Vec<(String, f64)>> {
    let cargo = std::env::var_os("CARGO").context("no cargo has started this")?;
    let test = [
        "test",
        "--locked",
        "--quiet",
        "--test",
        "allocations",
        "--",
        "--nocapture",
        "allocates_little",
    ];
    let output = Command::new(cargo).args(test).output()?;
    ensure!(output.status.success(), "the test of allocations fails");
    let text = String::from_utf8(output.stdout)?;
    let counts = text.lines().filter_map(|line| line.split_once(SAYS));
    let counts: Result<Vec<_>, _> = counts
        .map(|(count, what)| count.parse().map(|count| (what.to_owned(), count)))
        .collect();
    let counts = counts?;
    ensure!(!counts.is_empty(), "the test of allocations says no count");
    Ok(counts)
}
