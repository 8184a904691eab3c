//! The section `[schemes.NAME]` of a SecureToken instance.
//!
//! Must not know: the other instances.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::SecureToken;
use super::hash::HashAlgorithm;
use crate::access::scheme::SchemeFault;
use crate::access::scheme::groups::{Groups, GroupsConfig};
use crate::access::scheme::scope::Scope;
use crate::access::scheme::secrets::secrets;
use crate::api::Text;
use crate::crypto::SecretText;
use crate::domain::StreamPattern;

/// One instance. The settings' names follow Wowza's `securityPublish…` ones where there is one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecureTokenConfig {
    /// `"securetoken"`; not needed where the instance has that name.
    pub kind: Option<IgnoredAny>,
    /// The streams it may speak for, whatever its tokens name. Default `["**"]`.
    pub streams: Vec<Text<StreamPattern>>,
    /// Names that tokens have for groups of streams, and what each opens:
    /// `{ "live/smil:x.smil" = "live/x", "live/ngrp:x_all" = ["live/x_low", "live/x_high"] }`.
    pub groups: GroupsConfig,
    /// The shared secrets; any of them verifies, the first signs.
    pub secrets: Vec<SecretText>,
    /// A file with more of them, one in a line, mode 0600.
    pub secrets_file: Option<PathBuf>,
    /// What the names of the token's parameters begin with. Default `"wowzatoken"`.
    pub prefix: String,
    /// `"sha256"` (default), `"sha384"` or `"sha512"`.
    pub hash: HashAlgorithm,
    /// Whether the client's address is hashed. Default false.
    pub include_ip: bool,
    /// Whether a token must have an end. Default false, as Wowza has it.
    pub require_end: bool,
    /// The longest time from start to end; makes both required. Default: no limit.
    pub max_life: Option<Text<humantime::Duration>>,
    /// The parameter, without prefix, that names the viewer: `"userid"`. Default: none, and each
    /// token is a viewer of its own.
    pub subject_parameter: Option<String>,
}

impl Default for SecureTokenConfig {
    fn default() -> Self {
        Self {
            kind: None,
            streams: vec![Text(StreamPattern::any())],
            groups: GroupsConfig::new(),
            secrets: Vec::new(),
            secrets_file: None,
            prefix: "wowzatoken".to_owned(),
            hash: HashAlgorithm::default(),
            include_ip: false,
            require_end: false,
            max_life: None,
            subject_parameter: None,
        }
    }
}

impl SecureTokenConfig {
    pub(in crate::access) fn load(&self, name: &str) -> Result<(SecureToken, Scope), SchemeFault> {
        let scheme = SecureToken {
            groups: Groups::load(&self.groups, &self.streams)?,
            secrets: secrets(&self.secrets, self.secrets_file.as_deref())?,
            prefix: self.prefix.clone(),
            hash: self.hash,
            include_ip: self.include_ip,
            require_end: self.require_end,
            max_life: self.max_life.as_ref().map(|life| *life.0),
            subject_parameter: self.subject_parameter.clone(),
        };
        Ok((scheme, Scope::viewers(name, &self.streams)))
    }
}
