//! `[encrypt]`: one encryptor and its channels. A channel's settings are the flags of
//! `hlskey encrypt` with `_` for `-`; what stands in `[encrypt]` itself holds for all of them.
//!
//! Must not know: what a setting does.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Deserializer};
use toml::{Table, Value};

use super::{ConfigError, Source as File, environment, under};
use crate::api::Text;
use crate::domain::StreamId;
use crate::encryptor::{ByteRanges, IFrames, LowLatency, MapRule, OnLeaseEnd, Sink, Source};
use crate::playlist::QueryParameter;

/// An encryptor of many channels.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Section")]
pub struct Encrypt {
    /// Where metrics are shown, if they are.
    pub metrics: Option<SocketAddr>,
    /// Where each channel without a `state` of its own has a folder.
    pub state: Option<PathBuf>,
    /// The channels, paths resolved.
    pub channels: Vec<Channel>,
}

/// One channel, as flags and as a table.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Channel {
    /// The stream's name at the key server.
    #[arg(long, value_name = "STREAM", required_unless_present_any = ["config", "status"])]
    #[serde(deserialize_with = "text")]
    pub stream: Option<StreamId>,
    /// Where the clear HLS is: `dir:PATH`, a folder that any packager writes to; `vod:PATH`, a
    /// finished asset, one playlist or a folder; `push`, sent here by HTTPS; `pull:URL`, another
    /// server's playlist.
    #[arg(long, value_name = "KIND:PLACE", required_unless_present_any = ["config", "status"])]
    #[serde(deserialize_with = "text")]
    pub source: Option<Source>,
    /// The source is an encrypted recording of this stream: it is opened with the stream's keys, and
    /// encrypted anew.
    #[arg(long, value_name = "STREAM")]
    #[serde(deserialize_with = "text")]
    pub recorded: Option<StreamId>,
    /// Where the encrypted HLS goes: `dir:PATH`, a folder outside the source; `https://…`, an
    /// origin that takes PUT and DELETE; `s3://BUCKET/PREFIX`, with AWS_… in the environment. May be
    /// repeated: each sink goes at its own pace.
    #[arg(long = "sink", value_name = "KIND:PLACE", required_unless_present_any = ["config", "status"])]
    #[serde(rename = "sink", deserialize_with = "one_or_many")]
    pub sinks: Vec<Sink>,
    /// What an https:// sink asks for, `user:password` or a token, one line in a file; one for each
    /// such sink, in their order.
    #[arg(long = "sink-credential-file", value_name = "FILE")]
    #[serde(rename = "sink_credential_file", deserialize_with = "files")]
    pub sink_credential_files: Vec<PathBuf>,
    /// The key server, `https://…`.
    #[arg(long, value_name = "URL", required_unless_present_any = ["config", "status"])]
    pub server: Option<String>,
    /// Trust this CA besides the public ones (PEM): for the key server, a pulled source, https sinks.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The packager's credential: one line in a file.
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present_any = ["client_certificate", "config", "status"]
    )]
    pub credential_file: Option<PathBuf>,
    /// A certificate and its private key (PEM), for a server's listener that asks for one.
    #[arg(long, value_name = "FILE")]
    pub client_certificate: Option<PathBuf>,
    /// Names this worker at the key server; by default made up once and kept in the state folder.
    #[arg(long, value_name = "NAME", value_parser = instance)]
    pub instance: Option<String>,
    /// Keeps the leased keys, sealed, so that a restart can do without the key server; each worker
    /// has a folder of its own, outside of source and sink and of all that a web server serves. By
    /// default one below ~/.local/state/hlskey.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// When the lease has ended and the key server is away: `stall`, or `hold` the last key.
    #[arg(long, value_name = "WHAT")]
    #[serde(deserialize_with = "text")]
    pub on_lease_end: Option<OnLeaseEnd>,
    /// EXT-X-MAP: `clear`, the default, as initialisation sections hold no media, or `encrypted`.
    #[arg(long, value_name = "HOW")]
    #[serde(deserialize_with = "text")]
    pub map: Option<MapRule>,
    /// EXT-X-BYTERANGE: `split`, the default, each range into a file of its own, or `rebase` it in one
    /// file, which finished playlists allow.
    #[arg(long, value_name = "HOW")]
    #[serde(deserialize_with = "text")]
    pub byteranges: Option<ByteRanges>,
    /// I-frame playlists: `files`, the default, one for each I-frame, or `drop`.
    #[arg(long, value_name = "HOW")]
    #[serde(deserialize_with = "text")]
    pub iframes: Option<IFrames>,
    /// Name the key of a finished asset that has a single one in its multivariant playlist too
    /// (EXT-X-SESSION-KEY), so that players fetch it early.
    #[arg(long)]
    pub session_key: bool,
    /// Publish beside each playlist X.m3u8 its form for all viewers, X.define.m3u8 (EXT-X-DEFINE with
    /// QUERYPARAM): keys are asked for with the value that this query parameter, `token` by default,
    /// has in the URL of the multivariant playlist.
    #[arg(long, value_name = "PARAMETER", num_args = 0..=1, default_missing_value = "token")]
    #[serde(deserialize_with = "text")]
    pub define: Option<QueryParameter>,
    /// Low latency: `parts`, the default, publishes each EXT-X-PART of a live source in a file of its
    /// own; `origin` keeps besides what the source promises of its server, for playlists that
    /// `hlskey serve` serves; `off` lists whole segments alone. Sinks other than a folder get whole
    /// segments alone.
    #[arg(long, value_name = "HOW")]
    #[serde(deserialize_with = "text")]
    pub low_latency: Option<LowLatency>,
    /// With `push` or `pull:`: how much clear media may wait to be encrypted, in MiB; 4096 by default.
    #[arg(long, value_name = "MIB")]
    pub spool_limit: Option<u64>,
    /// With `pull:`: a server that the source's playlists may lead to, besides its own: a host with
    /// its port, if that is not its scheme's. May be repeated.
    #[arg(long, value_name = "HOST[:PORT]")]
    pub pull_allow: Vec<String>,
    /// With `push`: where packagers send to, `https://ADDR/STREAM/…`; 127.0.0.1:8936 by default.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// The certificate that packagers see (PEM). On loopback one is made, in the state folder.
    #[arg(long, value_name = "FILE", requires = "private_key")]
    pub certificate: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub private_key: Option<PathBuf>,
    /// What packagers show, as bearer or as a password: one line in a file. By default the
    /// credential that this worker shows itself.
    #[arg(long, value_name = "FILE")]
    pub push_credential_file: Option<PathBuf>,
}

