//! A server with one encrypted stream at its origin, and everybody who may come to it.
//!
//! Must not know: what they are answered.

use std::path::PathBuf;

use super::actor::Actor;
use super::binary::{mint, printed};
use super::encrypt::Encrypt;
use super::packager::Packager;
use super::serve::Serve;
use crate::independent::playlist::read_media;

/// The stream.
pub(crate) const STREAM: &str = "test/shown";

/// The server and what it serves.
pub(crate) struct Stage {
    pub(crate) serve: Serve,
    /// The absolute URI of the first segment's key.
    pub(crate) key: String,
    /// The first rendition's playlist, below the stream.
    pub(crate) rendition: String,
    pub(crate) packager: PathBuf,
    _source: tempfile::TempDir,
}

impl Stage {
    /// Encrypts a short finished ladder into the server's origin.
    pub(crate) async fn set() -> Self {
        let serve = Serve::start("{ segments = 3 }", "[server.watch]\n").await;
        let source = tempfile::tempdir().unwrap();
        let mut packager = Packager::ladder(source.path());
        packager.write_vod(6);
        let sink = serve.origin().join(STREAM);
        std::fs::create_dir_all(&sink).unwrap();
        let job = Encrypt::at(&serve, STREAM, source.path(), &sink);
        job.once_well();
        let rendition = packager.renditions[0].clone();
        let list = std::fs::read_to_string(sink.join(&rendition)).unwrap();
        let key = read_media(&list).unwrap().segments[0].key.clone().unwrap();
        Self {
            serve,
            key: key[1].1.trim_matches('"').to_owned(),
            rendition,
            packager: job.credential,
            _source: source,
        }
    }

    /// The path of the first segment's key.
    pub(crate) fn key_path(&self) -> String {
        self.key.replace(&self.serve.url(), "")
    }

    /// A viewer's token.
    pub(crate) fn token(&self, stream: &str, ttl: &str) -> String {
        mint(&self.serve.config(), stream, ttl)
    }

    /// A new API key; `actions` are separated by commas.
    pub(crate) fn api_key(&self, name: &str, streams: &str, actions: &str, ttl: &str) -> String {
        let config = self.serve.config();
        let mut args = vec!["credential", "add", "--config", config.to_str().unwrap()];
        args.extend([name, "--streams", streams, "--ttl", ttl]);
        args.extend(actions.split(',').flat_map(|action| ["--action", action]));
        printed(&args)
    }

    /// A packager of every test stream.
    pub(crate) fn packager(&self) -> Actor {
        let text = std::fs::read_to_string(&self.packager).unwrap();
        self.serve.stranger().with(text.trim())
    }
}
