//! An installation's folders: its applications, the keys of their streams, and who publishes to them.
//!
//! Must not know: what becomes of any of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::application::Application;
use super::files::{self, Below};
use super::key_file::{KeyFile, publishers};
use crate::crypto::SecretText;
use crate::domain::StreamId;

/// What was found.
pub(super) struct Installation {
    home: PathBuf,
    /// By name.
    pub(super) applications: BTreeMap<String, Application>,
    conf: PathBuf,
    /// Folders that keys and publishers may lie in: the installation, and those that the operator names.
    within: Vec<PathBuf>,
    /// What is no application of which streams can be named.
    pub(super) left: Vec<String>,
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
    /// The files that say so.
    pub(super) files: Vec<PathBuf>,
}

/// The most publishers: each costs a hash.
const MOST_PUBLISHERS: usize = 10_000;

/// The instance that an application has where none is named.
const INSTANCE: &str = "_definst_";

impl Installation {
    /// Reads `folder`, an installation or its `conf`. Its applications may be written by others than its
    /// operator: what they name is looked at within the installation alone, and in the folders `also`.
    pub(super) fn read(folder: &Path, also: &[PathBuf]) -> anyhow::Result<Self> {
        let real = |folder: &Path| {
            let real = folder.canonicalize();
            real.with_context(|| folder.display().to_string())
        };
        let folder = real(folder)?;
        let conf = match folder.join("conf").is_dir() {
            true => folder.join("conf"),
            false => folder,
        };
        let home = conf.parent().unwrap_or(&conf).to_owned();
        let also = also.iter().map(|one| real(one));
        let mut within = also.collect::<anyhow::Result<Vec<_>>>()?;
        within.push(home.clone());
        let (mut applications, mut left) = (BTreeMap::new(), Vec::new());
        let own = files::folders(&conf)?;
        let bare = files::folders(&home.join("applications"))?;
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
            if !is_name(&name) {
                left.push(format!(
                    "the application {name:?}: no stream can be named so"
                ));
                continue;
            }
            let Some(text) = files::read(&file)? else {
                continue;
            };
            let read = Application::parse(&text).with_context(|| file.display().to_string())?;
            applications.insert(name, read);
        }
        ensure!(
            !(applications.is_empty() && left.is_empty()),
            "{}: no application is there: name the installation's folder, or its conf",
            conf.display()
        );
        Ok(Self {
            home,
            applications,
            conf,
            within,
            left,
        })
    }

    /// Every key file. One that lies in no application's folder is `application`'s, or belongs to the one
    /// application that looks there.
    pub(super) fn keys(&self, application: Option<&str>) -> anyhow::Result<Vec<FoundKey>> {
        let mut folders: BTreeMap<PathBuf, Vec<&str>> = BTreeMap::new();
        let mut found: Vec<FoundKey> = Vec::new();
        for (name, one) in &self.applications {
            match self.resolved(&one.key_dir, name) {
                Ok(folder) => folders.entry(folder).or_default().push(name),
                // The folder where keys lie if nobody says where: there need be none.
                Err(Astray::Missing) if one.key_dir.is_empty() => {}
                Err(why) => found.push(FoundKey {
                    path: PathBuf::from(&one.key_dir),
                    taken: Err(anyhow::anyhow!("{name}: KeyDir: {why}")),
                }),
            }
        }
        for (folder, users) in &folders {
            let below = Below::of(folder)?;
            found.extend(below.closed.into_iter().map(|(path, error)| FoundKey {
                path,
                taken: Err(error.into()),
            }));
            for path in below.keys {
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
        let below = match self.of_an_application(path) {
            Some(below) => below,
            None => path.strip_prefix(folder)?,
        };
        let below = below.with_extension("");
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

    /// The path below `keys`, if it lies in an application's folder there: another's `KeyDir` takes nothing out of it.
    fn of_an_application<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        let below = path.strip_prefix(self.home.join("keys")).ok()?;
        let mut parts = below.iter();
        let is_one = |name: &str| self.applications.contains_key(name);
        let is_own = is_one(parts.next()?.to_str()?) && parts.next().is_some();
        is_own.then_some(below)
    }

    /// Everybody in the publishers' files, and lines that name nobody. Who has one password for several
    /// applications is one.
    pub(super) fn publishers(&self) -> anyhow::Result<(Vec<Publisher>, Vec<String>)> {
        let (mut all, mut left): (Vec<Publisher>, Vec<String>) = (Vec::new(), Vec::new());
        for (name, one) in &self.applications {
            let path = match self.password_file(name, one) {
                Ok(path) => path,
                Err(why) => {
                    left.push(format!("{name}: its publishers' file: {why}"));
                    continue;
                }
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
                    Some(known) => known.publishes_to(name, &path),
                    None => all.push(Publisher {
                        user,
                        password,
                        applications: vec![name.clone()],
                        files: vec![path.clone()],
                    }),
                }
                let is_bounded = all.len() <= MOST_PUBLISHERS;
                ensure!(is_bounded, "more than {MOST_PUBLISHERS} publishers");
            }
        }
        left.dedup();
        Ok((all, left))
    }

    /// The file that the application says, else its own, else everybody's.
    fn password_file(&self, name: &str, application: &Application) -> Result<PathBuf, Astray> {
        if let Some(said) = &application.password_file {
            let path = self.resolved(said, name)?;
            return files::is_file(&path).then_some(path).ok_or(Astray::Missing);
        }
        let own = self.conf.join(name).join("publish.password");
        let everybodys = self.conf.join("publish.password");
        Ok(if files::is_file(&own) {
            own
        } else {
            everybodys
        })
    }

    /// A path with Wowza's variables in it, as it really is.
    fn resolved(&self, text: &str, application: &str) -> Result<PathBuf, Astray> {
        let home = self.home.to_str().ok_or(Astray::Variable)?;
        let known = [
            ("${com.wowza.wms.context.VHostConfigHome}", home),
            ("${com.wowza.wms.context.Application}", application),
            ("${com.wowza.wms.context.ApplicationInstance}", INSTANCE),
            ("${com.wowza.wms.ConfigHome}", home),
            ("${com.wowza.wms.AppHome}", home),
        ];
        let mut path = if text.is_empty() { "keys" } else { text }.to_owned();
        for (name, value) in known {
            path = path.replace(name, value);
        }
        if path.contains("${") {
            return Err(Astray::Variable);
        }
        let path = self.home.join(path).canonicalize();
        let path = path.map_err(|_| Astray::Missing)?;
        let is_within = self.within.iter().any(|folder| path.starts_with(folder));
        is_within.then_some(path).ok_or(Astray::Outside)
    }
}

