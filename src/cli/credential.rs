//! `hlskey credential add|ls|rm`: packagers' and operators' API keys, users and passwords.
//!
//! Must not know: how a credential is checked.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use serde_json::json;
use zeroize::Zeroizing;

use super::recorded::Recorded;
use super::span::SignedSpan;
use super::{ConfigArg, private_file};
use crate::access::audit::Affected;
use crate::access::{ApiKey, Whose, password, seal_ha1};
use crate::config::Config;
use crate::crypto::{KeyRing, SecretText, TokenDigest, read_private};
use crate::domain::{Action, Clock as _, StreamPattern, SystemClock, SystemEntropy};
use crate::store::{CredentialRow, PasswordRow, Store};

/// `hlskey credential …`.
#[derive(Debug, Subcommand)]
pub(super) enum CredentialCommand {
    /// Make a credential; it is shown once.
    Add(AddArgs),
    /// List the credentials, without their secrets.
    Ls(LsArgs),
    /// Remove a credential; it stops working within seconds.
    Rm(RmArgs),
}

/// `hlskey credential add`.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// What to call it.
    name: String,
    /// Which streams: a pattern, `*` is one part, `**` any number; may be given several times.
    #[arg(long = "streams", value_name = "PATTERN", required = true)]
    streams: Vec<StreamPattern>,
    /// What it may do; may be given several times, or with commas between.
    #[arg(long = "action", visible_alias = "actions", value_delimiter = ',', value_name = "ACTION", default_values = Action::PACKAGER.map(Action::as_str))]
    actions: Vec<Action>,
    /// How long it lasts; without it, until it is removed.
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true)]
    ttl: Option<SignedSpan>,
    /// Write it to this new file, for its owner alone, instead of printing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// For who shows a user and a password instead of a key: the user.
    #[arg(
        long,
        value_name = "USER",
        requires = "password_file",
        conflicts_with = "out"
    )]
    user: Option<String>,
    /// Its password's file, mode 0600; of the password a verifier is kept.
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Legacy: takes HTTP's digest (MD5) of this user too, at SPEKE's routes. What is kept for it, sealed by the master
    /// key, opens them as the password does.
    #[arg(long, requires = "password_file")]
    digest_legacy: bool,
    /// For who shows a client certificate instead: sha256:FINGERPRINT, dns:HOST or uri:URI.
    #[arg(long, value_name = "WHOSE", conflicts_with_all = ["user", "out"])]
    certificate: Option<Whose>,
}

/// `hlskey credential ls`.
#[derive(Debug, Args)]
pub(super) struct LsArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// `hlskey credential rm`.
#[derive(Debug, Args)]
pub(super) struct RmArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Which one.
    name: String,
}

pub(super) async fn run(command: CredentialCommand) -> anyhow::Result<()> {
    match command {
        CredentialCommand::Add(args) => add(args).await,
        CredentialCommand::Ls(args) => list(args).await,
        CredentialCommand::Rm(args) => remove(args).await,
    }
}

async fn add(args: AddArgs) -> anyhow::Result<()> {
    ensure!(
        (1..=64).contains(&args.name.len()) && !args.name.contains(char::is_whitespace),
        "a credential's name has 1 to 64 characters and no spaces"
    );
    let config = Config::load(&args.config.config)?;
    let recorded = Recorded::open(&config).await?;
    let store = &recorded.store;
    let now = SystemClock.now();
    let expires = args.ttl.map(|ttl| ttl.from(now));
    let (token, mut row) = make(args.name, args.streams, args.actions, expires);
    if let Some(whose) = args.certificate {
        ensure!(
            row.actions.iter().all(|it| Action::PACKAGER.contains(it)),
            "a certificate allows register, read, lease, rotate and progress, and nothing else"
        );
        row.digest = TokenDigest::of(whose.as_str());
        row.certificate = Some(whose.to_string());
        store.add_credential(&row).await?;
        return recorded.tell("credential add", &added(&row)).await;
    }
    if let (Some(user), Some(file)) = (args.user, args.password_file) {
        let password = set_password(&mut row, user, &file)?;
        if args.digest_legacy {
            let masters = KeyRing::load(&config.keys.master_keys)?;
            let sealed = sealed_ha1(store, &masters, &row, &password).await?;
            if let Some(kept) = &mut row.password {
                kept.sealed_ha1 = Some(sealed);
            }
        }
        store.add_credential(&row).await?;
        return recorded.tell("credential add", &added(&row)).await;
    }
    store.add_credential(&row).await?;
    let shown = show(&token, args.out.as_deref());
    if shown.is_err() {
        // Nobody has the token, so nobody would miss the credential.
        store.remove_credential(&row.name).await?;
        return shown;
    }
    recorded.tell("credential add", &added(&row)).await
}

