//! Object storage: an S3 server in a process of its own, with one bucket that everybody may read.
//!
//! Must not know: what is put there.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use super::actor::Actor;
use super::process::Process;
use super::python;
use super::serve::free_port;
use super::wait::{seconds, until};

/// The bucket.
pub(crate) const BUCKET: &str = "bucket";
/// Above all that is put there.
pub(crate) const PREFIX: &str = "live/one";

/// The server.
pub(crate) struct ObjectStore {
    port: u16,
    process: Option<Process>,
}

impl ObjectStore {
    /// One with an empty bucket.
    pub(crate) async fn start(ca: &Path) -> Self {
        let mut store = Self {
            port: free_port(),
            process: None,
        };
        store.resume(ca).await;
        store
    }

    /// Starts it anew; nothing of before is there.
    pub(crate) async fn resume(&mut self, ca: &Path) {
        let mut process = Process::start(python::script("s3.py", &[&self.port.to_string()]));
        until("the S3 server is ready", seconds(60), async || {
            assert!(process.ended().is_none(), "{}", process.stderr.text());
            std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()
        })
        .await;
        self.process = Some(process);
        let owner = self.reader(ca);
        let bucket = format!("/{BUCKET}");
        let put = async |path: &str, body: Option<&str>| {
            let headers = [("content-type", "application/json")];
            owner.try_ask("PUT", path, &headers, body).await.unwrap()
        };
        put(&bucket, None).await.expect(200);
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
            "Resource": format!("arn:aws:s3:::{BUCKET}/*"),
        }]});
        let path = format!("{bucket}?policy");
        let answer = put(&path, Some(&policy.to_string())).await;
        assert!(answer.status < 300, "{}", answer.text());
    }

    /// `kill -9`: it forgets everything.
    pub(crate) fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    /// It answers nobody, and forgets nothing.
    pub(crate) fn freeze(&mut self) {
        self.process.as_mut().unwrap().signal(Signal::STOP);
    }

    /// It goes on.
    pub(crate) fn thaw(&mut self) {
        self.process.as_mut().unwrap().signal(Signal::CONT);
    }

    /// Where a worker sends to.
    pub(crate) fn url(&self) -> String {
        format!("s3://{BUCKET}/{PREFIX}")
    }

    /// Says to a worker where it is and who it is.
    pub(crate) fn show(&self, command: &mut Command) {
        command
            .env(
                "AWS_ENDPOINT_URL",
                format!("http://127.0.0.1:{}", self.port),
            )
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "obviously-fake")
            .env("AWS_SECRET_ACCESS_KEY", "obviously-fake");
    }

    /// Somebody who reads there; `ca` is of no use.
    pub(crate) fn reader(&self, ca: &Path) -> Actor {
        Actor::new(&format!("http://127.0.0.1:{}", self.port), ca)
    }

    /// Where the files are for a reader.
    pub(crate) fn above() -> String {
        format!("/{BUCKET}/{PREFIX}")
    }
}
