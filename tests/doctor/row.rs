//! One fault provoked: how the answers are amended, and the twin that differs in that alone.
//!
//! Must not know: which faults there are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use super::site::{Amend, PAGE, Site, media};
use crate::harness::authority::{Authority, private};
use crate::harness::binary::run;

/// What a row begins from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// Finished playlists; key URIs carry a grant.
    Vod,
    /// Live ones, which go on after the four walks.
    Live,
    /// Key URIs carry nothing.
    Bare,
}

/// One fault.
pub(crate) struct Row {
    pub(crate) code: &'static str,
    pub(crate) base: Base,
    /// Flags, apart; `{dir}` stands for a folder with `token`, `cookie`, `narrow`.
    pub(crate) args: &'static str,
    pub(crate) amend: Amend,
}

pub(crate) const fn row(code: &'static str, base: Base, args: &'static str, amend: Amend) -> Row {
    Row {
        code,
        base,
        args,
        amend,
    }
}

/// The report of one run and its exit code.
pub(crate) struct Found {
    pub(crate) report: Value,
    pub(crate) exit: i32,
    pub(crate) text: String,
}

impl Found {
    pub(crate) fn of(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        Self {
            report: serde_json::from_str(&text).unwrap_or(Value::Null),
            exit: output.status.code().unwrap(),
            text: text + &errors,
        }
    }

    pub(crate) fn codes(&self) -> BTreeSet<String> {
        let faults = self.report["faults"].as_array();
        let faults = faults.unwrap_or_else(|| panic!("no report: {}", self.text));
        let codes = faults.iter().map(|fault| fault["code"].as_str().unwrap());
        codes.map(str::to_owned).collect()
    }

    /// Whether this client plays.
    pub(crate) fn plays(&self, client: &str) -> bool {
        let clients = self.report["clients"].as_array().unwrap();
        let found = clients.iter().find(|it| it["client"] == client).unwrap();
        found["plays"].as_bool().unwrap()
    }
}

/// Files and a CA that several runs share.
pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) authority: Authority,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        for (name, text) in [
            ("ca.pem", authority.pem()),
            ("token", "good\n"),
            ("cookie", "s=good; Path=/; Secure; SameSite=None\n"),
            ("lax", "s=good; Path=/; Secure\n"),
            ("narrow", "s=good; Path=/elsewhere; Secure; SameSite=None\n"),
        ] {
            private(&dir.path().join(name), text);
        }
        Self { dir, authority }
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// Looks at `url`.
    pub(crate) fn look(&self, url: &str, args: &str) -> Found {
        self.look_trusting(url, args, &self.ca())
    }

    pub(crate) fn look_trusting(&self, url: &str, args: &str, ca: &Path) -> Found {
        let args = args.replace("{dir}", self.dir.path().to_str().unwrap());
        let mut all = vec!["doctor", url, "--json", "--ca", ca.to_str().unwrap()];
        all.extend(["--origin", PAGE]);
        all.extend(args.split_whitespace());
        Found::of(&run(&all))
    }

    /// A site with this base, further amended.
    pub(crate) fn site(&self, base: Base, amend: Amend) -> Site {
        let issued = self.authority.server(2040);
        let base: Amend = match base {
            Base::Vod => |_, _| {},
            Base::Live => live,
            Base::Bare => bare,
        };
        Site::start(Some(&issued), vec![base, amend])
    }
}

fn live(request: &super::site::Request, reply: &mut super::site::Reply) {
    if request.is_media() {
        let first = if request.count > 4 { 8 } else { 7 };
        reply.body = media(request, first, false).into_bytes();
    }
}

fn bare(request: &super::site::Request, reply: &mut super::site::Reply) {
    if request.is_media() {
        reply.replace("?grant=good", "");
    }
}

/// Wants each row's fault, and its twin without.
pub(crate) fn judge(rows: &[Row]) {
    let bench = Bench::new();
    let mut wrong = Vec::new();
    let mut twins: Vec<((Base, &str), BTreeSet<String>)> = Vec::new();
    for row in rows {
        let key = (row.base, row.args);
        if !twins.iter().any(|(known, _)| *known == key) {
            let site = bench.site(row.base, |_, _| {});
            let found = bench.look(&site.url("https"), row.args);
            twins.push((key, found.codes()));
        }
        let twin = &twins.iter().find(|(known, _)| *known == key).unwrap().1;
        let site = bench.site(row.base, row.amend);
        let found = bench.look(&site.url("https"), row.args);
        if !found.codes().contains(row.code) {
            wrong.push(format!("{}: not found, but {:?}", row.code, found.codes()));
        }
        if found.exit != 1 {
            wrong.push(format!("{}: exit code {}", row.code, found.exit));
        }
        if found.text.contains("grant=good") || found.text.contains("obviously") {
            wrong.push(format!("{}: a secret is told", row.code));
        }
        if twin.contains(row.code) {
            wrong.push(format!("{}: found in its twin too", row.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