impl Publisher {
    fn publishes_to(&mut self, application: &str, file: &Path) {
        if !self.applications.iter().any(|it| it == application) {
            self.applications.push(application.to_owned());
        }
        if !self.files.iter().any(|it| it == file) {
            self.files.push(file.to_owned());
        }
    }
}

/// Why what an application names is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Astray {
    #[error("a variable is not known")]
    Variable,
    #[error("it is not there")]
    Missing,
    #[error("it lies outside the installation: name its folder with --also-in to take it over")]
    Outside,
}

/// Whether streams can be named by it: it is a part of their ids, and no pattern of others'.
fn is_name(application: &str) -> bool {
    let stream = format!("{application}/stream").parse::<StreamId>();
    stream.is_ok() && !application.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn application(key_dir: &str, passwords: &str) -> String {
        let property = "<Property><Name>rtmpAuthenticateFile</Name>";
        format!(
            "<Root><Application><Streams><KeyDir>{key_dir}</KeyDir></Streams><Properties>{property}\
             <Value>{passwords}</Value></Property></Properties></Application></Root>"
        )
    }

    const KEY: &str = "cupertinostreaming-aes128-key: 000102030405060708090a0b0c0d0e0f\n";

    #[test]
    fn an_applications_name_is_no_pattern() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["*", "**", "li ve", "live", "keys", "x*"] {
            let file = format!("conf/{name}/Application.xml");
            write(dir.path(), &file, &application("", ""));
        }
        let read = Installation::read(dir.path(), &[]).unwrap();
        let names: Vec<_> = read.applications.keys().collect();
        assert_eq!(names, ["keys", "live"]);
        assert_eq!(read.left.len(), 4);
        assert!(read.left[1].starts_with("the application \"**\": "));
        std::fs::remove_dir_all(dir.path().join("conf/live")).unwrap();
        std::fs::remove_dir_all(dir.path().join("conf/keys")).unwrap();
        assert_eq!(Installation::read(dir.path(), &[]).unwrap().left.len(), 4);
    }

    #[test]
    fn keys_and_publishers_lie_within_the_installation_or_where_the_operator_says() {
        let dir = tempfile::tempdir().unwrap();
        let (own, others) = (dir.path().join("own"), dir.path().join("others"));
        write(&others, "keys/show.key", KEY);
        write(&others, "passwords", "User1 obviously-fake-password\n");
        write(&own, "keys/show.key", KEY);
        std::os::unix::fs::symlink(&others, own.join("link")).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let found = |key_dir: &str, passwords: &str, also: &[PathBuf]| {
            write(
                &own,
                "conf/live/Application.xml",
                &application(key_dir, passwords),
            );
            let read = Installation::read(&own, also).unwrap();
            let keys = read.keys(None).unwrap();
            let (publishers, left) = read.publishers().unwrap();
            let taken = keys.iter().filter(|one| one.taken.is_ok()).count();
            (taken, keys.len() - taken, publishers.len(), left.len())
        };
        assert_eq!(found("keys", "", &[]), (1, 0, 0, 0));
        let keys = text(&others.join("keys"));
        let passwords = text(&others.join("passwords"));
        for (keys, passwords) in [
            (keys.as_str(), passwords.as_str()),
            ("../others/keys", "conf/../../others/passwords"),
            ("link/keys", "link/passwords"),
        ] {
            assert_eq!(found(keys, passwords, &[]), (0, 1, 0, 1), "{keys}");
            let also = [others.clone()];
            assert_eq!(found(keys, passwords, &also), (1, 0, 1, 0), "{keys}");
        }
        assert_eq!(
            found("nowhere", "", &[]),
            (0, 1, 0, 0),
            "a wrong KeyDir is told"
        );
    }

    #[test]
    fn what_lies_in_an_applications_folder_is_no_others() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "keys/live/show.key", KEY);
        write(dir.path(), "keys/sub/show.key", KEY);
        for (name, key_dir) in [("live", "own"), ("vod", "keys/live"), ("web", "keys/sub")] {
            let file = format!("conf/{name}/Application.xml");
            write(dir.path(), &file, &application(key_dir, ""));
        }
        let read = Installation::read(dir.path(), &[]).unwrap();
        let found = read.keys(None).unwrap().into_iter();
        let taken = found.filter_map(|one| one.taken.ok());
        let streams: Vec<_> = taken.map(|(stream, _)| stream.to_string()).collect();
        assert_eq!(streams, ["live/show", "web/show"]);
    }

    #[test]
    fn a_file_that_is_none_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "keys/show.key", KEY);
        let (pipe, link) = (dir.path().join("pipe"), dir.path().join("link"));
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        std::os::unix::fs::symlink(dir.path().join("keys/show.key"), &link).unwrap();
        let is_read = |path: &Path| files::read(path).unwrap().is_some();
        assert!(is_read(&dir.path().join("keys/show.key")));
        assert!(!is_read(&pipe) && !is_read(&link) && !is_read(dir.path()));
    }
}
