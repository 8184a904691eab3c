//! `hlskey.toml`: composes the section that each module declares.
//!
//! Relative paths resolve against the file's folder; `HLSKEY_…` variables win over the file.
//! Must not know: what a section means.

mod encrypt;
mod environment;
mod error;
mod locate;
mod unlike;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::{Table, Value};

use crate::domain::Timestamp;
use crate::telemetry::LogConfig;
use crate::{access, keys, outbound, server, store};
pub use encrypt::{Channel, Encrypt};
pub use error::ConfigError;

/// A commented file with every setting but a channel's, which are flags; `hlskey config default`
/// prints it.
pub const DEFAULT: &str = include_str!("default.toml");

/// The whole configuration, paths resolved.
#[derive(Debug, Clone)]
pub struct Config {
    /// Logs.
    pub log: LogConfig,
    /// The HTTPS edge.
    pub server: server::Config,
    /// The database.
    pub store: store::Config,
    /// Key life.
    pub keys: keys::Config,
    /// The gate.
    pub access: access::Config,
    /// The audit trail.
    pub audit: access::audit::AuditConfig,
    source: Source,
}

/// The file, kept to name its lines.
#[derive(Debug, Clone)]
struct Source {
    path: PathBuf,
    text: String,
}

/// The file's form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    log: LogConfig,
    server: server::Config,
    #[serde(default)]
    store: store::Config,
    keys: keys::Config,
    #[serde(default)]
    schemes: access::SchemesConfig,
    #[serde(default)]
    client_certificates: Vec<access::CertificateConfig>,
    #[serde(default)]
    users: BTreeMap<String, access::UsersConfig>,
    #[serde(default)]
    policies: Vec<access::PolicyConfig>,
    #[serde(default)]
    sessions: access::SessionsConfig,
    #[serde(default)]
    outbound: outbound::Config,
    grants: access::GrantsConfig,
    entitlement: access::EntitlementConfig,
    #[serde(default)]
    audit: access::audit::AuditConfig,
    /// Another process's, which may be told by the same file.
    #[serde(rename = "encrypt")]
    _encrypt: Option<IgnoredAny>,
}

/// The sections that tell whether a token is good, of a file that may have nothing else.
#[derive(Debug, Default, Deserialize)]
pub struct TokenSections {
    /// `[schemes.NAME]`.
    #[serde(default)]
    pub schemes: access::SchemesConfig,
    /// `[outbound]`.
    #[serde(default)]
    pub outbound: outbound::Config,
    /// `[grants]`.
    pub grants: Option<access::GrantsConfig>,
    /// `[sessions]`.
    #[serde(default)]
    pub sessions: access::SessionsConfig,
    /// `[[policies]]`.
    #[serde(default)]
    pub policies: Vec<access::PolicyConfig>,
}

/// These sections of `path` under the environment, paths resolved.
pub fn token_sections(path: &Path) -> Result<TokenSections, ConfigError> {
    let source = Source::load(path)?;
    let mut settings = environment::settings(std::env::vars());
    let is_one = |section: &str| ["schemes", "outbound", "grants", "sessions"].contains(&section);
    settings.retain(|(_, path, _)| path.first().is_some_and(|first| is_one(first)));
    let sections = match settings.is_empty() {
        true => toml::from_str(&source.text),
        false => TokenSections::deserialize(under(&source, settings)?),
    };
    let mut sections: TokenSections = sections.map_err(|fault| source.fault(&fault))?;
    let paths = sections.schemes.paths_mut();
    let keys = sections.grants.iter_mut().flat_map(|it| &mut it.key_files);
    for path in paths.chain(sections.outbound.paths_mut()).chain(keys) {
        *path = source.folder().join(&*path);
    }
    Ok(sections)
}

/// The file's text as a table, with the variables laid over it.
fn under(
    source: &Source,
    settings: Vec<(String, Vec<String>, Value)>,
) -> Result<Table, ConfigError> {
    let mut table: Table = toml::from_str(&source.text).map_err(|fault| source.fault(&fault))?;
    for (name, path, value) in settings {
        environment::lay_over(&mut table, &name, &path, value)?;
    }
    Ok(table)
}

