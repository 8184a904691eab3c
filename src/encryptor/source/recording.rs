//! What opens an encrypted recording: which key each of its files is under, and the keys.
//!
//! Must not know: where the keys come from, what a playlist says.

use std::collections::{BTreeSet, HashMap};

use crate::crypto::cbc::decrypt;
use crate::crypto::{ContentKey, Iv};
use crate::encryptor::path::Beneath;

/// The files of a recording, and the keys that are known.
#[derive(Default)]
pub(in crate::encryptor) struct Locks {
    files: HashMap<Beneath, Lock>,
    keys: HashMap<String, Result<ContentKey, String>>,
}

/// What one file is encrypted under.
struct Lock {
    key_uri: String,
    iv: Iv,
}

impl Locks {
    /// The file at `path` is encrypted under the key at `key_uri` with `iv`.
    pub(in crate::encryptor) fn lock(&mut self, path: Beneath, key_uri: &str, iv: Iv) {
        let key_uri = key_uri.to_owned();
        self.files.insert(path, Lock { key_uri, iv });
    }

    /// The URIs of the keys that are not known yet.
    pub(in crate::encryptor) fn wanted(&self) -> BTreeSet<String> {
        let uris = self.files.values().map(|lock| &lock.key_uri);
        let unknown = uris.filter(|uri| !matches!(self.keys.get(*uri), Some(Ok(_))));
        unknown.cloned().collect()
    }

    /// The key behind a URI, or why it is not to be had.
    pub(in crate::encryptor) fn unlock(&mut self, uri: String, key: Result<ContentKey, String>) {
        self.keys.insert(uri, key);
    }

    /// Why the file at `path` cannot be opened yet, if it cannot.
    pub(super) fn hold(&self, path: &Beneath) -> Option<String> {
        let lock = self.files.get(path)?;
        match self.keys.get(&lock.key_uri) {
            Some(Ok(_)) => None,
            Some(Err(why)) => Some(format!("the key of the recorded {path}: {why}")),
            None => Some(format!("the key of the recorded {path} is not fetched yet")),
        }
    }

    /// The file's bytes as they were before it was encrypted, if it is; `None` if it does not open.
    pub(super) fn open(&self, path: &Beneath, bytes: Vec<u8>) -> Option<Vec<u8>> {
        match self.files.get(path) {
            None => Some(bytes),
            Some(Lock { key_uri, iv }) => match self.keys.get(key_uri) {
                Some(Ok(key)) => decrypt(key, *iv, bytes),
                _ => None,
            },
        }
    }
}
