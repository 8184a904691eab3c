//! The state folder: held by one encryptor, its files for the owner alone.
//!
//! Must not know: what the ledger says.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::crypto::{KeyRing, MasterKey, PrivateFileError, RingError, private_file};
use crate::domain::Entropy;

/// Why the state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be made, read or locked.
    #[error("the state folder {path} cannot be used: {source}")]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another encryptor holds it.
    #[error("another encryptor uses the state folder {0}: give each its own with --state")]
    InUse(PathBuf),
    /// Who can write to it could put keys of their own in.
    #[error(
        "the state folder {0} can be written by others: let it be this user's, and chmod 700 {0}"
    )]
    Exposed(PathBuf),
    /// What lies there would be published, or is the packager's.
    #[error("the state folder {state} must not lie inside {inside}, which is source or sink")]
    Overlap {
        /// The folder, resolved.
        state: PathBuf,
        /// The source or the sink, resolved.
        inside: PathBuf,
    },
    /// The key that seals the ledger cannot be used.
    #[error("the ledger's key: {0}")]
    Key(PrivateFileError),
}

/// The folder, held by this process alone.
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

const KEY: &str = "ledger.key";
pub(super) const INSTANCE: &str = "instance";
/// The longest file that is read back.
const MAX_LEN: u64 = 16 << 20;

impl Folder {
    /// Makes and locks it.
    pub(super) fn open(path: &Path) -> Result<Self, StateError> {
        let unusable = |source| StateError::Unusable {
            path: path.to_owned(),
            source,
        };
        private_file::create_dir(path).map_err(unusable)?;
        let lock = File::open(path).map_err(unusable)?;
        let about = lock.metadata().map_err(unusable)?;
        let is_own = [0, rustix::process::geteuid().as_raw()].contains(&about.uid());
        if !is_own || about.mode() & 0o022 != 0 {
            return Err(StateError::Exposed(path.to_owned()));
        }
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(StateError::InUse(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(unusable(source)),
        }
    }

    /// The key that seals the ledger, made on first use. A file that others can read is refused;
    /// one that holds no key, as a full disk leaves behind, is made anew.
    pub(super) fn ring(&self, entropy: &dyn Entropy) -> Result<KeyRing, StateError> {
        use PrivateFileError as E;
        let path = self.path.join(KEY);
        let key = match MasterKey::load(&path) {
            Err(RingError::File {
                source: E::Missing(_) | E::Empty(_) | E::Malformed(_),
            }) => {
                let text = MasterKey::generate(entropy);
                private_file::replace(&path, text.as_bytes()).map_err(|source| {
                    let path = self.path.clone();
                    StateError::Unusable { path, source }
                })?;
                MasterKey::load(&path)
            }
            loaded => loaded,
        };
        let ring = key.and_then(|key| KeyRing::new(vec![key]));
        ring.map_err(|error| match error {
            RingError::File { source } => StateError::Key(source),
            _ => StateError::Key(E::Malformed(path)),
        })
    }

    /// The encryptor's name: made up once of `host` and chance, and kept, so that the same one
    /// comes back after a restart.
    pub(super) fn instance(&self, host: &str, entropy: &dyn Entropy) -> Result<String, StateError> {
        let kept = self.read(INSTANCE).unwrap_or_default().unwrap_or_default();
        let kept = String::from_utf8(kept).unwrap_or_default();
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let kept = kept.trim_end();
        if (1..=64).contains(&kept.len()) && kept.bytes().all(is_name) {
            return Ok(kept.to_owned());
        }
        let mut bytes = [0; 4];
        entropy.fill(&mut bytes);
        let name = format!("{host}-{:08x}", u32::from_be_bytes(bytes));
        self.replace(INSTANCE, format!("{name}\n").as_bytes())
            .map_err(|source| StateError::Unusable {
                path: self.path.clone(),
                source,
            })?;
        Ok(name)
    }

    /// A file of the folder; `None` if it is not there.
    pub(super) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(MAX_LEN).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Puts a whole file in place of what is there, durable when this returns.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        private_file::replace(&self.path.join(name), bytes)
    }

    /// Gives a file another name, durable when this returns; it may be gone already.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        match fs::rename(self.path.join(from), self.path.join(to)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => File::open(&self.path)?.sync_all(),
        }
    }

    /// Deletes a file, durable when this returns; it may be gone already.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => File::open(&self.path)?.sync_all(),
        }
    }
}