impl Source {
    fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable {
            path: path.to_owned(),
            cause,
        })?;
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Ok(Self { path, text })
    }

    /// What relative paths resolve against.
    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

impl Config {
    /// Reads `path` and lays the environment over it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::read(Source::load(path)?, std::env::vars())
    }

    fn read(
        source: Source,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let settings = environment::settings(variables);
        let file = if settings.is_empty() {
            toml::from_str(&source.text).map_err(|fault| source.fault(&fault))?
        } else {
            overlaid(&source, settings)?
        };
        Ok(Self::compose(file, source))
    }

    fn compose(file: File, source: Source) -> Self {
        let File {
            log,
            server,
            store,
            keys,
            schemes,
            client_certificates,
            users,
            policies,
            sessions,
            outbound,
            grants,
            entitlement,
            audit,
            _encrypt: _,
        } = file;
        let access = access::Config {
            schemes,
            client_certificates,
            users,
            policies,
            sessions,
            outbound,
            grants,
            entitlement,
        };
        let mut config = Self {
            log,
            server,
            store,
            keys,
            access,
            audit,
            source,
        };
        let folder = config.source.folder().to_owned();
        for path in config.paths_mut() {
            *path = folder.join(&*path);
        }
        config.store.resolve(&folder);
        config.access.resolve(&folder);
        config
    }

    /// The file itself.
    pub fn path(&self) -> &Path {
        &self.source.path
    }

    fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let mut paths = self.server.paths_mut();
        paths.extend(self.store.paths_mut());
        paths.extend(self.keys.paths_mut());
        paths.extend(self.access.paths_mut());
        paths
    }

    /// Looks at what the settings name: files that are missing or open to others, secrets that
    /// are too short, certificates that are not good at `now`. Changes nothing.
    pub fn check(&self, now: Timestamp) -> Result<(), ConfigError> {
        for path in self.clone().paths_mut() {
            if !path.exists() && Some(&*path) != self.server.origin.as_ref() {
                return Err(self.source.missing(path));
            }
        }
        self.server
            .check()
            .map_err(|fault| self.source.wrong(fault.setting(), &fault))?;
        self.server
            .check_certificates(now)
            .map_err(|fault| self.source.wrong("server.tls", &fault))?;
        if self.server.packagers.is_none() && !self.access.client_certificates.is_empty() {
            let fault =
                "client_certificates needs [server.packagers]: no other listener asks for any";
            return Err(self.source.wrong("client_certificates", &fault));
        }
        self.store
            .check()
            .map_err(|fault| self.source.wrong(fault.setting(), &fault))?;
        crate::crypto::KeyRing::load(&self.keys.master_keys)
            .map_err(|fault| self.source.wrong("master_keys", &fault))?;
        access::Gate::check(&self.access)
            .map_err(|fault| self.source.wrong(fault.setting(), &fault))
    }
}

