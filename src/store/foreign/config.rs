//! Which database, by a URL that may hold a password, and the query.
//!
//! Must not know: which parameters there are.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de};

use super::super::config::{StoreConfigError, Target, at_url, resolved};
use crate::crypto::SecretText;

/// A table of the configuration that names somebody else's database and a query on it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignConfig {
    /// Where the database is: `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`. Relative paths as
    /// elsewhere.
    #[serde(default)]
    pub url: Option<SecretText>,
    /// A file with the URL, mode 0600.
    #[serde(default)]
    pub url_file: Option<PathBuf>,
    /// One statement that reads, with parameters `:name`.
    pub query: String,
    /// The most connections, 1 to 64. Default 8.
    #[serde(default = "eight", deserialize_with = "connections")]
    pub connections: u32,
}

/// Why a query cannot be opened. No variant holds the URL.
#[derive(Debug, thiserror::Error)]
pub enum ForeignFault {
    /// Neither place has a URL.
    #[error("one of url and url_file is needed")]
    NoUrl,
    /// It is no database's.
    #[error(transparent)]
    Url(#[from] StoreConfigError),
    /// A parameter that is none.
    #[error("query: there is no parameter :{0}; {1}")]
    Parameter(String, String),
    /// It would ask the same of everybody.
    #[error("query: it does not use :{0}")]
    Unused(String),
    /// A quote or a comment does not end.
    #[error("query: {0} does not end")]
    Open(&'static str),
    /// Parameters of another kind.
    #[error("query: write parameters as :name, not as {0}")]
    Positional(char),
    /// More than one statement.
    #[error("query: it is one statement")]
    Several,
}

impl ForeignConfig {
    /// Makes a relative database path absolute, seen from `base`.
    pub fn resolve(&mut self, base: &Path) {
        if let Some(url) = self
            .url
            .as_ref()
            .and_then(|url| resolved(url.expose(), base))
        {
            self.url = Some(url);
        }
    }

    /// The database that it names.
    pub(in crate::store) fn target(&self) -> Result<Target, ForeignFault> {
        if self.url.is_none() && self.url_file.is_none() {
            return Err(ForeignFault::NoUrl);
        }
        Ok(at_url(self.url.as_ref(), self.url_file.as_deref())?)
    }
}

fn eight() -> u32 {
    8
}

fn connections<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    match u32::deserialize(from)? {
        count @ 1..=64 => Ok(count),
        _ => Err(de::Error::custom("it is 1 to 64")),
    }
}
