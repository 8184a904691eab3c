//! What an application's settings are in `hlskey.toml`, and the files of secrets beside it.
//!
//! Must not know: how an application is read, or what is asked by these sections.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use toml::{Table, Value};

use super::application::Application;
use super::report::Report;
use crate::access::Gate;
use crate::config::Config;
use crate::crypto::{SecretText, private_file, read_private};
use crate::domain::StreamPattern;

/// Sections to be added, and what their files hold.
#[derive(Default)]
struct Addition {
    text: String,
    secrets: Vec<(PathBuf, SecretText)>,
}

/// Adds what is not there yet to the configuration.
pub(super) fn add<'a>(
    config: &Config,
    applications: impl Iterator<Item = (&'a String, &'a Application)>,
    (is_dry, report): (bool, &mut Report),
) -> anyhow::Result<()> {
    let text = fs::read_to_string(config.path())?;
    let known: Table = toml::from_str(&text)?;
    let mut addition = Addition::default();
    for (name, application) in applications {
        addition.application(name, application, (config, &known), report);
    }
    if is_dry || addition.text.is_empty() {
        return Ok(());
    }
    addition.write_secrets(config)?;
    replace(config.path(), &format!("{text}{}", addition.text))
}

impl Addition {
    fn application(
        &mut self,
        name: &str,
        application: &Application,
        (config, known): (&Config, &Table),
        report: &mut Report,
    ) {
        let streams = format!("{name}/**");
        let Ok(pattern) = streams.parse::<StreamPattern>() else {
            return report.left(&format!("{name}: no stream has such a name"));
        };
        let mut viewers = Vec::new();
        if let Some(token) = &application.token {
            let instance = format!("wowza-{name}");
            let file = self.secret(&instance, "secret", &token.secret);
            let settings = format!(
                "kind = \"securetoken\"\nstreams = [{}]\nsecrets_file = {file}\nprefix = {}\nhash = \"{}\"\n\
                 include_ip = {}\n",
                quoted(&streams),
                quoted(&token.prefix),
                token.hash,
                token.include_ip
            );
            self.scheme(&instance, &settings, known, report);
            viewers.push(instance);
        }
        let words = [
            ("play", &application.play),
            ("publish", &application.publish),
        ];
        if words.iter().any(|(_, words)| words.is_some()) {
            let instance = format!("wowza-{name}-words");
            let mut settings = format!("kind = \"urlparams\"\nstreams = [{}]\n", quoted(&streams));
            for (action, words) in words {
                let Some(words) = words else { continue };
                let file = self.secret(&instance, action, words);
                settings.push_str(&format!("{action}_file = {file}\n"));
            }
            self.scheme(&instance, &settings, known, report);
            viewers.extend(application.play.is_some().then_some(instance));
        }
        let is_new = |one: &String| !has(known, one);
        if viewers.iter().any(is_new) {
            self.policy(&streams, &viewers);
            note_earlier(config, &pattern, report);
        }
        if viewers.is_empty() {
            report.note(&format!(
                "{name} asked no token: its keys are given to viewers with a token of another scheme alone"
            ));
        }
    }

    fn scheme(&mut self, instance: &str, settings: &str, known: &Table, report: &mut Report) {
        let section = format!("schemes.{}", quoted(instance));
        match has(known, instance) {
            true => report.known(&format!("[{section}]")),
            false => {
                self.text.push_str(&format!("\n[{section}]\n{settings}"));
                report.made(&format!("[{section}] in the configuration"));
            }
        }
    }

    /// Wowza asks nobody else who may watch; where it has two locks, both must open.
    fn policy(&mut self, streams: &str, instances: &[String]) {
        let asked = if instances.len() > 1 {
            "require"
        } else {
            "accept"
        };
        let names: Vec<_> = instances.iter().map(|one| quoted(one)).collect();
        self.text.push_str(&format!(
            "\n[[policies]]\nstreams = [{}]\n{asked} = [{}]\nentitlement = false\n",
            quoted(streams),
            names.join(", ")
        ));
    }

    /// The file that a secret goes to, as the configuration names it.
    fn secret(&mut self, instance: &str, what: &str, secret: &SecretText) -> String {
        let file = format!("keystore/{instance}.{what}");
        let secret = SecretText::new(secret.expose().to_owned());
        self.secrets.push((PathBuf::from(&file), secret));
        quoted(&file)
    }

    /// A file that is there stays, if it holds the same.
    fn write_secrets(&self, config: &Config) -> anyhow::Result<()> {
        let folder = config.path().parent().unwrap_or(Path::new("."));
        for (file, secret) in &self.secrets {
            let path = folder.join(file);
            private_file::create_dir(path.parent().unwrap_or(folder))?;
            if path.exists() {
                let there = read_private(&path)?;
                let is_same = secret.is(there.trim());
                ensure!(is_same, "{}: it holds another secret", path.display());
                continue;
            }
            let written = private_file::create(&path, secret.expose().as_bytes());
            written.with_context(|| path.display().to_string())?;
        }
        Ok(())
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn has(known: &Table, instance: &str) -> bool {
    let schemes = known.get("schemes").and_then(Value::as_table);
    schemes.is_some_and(|schemes| schemes.contains_key(instance))
}

/// The first policy decides, and these come last.
fn note_earlier(config: &Config, pattern: &StreamPattern, report: &Report) {
    let mut earlier = config.access.policies.iter().flat_map(|one| &one.streams);
    if let Some(earlier) = earlier.find(|one| one.0.contains(pattern)) {
        report.note(&format!(
            "[[policies]] for {} stands before the one for {}, and decides: put them in order",
            earlier.0.as_str(),
            pattern.as_str()
        ));
    }
}

/// Puts the configuration in place, if it is one that a server would start with.
fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    let mut draft = path.as_os_str().to_owned();
    draft.push(".import");
    let draft = PathBuf::from(draft);
    let done = write_and_check(&draft, text, mode).and_then(|()| Ok(fs::rename(&draft, path)?));
    if done.is_err() {
        let _ = fs::remove_file(&draft);
    }
    done.with_context(|| format!("{}: nothing is changed", path.display()))
}

fn write_and_check(draft: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(Gate::check(&Config::load(draft)?.access)?)
}
