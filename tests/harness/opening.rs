//! A viewer of a finished folder: fetches its keys, opens its segments, or hands it to a player.
//!
//! Must not know: what is behind the ciphertext.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::encrypt::Encrypt;
use super::serve::Serve;
use crate::independent::cipher::Block;
use crate::independent::opened::{Opened, Within, open};

/// What a viewer has who was let in.
pub(crate) struct Viewing {
    root: PathBuf,
    keys: BTreeMap<String, Block>,
}

impl Viewing {
    /// Of all that the job has published.
    pub(crate) async fn of(serve: &Serve, job: &Encrypt) -> Self {
        let texts = playlists(&job.sink).into_values();
        let uris: BTreeSet<String> = texts.flat_map(|text| key_uris(&text)).collect();
        let viewer = serve.viewer(&job.stream);
        let mut keys = BTreeMap::new();
        for uri in uris {
            let answer = viewer.get(&uri).await.expect(200);
            keys.insert(uri, answer.body.as_slice().try_into().unwrap());
        }
        let root = job.sink.clone();
        Self { root, keys }
    }

    /// A published file's text.
    pub(crate) fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Every segment of a rendition; a fault is a panic.
    pub(crate) fn open(&self, rendition: &str) -> Vec<Opened> {
        self.open_text(rendition, &self.text(rendition))
    }

    /// The same of a text that the rendition's playlist had before the keys were fetched.
    pub(crate) fn open_text(&self, rendition: &str, text: &str) -> Vec<Opened> {
        let file = |path: &str| std::fs::read(self.root.join(path)).ok();
        let within = Within {
            keys: &self.keys,
            file: &file,
        };
        open(rendition, text, &within)
            .unwrap_or_else(|fault| panic!("{rendition}: {fault}\n{text}"))
    }

    /// A copy for a player that knows files alone: the keys lie beside the playlists.
    pub(crate) fn copy_to(&self, to: &Path) {
        for path in files(&self.root) {
            let target = to.join(&path);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(self.root.join(&path), target).unwrap();
        }
        for (path, text) in playlists(&self.root) {
            let mut local = text.clone();
            for uri in key_uris(&text) {
                let name = format!("{}.key", uri.rsplit('/').next().unwrap());
                local = local.replace(&uri, &name);
                let folder = to.join(&path).parent().unwrap().to_owned();
                std::fs::write(folder.join(name), self.keys[&uri]).unwrap();
            }
            std::fs::write(to.join(&path), local).unwrap();
        }
    }
}

/// The files below `root`, relative to it; hidden ones are nobody's.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_hidden = path.file_name().unwrap().to_string_lossy().starts_with('.');
            match path.is_dir() {
                _ if is_hidden => {}
                true => folders.push(path),
                false => found.push(path.strip_prefix(root).unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}

fn playlists(root: &Path) -> BTreeMap<PathBuf, String> {
    let all = files(root).into_iter();
    let lists = all.filter(|path| path.extension().is_some_and(|end| end == "m3u8"));
    lists
        .map(|path| {
            let text = std::fs::read_to_string(root.join(&path)).unwrap();
            (path, text)
        })
        .collect()
}

/// The URIs of its key tags.
fn key_uris(text: &str) -> Vec<String> {
    let tags = text
        .lines()
        .filter(|line| line.contains("-KEY:METHOD=AES-128"));
    let uris = tags.filter_map(|tag| tag.split_once("URI=\"")?.1.split('"').next());
    uris.map(str::to_owned).collect()
}
