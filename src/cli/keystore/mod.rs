//! `hlskey keystore …`: the master keys, and the store that they seal, from its making to its
//! backup.
//!
//! Must not know: how a key is sealed, or what a row holds.

mod backup;
mod init;
mod masters;
mod migrate;
mod rekey;
mod restore;
mod verify;

use clap::Subcommand;

pub(super) use init::ensure_secret;
pub(super) use masters::explained;

/// `hlskey keystore …`.
#[derive(Debug, Subcommand)]
pub(super) enum KeystoreCommand {
    /// Make the master keys and grant keys that the configuration names and that are not there.
    Init(init::InitArgs),
    /// Seal every key under the first master key, while servers run.
    Rekey(rekey::RekeyArgs),
    /// Write the store as it is now to one file.
    Backup(backup::BackupArgs),
    /// Fill the store from a backup.
    Restore(restore::RestoreArgs),
    /// Bring the store's schema up to date, or say what that would do.
    Migrate(migrate::MigrateArgs),
    /// Open every key, read every row, and say what is wrong.
    Verify(verify::VerifyArgs),
}

pub(super) async fn run(command: KeystoreCommand) -> anyhow::Result<()> {
    match command {
        KeystoreCommand::Init(args) => init::run(&args).await,
        KeystoreCommand::Rekey(args) => rekey::run(&args).await,
        KeystoreCommand::Backup(args) => backup::run(&args).await,
        KeystoreCommand::Restore(args) => restore::run(&args).await,
        KeystoreCommand::Migrate(args) => migrate::run(&args).await,
        KeystoreCommand::Verify(args) => verify::run(&args).await,
    }
}

/// Prints a JSON document for programs.
fn print_json(value: &serde_json::Value) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
