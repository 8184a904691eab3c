//! The section `[store]`: which database, by a URL that may hold a password.
//!
//! Must not know: how a database is opened, or where the configuration was read from.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::{postgres, sqlite};
use crate::api::Text;
use crate::crypto::{PrivateFileError, SecretText, read_private};

/// What is used when no URL is given.
const DEFAULT: &str = "sqlite:keystore/hlskey.db";

/// The section `[store]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the database is: `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`. A relative path
    /// is resolved against the configuration file. Default `sqlite:keystore/hlskey.db`.
    pub url: Option<SecretText>,
    /// A file with the URL, mode 0600: a password does not belong in a configuration.
    pub url_file: Option<PathBuf>,
    /// How long a server that cannot reach the database goes on handing out the keys that it has
    /// in memory, and so the longest that a revocation may go unheard. `2s` to `1h`. Default `30s`.
    #[serde(deserialize_with = "stale_after")]
    pub stale_after: Text<humantime::Duration>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            url: None,
            url_file: None,
            stale_after: Text(Duration::from_secs(30).into()),
        }
    }
}

/// Which database it is.
pub(super) enum Target {
    Sqlite(PathBuf),
    Postgres(Box<postgres::Address>),
}

/// Why the section names no database. No variant holds the URL.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreConfigError {
    /// Two places for one setting.
    #[error("url and url_file exclude each other")]
    Both,
    /// The file cannot be used.
    #[error("url_file: {0}")]
    File(Arc<PrivateFileError>),
    /// The URL is none that this program knows.
    #[error("store.url must be sqlite:PATH or postgres://USER@HOST/DATABASE")]
    Form,
    /// The URL has a parameter that would be ignored.
    #[error("store.url has a parameter that is not one of {}", postgres::PARAMETERS.join(", "))]
    Parameter,
}

impl StoreConfigError {
    /// The setting that is wrong, as the file spells it.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::File(_) => "url_file",
            _ => "url = ",
        }
    }
}

impl Config {
    /// Whether the URL names a database that this program knows. Opens nothing but `url_file`.
    pub fn check(&self) -> Result<(), StoreConfigError> {
        self.target().map(drop)
    }

    /// What may be told of the database: the file, or the host.
    pub fn place(&self) -> Result<String, StoreConfigError> {
        Ok(match self.target()? {
            Target::Sqlite(path) => sqlite::place(&path),
            Target::Postgres(address) => address.place(),
        })
    }

    /// The file of the database, if it is one.
    pub fn file(&self) -> Result<Option<PathBuf>, StoreConfigError> {
        Ok(match self.target()? {
            Target::Sqlite(path) => Some(path),
            Target::Postgres(_) => None,
        })
    }

    /// The paths, to be made absolute.
    pub fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        self.url_file.iter_mut().collect()
    }

    /// Makes a relative database path absolute, seen from `base`.
    pub fn resolve(&mut self, base: &Path) {
        if self.url.is_none() && self.url_file.is_some() {
            return;
        }
        let url = self.url.as_ref().map_or(DEFAULT, SecretText::expose);
        if let Some(url) = resolved(url, base) {
            self.url = Some(url);
        }
    }

    /// The database that the section names.
    pub(super) fn target(&self) -> Result<Target, StoreConfigError> {
        at_url(self.url.as_ref(), self.url_file.as_deref())
    }
}

/// The database at `url`, or at the URL in `file`; ours if neither is named.
pub(super) fn at_url(
    url: Option<&SecretText>,
    file: Option<&Path>,
) -> Result<Target, StoreConfigError> {
    match (url, file) {
        (Some(_), Some(_)) => Err(StoreConfigError::Both),
        (Some(url), None) => target(url.expose()),
        (None, None) => target(DEFAULT),
        (None, Some(path)) => {
            let text = read_private(path);
            let text = text.map_err(|error| StoreConfigError::File(Arc::new(error)))?;
            target(text.trim())
        }
    }
}

/// The URL with its path made absolute, seen from `base`, if it names a file.
pub(super) fn resolved(url: &str, base: &Path) -> Option<SecretText> {
    let absolute = base.join(sqlite::path_of(url)?);
    let url = format!("{}{}", sqlite::SCHEME, absolute.display());
    Some(SecretText::new(url))
}

/// News are asked for each second; an hour is a long time for a key that was revoked.
fn stale_after<'de, D: Deserializer<'de>>(from: D) -> Result<Text<humantime::Duration>, D::Error> {
    let span = Text::<humantime::Duration>::deserialize(from)?;
    match Duration::from(span.0).as_secs() {
        2..=3600 => Ok(span),
        _ => Err(de::Error::custom("stale_after is 2s to 1h")),
    }
}

fn target(url: &str) -> Result<Target, StoreConfigError> {
    match sqlite::path_of(url) {
        Some(path) => Ok(Target::Sqlite(path.to_owned())),
        None => Ok(Target::Postgres(Box::new(postgres::Address::parse(url)?))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn of(url: &str) -> Config {
        Config {
            url: Some(SecretText::new(url.to_owned())),
            ..Config::default()
        }
    }

    #[test]
    fn what_is_in_memory_is_not_trusted_for_ever() {
        let read = |text: &str| toml::from_str::<Config>(text).map(|config| config.stale_after.0);
        assert_eq!(read("").unwrap(), Duration::from_secs(30).into());
        for (span, is_good) in [("1s", false), ("2s", true), ("1h", true), ("2h", false)] {
            let text = format!("stale_after = '{span}'");
            assert_eq!(read(&text).is_ok(), is_good, "{span}");
        }
    }

    #[test]
    fn a_relative_file_lies_beside_the_configuration() {
        let place = |mut config: Config| {
            config.resolve(Path::new("/etc/hlskey"));
            config.place().unwrap()
        };
        let default = "sqlite:/etc/hlskey/keystore/hlskey.db";
        assert_eq!(place(Config::default()), default);
        assert_eq!(place(of("sqlite:/a.db")), "sqlite:/a.db");
    }

    #[test]
    fn no_text_of_ours_holds_the_password() {
        let config = of("postgres://u:obviously-a-fake@db.example/keys");
        assert_eq!(config.place().unwrap(), "postgres on db.example");
        assert!(!format!("{config:?}").contains("obviously"));
        for bad in [
            "postgres://u:obviously-a-fake@",
            "postgres://u:obviously-a-fake@db:port/keys",
            "postgres://db/keys?passwrod=obviously-a-fake",
            "postgers://u:obviously-a-fake@db/keys",
        ] {
            let error = of(bad).check().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("obviously"), "{bad}");
        }
    }

    #[test]
    fn a_file_may_hold_the_url() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("url");
        std::fs::write(&path, "postgres://u:obviously-a-fake@db/keys\n").unwrap();
        let open = |mode| std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let config = Config {
            url_file: Some(path.clone()),
            ..Config::default()
        };
        open(0o600);
        assert_eq!(config.place().unwrap(), "postgres on db");
        open(0o644);
        let error = config.check().unwrap_err();
        assert_eq!(error.setting(), "url_file");
        assert!(error.to_string().contains("chmod 600"), "{error}");
        let both = Config {
            url: Some(SecretText::new("sqlite:a.db".to_owned())),
            ..config
        };
        assert!(matches!(both.check(), Err(StoreConfigError::Both)));
    }
}
