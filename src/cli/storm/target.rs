//! Whom the storm is for: the server, viewers' tokens, a credential for the schedule, metrics. From
//! the configuration, or as the flags say; no traffic goes anywhere else.
//!
//! Must not know: players.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use reqwest::Url;
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;

use super::StormArgs;
use super::line::Destination;
use crate::access::mint;
use crate::cli::credential;
use crate::cli::encrypt::read_credential;
use crate::cli::recorded::Recorded;
use crate::config::Config;
use crate::crypto::SecretText;
use crate::domain::{Action, Clock as _, RequestId, StreamPattern, SystemClock, SystemEntropy};

pub(super) struct Target {
    pub(super) destination: Destination,
    /// Never empty.
    pub(super) tokens: Vec<SecretText>,
    pub(super) packager: SecretText,
    metrics: Option<String>,
    added: Option<Added>,
}

/// A credential that is ours to remove.
struct Added {
    recorded: Recorded,
    name: String,
}

/// How much longer than the storm its tokens and credential live.
const SLACK: Duration = Duration::from_secs(600);
const PATIENCE: Duration = Duration::from_secs(5);
/// The counter, as the server's metrics name it.
const LOOKUPS: &str = "hlskey_entitlement_lookups_total ";

impl Target {
    /// Reads files, signs tokens and, where none is given, adds a credential.
    pub(super) async fn find(args: &StormArgs) -> anyhow::Result<Self> {
        let config = match &args.server {
            Some(_) => None,
            None => Some(Config::load(&args.config.config)?),
        };
        let tls = tls(args.ca.as_deref())?;
        let destination = match (&args.server, &config) {
            (Some(url), _) => elsewhere(url, tls).await?,
            (None, Some(config)) => here(config, tls)?,
            (None, None) => bail!("no server"),
        };
        let tokens = match (&args.token_file, &config) {
            (Some(path), _) => tokens_in(path)?,
            (None, Some(config)) => minted(args, config)?,
            (None, None) => bail!("no tokens"),
        };
        let ops = config
            .as_ref()
            .map(|config| format!("http://{}/metrics", config.server.ops.listen));
        let (packager, added) = match (&args.credential_file, &config) {
            (Some(path), _) => (read_credential(path)?, None),
            (None, Some(config)) => add_credential(args, config).await?,
            (None, None) => bail!("no credential"),
        };
        Ok(Self {
            destination,
            tokens,
            packager,
            metrics: args.metrics.clone().or(ops),
            added,
        })
    }

    /// The server's questions to the entitlement source so far; `None` if no metrics are known.
    pub(super) async fn lookups(&self) -> anyhow::Result<Option<u64>> {
        let Some(url) = &self.metrics else {
            return Ok(None);
        };
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()?;
        let answer = client.get(url).send().await;
        let answer = answer.with_context(|| format!("nothing answers at {url}"))?;
        let text = answer.error_for_status()?.text().await?;
        let count = text.lines().find_map(|line| line.strip_prefix(LOOKUPS));
        let count = count.and_then(|count| count.trim().parse().ok());
        Ok(Some(count.with_context(|| {
            format!("{url} does not tell {LOOKUPS}")
        })?))
    }

    /// Removes what was added.
    pub(super) async fn leave(&mut self) -> anyhow::Result<()> {
        let Some(Added { recorded, name }) = self.added.take() else {
            return Ok(());
        };
        match recorded.store.remove_credential(&name).await? {
            true => recorded.tell("storm", &credential::removed(&name)).await,
            false => Ok(()),
        }
    }
}

fn tls(ca: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let extra = match ca {
        Some(path) => authorities(path).with_context(|| path.display().to_string())?,
        None => Vec::new(),
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra, Arc::clone(&provider))?;
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

fn authorities(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_file_iter(path)?.collect::<Result<_, _>>()?;
    ensure!(!found.is_empty(), "holds no PEM certificate");
    Ok(found)
}

/// The server of the configuration, at its own port whatever stands before it.
fn here(config: &Config, tls: ClientConfig) -> anyhow::Result<Destination> {
    let listen = config.server.listen;
    // `[::]` takes IPv4 too, of which this machine has addresses enough for all players.
    let ip = match listen.ip() {
        ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    let url = https(&config.keys.public_url)?;
    let address = SocketAddr::new(ip, listen.port());
    Ok(Destination {
        prefix: String::new(),
        ..destination(&url, address, tls)?
    })
}

async fn elsewhere(url: &str, tls: ClientConfig) -> anyhow::Result<Destination> {
    let url = https(url)?;
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let mut found = tokio::net::lookup_host((bare(host), port)).await?;
    let address = found.next().with_context(|| format!("{host} is nowhere"))?;
    destination(&url, address, tls)
}

fn destination(url: &Url, address: SocketAddr, tls: ClientConfig) -> anyhow::Result<Destination> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}"));
    Ok(Destination {
        address,
        name: bare(host).to_owned().try_into()?,
        authority: format!("{host}{}", port.unwrap_or_default()),
        prefix: url.path().trim_end_matches('/').to_owned(),
        tls,
    })
}

/// An address without the brackets that a URL puts around it.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

fn https(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text).ok();
    let plain = |url: &Url| url.scheme() == "https" && url.has_host() && url.query().is_none();
    url.filter(plain)
        .with_context(|| format!("{text} is not an https URL"))
}

fn tokens_in(path: &Path) -> anyhow::Result<Vec<SecretText>> {
    let text = crate::crypto::read_private(path)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let tokens: Vec<_> = lines.map(|line| SecretText::new(line.to_owned())).collect();
    ensure!(!tokens.is_empty(), "{}: holds no token", path.display());
    Ok(tokens)
}

/// A token for each player, signed as `hlskey token mint` does.
fn minted(args: &StormArgs, config: &Config) -> anyhow::Result<Vec<SecretText>> {
    let streams = [StreamPattern::from(&args.stream)];
    let now = SystemClock.now();
    let expires = now.plus(*args.at_most + SLACK);
    let sign =
        |subject: &str| mint::viewer_token(&config.access.schemes, &streams, subject, now, expires);
    Ok(match &args.subject {
        Some(subject) => vec![sign(subject)?],
        None => (1..=args.players)
            .map(|number| sign(&format!("storm-{number}")))
            .collect::<Result<_, _>>()?,
    })
}

async fn add_credential(
    args: &StormArgs,
    config: &Config,
) -> anyhow::Result<(SecretText, Option<Added>)> {
    let recorded = Recorded::open(config).await?;
    let mut actions = vec![Action::Lease];
    actions.extend(args.rotate.then_some(Action::Rotate));
    let name = format!("storm-{}", RequestId::random(&SystemEntropy));
    let streams = vec![StreamPattern::from(&args.stream)];
    let expires = SystemClock.now().plus(*args.at_most + SLACK);
    let (token, row) = credential::make(name.clone(), streams, actions, Some(expires));
    recorded.store.add_credential(&row).await?;
    let told = recorded.tell("storm", &credential::added(&row)).await;
    if told.is_err() {
        recorded.store.remove_credential(&name).await?; // nobody holds its token
    }
    told?;
    Ok((token, Some(Added { recorded, name })))
}
