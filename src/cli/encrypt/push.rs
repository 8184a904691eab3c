//! `--source push`: the listener that packagers send to, before the encryptor's spool.
//!
//! Must not know: HTTP, or how files are kept.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};

use super::read_credential;
use crate::cli::demo::DevCertificates;
use crate::config::Channel;
use crate::domain::{Clock as _, SystemClock, SystemEntropy};
use crate::encryptor::{Kept, Options, Source, Spool, SpoolError, Upload};
use crate::server::{self, Incoming, Ingest, IngestConfig, Placed, Shelf, ShelfError};

/// Where packagers send to when nobody says it.
const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8936);

/// The listeners that fill the spools of `jobs`, which are those of `channels`: one for each address.
pub(super) fn listeners(channels: &[&Channel], jobs: &[Options]) -> anyhow::Result<Vec<Ingest>> {
    let mut addresses: BTreeMap<SocketAddr, Vec<(&Channel, &Options)>> = BTreeMap::new();
    for (channel, job) in channels.iter().zip(jobs) {
        if job.source == Source::Push {
            ensure!(
                !job.once,
                "--once needs a source that is there already, and what is pushed is yet to come"
            );
            let at = channel.listen.unwrap_or(USUAL);
            addresses.entry(at).or_default().push((channel, job));
        }
    }
    let listeners = addresses.iter().map(|(at, pushed)| listener(*at, pushed));
    listeners.collect()
}

fn listener(at: SocketAddr, pushed: &[(&Channel, &Options)]) -> anyhow::Result<Ingest> {
    let taken = pushed.iter().map(|(channel, job)| taken(channel, job));
    let taken = taken.collect::<anyhow::Result<_>>()?;
    let config = config(at, pushed)?;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let ingest = Ingest::bind(config, taken, clock, entropy)?;
    let at = ingest.address();
    for (_, job) in pushed {
        tracing::info!("packagers send to https://{at}/{}/", job.stream);
    }
    Ok(ingest)
}

/// One channel as the listener takes it.
fn taken(channel: &Channel, job: &Options) -> anyhow::Result<server::Channel> {
    let own = channel.push_credential_file.as_deref();
    let own = own.map(read_credential).transpose()?;
    let credential = own.or_else(|| job.credential.clone());
    Ok(server::Channel {
        stream: job.stream.clone(),
        credential: credential.context("push_credential_file is missing")?,
        shelf: Arc::new(Spooled(job.spool.clone().context("there is no spool")?)),
    })
}

fn config(listen: SocketAddr, pushed: &[(&Channel, &Options)]) -> anyhow::Result<IngestConfig> {
    let files = pushed.iter().find_map(|(channel, _)| {
        Some((channel.certificate.clone()?, channel.private_key.clone()?))
    });
    let (certificate, private_key) = match (files, pushed.first()) {
        (Some(files), _) => files,
        (None, Some((_, job))) if listen.ip().is_loopback() => {
            let folder = job.state.join("certificates");
            let made = DevCertificates::ensure(&folder, SystemClock.now())?;
            tracing::info!(ca = %made.ca.display(), "packagers trust this authority");
            (made.certificate, made.private_key)
        }
        _ => bail!("to listen at {listen}, off loopback, certificate and private_key are needed"),
    };
    Ok(IngestConfig {
        listen,
        certificate,
        private_key,
    })
}

/// A spool as the listener sees it.
struct Spooled(Arc<Spool>);

/// A file on its way into it.
struct Growing(Upload);

impl Shelf for Spooled {
    fn begin(&self, path: &str) -> Result<Box<dyn Incoming>, ShelfError> {
        let upload = self.0.begin(path).map_err(refused)?;
        Ok(Box::new(Growing(upload)))
    }

    fn most(&self) -> u64 {
        self.0.most()
    }

    fn remove(&self, path: &str) -> Result<(), ShelfError> {
        self.0.remove(path).map_err(refused)
    }
}

impl Incoming for Growing {
    fn write(&mut self, bytes: &[u8]) -> Result<(), ShelfError> {
        self.0.write(bytes).map_err(refused)
    }

    fn keep(self: Box<Self>) -> Result<Placed, ShelfError> {
        match self.0.keep().map_err(refused)? {
            Kept::Created => Ok(Placed::Created),
            Kept::Replaced => Ok(Placed::Replaced),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(error: SpoolError) -> ShelfError {
    let text = error.to_string();
    match error {
        SpoolError::Name(_) => ShelfError::Path(text),
        SpoolError::Conflict => ShelfError::Conflict(text),
        SpoolError::TooLarge { .. } => ShelfError::TooLarge(text),
        SpoolError::NotAPlaylist => ShelfError::Content(text),
        SpoolError::Full(_) => ShelfError::Full(text),
        SpoolError::Disk(_) => ShelfError::Disk(text),
    }
}
