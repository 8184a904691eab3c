//! An encrypted recording as source: its playlists as they were clear, and its keys.
//!
//! Must not know: how the keys' periods were made.

use std::time::Duration;

use tokio::time::Instant;

use super::client::{Client, ClientError};
use super::engine::Engine;
use super::event::StallReason;
use super::notices::Stall;
use super::options::Options;
use super::path::Beneath;
use super::restore::kid_of;
use super::source::Locks;
use crate::crypto::{ContentKey, Iv};
use crate::domain::Kid;
use crate::playlist::{Definitions, MediaPlaylist};

impl Engine {
    /// The list at `at` without its key tags, if it is one of an encrypted recording; each of its
    /// files is noted with what opens it.
    pub(super) fn opened(
        &mut self,
        at: &Beneath,
        list: &MediaPlaylist,
        definitions: &Definitions,
    ) -> Result<Option<MediaPlaylist>, Stall> {
        if !self.is_recording || !list.is_encrypted() {
            return Ok(None);
        }
        if list
            .segments()
            .iter()
            .any(|segment| segment.range.is_some())
        {
            let detail = "ranges of a recording's files cannot be opened";
            return Err(refusal(detail.to_owned()));
        }
        self.lock_sections(at, list)?;
        for segment in list.segments().iter().filter(|segment| !segment.gap) {
            let path = at.resolve_segment(&segment.uri);
            let (Some(key), Ok(path)) = (&segment.key, path) else {
                continue;
            };
            let iv = match &key.iv {
                None => Some(Iv::of_sequence(segment.msn)),
                Some(text) => Iv::parse(text),
            };
            let iv = iv.ok_or_else(|| refusal(format!("segment {}: no IV", segment.msn)))?;
            self.source.locks.lock(path, &key.uri, iv);
        }
        let clear = list.without_keys(definitions);
        clear.map(Some).map_err(|error| refusal(error.to_string()))
    }

    /// The same of encrypted initialisation sections, which are under keys of their own tags.
    fn lock_sections(&mut self, at: &Beneath, list: &MediaPlaylist) -> Result<(), Stall> {
        let maps = list.segments().iter().filter_map(|s| s.map.as_deref());
        for map in maps {
            let (Some(key), Ok(path)) = (&map.key, at.resolve_segment(&map.uri)) else {
                continue;
            };
            let iv = key.iv.as_deref().and_then(Iv::parse);
            let iv = iv.ok_or_else(|| refusal(format!("{}: no IV", map.uri)))?;
            self.source.locks.lock(path, &key.uri, iv);
        }
        Ok(())
    }
}

/// Asks for the keys of the stream that was recorded.
pub(super) struct Opener {
    client: Client,
    asked: Option<Instant>,
}

/// A key that is not to be had is asked for again after this.
const AGAIN: Duration = Duration::from_secs(2);

impl Opener {
    /// One for the stream that the source is a recording of, if it is one.
    pub(super) fn of(options: &Options, instance: &str) -> Option<Result<Self, ClientError>> {
        let options = Options {
            stream: options.recorded.clone()?,
            ..options.clone()
        };
        let client = Client::new(&options, instance);
        Some(client.map(|client| Self {
            client,
            asked: None,
        }))
    }

    /// Fetches the keys that are not known yet.
    pub(super) async fn unlock(&mut self, locks: &mut Locks) {
        if self.asked.is_some_and(|last| last.elapsed() < AGAIN) {
            return;
        }
        let mut unanswered: Option<String> = None;
        for uri in locks.wanted() {
            self.asked = Some(Instant::now());
            let key = match &unanswered {
                Some(why) => Err(why.clone()),
                None => self.fetch(&uri).await.map_err(|no_key| {
                    if let NoKey::Unanswered(why) = &no_key {
                        unanswered = Some(why.clone());
                    }
                    no_key.to_string()
                }),
            };
            locks.unlock(uri, key);
        }
    }

    async fn fetch(&self, uri: &str) -> Result<ContentKey, NoKey> {
        let kid = kid_of(uri).ok_or(NoKey::Foreign)?;
        match self.client.period_of(kid).await {
            Ok(Some(period)) => Ok(period.key.into_key()),
            Ok(None) => Err(NoKey::Gone(kid)),
            Err(error) => Err(NoKey::Unanswered(error.to_string())),
        }
    }
}

/// Why a recording's key is not to be had.
#[derive(Debug, thiserror::Error)]
enum NoKey {
    #[error("its URI is none of this server's")]
    Foreign,
    #[error("{0} is no key of the recorded stream, or destroyed")]
    Gone(Kid),
    /// The server is away or refuses the credential: it would say the same of every key.
    #[error("{0}")]
    Unanswered(String),
}

fn refusal(detail: String) -> Stall {
    Stall {
        msn: None,
        reason: StallReason::AlreadyEncrypted,
        detail,
    }
}