/// The section's form: what is not named here holds for each channel.
#[derive(Debug, Deserialize)]
struct Section {
    metrics: Option<SocketAddr>,
    state: Option<PathBuf>,
    #[serde(default)]
    channels: Vec<Table>,
    #[serde(flatten)]
    common: Table,
}

/// A file of which only this section is read.
#[derive(Debug, Default, Deserialize)]
struct Whole {
    encrypt: Option<Encrypt>,
}

impl TryFrom<Section> for Encrypt {
    type Error = String;

    fn try_from(section: Section) -> Result<Self, String> {
        if section.channels.is_empty() {
            return Err("there is no [[encrypt.channels]]".to_owned());
        }
        let channels = section.channels.into_iter().map(|own| {
            let mut table = section.common.clone();
            table.extend(own);
            let channel = Channel::deserialize(Value::Table(table));
            channel.map_err(|error| error.message().trim().to_owned())
        });
        Ok(Self {
            metrics: section.metrics,
            state: section.state,
            channels: channels.collect::<Result<_, _>>()?,
        })
    }
}

impl Encrypt {
    /// `[encrypt]` of `path`, whatever else stands there, under the environment.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let source = File::load(path)?;
        let missing = || {
            source.wrong(
                "encrypt",
                &"there is no [encrypt] with [[encrypt.channels]]",
            )
        };
        Self::read(&source)?.ok_or_else(missing)
    }

    /// The same, of a file that may have none.
    pub fn find(path: &Path) -> Result<Option<Self>, ConfigError> {
        Self::read(&File::load(path)?)
    }

    fn read(source: &File) -> Result<Option<Self>, ConfigError> {
        let mut settings = environment::settings(std::env::vars());
        settings.retain(|(_, path, _)| path.first().is_some_and(|first| first == "encrypt"));
        let whole = match settings.is_empty() {
            true => toml::from_str(&source.text),
            false => Whole::deserialize(under(source, settings)?),
        };
        let whole: Whole = whole.map_err(|fault| source.fault(&fault))?;
        let mut encrypt = whole.encrypt;
        if let Some(encrypt) = &mut encrypt {
            encrypt.resolve(source.folder());
        }
        Ok(encrypt)
    }

    fn resolve(&mut self, folder: &Path) {
        self.state = self.state.take().map(|state| folder.join(state));
        for channel in &mut self.channels {
            channel.resolve(folder);
        }
    }
}

