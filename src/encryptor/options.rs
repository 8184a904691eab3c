//! What a run is told: stream, source, sink, server, state.
//!
//! Must not know: the command line that the texts come from.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use reqwest::Url;
use serde::Serialize;

use super::containers::Containers;
use super::spool::Spool;
use crate::crypto::SecretText;
use crate::domain::StreamId;
use crate::playlist::QueryParameter;

/// Everything one run needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// The protected stream. All renditions under the source belong to it.
    pub stream: StreamId,
    /// Where the clear playlists and segments are.
    pub source: Source,
    /// The stream that the source is an encrypted recording of, if it is one: it is opened with that
    /// stream's keys.
    pub recorded: Option<StreamId>,
    /// Where the encrypted ones go: at least one place, none of them inside the source or around it.
    pub sinks: Vec<Sink>,
    /// What `https:` sinks ask for, in their order: `user:password`, or a bearer's token.
    pub sink_credentials: Vec<SecretText>,
    /// The key server's base URL, `https://host[:port]`.
    pub server: String,
    /// A PEM file of certificate authorities to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// The packager's credential, sent as bearer. Not needed where the certificate opens the stream.
    pub credential: Option<SecretText>,
    /// A PEM file, mode 0600, of a certificate and its private key, for a server that asks for one.
    pub client_certificate: Option<PathBuf>,
    /// Encrypt what is there, then return.
    pub once: bool,
    /// Names this encryptor at the server: 1–64 of `[A-Za-z0-9._-]`. Without one it has the name
    /// that its state folder keeps.
    pub instance: Option<String>,
    /// Where the ledger is kept, for this encryptor alone, outside of source and sink.
    pub state: PathBuf,
    /// What to do when the lease has ended and the server is away.
    pub on_lease_end: OnLeaseEnd,
    /// What becomes of what is not a segment in a file of its own.
    pub containers: Containers,
    /// The query parameter of playlists that viewers share, if there are to be any.
    pub define: Option<QueryParameter>,
    /// Where media from another machine lies until it is published, for sources that need it.
    pub spool: Option<Arc<Spool>>,
    /// Hosts that a pulled source's lists may lead to, besides its own.
    pub pull_allow: Vec<String>,
}

/// What an encryptor does when its lease has ended and the server is away. An alarm goes with
/// either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLeaseEnd {
    /// Publish nothing more.
    #[default]
    Stall,
    /// Go on under the last key.
    Hold,
}

/// The text is no [`OnLeaseEnd`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected stall or hold")]
pub struct OnLeaseEndError;

impl FromStr for OnLeaseEnd {
    type Err = OnLeaseEndError;

    fn from_str(text: &str) -> Result<Self, OnLeaseEndError> {
        match text {
            "stall" => Ok(Self::Stall),
            "hold" => Ok(Self::Hold),
            _ => Err(OnLeaseEndError),
        }
    }
}

/// Where clear media comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `dir:PATH`: a directory that any packager writes HLS into.
    Dir(PathBuf),
    /// `vod:PATH`: a finished asset, one playlist or a directory of them.
    Vod(PathBuf),
    /// `pull:URL`: another server's playlist, multivariant or media.
    Pull(Url),
    /// `push`: a packager sends it by HTTP.
    Push,
}

/// Where encrypted media goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sink {
    /// `dir:PATH`: a directory, made if it is not there.
    Dir(PathBuf),
    /// `https://…`: another origin, by PUT and DELETE below this URL.
    Http(Url),
    /// `s3://bucket/prefix`: object storage.
    Object(Url),
}

/// The text is not a place that this program knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}: expected {expected}")]
pub struct PlaceError {
    what: &'static str,
    expected: &'static str,
    text: String,
}

impl Source {
    /// Whether its media comes from another machine, into a spool.
    pub fn is_spooled(&self) -> bool {
        matches!(self, Self::Pull(_) | Self::Push)
    }
}

impl FromStr for Source {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let path = |path: &str| (!path.is_empty()).then(|| Path::new(path).to_owned());
        let found = match text.split_once(':') {
            None if text == "push" => Some(Self::Push),
            Some(("dir", rest)) => path(rest).map(Self::Dir),
            Some(("vod", rest)) => path(rest).map(Self::Vod),
            Some(("pull", rest)) => web(rest).map(Self::Pull),
            _ => None,
        };
        found.ok_or_else(|| PlaceError {
            what: "source",
            expected: "dir:PATH, vod:PATH, pull:URL or push",
            text: without_password(text),
        })
    }
}

