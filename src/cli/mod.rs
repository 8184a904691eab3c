//! The command line: one file per subcommand.
//!
//! Must not know: HTTP forms or SQL; it wires the other floors together.

mod audit;
mod completions;
mod config;
mod credential;
mod demo;
mod doctor;
mod encrypt;
mod entitlement;
mod health;
mod import;
mod key;
mod keystore;
mod memory;
mod recorded;
mod remote;
mod revoke;
mod serve;
mod session;
mod span;
mod storm;
mod stream;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use crate::crypto::private_file;

/// HLS AES-128 key server and live segment encryptor.
#[derive(Debug, Parser)]
#[command(name = "hlskey", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole product on this machine, with nothing set up before.
    Demo(demo::DemoArgs),
    /// Run the key server.
    Serve(serve::ServeArgs),
    /// Encrypt streams, live or finished: clear HLS in, encrypted HLS out.
    Encrypt(Box<encrypt::EncryptArgs>),
    /// Register, list, rotate and remove streams at a server.
    #[command(subcommand)]
    Stream(stream::StreamCommand),
    /// Hand a stream's key to a packager or media server, in its own words.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Make viewers' tokens.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Take over what another server has: streams, keys, settings, publishers.
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Manage packagers' and operators' credentials.
    #[command(subcommand)]
    Credential(credential::CredentialCommand),
    /// Revoke a viewer, a session, a token, a key, or everything issued before a moment.
    Revoke(revoke::RevokeArgs),
    /// Manage who may watch, where the entitlement source is the store.
    #[command(subcommand)]
    Entitlement(entitlement::EntitlementCommand),
    /// See who watches.
    #[command(subcommand)]
    Session(session::SessionCommand),
    /// The keystore: make, rekey, back up, restore, migrate, verify.
    #[command(subcommand)]
    Keystore(keystore::KeystoreCommand),
    /// The audit trail: read and verify it.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Check a configuration, or print one to start from.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Ask the server that runs here whether it is ready: exit code 0 or 1.
    Health(ConfigArg),
    /// Walk a stream as native players, pages, casting devices and apps do, and say what to change:
    /// exit code 0 without a fault, 1 with, 2 if nothing could be looked at.
    Doctor(Box<doctor::DoctorArgs>),
    /// Let many players want a new key at once, and count those that miss it.
    Storm(Box<storm::StormArgs>),
    /// Print completions for a shell.
    Completions(completions::CompletionsArgs),
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct ConfigArg {
    /// The server's configuration.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "hlskey.toml",
        env = "HLSKEY_CONFIG"
    )]
    config: PathBuf,
}

/// Parses the command line and runs the subcommand. An error goes to standard error, with what
/// led to it, and is exit code 1; wrong usage is 2.
pub fn run() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hlskey: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// The error and what led to it; a cause that the text before already tells is left out.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            text = if text.is_empty() {
                cause
            } else {
                format!("{text}: {cause}")
            };
        }
    }
    text
}

/// The command line's definition: the tests parse every command that the documents print.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Almost everything that does not fail ends with 0.
fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    let done = match command {
        Command::Demo(args) => block_on(demo::run(args)),
        Command::Serve(args) => block_on(serve::run(args)),
        Command::Encrypt(args) => block_on(encrypt::run(*args)),
        Command::Stream(command) => block_on(stream::run(command)),
        Command::Key(command) => block_on(key::run(command)),
        Command::Token(command) => return block_on(token::run(command)),
        Command::Import(command) => block_on(import::run(command)),
        Command::Credential(command) => block_on(credential::run(command)),
        Command::Revoke(args) => block_on(revoke::run(args)),
        Command::Entitlement(command) => block_on(entitlement::run(command)),
        Command::Session(command) => block_on(session::run(command)),
        Command::Keystore(command) => block_on(keystore::run(command)),
        Command::Audit(command) => return block_on(audit::run(command)),
        Command::Config(command) => config::run(&command),
        Command::Health(args) => block_on(health::run(args)),
        Command::Doctor(args) => return block_on(doctor::run(*args)),
        Command::Storm(args) => block_on(storm::run(*args)),
        Command::Completions(args) => {
            completions::run(&args);
            Ok(())
        }
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_cause_is_told_twice() {
        let error = anyhow::anyhow!("no such file")
            .context("x.key: no such file")
            .context("serve");
        assert_eq!(super::told(&error), "serve: x.key: no such file");
    }

    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
