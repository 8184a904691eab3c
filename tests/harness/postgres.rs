//! A private Postgres of one test, as `tools/postgres.sh` runs it, and a line to it that a test can
//! hold up or cut.
//!
//! Must not know: what lies in the database.

use std::fs::Permissions;
use std::future::pending;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use super::rust_source::root;

/// The socket's name in its folder.
const SOCKET: &str = ".s.PGSQL.5432";

/// A running cluster; it is gone when dropped.
pub(crate) struct Cluster {
    child: Child,
    folder: PathBuf,
}

impl Cluster {
    /// Starts one. The machine lives on, so what the kernel has counts as written.
    pub(crate) fn start() -> Self {
        let mut child = Command::new(script())
            .arg("run")
            .env("FSYNC", "off")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let folder = line.split(' ').next().unwrap();
        assert!(!folder.is_empty(), "no cluster: see above");
        let folder = folder.into();
        Self { child, folder }
    }

    /// Its folder, which the database's user owns.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// One of its databases, for `store.url`; `postgres` is there from the start.
    pub(crate) fn database(&self, name: &str) -> String {
        let host = self.folder.to_str().unwrap().replace('/', "%2F");
        format!("postgres://hlskey@{host}/{name}")
    }

    /// Its database, for `store.url`.
    pub(crate) fn url(&self) -> String {
        url("hlskey", &self.folder)
    }

    /// The same for another role.
    pub(crate) fn url_of(&self, role: &str) -> String {
        url(role, &self.folder)
    }

    /// `pg_ctl`, which waits until what it was told is done.
    pub(crate) fn control(&self, args: &[&str]) {
        let mut command = Command::new(script());
        let told = command.arg("ctl").arg(&self.folder).args(args);
        let status = told.stdin(Stdio::null()).status().unwrap();
        assert!(status.success(), "{args:?}: {status}");
    }

    /// Makes a standby of it while it is stopped; `promote` ends that.
    pub(crate) fn stand_by(&self) {
        let signal = self.folder.join("data/standby.signal");
        std::fs::write(&signal, "").unwrap();
        std::fs::set_permissions(&signal, Permissions::from_mode(0o666)).unwrap();
    }

    /// What `psql` prints for a statement: a line for each row.
    pub(crate) fn sql(&self, statement: &str) -> String {
        let output = self.psql(statement).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statement}: {errors}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// `psql` with a statement, not yet run.
    pub(crate) fn psql(&self, statement: &str) -> Command {
        let mut psql = Command::new("psql");
        psql.args(["-XAtq", "-U", "hlskey", "-d", "postgres", "-h"]);
        psql.arg(&self.folder).args(["-c", statement]);
        psql
    }
}

impl Drop for Cluster {
    /// The script ends with its standard input, and leaves nothing.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn script() -> PathBuf {
    root().join("tools/postgres.sh")
}

fn url(role: &str, folder: &Path) -> String {
    let host = folder.to_str().unwrap().replace('/', "%2F");
    format!("postgres://{role}@{host}/postgres")
}

/// What becomes of bytes on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// They pass.
    Flows,
    /// They wait, and so does who wants to connect.
    Stands,
    /// Every connection is closed, old or new.
    Ends,
}

/// A line to a cluster's socket.
pub(crate) struct Line {
    folder: TempDir,
    traffic: watch::Sender<Traffic>,
    /// How often every connection of the time was lost.
    lost: watch::Sender<u32>,
}

impl Line {
    /// One on which traffic flows.
    pub(crate) fn to(cluster: &Cluster) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let (traffic, watched) = watch::channel(Traffic::Flows);
        let (lost, losses) = watch::channel(0);
        let far = cluster.folder.join(SOCKET);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let watched = (watched.clone(), losses.clone());
                tokio::spawn(pass(near, far.clone(), watched));
            }
        });
        Self {
            folder,
            traffic,
            lost,
        }
    }

    /// The database at its other end, for `store.url`.
    pub(crate) fn url(&self) -> String {
        url("hlskey", self.folder.path())
    }

    /// The host behind it vanishes: connections stay open and carry nothing any more. New ones
    /// reach the host that took its place.
    pub(crate) fn lose(&self) {
        self.lost.send_modify(|lost| *lost += 1);
    }

    /// Changes what becomes of bytes.
    pub(crate) fn set(&self, traffic: Traffic) {
        self.traffic.send_replace(traffic);
    }
}

/// Carries one connection, until an end closes it or the line does.
async fn pass(
    near: UnixStream,
    far: PathBuf,
    (mut traffic, mut losses): (watch::Receiver<Traffic>, watch::Receiver<u32>),
) {
    let born = *losses.borrow_and_update();
    let flows = traffic.clone();
    let both = async {
        until_flowing(&mut flows.clone()).await?;
        let far = UnixStream::connect(far).await.ok()?;
        let ((from, to), (back, home)) = (near.into_split(), far.into_split());
        tokio::select! {
            end = carry(from, home, flows.clone()) => end,
            end = carry(back, to, flows.clone()) => end,
        }
    };
    let mut both = pin!(both);
    let lost = async { losses.wait_for(|lost| *lost != born).await.map(drop) };
    let over = async {
        traffic
            .wait_for(|traffic| *traffic == Traffic::Ends)
            .await
            .map(drop)
    };
    let is_lost = tokio::select! {
        biased;
        lost = lost => lost.is_ok(),
        _ = &mut both => false,
        _ = over => false,
    };
    if is_lost {
        pending::<()>().await; // neither end is told
    }
}

async fn carry(
    mut from: tokio::net::unix::OwnedReadHalf,
    mut to: tokio::net::unix::OwnedWriteHalf,
    mut traffic: watch::Receiver<Traffic>,
) -> Option<()> {
    let mut bytes = vec![0; 65_536];
    loop {
        let count = from
            .read(&mut bytes)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        until_flowing(&mut traffic).await?;
        to.write_all(&bytes[..count]).await.ok()?;
    }
}

async fn until_flowing(traffic: &mut watch::Receiver<Traffic>) -> Option<()> {
    let flowing = traffic.wait_for(|traffic| *traffic == Traffic::Flows).await;
    flowing.ok().map(drop)
}
