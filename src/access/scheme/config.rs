//! The sections `[schemes.NAME]`: which kind each instance is, and its settings.
//!
//! Must not know: what a kind makes of its settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Table;

use super::cat::{CatConfig, CatFault};
use super::edgeauth::{EdgeAuthConfig, EdgeAuthFault};
use super::groups::GroupsFault;
use super::hdnts::HdntsConfig;
use super::jwt::{JwtConfig, JwtFault};
use super::secrets::SecretsFault;
use super::securetoken::SecureTokenConfig;
use super::urlparams::{UrlParamsConfig, UrlParamsFault};
use super::wmsauth::WmsAuthConfig;
use super::{API_KEY, CERTIFICATE, DIGEST, GRANT, PASSWORD, SESSION};

/// Every instance by its name; they are tried in the order of their names.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "BTreeMap<String, Table>")]
pub struct SchemesConfig(pub(in crate::access) BTreeMap<String, SchemeConfig>);

/// One instance, by its `kind`; without one the instance's name is the kind.
#[derive(Debug, Clone)]
pub enum SchemeConfig {
    /// JSON Web Tokens, RFC 7519.
    Jwt(Box<JwtConfig>),
    /// Wowza's SecureToken version 2.
    SecureToken(SecureTokenConfig),
    /// `WMSAuth` of WMSPanel and Nimble Streamer.
    WmsAuth(WmsAuthConfig),
    /// Wowza's CDN on Fastly.
    Hdnts(HdntsConfig),
    /// Akamai's EdgeAuth 2.0.
    EdgeAuth(EdgeAuthConfig),
    /// Wowza's ModuleSecureURLParams.
    UrlParams(UrlParamsConfig),
    /// Common Access Tokens, CTA-5007-A.
    Cat(CatConfig),
}

/// The kinds, as the configuration spells them; no other is read.
pub(in crate::access) const KINDS: [&str; 7] = [
    "jwt",
    "securetoken",
    "wmsauth",
    "hdnts",
    "edgeauth",
    "urlparams",
    "cat",
];

/// What the names of settings have in them whose values may not be quoted.
const SECRET: [&str; 5] = ["secret", "salt", "play", "publish", "keys"];

