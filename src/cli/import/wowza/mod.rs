//! `hlskey import wowza`: keys, `SecureToken` settings and publishers of a Wowza installation.
//!
//! What is there already stays, so that it may be run again. Must not know: how Wowza's files are written.

mod application;
mod files;
mod installation;
mod key_file;
mod report;
mod sections;

use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;

use crate::access::audit::Affected;
use crate::access::password;
use crate::cli::ConfigArg;
use crate::cli::credential::make;
use crate::cli::recorded::Recorded;
use crate::config::Config;
use crate::crypto::{KeyRing, TokenDigest};
use crate::domain::{Action, Clock as _, StreamPattern, SystemClock, SystemEntropy};
use crate::keys::{Imported, KeysError, import, would_import};
use crate::store::{CredentialRow, PasswordRow, StoreError};
use installation::{FoundKey, Installation, Publisher};
use report::Report;

/// `hlskey import wowza`.
#[derive(Debug, Args)]
pub(in crate::cli) struct WowzaArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// The installation's folder, or its `conf`.
    conf: PathBuf,
    /// Whose streams the keys are for that lie in no application's folder.
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Where everything goes.
struct Import {
    config: Config,
    recorded: Recorded,
    ring: KeyRing,
    is_dry: bool,
    report: Report,
}

pub(in crate::cli) async fn run(args: &WowzaArgs) -> anyhow::Result<()> {
    let installation = Installation::read(&args.conf)?;
    if let Some(named) = &args.application {
        let is_there = installation.applications.contains_key(named);
        ensure!(is_there, "there is no application '{named}'");
    }
    let config = Config::load(&args.config.config)?;
    let mut to = Import {
        recorded: Recorded::open(&config).await?,
        ring: KeyRing::load(&config.keys.master_keys)?,
        is_dry: args.dry_run,
        report: Report::new(args.dry_run),
        config,
    };
    for (name, application) in &installation.applications {
        for left in &application.left {
            to.report.left(&format!("{name}: {left}"));
        }
    }
    let applications = installation.applications.iter();
    sections::add(&to.config, applications, (to.is_dry, &mut to.report))?;
    for found in installation.keys(args.application.as_deref())? {
        to.key(found).await?;
    }
    let (publishers, left) = installation.publishers()?;
    left.iter().for_each(|one| to.report.left(one));
    for publisher in publishers {
        to.publisher(publisher).await?;
    }
    to.report.end();
    Ok(())
}

impl Import {
    async fn key(&mut self, found: FoundKey) -> anyhow::Result<()> {
        let path = found.path.display().to_string();
        let (stream, file) = match found.taken {
            Ok(taken) => taken,
            Err(why) => {
                self.report.left(&format!("{path}: {why:#}"));
                return Ok(());
            }
        };
        let (at, now) = ((&self.recorded.store, &self.ring), SystemClock.now());
        let what = (&stream, &file.key);
        let outcome = match self.is_dry {
            true => would_import(at, what).await,
            false => import(at, &SystemEntropy, now, what).await.map(Some),
        };
        for property in &file.left {
            self.report.left(&format!("{path}: {property}"));
        }
        match outcome {
            Err(error @ (KeysError::Conflict(_) | KeysError::Nested(_) | KeysError::Gone)) => {
                self.report.left(&format!("{path}: {stream}: {error}"));
            }
            Err(error) => return Err(error.into()),
            Ok(None) => self
                .report
                .made(&format!("the stream {stream} and its key")),
            Ok(Some(imported)) => {
                let public = self.config.keys.public_url.trim_end_matches('/');
                let uri = format!("{public}/v1/keys/{}", imported.kid);
                self.tell_key(stream.as_str(), &uri, imported, file.url)
                    .await?;
            }
        }
        Ok(())
    }

    async fn tell_key(
        &mut self,
        stream: &str,
        uri: &str,
        imported: Imported,
        url: Option<String>,
    ) -> anyhow::Result<()> {
        let was = url.map_or(String::new(), |url| format!(", which was {url}"));
        let told = format!("the key of {stream}: {uri}{was}");
        if !imported.is_new {
            self.report.known(&told);
            return Ok(());
        }
        self.report.made(&told);
        let affected = Affected::default().with("stream", stream);
        self.recorded.tell("import wowza", &affected).await
    }

    async fn publisher(&mut self, one: Publisher) -> anyhow::Result<()> {
        let name = format!("wowza-{}", one.user);
        if !password::is_user(&one.user) {
            self.report
                .left("a publisher whose name is too long, or has a colon");
            return Ok(());
        }
        let patterns = one.applications.iter();
        let streams: Vec<StreamPattern> = patterns
            .filter_map(|name| format!("{name}/**").parse().ok())
            .collect();
        if password::is_short(&one.password) {
            self.report.note(&format!(
                "the password of {} has fewer than 12 bytes: give them another",
                one.user
            ));
        }
        let known = self.recorded.store.credentials().await?;
        if let Some(known) = known.iter().find(|row| row.name == name) {
            match known.streams == streams {
                true => self.report.known(&format!("the credential {name}")),
                false => self.report.left(&format!(
                    "{name}: it is there for other streams, or the user has several passwords"
                )),
            }
            return Ok(());
        }
        let row = match publisher_row(name, &one, streams) {
            Ok(row) => row,
            Err(why) => {
                self.report.left(&format!("{}: {why:#}", one.user));
                return Ok(());
            }
        };
        if !self.is_dry {
            match self.recorded.store.add_credential(&row).await {
                Err(StoreError::Conflict(what)) => {
                    self.report
                        .left(&format!("{}: {what} exists already", row.name));
                    return Ok(());
                }
                added => added?,
            }
            let affected = crate::cli::credential::added(&row);
            self.recorded.tell("import wowza", &affected).await?;
        }
        let streams = one.applications.join("/**, ");
        self.report.made(&format!(
            "the credential {}, to publish to {streams}/**",
            row.name
        ));
        Ok(())
    }
}

fn publisher_row(
    name: String,
    one: &Publisher,
    streams: Vec<StreamPattern>,
) -> anyhow::Result<CredentialRow> {
    let (_, mut row) = make(name, streams, vec![Action::Publish], None);
    let verifier = password::hash_existing(&one.password, &SystemEntropy)?;
    row.digest = TokenDigest::of(&verifier);
    row.password = Some(PasswordRow {
        user: one.user.clone(),
        verifier,
    });
    Ok(row)
}
