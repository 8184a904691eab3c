//! The sections `[schemes.NAME]`, `[[client_certificates]]`, `[users.NAME]`, `[grants]` and `[entitlement]`.
//!
//! Must not know: where the file lies; paths are absolute when they come here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::certificate::{CertificateConfig, CertificateFault};
use super::entitlement::{EntitlementConfig, EntitlementFault};
use super::policy::{PolicyConfig, PolicyFault};
use super::scheme::{SchemeFault, SchemesConfig};
use super::session::{SessionsConfig, SessionsFault};
use super::users::{UsersConfig, UsersFault};
use crate::crypto::PrivateFileError;
use crate::outbound;

/// Everything that decides who gets in.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[schemes.NAME]`: instances by name, tried in the order of their names. Default: none, so
    /// that API keys and grants alone are admitted.
    #[serde(default)]
    pub schemes: SchemesConfig,
    /// `[[client_certificates]]`: what the clients of `[server.packagers]` may do by their
    /// certificate alone. Default: nothing.
    #[serde(default)]
    pub client_certificates: Vec<CertificateConfig>,
    /// `[users.NAME]`: databases that have users and passwords of packagers. Default: none.
    #[serde(default)]
    pub users: BTreeMap<String, UsersConfig>,
    /// `[[policies]]`: what streams ask of their viewers. Default: any good token will do.
    #[serde(default)]
    pub policies: Vec<PolicyConfig>,
    /// `[sessions]`.
    #[serde(default)]
    pub sessions: SessionsConfig,
    /// `[outbound]`: where key sets and the like may be asked for. Default: the Internet, and the
    /// hosts that the configuration names.
    #[serde(default)]
    pub outbound: outbound::Config,
    /// `[grants]`.
    pub grants: GrantsConfig,
    /// `[entitlement]`.
    pub entitlement: EntitlementConfig,
}

/// The section `[grants]`: what we write into URLs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantsConfig {
    /// Files of 64 hex digits, mode 0600. The first key signs, any verifies. No default.
    pub key_files: Vec<PathBuf>,
}

/// Why the configuration lets nobody in. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum AccessConfigError {
    /// A scheme instance is misconfigured.
    #[error("schemes.{name}: {fault}")]
    Scheme {
        /// Its name.
        name: String,
        /// What is wrong with it.
        #[source]
        fault: SchemeFault,
    },
    /// An entry for client certificates is misconfigured.
    #[error("client_certificates '{name}': {fault}")]
    Certificate {
        /// Its name.
        name: String,
        /// What is wrong with it.
        #[source]
        fault: CertificateFault,
    },
    /// A database of users is misconfigured.
    #[error("users.{name}: {fault}")]
    Users {
        /// Its name.
        name: String,
        /// What is wrong with it.
        #[source]
        fault: UsersFault,
    },
    /// A policy is misconfigured.
    #[error("policies: number {}: {fault}", at + 1)]
    Policy {
        /// Which one, from 0.
        at: usize,
        /// What is wrong with it.
        #[source]
        fault: PolicyFault,
    },
    /// The section `[sessions]` is wrong.
    #[error("sessions: {0}")]
    Sessions(#[from] SessionsFault),
    /// There is no key to sign grants with.
    #[error("grants.key_files is empty: name a file of 64 hex digits with mode 0600")]
    NoGrantKey,
    /// A grant key cannot be loaded.
    #[error("grants.key_files: {0}")]
    GrantKey(#[from] PrivateFileError),
    /// `[entitlement]` decides nothing.
    #[error("entitlement: {0}")]
    Entitlement(#[from] EntitlementFault),
}

impl AccessConfigError {
    /// The setting or table that is wrong, as the file spells it.
    pub fn setting(&self) -> &str {
        match self {
            Self::Scheme { name, .. } => name,
            Self::Certificate { .. } => "client_certificates",
            Self::Users { .. } => "users",
            Self::Policy { .. } => "policies",
            Self::Sessions(_) => "sessions",
            Self::NoGrantKey | Self::GrantKey(_) => "key_files",
            Self::Entitlement(fault) => fault.setting(),
        }
    }
}

impl Config {
    /// Every path of the section, for resolving relative ones.
    pub fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let schemes = self.schemes.paths_mut();
        let users = self.users.values_mut();
        schemes
            .chain(users.filter_map(|one| one.sql.url_file.as_mut()))
            .chain(self.outbound.paths_mut())
            .chain(&mut self.grants.key_files)
            .chain(self.entitlement.paths_mut())
            .collect()
    }

    /// Makes relative database paths absolute, seen from `base`.
    pub fn resolve(&mut self, base: &Path) {
        self.entitlement.resolve(base);
        for users in self.users.values_mut() {
            users.sql.resolve(base);
        }
    }
}

#[cfg(test)]
mod tests;