/// What is wrong with an instance. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum SchemeFault {
    /// Of a JWT instance.
    #[error(transparent)]
    Jwt(#[from] JwtFault),
    /// The shared secrets.
    #[error(transparent)]
    Secrets(#[from] SecretsFault),
    /// The groups of streams.
    #[error(transparent)]
    Groups(#[from] GroupsFault),
    /// Of an EdgeAuth instance.
    #[error(transparent)]
    EdgeAuth(#[from] EdgeAuthFault),
    /// Of a `urlparams` instance.
    #[error(transparent)]
    UrlParams(#[from] UrlParamsFault),
    /// Of a `cat` instance.
    #[error(transparent)]
    Cat(#[from] CatFault),
}

/// Why a section is none. No message quotes a value: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SectionError {
    /// Its name is not a kind, and it names none, or one that does not exist.
    #[error("schemes.{0}: the name is no kind of scheme: add kind = one of {kinds}", kinds = KINDS.join(", "))]
    Kind(String),
    /// A name that means a scheme of ours in policies and the audit trail.
    #[error("schemes.{0}: the name is one of our own schemes': take another")]
    Ours(String),
    /// A name that the kind does not have.
    #[error("{0}")]
    Field(String),
    /// A value of the wrong form.
    #[error("`{setting}` of schemes.{name}: {fault}")]
    Form {
        /// The instance.
        name: String,
        /// Its setting.
        setting: String,
        /// What is wrong with it.
        fault: String,
    },
}

impl TryFrom<BTreeMap<String, Table>> for SchemesConfig {
    type Error = SectionError;

    fn try_from(sections: BTreeMap<String, Table>) -> Result<Self, SectionError> {
        let one = |(name, table): (String, Table)| {
            if [GRANT, API_KEY, CERTIFICATE, DIGEST, PASSWORD, SESSION].contains(&name.as_str()) {
                return Err(SectionError::Ours(name));
            }
            let section = SchemeConfig::read(&name, &table)?;
            Ok((name, section))
        };
        sections
            .into_iter()
            .map(one)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl SchemesConfig {
    /// Every path of the sections, for resolving relative ones.
    pub fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.0.values_mut().flat_map(SchemeConfig::paths_mut)
    }

    /// Whether there is an instance `name`.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Leaves the instance `name` alone, or where none has that name all of that kind.
    pub fn only(&mut self, name: &str) {
        match self.has(name) {
            true => self.0.retain(|found, _| found == name),
            false => self.0.retain(|_, config| config.kind() == name),
        }
    }
}

impl SchemeConfig {
    /// The section `name`.
    pub(in crate::access) fn read(name: &str, table: &Table) -> Result<Self, SectionError> {
        let kind = table.get("kind").map_or(Some(name), toml::Value::as_str);
        match kind.filter(|kind| KINDS.contains(kind)) {
            Some("jwt") => section(name, table).map(|it| Self::Jwt(Box::new(it))),
            Some("securetoken") => section(name, table).map(Self::SecureToken),
            Some("wmsauth") => section(name, table).map(Self::WmsAuth),
            Some("hdnts") => section(name, table).map(Self::Hdnts),
            Some("edgeauth") => section(name, table).map(Self::EdgeAuth),
            Some("urlparams") => section(name, table).map(Self::UrlParams),
            Some("cat") => section(name, table).map(Self::Cat),
            _ => Err(SectionError::Kind(name.to_owned())),
        }
    }

    /// The kind, as the configuration spells it.
    pub(in crate::access) fn kind(&self) -> &'static str {
        match self {
            Self::Jwt(_) => "jwt",
            Self::SecureToken(_) => "securetoken",
            Self::WmsAuth(_) => "wmsauth",
            Self::Hdnts(_) => "hdnts",
            Self::EdgeAuth(_) => "edgeauth",
            Self::UrlParams(_) => "urlparams",
            Self::Cat(_) => "cat",
        }
    }

    /// Every path of the section, for resolving relative ones.
    pub fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::Jwt(jwt) => jwt.paths_mut(),
            Self::SecureToken(config) => config.secrets_file.iter_mut().collect(),
            Self::WmsAuth(config) => config.secrets_file.iter_mut().collect(),
            Self::Hdnts(config) => config.secrets_file.iter_mut().collect(),
            Self::Cat(config) => config.paths_mut(),
            Self::EdgeAuth(config) => config.paths_mut(),
            Self::UrlParams(config) => config.paths_mut(),
        }
    }
}

fn section<T: DeserializeOwned>(name: &str, table: &Table) -> Result<T, SectionError> {
    T::deserialize(table.clone()).map_err(|fault| {
        let message = fault.message().trim().to_owned();
        if message.starts_with("unknown field") {
            return SectionError::Field(message);
        }
        let setting = culprit::<T>(table).unwrap_or_default();
        let fault = match SECRET.iter().find(|part| setting.contains(**part)) {
            Some(&"keys") => "a list of tables; what is in them is text in quotes".to_owned(),
            Some(_) => "a secret is text in quotes, secrets are a list of such".to_owned(),
            None => message,
        };
        SectionError::Form {
            name: name.to_owned(),
            setting,
            fault,
        }
    })
}

/// The setting that is wrong: the one that is so alone. Every setting has a default.
fn culprit<T: DeserializeOwned>(table: &Table) -> Option<String> {
    let mut settings = table.iter();
    let is_wrong = |(name, value): &(&String, &toml::Value)| {
        let alone = Table::from_iter([((*name).clone(), (*value).clone())]);
        T::deserialize(alone).is_err()
    };
    settings.find(is_wrong).map(|(name, _)| name.clone())
}
