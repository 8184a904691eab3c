//! An encryptor that packagers send to, and one that does.
//!
//! Must not know: what becomes of what is sent.

use std::path::Path;

use super::actor::{Actor, Answer};
use super::encrypt::Encrypt;
use super::packager::Packager;
use super::process::Process;
use super::serve::{Serve, free_port};
use super::wait::{seconds, until};

/// A key server, and the command line of a worker that listens.
pub(crate) struct Push {
    pub(crate) serve: Serve,
    pub(crate) job: Encrypt,
    pub(crate) port: u16,
    /// What packagers show.
    pub(crate) secret: String,
    sink: tempfile::TempDir,
    /// What a packager keeps on its own disk.
    pub(crate) local: tempfile::TempDir,
}

impl Push {
    /// Everything but the worker.
    pub(crate) async fn prepare(stream: &str, rotation: &str) -> Self {
        let serve = Serve::start(rotation, "").await;
        let (sink, local) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut job = Encrypt::at(&serve, stream, local.path(), sink.path());
        job.from = Some("push".to_owned());
        let secret = std::fs::read_to_string(&job.credential).unwrap();
        Self {
            serve,
            job,
            port: free_port(),
            secret: secret.trim().to_owned(),
            sink,
            local,
        }
    }

    /// Starts the worker, and waits until it listens.
    pub(crate) async fn start(&self, more: &[&str]) -> Process {
        let (listen, certs) = (format!("127.0.0.1:{}", self.port), self.serve.certs());
        let [certificate, key] = ["server.pem", "server.key"].map(|name| certs.join(name));
        let own = ["--listen", &listen, "--certificate"];
        let files = [
            certificate.to_str().unwrap(),
            "--private-key",
            key.to_str().unwrap(),
        ];
        let mut worker = self.job.start_with(&[&own[..], &files[..], more].concat());
        let stranger = self.stranger();
        until("the worker listens", seconds(20), async || {
            assert!(worker.ended().is_none(), "{}", worker.stderr.text());
            stranger.try_ask("PUT", "/", &[], None).await.ok()
        })
        .await;
        worker
    }

    /// Where the encrypted stream goes.
    pub(crate) fn sink(&self) -> &Path {
        self.sink.path()
    }

    /// Somebody without a credential at the worker's listener.
    pub(crate) fn stranger(&self) -> Actor {
        let url = format!("https://localhost:{}", self.port);
        Actor::new(&url, &self.serve.ca())
    }

    /// The packager.
    pub(crate) fn packager(&self) -> Actor {
        self.stranger().with(&self.secret)
    }

    /// The path of one of the stream's files.
    pub(crate) fn path(&self, file: &str) -> String {
        format!("/{}/{file}", self.job.stream)
    }

    /// Every file of the spool.
    pub(crate) fn spooled(&self) -> Vec<String> {
        files_below(&self.job.spool())
    }

    /// Sends a file once as the packager, whatever the answer.
    pub(crate) async fn offer(&self, method: &str, file: &str, body: Vec<u8>) -> Answer {
        self.offer_as(&self.packager(), method, file, body).await
    }

    /// The same as somebody else.
    pub(crate) async fn offer_as(
        &self,
        who: &Actor,
        method: &str,
        file: &str,
        body: Vec<u8>,
    ) -> Answer {
        let answer = who.try_send(method, &self.path(file), body).await;
        answer.unwrap_or_else(|error| panic!("{method} {file}: {error}"))
    }

    /// Sends a file until it is taken, as a packager with a buffer does.
    pub(crate) async fn send(&self, method: &str, file: &str, body: Vec<u8>) -> Answer {
        let (packager, path) = (self.packager(), self.path(file));
        until("the file is taken", seconds(30), async || {
            let answer = packager.try_send(method, &path, body.clone()).await.ok()?;
            assert!(answer.status < 400, "{file}: {}", answer.text());
            Some(answer)
        })
        .await
    }

    /// Writes one more segment of each rendition and sends it, then the lists, then what is old.
    pub(crate) async fn publish(&self, packager: &mut Packager) {
        packager.publish();
        let newest = packager.next - 1;
        for rendition in packager.renditions.clone() {
            let segment = packager.segment(&rendition, newest);
            self.send_local(&segment).await;
        }
        self.send_lists(packager).await;
        let Some(old) = newest.checked_sub(2 * packager.window) else {
            return;
        };
        for rendition in packager.renditions.clone() {
            let segment = packager.segment(&rendition, old);
            let file = segment.strip_prefix(self.local.path()).unwrap();
            self.send("DELETE", file.to_str().unwrap(), Vec::new())
                .await;
        }
    }

    /// Sends every list as it stands on the packager's disk.
    pub(crate) async fn send_lists(&self, packager: &Packager) {
        for rendition in &packager.renditions {
            self.send_local(&packager.root.join(rendition)).await;
        }
    }

    /// Sends a file of the packager's disk.
    pub(crate) async fn send_local(&self, path: &Path) {
        let file = path.strip_prefix(self.local.path()).unwrap();
        let bytes = std::fs::read(path).unwrap();
        self.send("PUT", file.to_str().unwrap(), bytes).await;
    }
}

/// Every file below `root`, in the order of their paths; none where there is no such folder.
pub(crate) fn files_below(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        for path in entries.map(|entry| entry.unwrap().path()) {
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let below = path.strip_prefix(root).unwrap();
                    found.push(below.to_str().unwrap().to_owned());
                }
            }
        }
    }
    found.sort();
    found
}
