//! The store of a command that changes it, and the audit trail, which is told of the change.
//!
//! Must not know: what is changed.

use anyhow::Context as _;
use serde_json::json;

use crate::access::audit::{Affected, AuditConfig, OnOverflow, Ruling, record};
use crate::config::Config;
use crate::crypto::{KeyRing, RingError};
use crate::domain::{Action, SystemClock, SystemEntropy};
use crate::store::Store;

/// Who did it, where a server would name a credential.
pub(super) const MAKER: &str = "command line";

/// A store to change.
pub(super) struct Recorded {
    pub(super) store: Store,
    ring: Result<KeyRing, RingError>,
    audit: AuditConfig,
}

impl Recorded {
    /// Opens the store. Where nothing may be decided unseen it must be possible to sign a row of it,
    /// or nothing is changed.
    pub(super) async fn open(config: &Config) -> anyhow::Result<Self> {
        let ring = KeyRing::load(&config.keys.master_keys);
        if let (OnOverflow::Refuse, Err(error)) = (config.audit.on_overflow, &ring) {
            anyhow::bail!("{error}: the audit trail would have no row of it");
        }
        Ok(Self {
            store: Store::open(&config.store).await?,
            ring,
            audit: config.audit.clone(),
        })
    }

    /// Writes down that `command` made a change. It is made, whatever becomes of its row: a failure
    /// is one where no row may be missing, and else a line on standard error.
    pub(super) async fn tell(&self, command: &str, affected: &Affected) -> anyhow::Result<()> {
        let told = self.try_tell(command, affected).await;
        let told = told.context("it is done, and the audit trail has no row of it");
        match (self.audit.on_overflow, told) {
            (OnOverflow::Drop, Err(error)) => eprintln!("hlskey: {error:#}"),
            (_, told) => told?,
        }
        Ok(())
    }

    async fn try_tell(&self, command: &str, affected: &Affected) -> anyhow::Result<()> {
        let ring = self.ring.as_ref().map_err(ToString::to_string);
        let ring = ring.map_err(anyhow::Error::msg)?;
        let user = rustix::process::getuid().as_raw();
        let detail = json!({ "command": command, "uid": user });
        let ruling = Ruling {
            action: Action::Operate.as_str(),
            reason: "ok",
            maker: MAKER,
            detail: Some(&detail),
            affected: Some(affected),
            ..Ruling::default()
        };
        let (clock, random) = (&SystemClock, &SystemEntropy);
        record(&self.audit, (&self.store, ring), &ruling, (clock, random)).await?;
        Ok(())
    }
}
