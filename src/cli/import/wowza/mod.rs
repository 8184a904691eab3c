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
use crate::store::{CredentialRow, PasswordRow, Store, StoreError};
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
    /// A folder outside the installation in which keys or publishers' files may lie too.
    #[arg(long, value_name = "FOLDER")]
    also_in: Vec<PathBuf>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Where everything goes.
struct Import {
    config: Config,
    to: To,
    ring: KeyRing,
    report: Report,
}

/// A store to change, or one to look at, if it is there.
enum To {
    Changed(Recorded),
    Looked(Option<Store>),
}

impl To {
    async fn open(config: &Config, is_dry: bool) -> anyhow::Result<Self> {
        Ok(match is_dry {
            true => Self::Looked(Store::look(&config.store).await?),
            false => Self::Changed(Recorded::open(config).await?),
        })
    }

    fn store(&self) -> Option<&Store> {
        match self {
            Self::Changed(recorded) => Some(&recorded.store),
            Self::Looked(store) => store.as_ref(),
        }
    }

    async fn tell(&self, affected: &Affected) -> anyhow::Result<()> {
        match self {
            Self::Changed(recorded) => recorded.tell("import wowza", affected).await,
            Self::Looked(_) => Ok(()),
        }
    }
}

pub(in crate::cli) async fn run(args: &WowzaArgs) -> anyhow::Result<()> {
    let installation = Installation::read(&args.conf, &args.also_in)?;
    if let Some(named) = &args.application {
        let is_there = installation.applications.contains_key(named);
        ensure!(is_there, "there is no application '{named}'");
    }
    let config = Config::load(&args.config.config)?;
    let mut to = Import {
        to: To::open(&config, args.dry_run).await?,
        ring: KeyRing::load(&config.keys.master_keys)?,
        report: Report::new(args.dry_run),
        config,
    };
    installation.left.iter().for_each(|one| to.report.left(one));
    for (name, application) in &installation.applications {
        for left in &application.left {
            to.report.left(&format!("{name}: {left}"));
        }
    }
    let applications = installation.applications.iter();
    sections::add(&to.config, applications, (args.dry_run, &mut to.report))?;
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
        let (now, what) = (SystemClock.now(), (&stream, &file.key));
        let outcome = match &self.to {
            To::Looked(None) => Ok(None),
            To::Looked(Some(store)) => would_import((store, &self.ring), what).await,
            To::Changed(to) => import((&to.store, &self.ring), &SystemEntropy, now, what)
                .await
                .map(Some),
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
                .made(&format!("the stream {stream} and its key, from {path}")),
            Ok(Some(imported)) => {
                let public = self.config.keys.public_url.trim_end_matches('/');
                let uri = format!("{public}/v1/keys/{}", imported.kid);
                let was = file
                    .url
                    .map_or(String::new(), |url| format!(", which was {url}"));
                let told = format!("the key of {stream}: {uri}, from {path}{was}");
                self.tell_key(stream.as_str(), &told, imported).await?;
            }
        }
        Ok(())
    }

    async fn tell_key(
        &mut self,
        stream: &str,
        told: &str,
        imported: Imported,
    ) -> anyhow::Result<()> {
        if !imported.is_new {
            self.report.known(told);
            return Ok(());
        }
        self.report.made(told);
        let affected = Affected::default().with("stream", stream);
        self.to.tell(&affected).await
    }

    async fn publisher(&mut self, one: Publisher) -> anyhow::Result<()> {
        let name = format!("wowza-{}", one.user);
        if !password::is_user(&one.user) {
            self.report
                .left("a publisher whose name is too long, or has a colon");
            return Ok(());
        }
        let patterns = one.applications.iter();
        let patterns = patterns.map(|name| format!("{name}/**").parse::<StreamPattern>());
        let streams = patterns.collect::<Result<Vec<_>, _>>()?;
        if password::is_short(&one.password) {
            self.report.note(&format!(
                "the password of {} has fewer than 12 bytes: give them another",
                one.user
            ));
        }
        let known = match self.to.store() {
            Some(store) => store.credentials().await?,
            None => Vec::new(),
        };
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
        if let To::Changed(to) = &self.to {
            match to.store.add_credential(&row).await {
                Err(StoreError::Conflict(what)) => {
                    self.report
                        .left(&format!("{}: {what} exists already", row.name));
                    return Ok(());
                }
                added => added?,
            }
            let affected = crate::cli::credential::added(&row);
            self.to.tell(&affected).await?;
        }
        let streams: Vec<_> = row.streams.iter().map(StreamPattern::as_str).collect();
        let files: Vec<_> = one
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        self.report.made(&format!(
            "the credential {}, to publish to {}, from {}",
            row.name,
            streams.join(", "),
            files.join(", ")
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
        sealed_ha1: None,
    });
    Ok(row)
}
