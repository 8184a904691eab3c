//! Debian's nginx, as the server of clear HLS and, with its RTMP module, as the one that makes it.
//!
//! Must not know: who asks.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use super::process::Process;
use super::serve::free_port;
use super::wait::{seconds, until};

const RTMP: &str = "load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;";

/// One configuration, running or stopped.
pub(crate) struct Nginx {
    dir: tempfile::TempDir,
    /// Where it listens.
    pub(crate) port: u16,
    process: Option<Process>,
}

impl Nginx {
    /// A static origin of `root`; `more` stands in its `location /`.
    pub(crate) async fn origin(root: &Path, more: &str) -> Self {
        let port = free_port();
        let root = root.display();
        Self::start(
            port,
            "",
            &format!(
                "http {{ log_format one '$request_method $status $uri';
               log_format sent '$body_bytes_sent $uri';
               access_log access.log one; access_log sent.log sent; types {{ }} default_type application/octet-stream;
               client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
               uwsgi_temp_path uwsgi; scgi_temp_path scgi;
               server {{ listen 127.0.0.1:{port}; root {root}; location / {{ {more} }} }} }}"
            ),
        )
        .await
    }

    /// An RTMP server that writes what is sent to it as HLS of one-second segments below `folder`.
    pub(crate) async fn rtmp(folder: &Path) -> Self {
        let port = free_port();
        let folder = folder.display();
        Self::start(port, RTMP, &format!(
            "rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; hls on;
               hls_path {folder}; hls_fragment 1s; hls_playlist_length 60s; hls_cleanup off; }} }} }}"
        ))
        .await
    }

    /// With its RTMP module and that section, which listens at `port`.
    pub(crate) async fn of(port: u16, section: &str) -> Self {
        Self::start(port, RTMP, section).await
    }

    async fn start(port: u16, before: &str, section: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = format!(
            "{before}\nuser root;\ndaemon off;\nmaster_process off;\npid nginx.pid;\n\
             error_log stderr warn;\nevents {{ }}\n{section}\n"
        );
        std::fs::write(dir.path().join("nginx.conf"), text).unwrap();
        let mut nginx = Self {
            dir,
            port,
            process: None,
        };
        nginx.resume().await;
        nginx
    }

    /// Starts it again, and waits until it takes connections.
    pub(crate) async fn resume(&mut self) {
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-p").arg(self.dir.path());
        let conf = self.dir.path().join("nginx.conf");
        command.arg("-c").arg(conf).args(["-e", "stderr"]);
        let process = self.process.insert(Process::start(command));
        until("nginx listens", seconds(10), async || {
            assert!(process.ended().is_none(), "{}", process.stderr.text());
            std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()
        })
        .await;
    }

    /// Stops it; its port refuses.
    pub(crate) async fn pause(&mut self) {
        let mut process = self.process.take().unwrap();
        process.signal(Signal::TERM);
        process.end(seconds(10)).await;
    }

    /// How often each path was given with 200, in the order of the paths.
    pub(crate) fn gave(&self) -> BTreeMap<String, usize> {
        let log = std::fs::read_to_string(self.dir.path().join("access.log")).unwrap();
        let mut gave = BTreeMap::new();
        for path in log.lines().filter_map(|line| line.strip_prefix("GET 200 ")) {
            *gave.entry(path.to_owned()).or_default() += 1;
        }
        gave
    }

    /// How many bytes were sent of a path.
    pub(crate) fn sent(&self, path: &str) -> usize {
        let log = std::fs::read_to_string(self.dir.path().join("sent.log")).unwrap();
        let lines = log.lines().filter_map(|line| line.split_once(' '));
        let of_path = lines.filter(|(_, uri)| *uri == path);
        of_path
            .map(|(bytes, _)| bytes.parse::<usize>().unwrap())
            .sum()
    }

    /// The URL of one of its files.
    pub(crate) fn url(&self, file: &str) -> String {
        format!("http://127.0.0.1:{}/{file}", self.port)
    }
}
