//! `make bench`: measures hlskey against named peers, interleaved in one run, and writes
//! `docs/PERFORMANCE.md`.
//!
//! Server and client have a core each; figures are medians of rounds in which every contender has
//! its turn, since machines are noisy. What is measured is checked before and after: a peer that
//! answers something else fails the run. `BENCH_ROUNDS` (default 9) and `BENCH_SECONDS` (default
//! 2, of one turn) make it longer or shorter.

mod allocations;
mod channels;
mod ciphers;
mod client;
mod files;
mod keyserver;
mod machine;
mod nginx;
mod page;
mod process;
mod refresh;
mod requests;
mod rounds;
mod wrk;

use std::path::Path;

use machine::Cores;
use rounds::Plan;

fn main() -> anyhow::Result<()> {
    let plan = Plan::from_environment()?;
    let cores = Cores::take()?;
    let machine = machine::facts()?;
    let folder = tempfile::Builder::new().prefix("hlskey-bench").tempdir()?;
    let keyserver = keyserver::KeyServer::start(folder.path(), cores.server)?;
    let nginx = nginx::Nginx::start(folder.path(), cores.server, &keyserver)?;
    let figures = page::Figures {
        allocations: allocations::counted()?,
        requests: requests::compare(plan, &keyserver, &nginx)?,
        first: requests::compare_first(plan, &keyserver, &nginx)?,
        ciphers: ciphers::compare(plan)?,
        files: files::compare(plan, folder.path(), &keyserver)?,
        channels: channels::compare(plan, folder.path(), &keyserver)?,
        refreshes: refresh::compare(plan)?,
    };
    let text = page::write(plan, &machine, &figures);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/PERFORMANCE.md");
    std::fs::write(path, &text)?;
    print!("{text}");
    Ok(())
}