impl Channel {
    fn resolve(&mut self, folder: &Path) {
        let files = [
            &mut self.ca,
            &mut self.credential_file,
            &mut self.client_certificate,
            &mut self.state,
            &mut self.certificate,
            &mut self.private_key,
            &mut self.push_credential_file,
        ];
        for path in files.into_iter().flatten() {
            *path = folder.join(&*path);
        }
        for path in &mut self.sink_credential_files {
            *path = folder.join(&*path);
        }
        if let Some(Source::Dir(path) | Source::Vod(path)) = &mut self.source {
            *path = folder.join(&*path);
        }
        for sink in &mut self.sinks {
            if let Sink::Dir(path) = sink {
                *path = folder.join(&*path);
            }
        }
    }
}

/// A name that the key server takes.
fn instance(text: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let is_name = (1..=64).contains(&text.len()) && text.bytes().all(allowed);
    match is_name {
        true => Ok(text.to_owned()),
        false => Err("a name is 1 to 64 of A-Z a-z 0-9 . _ -".to_owned()),
    }
}

fn text<'de, T, D>(from: D) -> Result<Option<T>, D::Error>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
    D: Deserializer<'de>,
{
    Text::deserialize(from).map(|Text(value)| Some(value))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_texts(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

fn files<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<PathBuf>, D::Error> {
    let texts = OneOrMany::deserialize(from)?.into_texts();
    Ok(texts.into_iter().map(PathBuf::from).collect())
}

fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Sink>, D::Error> {
    let texts = OneOrMany::deserialize(from)?.into_texts();
    let sinks = texts.iter().map(|text| text.parse());
    sinks
        .collect::<Result<_, _>>()
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Encrypt, String> {
        let whole: Whole = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut encrypt = whole.encrypt.unwrap();
        encrypt.resolve(Path::new("/etc"));
        Ok(encrypt)
    }

    const TWO: &str = r#"
        [encrypt]
        server = "https://keys"
        credential_file = "studio.credential"
        on_lease_end = "hold"
        state = "state"
        [[encrypt.channels]]
        stream = "live/a"
        source = "dir:in/a"
        sink = "dir:out/a"
        [[encrypt.channels]]
        stream = "live/b"
        source = "vod:/in/b.m3u8"
        sink = ["dir:out/b", "s3://bucket/b"]
        on_lease_end = "stall"
    "#;

    #[test]
    fn what_stands_above_holds_for_every_channel() {
        let encrypt = read(TWO).unwrap();
        assert_eq!(encrypt.state.as_deref(), Some(Path::new("/etc/state")));
        let [a, b] = &encrypt.channels[..] else {
            panic!("{encrypt:?}")
        };
        assert_eq!(a.source, Some(Source::Dir("/etc/in/a".into())));
        assert_eq!(a.sinks, [Sink::Dir("/etc/out/a".into())]);
        assert_eq!(b.source, Some(Source::Vod("/in/b.m3u8".into())));
        assert_eq!(b.sinks.len(), 2);
        assert_eq!(a.on_lease_end, Some(OnLeaseEnd::Hold));
        assert_eq!(b.on_lease_end, Some(OnLeaseEnd::Stall));
        assert_eq!(
            b.credential_file.as_deref(),
            Some(Path::new("/etc/studio.credential"))
        );
    }

    #[test]
    fn the_documents_example_is_a_section() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/CHANNELS.md");
        let text = std::fs::read_to_string(path).unwrap();
        let example = text.split("```toml\n").nth(1).unwrap();
        let example = example.split("```").next().unwrap();
        let encrypt = read(example).unwrap();
        assert_eq!(encrypt.channels.len(), 2);
        assert_eq!(encrypt.channels[1].on_lease_end, Some(OnLeaseEnd::Hold));
    }

    #[test]
    fn what_is_misspelt_is_told() {
        for (right, wrong, said) in [
            ("server = ", "sever = ", "sever"),
            ("source = \"dir:", "source = \"file:", "not a source"),
            ("sink = \"dir:out/a\"", "sink = \"out\"", "not a sink"),
            ("\"hold\"", "\"keep\"", "stall or hold"),
        ] {
            let error = read(&TWO.replace(right, wrong)).unwrap_err();
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_name_is_one_that_the_server_takes() {
        assert_eq!(instance("studio-1_a.b"), Ok("studio-1_a.b".to_owned()));
        for bad in ["", "a b", "a/b", "\u{e9}", &"a".repeat(65)] {
            assert!(instance(bad).is_err(), "{bad:?}");
        }
    }
}