/// Makes of a row for a key, whose text nobody sees, one for a user and a password.
fn set_password(row: &mut CredentialRow, user: String, file: &Path) -> anyhow::Result<SecretText> {
    ensure!(
        password::is_user(&user),
        "a user has 1 to 64 bytes, no colon and no control character"
    );
    let text = read_private(file).with_context(|| file.display().to_string())?;
    let text = SecretText::new(text.trim_end_matches(['\r', '\n']).to_owned());
    let verifier = password::hash(&text, &SystemEntropy)?;
    row.digest = TokenDigest::of(&verifier);
    row.password = Some(PasswordRow {
        user,
        verifier,
        sealed_ha1: None,
    });
    Ok(text)
}

/// What HTTP's digest needs of the password, sealed.
async fn sealed_ha1(
    store: &Store,
    masters: &KeyRing,
    row: &CredentialRow,
    password: &SecretText,
) -> anyhow::Result<Vec<u8>> {
    let user = row.password.as_ref().map_or("", |it| &*it.user);
    Ok(seal_ha1(store, masters, (&row.id, user), password, &SystemEntropy).await?)
}

/// What the audit trail says of a credential that was added.
pub(super) fn added(row: &CredentialRow) -> Affected {
    let mut affected = removed(&row.name).with("actions", &actions(row));
    if let Some(certificate) = &row.certificate {
        affected = affected.with("certificate", certificate);
    }
    if is_legacy(row) {
        affected = affected.with("digest_legacy", "true");
    }
    affected.with_streams(row.streams.iter())
}

/// The same of one that was removed.
pub(super) fn removed(name: &str) -> Affected {
    Affected::default().with("credential", name)
}

/// Prints the token, or writes it to a new file.
fn show(token: &SecretText, file: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = file else {
        println!("{}", token.expose());
        return Ok(());
    };
    let line = Zeroizing::new(format!("{}\n", token.expose()));
    private_file::create(path, line.as_bytes()).with_context(|| path.display().to_string())
}

/// A new credential: the token to hand out, and the row to keep.
pub(super) fn make(
    name: String,
    streams: Vec<StreamPattern>,
    actions: Vec<Action>,
    expires: Option<crate::domain::Timestamp>,
) -> (SecretText, CredentialRow) {
    let (token, id, digest) = ApiKey::generate(&SystemEntropy);
    let created = SystemClock.now();
    (
        token,
        CredentialRow {
            id,
            name,
            digest,
            password: None,
            certificate: None,
            streams,
            actions,
            created,
            expires,
        },
    )
}

async fn list(args: LsArgs) -> anyhow::Result<()> {
    let config = Config::load(&args.config.config)?;
    let rows = Store::open(&config.store).await?.credentials().await?;
    if args.json {
        let rows: Vec<_> = rows.iter().map(view).collect();
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    println!(
        "{:<20} {:<16} {:<28} {:<40} EXPIRES",
        "NAME", "USER", "STREAMS", "ACTIONS"
    );
    for row in &rows {
        let expires = row
            .expires
            .map_or_else(|| "never".to_owned(), |at| at.to_string());
        println!(
            "{:<20} {:<16} {:<28} {:<40} {expires}",
            row.name,
            who(row),
            streams(row),
            actions(row)
        );
    }
    Ok(())
}

fn view(row: &CredentialRow) -> serde_json::Value {
    json!({
        "name": row.name,
        "id": row.id,
        "user": row.password.as_ref().map(|it| &it.user),
        "certificate": row.certificate,
        "digest_legacy": is_legacy(row),
        "streams": row.streams.iter().map(StreamPattern::as_str).collect::<Vec<_>>(),
        "actions": row.actions.iter().map(|action| action.as_str()).collect::<Vec<_>>(),
        "created": row.created.to_string(),
        "expires": row.expires.map(|at| at.to_string()),
    })
}

/// How it shows itself: a user, with digest too, or a certificate; a key has neither.
fn who(row: &CredentialRow) -> String {
    match (&row.password, &row.certificate) {
        (Some(it), _) if is_legacy(row) => format!("{} (digest)", it.user),
        (Some(it), _) => it.user.clone(),
        (None, Some(certificate)) => certificate.clone(),
        (None, None) => "-".to_owned(),
    }
}

fn is_legacy(row: &CredentialRow) -> bool {
    let password = row.password.as_ref();
    password.is_some_and(|it| it.sealed_ha1.is_some())
}

fn streams(row: &CredentialRow) -> String {
    row.streams
        .iter()
        .map(StreamPattern::as_str)
        .collect::<Vec<_>>()
        .join(",")
}

fn actions(row: &CredentialRow) -> String {
    row.actions
        .iter()
        .map(|action| action.as_str())
        .collect::<Vec<_>>()
        .join(",")
}

async fn remove(args: RmArgs) -> anyhow::Result<()> {
    let recorded = Recorded::open(&Config::load(&args.config.config)?).await?;
    let found = recorded.store.remove_credential(&args.name).await?;
    ensure!(found, "there is no credential '{}'", args.name);
    recorded.tell("credential rm", &removed(&args.name)).await
}
