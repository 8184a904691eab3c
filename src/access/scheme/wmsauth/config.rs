//! The section `[schemes.NAME]` of a `WMSAuth` instance.
//!
//! Must not know: the other instances.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::WmsAuth;
use crate::access::scheme::SchemeFault;
use crate::access::scheme::groups::{Groups, GroupsConfig};
use crate::access::scheme::scope::Scope;
use crate::access::scheme::secrets::secrets;
use crate::api::Text;
use crate::crypto::SecretText;
use crate::domain::StreamPattern;

/// One instance.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WmsAuthConfig {
    /// `"wmsauth"`; not needed where the instance has that name.
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
    /// How far the issuer's clock may be ahead, in seconds. It never prolongs a token. Default 90.
    pub tolerance: u32,
    /// Whether a token must name its stream (`strm_len`). Default false, as WMSPanel's basic
    /// tokens name none and open every stream of the instance.
    pub require_stream: bool,
}

impl Default for WmsAuthConfig {
    fn default() -> Self {
        Self {
            kind: None,
            streams: vec![Text(StreamPattern::any())],
            groups: GroupsConfig::new(),
            secrets: Vec::new(),
            secrets_file: None,
            tolerance: 90,
            require_stream: false,
        }
    }
}

impl WmsAuthConfig {
    pub(in crate::access) fn load(&self, name: &str) -> Result<(WmsAuth, Scope), SchemeFault> {
        let scheme = WmsAuth {
            groups: Groups::load(&self.groups, &self.streams)?,
            secrets: secrets(&self.secrets, self.secrets_file.as_deref())?,
            tolerance: Duration::from_secs(self.tolerance.into()),
            require_stream: self.require_stream,
            within: self.streams.iter().map(|text| text.0.clone()).collect(),
        };
        Ok((scheme, Scope::viewers(name, &self.streams)))
    }
}
