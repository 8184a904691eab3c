//! Beside each playlist, where that is wanted, its form for all viewers: written after it, and taken away where it is
//! wanted no more.
//!
//! Must not know: what is different in it.

use std::io;

use super::path::Beneath;
use super::sink::{DirSink, SinkError};
use crate::playlist::{QueryParameter, SharedError, is_shared_name, shared, shared_name};

/// Whether playlists have a shared form, and by which query parameter.
#[derive(Debug, Clone, Default)]
pub(super) struct Sharing(Option<QueryParameter>);

impl Sharing {
    pub(super) fn new(parameter: Option<QueryParameter>) -> Self {
        Self(parameter)
    }

    /// Where the shared form of the playlist at `at` lies.
    pub(super) fn path(at: &Beneath) -> Option<Beneath> {
        Beneath::found(&shared_name(at.as_str()))
    }

    /// Whether the source's playlist at `at` has a name that is another's.
    pub(super) fn has_taken(&self, at: &Beneath) -> bool {
        self.0.is_some() && is_shared_name(at.as_str())
    }

    /// The shared form of `text`, if there is to be one.
    pub(super) fn form(&self, text: &str) -> Option<Result<String, SharedError>> {
        self.0.as_ref().map(|parameter| shared(text, parameter))
    }

    /// Swaps a playlist in pieces, and its shared form, which is not read for that. Neither counts as swapped before
    /// both are.
    pub(super) fn swap(
        &self,
        sink: &mut DirSink,
        at: &Beneath,
        text: &[&[u8]],
    ) -> Result<(), SinkError> {
        sink.write_list(at, text)?;
        let (Some(_), Some(path)) = (&self.0, Self::path(at)) else {
            return Ok(());
        };
        let text = text.concat();
        match self.form(&String::from_utf8_lossy(&text)) {
            Some(form) => sink.write_playlist(&path, &form.map_err(|error| no_form(&path, error))?),
            None => Ok(()),
        }
    }

    /// Brings the shared form of what lies at `at` to `text`, or takes it away.
    pub(super) fn level(
        &self,
        sink: &mut DirSink,
        at: &Beneath,
        text: &str,
    ) -> Result<(), SinkError> {
        let Some(path) = Self::path(at) else {
            return Ok(());
        };
        let there = sink.playlist(&path).ok().flatten();
        let form = self.form(text).transpose();
        match form.map_err(|error| no_form(&path, error))? {
            Some(form) if there.as_deref() == Some(&form) => Ok(()),
            Some(form) => sink.write_playlist(&path, &form),
            None if there.is_some_and(|there| is_ours(&there)) => sink.remove(&path),
            None => Ok(()),
        }
    }
}

fn no_form(path: &Beneath, error: SharedError) -> SinkError {
    SinkError {
        path: path.to_string(),
        source: io::Error::other(error),
    }
}

/// Whether it is a shared form. A source may have a playlist of such a name, and a parameter in it, but no list that is
/// published of it asks for children or keys with that.
fn is_ours(text: &str) -> bool {
    text.contains("#EXT-X-DEFINE:QUERYPARAM=") && text.contains("={$")
}
