//! Configuration errors: the file, the line, what is wrong and how to mend it.
//!
//! Must not know: the settings themselves. No message holds a secret's value.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use super::Source;
use super::environment::OverlayError;
use super::locate::{self, Location};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such file, or it cannot be read.
    #[error("{path}: {cause}\n  fix: `hlskey config default > {path}` makes one to start from")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A line is wrong.
    #[error("{place}: {what}\n{excerpt}  fix: {fix}")]
    Wrong {
        /// File, line and column.
        place: String,
        /// What is wrong.
        what: String,
        /// The line itself, where it is known and holds no secret; ends with a line feed.
        excerpt: String,
        /// What to do.
        fix: String,
    },
    /// A variable's value is wrong.
    #[error("{name}: {what}\n  fix: correct or unset the variable")]
    Variable {
        /// The variable.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// A variable does not fit the file.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
}

impl Source {
    /// A fault that the TOML reader found.
    pub(super) fn fault(&self, fault: &toml::de::Error) -> ConfigError {
        let location = fault
            .span()
            .map(|span| locate::of_offset(&self.text, span.start));
        let mut what = fault.message().trim().to_owned();
        // A table that is read as a whole is told with its head; the message names the setting.
        let named = what.split('`').nth(1).unwrap_or_default();
        let location = location.map(|at| match locate::line_text(&self.text, at) {
            head if head.starts_with('[') => locate::in_table(&self.text, at, named),
            _ => at,
        });
        // A message may quote the value, but of an unknown field it quotes the name.
        let quotes_value = !what.starts_with("unknown field");
        if quotes_value && location.is_some_and(|at| may_hold_secret(&self.text, at)) {
            "a secret has the wrong form: it is text in quotes".clone_into(&mut what);
        }
        let fix = fix_for(&what);
        self.error(location, what, fix)
    }

    /// A file that a setting names is not there.
    pub(super) fn missing(&self, path: &Path) -> ConfigError {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let what = format!("{} does not exist", path.display());
        let fix = "`hlskey keystore init` makes master and grant keys; put the other files there, \
                   or correct the path";
        self.error(locate::of_value(&self.text, &name), what, fix.to_owned())
    }

    /// The value of `setting` is not usable.
    pub(super) fn wrong(&self, setting: &str, fault: &dyn Display) -> ConfigError {
        let location = locate::of_value(&self.text, setting);
        let fix = format!("mend `{setting}`; `hlskey config default` explains it");
        self.error(location, fault.to_string(), fix)
    }

    fn error(&self, location: Option<Location>, what: String, fix: String) -> ConfigError {
        let path = self.path.display();
        let Some(at) = location else {
            return ConfigError::Wrong {
                place: path.to_string(),
                what,
                excerpt: String::new(),
                fix,
            };
        };
        let place = format!("{path}:{}:{}", at.line, at.column);
        ConfigError::Wrong {
            place,
            what,
            excerpt: excerpt(&self.text, at),
            fix,
        }
    }
}

/// The line with its number, unless it may hold a secret: what does not look like a setting may be one.
fn excerpt(text: &str, at: Location) -> String {
    let line = locate::line_text(text, at);
    let is_whole = locate::beginning(text, at.line) == at.line;
    let tells = may_hold_secret(text, at) || words(line).any(is_of_secrets);
    if is_whole && is_setting(line) && !tells {
        format!("  {} | {line}\n", at.line)
    } else {
        String::new()
    }
}

/// Whether the setting that the place is part of may hold a secret, up to there.
fn may_hold_secret(text: &str, at: Location) -> bool {
    let first = locate::beginning(text, at.line);
    let mut lines = text.lines().skip(first - 1).take(at.line + 1 - first);
    lines.any(|line| is_secret(line) || names(line).any(is_of_secrets))
}

/// The head of a table, or a bare key with something for a value; `c2VjcmV0==` is neither.
fn is_setting(line: &str) -> bool {
    let (name, value) = line.split_once('=').unwrap_or_default();
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "_-. ".contains(c);
    let has_value = !value.trim().is_empty() && !value.trim().starts_with('=');
    line.starts_with('[') || (has_value && name.chars().all(is_bare))
}

/// Also a misspelt `secrett`, a table written in one line, and a URL with a password.
fn is_secret(line: &str) -> bool {
    let may_hold = ["secre", "passw"].map(|name| line.replace("secret_file", "").contains(name));
    may_hold.contains(&true) || (line.contains("//") && line.contains('@'))
}

/// A setting of secrets whose name does not say so.
fn is_of_secrets(name: &str) -> bool {
    ["keys", "salt", "play", "publish"].contains(&name)
}

/// The settings of a line, without the tables that they are in: one in braces has several.
fn names(line: &str) -> impl Iterator<Item = &str> {
    let set = line.match_indices('=').map(|(at, _)| &line[..at]);
    let ends = |c: char| c.is_whitespace() || c == '"' || c == '\'';
    set.filter_map(move |before| words(before.trim_end_matches(ends)).last())
}

/// Whatever may be a name, also where the equals sign is missing.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c))
}

/// What the reader's message asks for.
fn fix_for(what: &str) -> String {
    let quoted = || what.split('`').skip(1).step_by(2);
    if what.starts_with("missing field") {
        let field = quoted().next().unwrap_or_default();
        return format!("add `{field} = …`; `hlskey config default` explains it");
    }
    if what.starts_with("unknown field") || what.starts_with("unknown variant") {
        let wrong = quoted().next().unwrap_or_default();
        if let Some(near) = nearest(wrong, quoted().skip(1)) {
            return format!("write `{near}` instead of `{wrong}`");
        }
        return format!("remove `{wrong}`, or use one of the names above");
    }
    "`hlskey config default` prints a file in which every setting is explained".to_owned()
}

/// The candidate that a typing mistake probably meant.
fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let close = candidates.map(|name| (strsim::jaro_winkler(wrong, name), name));
    let best = close.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(score, _)| *score > 0.8).map(|(_, name)| name)
}
