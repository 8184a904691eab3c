//! `hlskey keystore backup`: the store in one file.
//!
//! Must not know: the file's form.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::json;

use super::masters::{Masters, keys};
use super::print_json;
use crate::cli::{ConfigArg, private_file};
use crate::config::Config;
use crate::domain::{Clock as _, SystemClock};
use crate::keys::{Contents, backup};
use crate::store::Store;

/// `hlskey keystore backup`.
#[derive(Debug, Args)]
pub(in crate::cli) struct BackupArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The new file, for its owner alone.
    file: PathBuf,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
    /// JSON instead of lines.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &BackupArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config.config)?;
    let path = args.file.as_path();
    ensure!(
        args.force || path.symlink_metadata().is_err(),
        "{} is there already; `--force` replaces it",
        path.display()
    );
    let masters = Masters::load(&config)?;
    let store = up_to_date(&config).await?;
    let contents = write(&store, &masters, args)
        .await
        .with_context(|| format!("{}: no backup was written", path.display()))?;
    match args.json {
        true => print_json(&view(&contents, path, &config)),
        false => {
            show(&contents, path, &masters, &config);
            Ok(())
        }
    }
}

/// The store as it is: a backup migrates nothing. Servers of an older version may run on it.
async fn up_to_date(config: &Config) -> anyhow::Result<Store> {
    let place = config.store.place()?;
    let Some(store) = Store::look(&config.store).await? else {
        bail!("{place} does not exist: there is nothing to back up");
    };
    let schema = store.schema().await?;
    let (pending, foreign) = (schema.pending(), schema.foreign());
    ensure!(
        foreign.is_empty(),
        "{place} has migrations {foreign:?} of a newer hlskey: run that version"
    );
    ensure!(
        pending.is_empty(),
        "{place} is of an older hlskey: migrations {pending:?} are pending, and a backup applies \
         none. Before you upgrade, stop its servers and copy the database file and its -wal, or \
         `pg_dump` the database; after `hlskey keystore migrate` this makes the backups"
    );
    Ok(store)
}

/// Until it is whole it stands under another name, and goes with an error.
async fn write(store: &Store, masters: &Masters, args: &BackupArgs) -> anyhow::Result<Contents> {
    let mut draft = private_file::Draft::of(&args.file)?;
    let contents = backup(store, &masters.ring, SystemClock.now(), &mut draft).await?;
    match args.force {
        true => draft.replace()?,
        false => draft.keep()?,
    }
    Ok(contents)
}

fn show(contents: &Contents, path: &Path, masters: &Masters, config: &Config) {
    let of = |table| contents.count(table);
    println!(
        "wrote {}: schema {}, {} streams, {}, {} credentials",
        path.display(),
        contents.schema,
        of("streams"),
        keys(of("periods")),
        of("credentials")
    );
    println!("it holds keys sealed and credentials as digests. To restore it, these are needed:");
    for tag in contents.needs() {
        println!("  master key {}", masters.name(tag));
    }
    println!("not in the backup, copy these files yourself, apart from it:");
    for file in apart(config) {
        println!("  {}", file.display());
    }
}

/// What a server needs besides its store.
fn apart(config: &Config) -> Vec<PathBuf> {
    let (mut keys, mut access) = (config.keys.clone(), config.access.clone());
    let (mut store, mut server) = (config.store.clone(), config.server.clone());
    server.origin = None; // a folder of media
    let secrets = keys.paths_mut().into_iter().chain(access.paths_mut());
    let others = store.paths_mut().into_iter().chain(server.paths_mut());
    let mut files = vec![config.path().to_owned()];
    files.extend(secrets.chain(others).map(|path| path.clone()));
    files
}

fn view(contents: &Contents, path: &Path, config: &Config) -> serde_json::Value {
    json!({
        "file": path,
        "made": contents.made,
        "schema": contents.schema,
        "rows": contents.rows,
        "needs": contents.needs().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "not_in_the_backup": apart(config),
    })
}
