//! The section `[outbound]`: what requests of ours to others may reach, and whom they trust.
//!
//! Must not know: what is asked.

use std::path::PathBuf;

use serde::Deserialize;

use crate::api::Text;
use crate::domain::Network;

/// `[outbound]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Private networks that a host may lie in which another's document named, such as
    /// `["10.0.0.0/8"]`. A host that this file names may lie in any. Default: none.
    pub allow: Vec<Text<Network>>,
    /// A PEM file of authorities to trust besides the system's. Default: none.
    pub ca_file: Option<PathBuf>,
}

impl Config {
    /// Every path of the section, for resolving relative ones.
    pub fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.ca_file.iter_mut()
    }
}
