//! An origin that takes PUT and DELETE: nginx with its own WebDAV module, in a process of its own.
//!
//! Must not know: what is put there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::actor::Actor;
use super::process::Process;
use super::serve::free_port;
use super::wait::{seconds, until};
use crate::secrets::files_below;

/// What it asks a writer for; everybody may read.
pub(crate) const CREDENTIAL: &str = "writer:obviously-fake";

/// The files below `folder`, by their paths from there, but for those that no player knows.
pub(crate) fn names_below(folder: &Path) -> BTreeSet<PathBuf> {
    let files = files_below(folder).into_iter();
    let names = files.map(|path| path.strip_prefix(folder).unwrap().to_owned());
    let is_hidden = |path: &PathBuf| path.file_name().unwrap().as_encoded_bytes()[0] == b'.';
    names.filter(|path| !is_hidden(path)).collect()
}

/// The origin and its folder.
pub(crate) struct Dav {
    dir: tempfile::TempDir,
    port: u16,
    process: Option<Process>,
    /// What else the server's block says.
    rule: String,
}

impl Dav {
    /// One that runs.
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut dav = Self {
            port: free_port(),
            process: None,
            rule: String::new(),
            dir,
        };
        std::fs::create_dir(dav.www()).unwrap();
        let (user, password) = CREDENTIAL.split_once(':').unwrap();
        let line = format!("{user}:{{PLAIN}}{password}\n");
        std::fs::write(dav.dir.path().join("users"), line).unwrap();
        std::fs::write(dav.credential(), CREDENTIAL).unwrap();
        dav.resume().await;
        dav
    }

    /// Starts the process, again too.
    pub(crate) async fn resume(&mut self) {
        let path = |name: &str| self.dir.path().join(name);
        std::fs::write(path("nginx.conf"), self.settings()).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-c").arg(path("nginx.conf"));
        command.arg("-p").arg(self.dir.path());
        command.arg("-e").arg(path("error.log"));
        let mut process = Process::start(command);
        until("nginx is ready", seconds(10), async || {
            assert!(process.ended().is_none(), "{}", process.stderr.text());
            std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()
        })
        .await;
        self.process = Some(process);
    }

    /// Starts it anew with `rule` in its server's block, in place of another one.
    pub(crate) async fn amend(&mut self, rule: &str) {
        self.kill();
        rule.clone_into(&mut self.rule);
        self.resume().await;
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    /// Where a worker sends to.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/live", self.port)
    }

    /// The folder behind that.
    pub(crate) fn folder(&self) -> PathBuf {
        self.www().join("live")
    }

    /// Waits until it has the files of `folder`, and none that was left there.
    pub(crate) async fn has_what_is_in(&self, folder: &Path) {
        let begun = Instant::now();
        until(
            "nothing is missing or left there",
            seconds(120),
            async || {
                let (here, there) = (names_below(folder), names_below(&self.folder()));
                let differ: Vec<_> = here.symmetric_difference(&there).collect();
                assert!(begun.elapsed() < seconds(110), "{differ:?}");
                differ.is_empty().then_some(())
            },
        )
        .await;
    }

    /// Everything that it serves.
    pub(crate) fn www(&self) -> PathBuf {
        self.dir.path().join("www")
    }

    /// A file with what a writer shows.
    pub(crate) fn credential(&self) -> PathBuf {
        self.dir.path().join("credential")
    }

    /// Somebody who reads there; `ca` is of no use.
    pub(crate) fn reader(&self, ca: &Path) -> Actor {
        Actor::new(&format!("http://127.0.0.1:{}", self.port), ca)
    }

    /// How often each path was put, in the order of the paths.
    pub(crate) fn puts(&self) -> std::collections::BTreeMap<String, usize> {
        let mut puts = std::collections::BTreeMap::new();
        for line in self.log().lines().filter(|line| line.starts_with("PUT 20")) {
            let path = line.rsplit(' ').next().unwrap();
            *puts.entry(path.to_owned()).or_default() += 1;
        }
        puts
    }

    /// How often a file was asked for without its bytes.
    pub(crate) fn heads(&self) -> usize {
        let log = self.log();
        log.lines().filter(|line| line.starts_with("HEAD ")).count()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("access.log")).unwrap()
    }

    /// One process, no master: it ends with its pid.
    fn settings(&self) -> String {
        let dir = self.dir.path().display();
        let temporary: String = ["proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {dir}/{name};\n"))
            .collect();
        let (port, rule) = (self.port, &self.rule);
        format!(
            "daemon off;\nmaster_process off;\npid {dir}/nginx.pid;\n\
             events {{ worker_connections 256; }}\n\
             http {{\n{temporary}log_format one \"$request_method $status $uri\";\n\
             access_log {dir}/access.log one;\nserver {{\nlisten 127.0.0.1:{port};\n\
             root {dir}/www;\nclient_body_temp_path {dir}/www/.body;\n\
             client_max_body_size 1g;\ndav_methods PUT DELETE;\ncreate_full_put_path on;\n{rule}\n\
             location / {{ limit_except GET {{ auth_basic w; auth_basic_user_file {dir}/users; }} }}\n\
             }}\n}}\n"
        )
    }
}
