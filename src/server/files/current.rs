//! A list as it is now, read once for all who ask: whole, as a delta update, and both gzipped.
//!
//! Blocking: call it where blocking is allowed. Must not know: who asks, when it changes.

use std::io;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use actix_web::web::Bytes;

use super::{FileError, FilePath, Opened, gzip};
use crate::playlist::{Delivery, Directives, Edge, Form, MediaPlaylist, Playlist};

/// The list, and what it gives to delivery directives.
pub(crate) struct Current {
    /// The file's tag.
    pub(crate) tag: String,
    /// When it was written.
    pub(crate) modified: SystemTime,
    /// `None` for what is no media playlist: directives mean nothing to it.
    edge: Option<Edge>,
    /// The part that it says comes next (EXT-X-PRELOAD-HINT).
    pub(crate) hint: Option<FilePath>,
    whole: Body,
    delta: Option<Body>,
}

struct Body {
    plain: Bytes,
    gzipped: OnceLock<Bytes>,
}

impl Current {
    /// Reads all of it, as the list at `path`.
    pub(crate) fn read(mut opened: Opened, path: &FilePath) -> Result<Self, FileError> {
        let plain = opened.read_playlist()?;
        let text = std::str::from_utf8(&plain).ok();
        let list = text.and_then(Playlist::media);
        let delta = list.as_ref().and_then(MediaPlaylist::delta);
        let hint = list.as_ref().and_then(MediaPlaylist::hinted_part);
        Ok(Self {
            hint: hint.and_then(|uri| path.beside(uri)),
            tag: opened.tag,
            modified: opened.modified,
            edge: list.as_ref().map(Edge::of),
            delta: delta.map(|text| Body::of(text.into_bytes())),
            whole: Body::of(plain),
        })
    }

    /// What it gives to `asked`. Nothing is left out of a list in which nothing is old.
    pub(crate) fn answer(&self, asked: &Directives) -> Delivery {
        let whole = Delivery::Now(Form::Whole);
        match self.edge.map_or(whole, |edge| edge.answer(asked)) {
            Delivery::Now(Form::Delta) if self.delta.is_none() => whole,
            answer => answer,
        }
    }

    /// For how long the part that comes next is waited for.
    pub(crate) fn longest(&self) -> Duration {
        self.edge.map_or(Duration::ZERO, |edge| edge.longest())
    }

    /// Its text.
    pub(crate) fn plain(&self, form: Form) -> Bytes {
        self.body(form).plain.clone()
    }

    /// The same gzipped, which is done once.
    pub(crate) fn gzipped(&self, form: Form) -> io::Result<Bytes> {
        let body = self.body(form);
        if let Some(done) = body.gzipped.get() {
            return Ok(done.clone());
        }
        let done = gzip(&body.plain)?;
        Ok(body.gzipped.get_or_init(|| done.into()).clone())
    }

    fn body(&self, form: Form) -> &Body {
        match (form, &self.delta) {
            (Form::Delta, Some(delta)) => delta,
            _ => &self.whole,
        }
    }
}

impl Body {
    fn of(plain: Vec<u8>) -> Self {
        Self {
            plain: plain.into(),
            gzipped: OnceLock::new(),
        }
    }
}