/// The file under the variables. A fault that the file has alone is told with its line, another is
/// the fault of the variable that brought it.
fn overlaid(
    source: &Source,
    settings: Vec<(String, Vec<String>, Value)>,
) -> Result<File, ConfigError> {
    let mut table: Table = toml::from_str(&source.text).map_err(|fault| source.fault(&fault))?;
    let alone = toml::from_str::<File>(&source.text);
    for (name, path, value) in settings {
        environment::lay_over(&mut table, &name, &path, value)?;
        if alone.is_ok()
            && let Err(fault) = File::deserialize(table.clone())
        {
            let what = fault.message().trim().to_owned();
            return Err(ConfigError::Variable { name, what });
        }
    }
    File::deserialize(table).map_err(|fault| source.fault(alone.as_ref().err().unwrap_or(&fault)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let source = Source {
            path: PathBuf::from("/etc/hlskey.toml"),
            text: text.to_owned(),
        };
        let owned = variables
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Config::read(source, owned).map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_file_is_one_and_its_paths_resolve() {
        let config = read(DEFAULT, &[]).unwrap();
        assert_eq!(
            config.server.tls.certificate,
            Path::new("/etc/certs/server.pem")
        );
        assert_eq!(
            config.keys.master_keys,
            [Path::new("/etc/keystore/master.key")]
        );
        assert_eq!(
            config.store.place().unwrap(),
            "sqlite:/etc/keystore/hlskey.db"
        );
    }

    /// Whether a comment's text is a setting, or a table's head.
    fn is_code(text: &str) -> bool {
        let name = |c: char| c.is_ascii_lowercase() || c == '_';
        let setting = text.split_once(" = ");
        text.starts_with('[') || setting.is_some_and(|(setting, _)| setting.chars().all(name))
    }

    #[test]
    fn every_setting_that_the_default_file_leaves_out_is_one() {
        let mut left_out = 0;
        for paragraph in DEFAULT.split("\n\n") {
            let comments = |line: &&str| line.strip_prefix("# ").is_some_and(is_code);
            let lines: Vec<_> = paragraph.lines().filter(comments).collect();
            left_out += lines.len();
            // A table is left out as a whole, other settings each for itself.
            let is_table = lines.first().is_some_and(|line| line.starts_with("# ["));
            let units = lines.chunks(if is_table { lines.len() } else { 1 });
            for unit in units {
                let uncomment = |text: String, line: &&str| text.replacen(*line, &line[2..], 1);
                let text = unit.iter().fold(paragraph.to_owned(), uncomment);
                let text = DEFAULT.replacen(paragraph, &text, 1);
                assert_eq!(read(&text, &[]).err(), None, "{unit:?}");
            }
        }
        assert!(left_out >= 20, "{left_out}");
    }

    #[test]
    fn a_wrong_name_is_told_with_its_line_and_the_fix() {
        let error = read(&DEFAULT.replace("listen = \"0", "listne = \"0"), &[]).unwrap_err();
        let line = DEFAULT
            .lines()
            .position(|l| l.starts_with("listen = \"0"))
            .unwrap()
            + 1;
        assert!(
            error.starts_with(&format!("/etc/hlskey.toml:{line}:1: unknown field")),
            "{error}"
        );
        assert!(
            error.ends_with("fix: write `listen` instead of `listne`"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_setting_is_told() {
        let error = read(&DEFAULT.replace("public_url = ", "# "), &[]).unwrap_err();
        assert!(error.contains("fix: add `public_url = …`"), "{error}");
    }

    #[test]
    fn a_secret_is_never_quoted() {
        for wrong in [
            "secret = 12345678 # ",
            "secrett = \"12345678\" # ",
            "alternate_secrets = \"12345678\" # ",
            "keys = \"12345678\" # ",
            "old = { secret = 12345678 } # ",
            "old = { secret = \"12345678\" } # ",
        ] {
            let text = DEFAULT.replace("secret_file = ", wrong);
            let error = read(&text, &[]).unwrap_err();
            assert!(!error.contains("12345678"), "{error}");
        }
        let text = DEFAULT.replace("secret_file = ", "secrett = 1 # ");
        let error = read(&text, &[]).unwrap_err();
        assert!(
            error.ends_with("write `secret` instead of `secrett`"),
            "{error}"
        );
    }

    #[test]
    fn the_environment_wins() {
        let config = read(DEFAULT, &[("HLSKEY_SERVER__LISTEN", "127.0.0.1:1")]).unwrap();
        assert_eq!(config.server.listen.port(), 1);
        let error = read(DEFAULT, &[("HLSKEY_SERVER__LISTNE", "x")]).unwrap_err();
        assert!(
            error.starts_with("HLSKEY_SERVER__LISTNE: unknown field `listne`"),
            "{error}"
        );
        let digits = read(
            DEFAULT,
            &[("HLSKEY_SCHEMES__VIEWERS__SECRET", "0123456789")],
        );
        assert!(digits.is_ok(), "a secret is text, whatever it looks like");
    }
}
