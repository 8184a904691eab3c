//! The last refused requests, so that they can be explained as they came. They hold credentials, so
//! they are in memory alone, few, and wiped.
//!
//! Must not know: how one is explained.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::access::Headers;
use crate::crypto::SecretText;
use crate::domain::{RequestId, StreamId, Timestamp};
use crate::store::AuditEntry;

/// How many are remembered.
const MOST: usize = 512;
/// The largest head that is remembered, in bytes.
const LARGEST: usize = 8 * 1024;

/// A request that was refused.
pub struct Remembered {
    /// Its id.
    pub request: RequestId,
    /// When it was refused.
    pub at: Timestamp,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, SecretText)>,
    /// Everything after `?`.
    pub query: SecretText,
    /// The method, in capitals.
    pub method: String,
    /// The host.
    pub authority: String,
    /// The path.
    pub path: String,
    /// The token that stood in it, with its name.
    pub path_token: Option<SecretText>,
    /// What the TLS handshake agreed on.
    pub alpn: Option<String>,
    /// The client's address.
    pub ip: Option<IpAddr>,
    /// What it is about, if that is not in its path.
    pub content: Option<StreamId>,
    /// What was written down of it.
    pub entry: AuditEntry,
}

impl Remembered {
    fn size(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers
            .map(|(name, text)| name.len() + text.expose().len())
            .sum();
        let token = self.path_token.as_ref();
        let token = token.map_or(0, |token| token.expose().len());
        headers + self.query.expose().len() + self.path.len() + token
    }
}

impl Headers for Remembered {
    fn values<'a>(&'a self, name: &'a str) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        let named = self.headers.iter().filter(move |(found, _)| found == name);
        Box::new(named.map(|(_, text)| text.expose()))
    }
}

/// The last ones.
#[derive(Default)]
pub(super) struct Recent(Mutex<VecDeque<Arc<Remembered>>>);

impl Recent {
    pub(super) fn keep(&self, request: Remembered) {
        if request.size() > LARGEST {
            return;
        }
        let mut kept = self.lock();
        if kept.len() == MOST {
            kept.pop_front();
        }
        kept.push_back(Arc::new(request));
    }

    pub(super) fn find(&self, request: &str) -> Option<Arc<Remembered>> {
        let kept = self.lock();
        let found = kept
            .iter()
            .rev()
            .find(|kept| kept.request.to_string() == request);
        found.cloned()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Remembered>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
