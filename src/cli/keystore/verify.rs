//! `hlskey keystore verify`: is the store sound, and do its keys open?
//!
//! Must not know: how either is found out.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use clap::Args;
use serde_json::json;

use super::masters::{Masters, keys};
use super::print_json;
use crate::access::Gate;
use crate::cli::ConfigArg;
use crate::config::Config;
use crate::crypto::KeyTag;
use crate::keys::{Flaw, Health, verify};
use crate::store::{Schema, Store};

/// `hlskey keystore verify`.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &VerifyArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config.config)?;
    let place = config.store.place()?;
    let masters = Masters::load(&config)?;
    // Before the store is opened: SQLite gives its side files the database's own mode.
    let around = around(&config)?;
    let Some(store) = Store::look(&config.store).await? else {
        bail!("{place} does not exist: nothing to verify");
    };
    let schema = store.schema().await?;
    ensure!(
        schema.pending().is_empty() && schema.foreign().is_empty(),
        "{place}: its schema is not this program's ({:?} pending, {:?} unknown): `hlskey keystore \
         migrate --check`",
        schema.pending(),
        schema.foreign()
    );
    let mut health = verify(&store, &masters.ring).await?;
    around.into_iter().for_each(|flaw| health.add(flaw));
    let rows = master_rows(&health, &masters);
    match args.json {
        true => print_json(&view(&health, &rows, &place, &schema))?,
        false => show(&health, &rows, &place, &schema),
    }
    ensure!(health.found == 0, "{place} has {} faults", health.found);
    Ok(())
}

/// What is wrong beside the database: files that are open to others, secrets that do not load.
fn around(config: &Config) -> anyhow::Result<Vec<Flaw>> {
    let mut faults = Vec::new();
    for path in config.store.file()?.iter().flat_map(|file| sides(file)) {
        if path.metadata().is_ok_and(|about| about.mode() & 0o077 != 0) {
            faults.push(format!(
                "{0} is open to others: chmod 600 {0}",
                path.display()
            ));
        }
    }
    if let Err(error) = Gate::check(&config.access) {
        faults.push(error.to_string());
    }
    Ok(faults.into_iter().map(Flaw::from).collect())
}

/// The database's file and those that SQLite keeps beside it.
fn sides(file: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|side| PathBuf::from(format!("{}{side}", file.display())))
}

/// A master key of the ring, of the store, or of both.
struct MasterRow {
    tag: KeyTag,
    keys: u64,
    place: Option<usize>,
    file: Option<PathBuf>,
    retired: bool,
    seals: bool,
}

fn master_rows(health: &Health, masters: &Masters) -> Vec<MasterRow> {
    let mut tags: Vec<KeyTag> = masters.ring.tags().collect();
    let used = health.sealed_under.iter().filter_map(|under| under.tag);
    for tag in used.chain(health.retired.iter().copied()) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    let sealing = masters
        .ring
        .tags()
        .find(|tag| !health.retired.contains(tag));
    let row = |tag: KeyTag| {
        let under = health.sealed_under.iter();
        MasterRow {
            tag,
            keys: under
                .filter(|under| under.tag == Some(tag))
                .map(|under| under.keys)
                .sum(),
            place: masters.ring.tags().position(|own| own == tag),
            file: masters.file(tag).map(Path::to_owned),
            retired: health.retired.contains(&tag),
            seals: sealing == Some(tag),
        }
    };
    tags.into_iter().map(row).collect()
}

impl MasterRow {
    /// What an operator has to know of it.
    fn state(&self) -> &'static str {
        match self {
            Self {
                place: None,
                keys: 0,
                ..
            } => "gone",
            Self { place: None, .. } => "MISSING: its keys do not open",
            Self {
                seals: true,
                place: Some(0),
                ..
            } => "seals",
            Self { seals: true, .. } => "seals, but is not first in keys.master_keys",
            Self {
                retired: true,
                keys: 0,
                ..
            } => "no longer needed",
            Self { retired: true, .. } => "retired: `hlskey keystore rekey` moves its keys",
            Self { .. } => "opens; a server that has it first may seal under it",
        }
    }
}

fn show(health: &Health, rows: &[MasterRow], place: &str, schema: &Schema) {
    let states: Vec<String> = health
        .keys
        .iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let all = keys(health.keys.values().sum());
    println!("{place}, schema {}", schema.applied.last().unwrap_or(&0));
    println!(
        "{} streams, {} credentials, {all} ({})",
        health.streams,
        health.credentials,
        states.join(", ")
    );
    println!("{:<10} {:>9}  {:<40} STATE", "MASTER KEY", "KEYS", "FILE");
    for row in rows {
        let file = row
            .file
            .as_ref()
            .map_or("-".to_owned(), |file| file.display().to_string());
        println!(
            "{:<10} {:>9}  {file:<40} {}",
            row.tag.to_string(),
            row.keys,
            row.state()
        );
    }
    for Flaw { kid, stream, what } in &health.faults {
        let of = |what: &str, text: Option<String>| {
            text.map_or(String::new(), |text| format!("{what} {text}: "))
        };
        let (key, stream) = (kid.map(|kid| kid.to_string()), stream.clone());
        println!("FAULT {}{}{what}", of("key", key), of("stream", stream));
    }
    if health.found > health.faults.len() {
        println!("… and {} more", health.found - health.faults.len());
    }
}

fn view(health: &Health, rows: &[MasterRow], place: &str, schema: &Schema) -> serde_json::Value {
    let masters = rows.iter().map(|row| {
        json!({
            "tag": row.tag.to_string(),
            "keys": row.keys,
            "file": row.file,
            "place": row.place.map(|at| at + 1),
            "seals": row.seals,
            "retired": row.retired,
        })
    });
    let faults = health.faults.iter().map(|flaw| {
        json!({
            "kid": flaw.kid.map(|kid| kid.to_string()),
            "stream": flaw.stream,
            "what": flaw.what,
        })
    });
    json!({
        "ok": health.found == 0,
        "store": place,
        "schema": { "applied": schema.applied },
        "streams": health.streams,
        "credentials": health.credentials,
        "keys": health.keys,
        "master_keys": masters.collect::<Vec<_>>(),
        "faults": faults.collect::<Vec<_>>(),
        "fault_count": health.found,
    })
}
