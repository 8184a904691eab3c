//! Keeps a mirror's note: a file before it is sent, a key before a playlist there names it.
//!
//! What is written at length, or made durable, holds up no other channel. Must not know: the place.

use std::io;

use tokio::task::spawn_blocking;

use super::mirror::Mirror;
use super::note::{Entry, Note, NoteFile};
use super::published::{ANY, ListedFile, Published};
use super::remote::Fault;
use crate::api::RenditionProgress;
use crate::crash;
use crate::encryptor::path::Beneath;
use crate::encryptor::periods::add;

/// The note, and what it says.
pub(super) struct Memory {
    token: String,
    /// Taken while it is written.
    file: Option<NoteFile>,
    /// The listings that it names.
    listings: Vec<RenditionProgress>,
}

impl Memory {
    pub(super) fn new(file: NoteFile, token: String) -> Self {
        Self {
            token,
            file: Some(file),
            listings: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.file.as_ref().is_none_or(NoteFile::is_full)
    }

    fn add(&mut self, entry: &Entry) -> Result<(), Fault> {
        match &mut self.file {
            Some(file) => file.add(entry).map_err(|error| local(&error)),
            None => Err(local(&io::Error::other("the note is lost"))),
        }
    }

    /// Does what takes its time on a thread of its own.
    async fn aside(
        &mut self,
        work: impl FnOnce(&mut NoteFile) -> io::Result<()> + Send + 'static,
    ) -> Result<(), Fault> {
        let Some(mut file) = self.file.take() else {
            return Err(local(&io::Error::other("the note is lost")));
        };
        let done = spawn_blocking(move || {
            let done = work(&mut file);
            (file, done)
        });
        let (file, done) = done
            .await
            .map_err(|error| local(&io::Error::other(error)))?;
        self.file = Some(file);
        done.map_err(|error| local(&error))
    }
}

fn local(error: &io::Error) -> Fault {
    Fault::Local(format!("the state folder: {error}"))
}

impl Mirror {
    /// Tells what may be listed from now on: the keys stay at least as long. A key is noted before
    /// a playlist there names it.
    pub(super) async fn expect(&mut self, published: &Published) -> Result<(), Fault> {
        let mut all = self.listed.clone();
        for list in published.media.values() {
            let name = list.at.as_str().to_owned();
            match all.get_mut(&name) {
                Some(one) => add(one, &list.progress),
                None => drop(all.insert(name, list.progress.clone())),
            }
        }
        let all: Vec<RenditionProgress> = all.into_values().collect();
        self.listing.send_replace(all.clone());
        let file = self.memory.file.as_ref();
        if file.is_some_and(|file| file.covers(&all)) {
            return Ok(());
        }
        self.make_room().await?;
        self.memory.listings.clone_from(&all);
        let added = self.memory.aside(move |file| {
            file.add(&Entry::Listings(all))?;
            file.settle()
        });
        added.await
    }

    /// A file is about to be sent: whatever becomes of it, it may be there.
    pub(super) async fn note_begun(&mut self, file: &ListedFile) -> Result<(), Fault> {
        self.known.insert(file.path.clone(), ANY);
        self.make_room().await?;
        self.memory.add(&Entry::Begun(file.path.to_string()))?;
        crash::point("replica.begun");
        Ok(())
    }

    /// It is there.
    pub(super) async fn note_sent(&mut self, file: ListedFile) -> Result<(), Fault> {
        self.moved();
        self.verified.insert(file.path.clone());
        let entry = Entry::There(file.path.to_string(), file.mark);
        self.known.insert(file.path, file.mark);
        self.make_room().await?;
        self.memory.add(&entry)
    }

    /// It is not there any more.
    pub(super) async fn note_gone(&mut self, path: &Beneath) -> Result<(), Fault> {
        self.leaving.remove(path);
        self.known.remove(path);
        self.make_room().await?;
        self.memory.add(&Entry::Gone(path.to_string()))
    }

    /// Notes what the playlists there list since the last time.
    pub(super) async fn remember(&mut self) -> Result<(), Fault> {
        let listings = self.listing.borrow().clone();
        if listings == self.memory.listings {
            return Ok(());
        }
        self.make_room().await?;
        self.memory.listings.clone_from(&listings);
        self.memory.add(&Entry::Listings(listings))
    }

    /// Writes the note anew once what was added is longer than it.
    async fn make_room(&mut self) -> Result<(), Fault> {
        if !self.memory.is_full() {
            return Ok(());
        }
        let files = self.known.iter();
        let files = files.map(|(path, mark)| (path.to_string(), *mark));
        let note = Note {
            token: self.memory.token.clone(),
            files: files.collect(),
            listings: self.listing.borrow().clone(),
        };
        self.memory.listings.clone_from(&note.listings);
        self.memory.aside(move |file| file.write(&note)).await
    }
}
