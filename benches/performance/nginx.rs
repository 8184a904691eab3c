//! nginx with the same sixteen bytes in a file, for everybody: as fast as it serves them.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::ensure;

use super::client::Client;
use super::keyserver::{KeyServer, free_address, text};
use super::process::Server;

pub(crate) struct Nginx {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) client: Client,
}

impl Nginx {
    /// With the key server's certificate and its key at the same path.
    pub(crate) fn start(folder: &Path, core: usize, beside: &KeyServer) -> anyhow::Result<Self> {
        let folder = folder.join("nginx");
        let file = folder.join("www").join(beside.path.trim_start_matches('/'));
        std::fs::create_dir_all(file.parent().unwrap_or(&folder))?;
        std::fs::write(&file, &beside.key)?;
        let address = free_address()?;
        let settings = folder.join("nginx.conf");
        std::fs::write(&settings, configuration(&folder, address, beside))?;
        let (settings, prefix) = (text(&settings), text(&folder));
        let log = folder.join("start.log");
        let errors = text(&folder.join("error.log"));
        let args = ["-c", &settings, "-p", &prefix, "-e", &errors];
        let mut server = Server::start("nginx", &args, core, &log)?;
        let client = Client::new(address, &beside.files.ca)?;
        let (_, any) = &beside.asks[0];
        server.until(&log, || client.get(any).is_ok())?;
        let started = Self {
            server,
            address,
            client,
        };
        started.verify(beside)?;
        Ok(started)
    }

    /// The same bytes for the same requests.
    pub(crate) fn verify(&self, beside: &KeyServer) -> anyhow::Result<()> {
        for (name, ask) in &beside.asks {
            let answer = self.client.get(ask)?;
            ensure!(
                answer == (200, beside.key.clone()),
                "nginx, {name}: {}",
                answer.0
            );
        }
        Ok(())
    }
}

fn configuration(folder: &Path, address: SocketAddr, beside: &KeyServer) -> String {
    let (certificate, key) = (&beside.files.certificate, &beside.files.private_key);
    let user = if rustix::process::getuid().is_root() {
        "user root;"
    } else {
        ""
    };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|name| format!("    {name}_temp_path {}/{name};\n", folder.display()))
        .collect();
    format!(
        r"daemon off;
{user}
worker_processes 1;
pid {0}/nginx.pid;
error_log {0}/error.log warn;
events {{
    worker_connections 4096;
    multi_accept on;
}}
http {{
{temporary}    access_log off;
    open_file_cache max=16 inactive=1h;
    open_file_cache_valid 1h;
    keepalive_timeout 75s;
    keepalive_requests 1000000000;
    tcp_nodelay on;
    etag off;
    default_type application/octet-stream;
    ssl_protocols TLSv1.3;
    ssl_certificate {1};
    ssl_certificate_key {2};
    ssl_session_cache off;
    ssl_conf_command NumTickets 1;
    ssl_buffer_size 4k;
    server {{
        listen {address} ssl backlog=4096;
        root {0}/www;
    }}
}}
",
        folder.display(),
        certificate.display(),
        key.display()
    )
}
