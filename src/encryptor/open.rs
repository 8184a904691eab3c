//! Where a run works: source, sink and state folder, none inside another that would give it away.
//!
//! Must not know: what is done there.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use super::apart;
use super::engine::Engine;
use super::error::EncryptorError;
use super::given::Given;
use super::journal::Journal;
use super::ledger::StateError;
use super::lines::mark;
use super::options::{Options, Sink, Source};
use super::path::Beneath;
use super::sharing::Sharing;
use super::sink::{DirSink, Outgoing};
use super::source::{DirSource, OpenFiles};
use super::spool::Spool;
use crate::crypto::private_file;
use crate::domain::Timestamp;

/// Source and sink, links resolved.
pub(super) struct Places {
    source: PathBuf,
    /// The playlist that was named, beneath the source.
    entry: Option<Beneath>,
    /// The folder that the engine writes.
    sink: PathBuf,
    /// It lies below the state folder: no sink is a folder.
    is_own: bool,
    /// Where it goes besides.
    others: Vec<Sink>,
    is_recording: bool,
    sharing: Sharing,
    spool: Option<Arc<Spool>>,
}

/// Below the state folder: clear media on its way from another machine.
const SPOOL: &str = "spool";
/// Below the state folder: encrypted media on its way to other machines.
const OUTGOING: &str = "outgoing";

impl Places {
    /// Those of `options`. Neither may lie inside the other, nor the state folder inside either,
    /// whichever links lead there.
    pub(super) fn of(options: &Options) -> Result<Self, EncryptorError> {
        let state = resolved(&options.state).map_err(|error| StateError::Unusable {
            path: options.state.clone(),
            source: error,
        })?;
        let (source, entry) = source_folder(&options.source, &state)?;
        let mut others = apart::sinks(&options.sinks)?;
        let first = others.iter().position(|sink| matches!(sink, Sink::Dir(_)));
        let sink = match first.map(|at| others.remove(at)) {
            Some(Sink::Dir(to)) => to,
            _ => state.join(OUTGOING),
        };
        let folders = others.iter().filter_map(|sink| match sink {
            Sink::Dir(to) => Some(to),
            _ => None,
        });
        for sink in folders.chain([&sink]) {
            if source.starts_with(sink) || sink.starts_with(&source) {
                return Err(EncryptorError::Overlap {
                    source_path: source,
                    sink_path: sink.clone(),
                });
            }
            for inside in [&source, sink] {
                if state.starts_with(inside) {
                    let inside = inside.clone();
                    return Err(StateError::Overlap { state, inside }.into());
                }
            }
        }
        let is_own = first.is_none();
        Ok(Self {
            source,
            entry,
            sink,
            is_own,
            others,
            is_recording: options.recorded.is_some(),
            sharing: Sharing::new(options.define.clone()),
            spool: options.spool.clone(),
        })
    }

    /// The sinks that follow the engine's folder.
    pub(super) fn others(&self) -> &[Sink] {
        &self.others
    }

    /// The folder that the engine writes.
    pub(super) fn outgoing(&self) -> Outgoing {
        Outgoing::new(self.sink.clone())
    }

    /// Where the engine reads.
    pub(super) fn source(&self) -> &Path {
        &self.source
    }

    /// Opens both ends.
    pub(super) fn open(
        &self,
        open_files: OpenFiles,
        now: Timestamp,
    ) -> Result<Engine, EncryptorError> {
        let source = DirSource::open(&self.source, open_files);
        let mut source = source.map_err(|error| no_source(&self.source, error))?;
        source.spool.clone_from(&self.spool);
        if self.is_own {
            private_file::create_dir(&self.sink).map_err(|error| no_sink(&self.sink, error))?;
        }
        let sink = DirSink::open(&self.sink)?;
        let engine = Engine::new(source, sink, now);
        let mut engine = engine.map_err(|error| no_sink(&self.sink, error))?;
        engine.entry.clone_from(&self.entry);
        engine.is_recording = self.is_recording;
        engine.sharing = self.sharing.clone();
        Ok(engine)
    }
}

/// The folder that the engine reads, and the playlist in it that was named. What comes from
/// elsewhere is spooled below `state`.
fn source_folder(
    source: &Source,
    state: &Path,
) -> Result<(PathBuf, Option<Beneath>), EncryptorError> {
    let from = match source {
        Source::Pull(_) | Source::Push => return Ok((state.join(SPOOL), None)),
        Source::Dir(from) | Source::Vod(from) => from,
    };
    let failed = |error| no_source(from, error);
    let path = from.canonicalize().map_err(failed)?;
    if path.is_dir() {
        return Ok((path, None));
    }
    let named = path.parent().zip(path.file_name().and_then(OsStr::to_str));
    let entry = named.and_then(|(folder, name)| Some((folder.to_owned(), Beneath::found(name)?)));
    let (folder, entry) = entry.ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?;
    Ok((folder, Some(entry)))
}

pub(super) fn no_source(path: &Path, source: io::Error) -> EncryptorError {
    EncryptorError::Source {
        path: path.to_owned(),
        source,
    }
}

pub(super) fn no_sink(path: &Path, source: io::Error) -> EncryptorError {
    EncryptorError::Sink {
        path: path.to_owned(),
        source,
    }
}

/// What an earlier run made durable of this asset in this sink.
pub(super) fn journal(options: &Options, engine: &Engine) -> Result<Journal, EncryptorError> {
    let path = options.state.join("journal");
    let opened = mark(engine.sink.path()).and_then(|of| Journal::open(path.clone(), &of));
    opened.map_err(|source| StateError::Unusable { path, source }.into())
}

/// The names that earlier runs gave in this sink.
pub(super) fn given(options: &Options, engine: &Engine) -> Result<Given, EncryptorError> {
    let path = options.state.join("names");
    let opened = mark(engine.sink.path()).and_then(|of| Given::open(path.clone(), &of));
    opened.map_err(|source| StateError::Unusable { path, source }.into())
}

/// The path with its links resolved, as far as it exists.
pub fn resolved(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut known: &Path = &path;
    loop {
        match (known.canonicalize(), known.parent()) {
            (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
                known = parent;
            }
            (found, _) => {
                let rest = path.strip_prefix(known).unwrap_or(Path::new(""));
                return Ok(found?.join(rest).components().collect()); // no slash at the end
            }
        }
    }
}

/// This machine's name, as far as an encryptor's may have it.
pub(super) fn host() -> String {
    let text = fs::read_to_string("/etc/hostname").unwrap_or_default();
    let allowed = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let host: String = text.trim().chars().filter(allowed).take(48).collect();
    match host.is_empty() {
        true => "host".to_owned(),
        false => host,
    }
}