impl FromStr for Sink {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let found = match text.split_once(':') {
            Some(("dir", "")) => None,
            Some(("dir", rest)) => Some(Self::Dir(rest.into())),
            Some(("http" | "https", _)) => web(text).map(Self::Http),
            Some(("s3", _)) => Url::parse(text)
                .ok()
                .filter(Url::has_host)
                .map(Self::Object),
            _ => None,
        };
        found.ok_or_else(|| PlaceError {
            what: "sink",
            expected: "dir:PATH, https://… or s3://BUCKET/PREFIX",
            text: without_password(text),
        })
    }
}

/// As it was written, but for a password.
impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dir(path) => write!(f, "dir:{}", path.display()),
            Self::Http(url) | Self::Object(url) => f.write_str(&without_password(url.as_str())),
        }
    }
}

fn web(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

/// Who mistypes an address should not find its password in a log.
fn without_password(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            format!("{}://…{}", &text[..scheme], &text[at..])
        }
        _ => text.to_owned(),
    }
}

/// Options of an encryptor that is never run.
#[cfg(test)]
pub(super) fn plain(state: &Path) -> Options {
    Options {
        sink_credentials: Vec::new(),
        stream: "live/a".parse().unwrap(),
        source: "dir:/in".parse().unwrap(),
        recorded: None,
        sinks: vec!["dir:/out".parse().unwrap()],
        server: "https://keys.test".to_owned(),
        ca: None,
        credential: Some(SecretText::new("obviously-a-fake".to_owned())),
        client_certificate: None,
        once: false,
        instance: None,
        state: state.to_owned(),
        on_lease_end: OnLeaseEnd::Stall,
        containers: Containers::default(),
        define: None,
        spool: None,
        pull_allow: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_written_with_their_kind() {
        assert_eq!("dir:/in".parse(), Ok(Source::Dir("/in".into())));
        assert_eq!(
            "vod:/in/a.m3u8".parse(),
            Ok(Source::Vod("/in/a.m3u8".into()))
        );
        assert_eq!("push".parse(), Ok(Source::Push));
        let url = |text: &str| Url::parse(text).unwrap();
        let pulled = "pull:http://origin/live/a.m3u8".parse();
        assert_eq!(pulled, Ok(Source::Pull(url("http://origin/live/a.m3u8"))));
        assert_eq!("dir:a:b".parse(), Ok(Sink::Dir("a:b".into())));
        assert_eq!("s3://b/p".parse(), Ok(Sink::Object(url("s3://b/p"))));
        assert_eq!("https://o/p/".parse(), Ok(Sink::Http(url("https://o/p/"))));
        for bad in [
            "",
            "dir:",
            "/in",
            "s3:bucket",
            "pull:/a",
            "vod:",
            "push:",
            "pull:ftp://a",
        ] {
            assert!(bad.parse::<Source>().is_err(), "{bad:?}");
        }
        for bad in ["", "dir:", "/out", "s3:bucket", "https:", "push", "s3:///p"] {
            assert!(bad.parse::<Sink>().is_err(), "{bad:?}");
        }
        let ends = ["stall", "hold", "", "Hold"].map(str::parse::<OnLeaseEnd>);
        assert_eq!(ends[..2], [Ok(OnLeaseEnd::Stall), Ok(OnLeaseEnd::Hold)]);
        assert_eq!(ends[2..], [Err(OnLeaseEndError), Err(OnLeaseEndError)]);
    }

    #[test]
    fn what_is_said_of_a_place_holds_no_password() {
        let said = "x".parse::<Sink>().unwrap_err().to_string();
        let expected = "\"x\" is not a sink: expected dir:PATH, https://… or s3://BUCKET/PREFIX";
        assert_eq!(said, expected);
        let said = "ftp://me:fake-password@host/a".parse::<Sink>().unwrap_err();
        assert!(!said.to_string().contains("fake-password"), "{said}");
        let sink: Sink = "https://me:fake-password@host/a".parse().unwrap();
        assert_eq!(sink.to_string(), "https://…@host/a");
    }
}
