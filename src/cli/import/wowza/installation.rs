//! An installation's folders: its applications, the keys of their streams, and who publishes to them.
//!
//! Must not know: what becomes of any of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::application::Application;
use super::files;
use super::key_file::{KeyFile, publishers};
use crate::crypto::SecretText;
use crate::domain::StreamId;

/// What was found.
pub(super) struct Installation {
    home: PathBuf,
    /// By name.
    pub(super) applications: BTreeMap<String, Application>,
    conf: PathBuf,
}

/// A stream's key, or why there is none.
pub(super) struct FoundKey {
    pub(super) path: PathBuf,
    pub(super) taken: anyhow::Result<(StreamId, KeyFile)>,
}

/// Somebody who may publish, to these applications.
pub(super) struct Publisher {
    pub(super) user: String,
    pub(super) password: SecretText,
    pub(super) applications: Vec<String>,
}

/// The instance that an application has where none is named.
const INSTANCE: &str = "_definst_";

impl Installation {
    /// Reads `folder`, an installation or its `conf`.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let told = || folder.display().to_string();
        let folder = folder.canonicalize().with_context(told)?;
        let conf = match folder.join("conf").is_dir() {
            true => folder.join("conf"),
            false => folder,
        };
        let home = conf.parent().unwrap_or(&conf).to_owned();
        let mut applications = BTreeMap::new();
        let own = files::folders(&conf);
        let bare = files::folders(&home.join("applications"));
        for name in own.into_iter().chain(bare) {
            let file = conf.join(&name).join("Application.xml");
            let file = match files::is_file(&file) {
                true => Some(file),
                false if home.join("applications").join(&name).is_dir() => {
                    Some(conf.join("Application.xml"))
                }
                false => None,
            };
            let Some(file) = file else { continue };
            let Some(text) = files::read(&file)? else {
                continue;
            };
            let read = Application::parse(&text).with_context(|| file.display().to_string())?;
            applications.insert(name, read);
        }
        ensure!(
            !applications.is_empty(),
            "{}: no application is there: name the installation's folder, or its conf",
            conf.display()
        );
        Ok(Self {
            home,
            applications,
            conf,
        })
    }

    /// Every key file. One that lies in no application's folder is `application`'s, or belongs to the one
    /// application that looks there.
    pub(super) fn keys(&self, application: Option<&str>) -> anyhow::Result<Vec<FoundKey>> {
        let mut folders: BTreeMap<PathBuf, Vec<&str>> = BTreeMap::new();
        let mut found: Vec<FoundKey> = Vec::new();
        for (name, one) in &self.applications {
            match self.resolved(&one.key_dir, name) {
                Some(folder) => folders.entry(folder).or_default().push(name),
                None => found.push(FoundKey {
                    path: PathBuf::from(&one.key_dir),
                    taken: Err(anyhow::anyhow!("{name}: a variable of KeyDir is not known")),
                }),
            }
        }
        for (folder, users) in &folders {
            for path in files::key_files(folder)? {
                if found.iter().any(|one| one.path == path) {
                    continue;
                }
                let taken = self.key(&path, folder, (users, application));
                found.push(FoundKey { path, taken });
            }
        }
        Ok(found)
    }

    fn key(
        &self,
        path: &Path,
        folder: &Path,
        whose: (&[&str], Option<&str>),
    ) -> anyhow::Result<(StreamId, KeyFile)> {
        let below = path.strip_prefix(folder)?.with_extension("");
        let parts = below.iter().map(|part| part.to_str());
        let mut parts: Vec<&str> = parts
            .collect::<Option<_>>()
            .context("its name is no text")?;
        let is_own = parts.len() > 1 && self.applications.contains_key(parts[0]);
        let application = match (is_own, whose) {
            (true, _) => parts.remove(0),
            (false, (_, Some(named))) => named,
            (false, ([one], None)) => one,
            (false, _) => {
                anyhow::bail!("several applications look there: say whose it is with --application")
            }
        };
        if parts.len() > 1 && parts[0] == INSTANCE {
            parts.remove(0);
        }
        let stream = format!("{application}/{}", parts.join("/")).parse()?;
        let text = files::read(path)?.context("it is gone")?;
        Ok((stream, KeyFile::parse(&text)?))
    }

    /// Everybody in the publishers' files, and lines that name nobody. Who has one password for several
    /// applications is one.
    pub(super) fn publishers(&self) -> anyhow::Result<(Vec<Publisher>, Vec<String>)> {
        let (mut all, mut left): (Vec<Publisher>, Vec<String>) = (Vec::new(), Vec::new());
        for (name, one) in &self.applications {
            let Some(path) = self.password_file(name, one) else {
                left.push(format!("{name}: its publishers' file is not there"));
                continue;
            };
            let Some(text) = files::read(&path)? else {
                continue;
            };
            for found in publishers(&text) {
                let Some((user, password)) = found else {
                    left.push(format!("{}: a line without a password", path.display()));
                    continue;
                };
                let same = all
                    .iter_mut()
                    .find(|it| it.user == user && it.password == password);
                match same {
                    Some(known) if known.applications.contains(name) => {}
                    Some(known) => known.applications.push(name.clone()),
                    None => all.push(Publisher {
                        user,
                        password,
                        applications: vec![name.clone()],
                    }),
                }
            }
        }
        left.dedup();
        Ok((all, left))
    }

    /// The file that the application says, else its own, else everybody's; `None` if it says one that is
    /// not there.
    fn password_file(&self, name: &str, application: &Application) -> Option<PathBuf> {
        if let Some(said) = &application.password_file {
            return self
                .resolved(said, name)
                .filter(|path| files::is_file(path));
        }
        let own = self.conf.join(name).join("publish.password");
        let everybodys = self.conf.join("publish.password");
        Some(if files::is_file(&own) {
            own
        } else {
            everybodys
        })
    }

    /// A path with Wowza's variables in it; `None` with one that is not known.
    fn resolved(&self, text: &str, application: &str) -> Option<PathBuf> {
        if text.is_empty() {
            return Some(self.home.join("keys"));
        }
        let home = self.home.to_str()?;
        let known = [
            ("${com.wowza.wms.context.VHostConfigHome}", home),
            ("${com.wowza.wms.context.Application}", application),
            ("${com.wowza.wms.context.ApplicationInstance}", INSTANCE),
            ("${com.wowza.wms.ConfigHome}", home),
            ("${com.wowza.wms.AppHome}", home),
        ];
        let mut path = text.to_owned();
        for (name, value) in known {
            path = path.replace(name, value);
        }
        (!path.contains("${")).then(|| self.home.join(path))
    }
}
