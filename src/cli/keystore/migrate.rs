//! `hlskey keystore migrate`: the store's schema up to date.
//!
//! Must not know: what a migration does.

use anyhow::bail;
use clap::Args;
use serde_json::json;

use super::print_json;
use crate::cli::ConfigArg;
use crate::config::Config;
use crate::store::{Schema, Store};

/// `hlskey keystore migrate`.
#[derive(Debug, Args)]
pub(in crate::cli) struct MigrateArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Only say what is pending: exit code 1 if anything is.
    #[arg(long)]
    check: bool,
    /// JSON instead of lines.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &MigrateArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config.config)?;
    let place = config.store.place()?;
    let before = match Store::look(&config.store).await? {
        Some(store) => Some(store.schema().await?),
        None => None,
    };
    if let Some(foreign) = before
        .as_ref()
        .map(Schema::foreign)
        .filter(|all| !all.is_empty())
    {
        bail!("{place} has migrations {foreign:?} of a newer hlskey: run that version");
    }
    if args.check {
        return check(before.as_ref(), &place, args.json);
    }
    let after = Store::open(&config.store).await?.schema().await?;
    let had = before.map_or(Vec::new(), |schema| schema.applied);
    let applied: Vec<i64> = after
        .applied
        .into_iter()
        .filter(|one| !had.contains(one))
        .collect();
    if args.json {
        return print_json(&json!({ "store": place, "applied": applied }));
    }
    match applied.is_empty() {
        true => println!("{place} is up to date"),
        false => println!("{place}: applied migrations {applied:?}"),
    }
    Ok(())
}

fn check(schema: Option<&Schema>, place: &str, json: bool) -> anyhow::Result<()> {
    let pending = schema.map(Schema::pending);
    if json {
        print_json(&json!({ "store": place, "exists": schema.is_some(), "pending": pending }))?;
    }
    match pending {
        None => bail!("{place} does not exist yet: the first start makes it"),
        Some(pending) if !pending.is_empty() => bail!(
            "{place}: migrations {pending:?} are pending; `hlskey keystore migrate`, or the next \
             start of a server, applies them"
        ),
        Some(_) if json => Ok(()),
        Some(_) => {
            println!("{place} is up to date");
            Ok(())
        }
    }
}
