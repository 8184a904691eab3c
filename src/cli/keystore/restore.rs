//! `hlskey keystore restore`: a store from a backup.
//!
//! Must not know: the file's form.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::masters::{Masters, keys};
use super::print_json;
use crate::access::audit::Affected;
use crate::cli::ConfigArg;
use crate::cli::recorded::Recorded;
use crate::config::Config;
use crate::keys::{check_backup, restore};

/// `hlskey keystore restore`.
#[derive(Debug, Args)]
pub(in crate::cli) struct RestoreArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The backup.
    file: PathBuf,
    /// Delete what the store holds, if it holds anything.
    #[arg(long)]
    replace: bool,
    /// Say what the backup holds and whether it is sound, and do no more.
    #[arg(long)]
    check: bool,
    /// JSON instead of lines.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &RestoreArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config.config)?;
    let masters = Masters::load(&config)?;
    let named = || args.file.display().to_string();
    let mut file = File::open(&args.file).with_context(named)?;
    let contents = match args.check {
        true => check_backup(&file, &masters.ring).with_context(named)?,
        false => {
            // Judged first, so that a bad file does not even make an empty store.
            check_backup(&file, &masters.ring).with_context(named)?;
            let recorded = Recorded::open(&config).await?;
            let restored = restore(&recorded.store, &masters.ring, &mut file, args.replace).await;
            let contents =
                restored.with_context(|| format!("{}: nothing was restored", named()))?;
            let affected = Affected::default().with("made", &contents.made.to_string());
            recorded.tell("keystore restore", &affected).await?;
            contents
        }
    };
    if args.json {
        return print_json(&json!({
            "restored": !args.check,
            "made": contents.made,
            "schema": contents.schema,
            "rows": contents.rows,
            "needs": contents.needs().iter().map(ToString::to_string).collect::<Vec<_>>(),
        }));
    }
    println!(
        "{} the backup of {}: {} streams, {}, {} credentials",
        if args.check { "sound is" } else { "restored" },
        contents.made,
        contents.count("streams"),
        keys(contents.count("periods")),
        contents.count("credentials")
    );
    for tag in contents.needs() {
        println!("  its keys need master key {}", masters.name(tag));
    }
    if !args.check {
        println!(
            "servers that run on this store forget within seconds what they remembered of it."
        );
        println!(
            "restart the encryptors: they follow a schedule that may be another now. Keys that"
        );
        println!("were issued after the backup are lost.");
    }
    Ok(())
}
