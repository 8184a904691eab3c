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
use crate::playlist::MediaPlaylist;

impl Engine {
    /// The list at `at` without its key tags, if it is one of an encrypted recording; each of its
    /// files is noted with what opens it.
    pub(super) fn opened(
        &mut self,
        at: &Beneath,
        list: &MediaPlaylist,
    ) -> Result<Option<MediaPlaylist>, Stall> {
        if !self.is_recording || !list.is_encrypted() {
            return Ok(None);
        }
        let recording = list.recording();
        let recording = recording.map_err(|error| refusal(error.to_string()))?;
        if list
            .segments()
            .iter()
            .any(|segment| segment.range.is_some())
        {
            let detail = "ranges of a recording's files cannot be opened";
            return Err(refusal(detail.to_owned()));
        }
        self.lock_sections(at, list)?;
        for (segment, key) in list.segments().iter().zip(&recording.keys) {
            let (Some(key), Ok(path)) = (key, at.resolve_segment(&segment.uri)) else {
                continue;
            };
            let iv = match &key.iv {
                None => Some(Iv::of_sequence(segment.msn)),
                Some(text) => Iv::parse(text),
            };
            let iv = iv.ok_or_else(|| refusal(format!("segment {}: no IV", segment.msn)))?;
            self.source.locks.lock(path, &key.uri, iv);
        }
        Ok(Some(recording.list))
    }

    /// The same of encrypted initialisation sections, which are under keys of their own tags.
    fn lock_sections(&mut self, at: &Beneath, list: &MediaPlaylist) -> Result<(), Stall> {
        let maps = list.segments().iter().filter_map(|s| s.map.as_deref());
        for map in maps {
            let (Some(key), Ok(path)) = (&map.key, at.resolve_segment(&map.uri)) else {
                continue;
            };
            let iv = key.iv.as_deref().and_then(Iv::parse);
            let iv = iv.ok_or_else(|| refusal(format!("line {}: no IV", map.line)))?;
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
        for uri in locks.wanted() {
            let key = self.fetch(&uri).await;
            let failed = key.is_err();
            locks.unlock(uri, key);
            self.asked = Some(Instant::now());
            if failed {
                return; // the others would take as long
            }
        }
    }

    async fn fetch(&self, uri: &str) -> Result<ContentKey, String> {
        let kid = kid_of(uri).ok_or("its URI is none of this server's")?;
        match self.client.period_of(kid).await {
            Ok(Some(period)) => Ok(period.key.into_key()),
            Ok(None) => Err(format!(
                "{kid} is no key of the recorded stream, or destroyed"
            )),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn refusal(detail: String) -> Stall {
    Stall {
        msn: None,
        reason: StallReason::AlreadyEncrypted,
        detail,
    }
}
