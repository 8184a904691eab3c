//! Where each channel's state folder is, when nobody says where.
//!
//! Must not know: what lies in it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::crypto::sha256;
use crate::domain::StreamId;
use crate::encryptor::{self, Sink};

/// How much of a stream's name a state folder's has.
const MAX_NAME: usize = 200;

/// The folder of all of this user's state folders.
pub(super) fn home() -> anyhow::Result<PathBuf> {
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    let home =
        home.context("there is no home folder: say where to keep the ledger with --state")?;
    Ok(home.join(".local/state/hlskey/encrypt"))
}

/// A folder below `parent` for each stream and its first sink: who restarts the same job finds it
/// again.
pub(super) fn folder(parent: &Path, stream: &StreamId, sinks: &[Sink]) -> anyhow::Result<PathBuf> {
    let sink = match sinks.first() {
        Some(Sink::Dir(path)) => {
            let path = encryptor::resolved(path).with_context(|| path.display().to_string())?;
            path.into_os_string()
        }
        Some(elsewhere) => elsewhere.to_string().into(),
        None => OsString::new(),
    };
    Ok(parent.join(name(stream, &sink)))
}

/// The stream's name, as far as a file's name holds it, and what tells it and the sink from others.
fn name(stream: &StreamId, sink: &OsStr) -> String {
    let plain = stream.as_str().replace('/', "+");
    let name: String = plain.chars().take(MAX_NAME).collect();
    let rest = &plain.as_bytes()[name.len()..];
    let [a, b, c, d, ..] = sha256(&[sink.as_bytes(), rest].concat());
    let digits = u32::from_be_bytes([a, b, c, d]);
    format!("{name}-{digits:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stream: &str, sink: &Path) -> PathBuf {
        let sinks = [Sink::Dir(sink.into())];
        folder(&home().unwrap(), &stream.parse().unwrap(), &sinks).unwrap()
    }

    #[test]
    fn each_stream_and_sink_has_a_state_folder_of_its_own() {
        let state = |stream: &str, sink: &str| of(stream, Path::new(sink));
        let one = state("live/a", "/out/a");
        assert_eq!(state("live/a", "/out/a"), one, "found again");
        assert_ne!(state("live/a", "/out/b"), one, "a redundant worker");
        assert_ne!(state("live/b", "/out/a"), one);
        let name = one.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("live+a-") && name.len() == 15, "{name}");
        assert!(one.is_absolute());
        let long = ["a", "b", "c", "d"].map(|part| part.repeat(64)).join("/");
        let [one, two] = ["e", "f"].map(|last| state(&format!("{long}/{last}"), "/out/a"));
        assert!(
            one.file_name().unwrap().len() <= 255 && one != two,
            "{one:?}"
        );
    }

    #[test]
    fn a_sink_has_one_state_folder_however_it_is_spelt() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
        let state = |sink: &str| of("live/a", &dir.path().join(sink));
        let before = state("real/out");
        std::fs::create_dir(dir.path().join("real/out")).unwrap();
        for spelt in ["real/out", "link/out", "real/../link/./out/"] {
            assert_eq!(state(spelt), before, "{spelt}");
        }
        assert_ne!(state("link"), before);
    }
}
