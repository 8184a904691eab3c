//! `hlskey audit verify`: is the trail whole?
//!
//! Must not know: how that is found out.

use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::json;

use crate::access::audit::{AuditChain, AuditFault, AuditReport, verify};
use crate::cli::ConfigArg;
use crate::config::Config;
use crate::crypto::KeyRing;
use crate::store::Store;

/// `hlskey audit verify`.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config.config)?;
    let file = || args.config.config.display().to_string();
    let ring = KeyRing::load(&config.keys.master_keys).with_context(file)?;
    let place = config.store.place()?;
    let Some(store) = Store::look(&config.store).await? else {
        bail!("{place} does not exist: nothing to verify");
    };
    let pending = store.schema().await?.pending();
    ensure!(
        pending.is_empty(),
        "{place}: migrations {pending:?} are pending: `hlskey keystore migrate`"
    );
    let report = verify(&store, &ring).await?;
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&view(&report))?),
        false => show(&report, &place),
    }
    Ok(match report.faults.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn show(report: &AuditReport, place: &str) {
    let AuditReport {
        rows, checkpoints, ..
    } = report;
    println!("{place}: {rows} rows, {checkpoints} checkpoints");
    if !report.chains.is_empty() {
        println!("{:<32}  {:<24} {:>19}  STATE", "CHAIN", "BEGAN", "ROWS");
    }
    for chain in &report.chains {
        println!(
            "{}  {} {:>19}  {}",
            chain.chain,
            chain.began,
            format!("{}-{}", chain.first, chain.last),
            state(chain)
        );
    }
    for AuditFault { chain, at, what } in &report.faults {
        let at = at.map_or(String::new(), |at| match chain {
            Some(_) => format!(", row {at}"),
            None => format!(" {at}"),
        });
        let of = match chain {
            Some(chain) => format!("chain {chain}"),
            None => "checkpoint".to_owned(),
        };
        println!("FAULT {of}{at}: {} ({})", what.sentence(), what.code());
    }
}

fn state(chain: &AuditChain) -> String {
    match chain.ended {
        true => format!("ended well at {}", chain.at),
        false => {
            "without a final head: its server runs or was killed, or it is the commands'".to_owned()
        }
    }
}

fn view(report: &AuditReport) -> serde_json::Value {
    let chains = report.chains.iter().map(|chain| {
        json!({
            "chain": chain.chain,
            "began": chain.began.to_string(),
            "at": chain.at.to_string(),
            "first": chain.first,
            "last": chain.last,
            "ended": chain.ended,
        })
    });
    let faults = report.faults.iter().map(|fault| {
        json!({
            "chain": fault.chain,
            "at": fault.at,
            "what": fault.what.code(),
            "sentence": fault.what.sentence(),
        })
    });
    json!({
        "ok": report.faults.is_empty(),
        "rows": report.rows,
        "checkpoints": report.checkpoints,
        "chains": chains.collect::<Vec<_>>(),
        "faults": faults.collect::<Vec<_>>(),
    })
}
