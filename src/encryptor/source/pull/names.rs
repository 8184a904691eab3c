//! What a list's URIs are called in the spool.
//!
//! A plain relative URI keeps its name; any other gets one made of a hash, so that it lies beneath the
//! spool's root. Queries are left out: there are tokens in them, and names are seen by viewers. Must
//! not know: how files are fetched.

use std::collections::HashMap;

use reqwest::Url;

use crate::crypto::{hex_of, sha256};
use crate::encryptor::path::Beneath;
use crate::playlist::MediaPlaylist;

/// A name in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Local {
    /// The file.
    pub(super) path: Beneath,
    /// The same as the list says it.
    pub(super) uri: String,
}

/// Names within one list.
pub(super) struct Names<'a> {
    at: &'a Beneath,
    base: &'a Url,
    /// URIs of files that differ in nothing but their queries, by what they have in common.
    alike: HashMap<String, Option<String>>,
}

/// Digits of a hash that stands in a name.
const DIGITS: usize = 16;
const MAX_PART: usize = 200;
const MAX_EXTENSION: usize = 5;

impl<'a> Names<'a> {
    /// In the list at `at`, which came from `base`, with these URIs.
    pub(super) fn new<'u>(
        at: &'a Beneath,
        base: &'a Url,
        uris: impl Iterator<Item = &'u str>,
    ) -> Self {
        let mut alike: HashMap<String, Option<String>> = HashMap::new();
        for uri in uris {
            let first = alike
                .entry(without_query(uri).to_owned())
                .or_insert_with(|| Some(uri.to_owned()));
            if first.as_deref() != Some(uri) {
                *first = None;
            }
        }
        Self { at, base, alike }
    }

    /// Of a media playlist.
    pub(super) fn of(at: &'a Beneath, base: &'a Url, list: &MediaPlaylist) -> Self {
        Self::new(at, base, list.segments().iter().map(|it| it.uri.as_str()))
    }

    /// A file that the list names: segment `msn`, if it is one.
    pub(super) fn file(&self, uri: &str, msn: Option<u64>) -> Option<Local> {
        let name = without_query(uri);
        let is_alone = self.alike.get(name).is_none_or(Option::is_some);
        let kept = self
            .kept(name)
            .filter(|local| is_alone && !local.path.is_playlist());
        kept.or_else(|| {
            let number = msn.filter(|_| !is_alone);
            let number = number.map_or_else(String::new, |msn| format!("-{msn}"));
            let name = format!("{}{number}{}", self.hashed(name)?, extension(name));
            self.beside(&name)
        })
    }

    /// A list that this one names. It gets a folder of its own with a name that is made up.
    pub(super) fn list(&self, uri: &str) -> Option<Local> {
        let name = without_query(uri);
        let is_alone = self.alike.get(name).is_none_or(Option::is_some);
        let kept = self
            .kept(name)
            .filter(|local| is_alone && local.path.as_str().ends_with(".m3u8"));
        kept.or_else(|| {
            let what = if is_alone { name } else { uri };
            self.beside(&format!("{}/index.m3u8", self.hashed(what)?))
        })
    }

    /// The file that a plain URI names beneath the list's own folder.
    fn kept(&self, name: &str) -> Option<Local> {
        let path = self.at.resolve(name).ok()?;
        let folder = self.at.folder();
        let below = path.as_str().strip_prefix(folder)?;
        let is_below = folder.is_empty() || below.starts_with('/');
        let is_plain = |part: &str| !part.starts_with('.') && part.len() <= MAX_PART;
        let is_plain = path.as_str().split('/').all(is_plain) && path.folders().count() <= 8;
        let uri = name.to_owned();
        (is_below && is_plain).then_some(Local { path, uri })
    }

    fn hashed(&self, uri: &str) -> Option<String> {
        let mut url = self.base.join(uri).ok()?;
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_fragment(None);
        let digits = hex_of(&sha256(url.as_str().as_bytes()));
        Some(format!("x{}", digits.get(..DIGITS)?))
    }

    fn beside(&self, name: &str) -> Option<Local> {
        let path = self.at.resolve(name).ok()?;
        let uri = name.to_owned();
        Some(Local { path, uri })
    }
}

/// The name of the list that the operator's URL leads to.
pub(super) fn top(url: &Url) -> Option<Beneath> {
    let last = url
        .path_segments()
        .and_then(Iterator::last)
        .unwrap_or_default();
    let stem = last.rsplit_once('.').map_or(last, |(stem, _)| stem);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
    let good = !stem.is_empty() && !stem.starts_with('.') && stem.chars().all(is_plain);
    let stem = if good && stem.len() <= MAX_PART {
        stem
    } else {
        "index"
    };
    Beneath::found(&format!("{stem}.m3u8"))
}

fn without_query(uri: &str) -> &str {
    uri.split(['?', '#']).next().unwrap_or(uri)
}

/// With its dot, where there is a plain one.
fn extension(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    let found = file.rsplit_once('.').map(|(_, extension)| extension);
    let is_plain = |it: &&str| {
        (1..=MAX_EXTENSION).contains(&it.len()) && it.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let found = found.filter(is_plain).map(str::to_ascii_lowercase);
    let found = found.filter(|it| !it.starts_with("m3u"));
    found.map_or_else(String::new, |it| format!(".{it}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://o.example/live/v0/index.m3u8?token=t";

    fn files(uris: &[&str]) -> Vec<String> {
        let (at, base) = (
            Beneath::found("v0/index.m3u8").unwrap(),
            BASE.parse().unwrap(),
        );
        let names = Names::new(&at, &base, uris.iter().copied());
        let named = uris
            .iter()
            .zip(7..)
            .map(|(uri, msn)| names.file(uri, Some(msn)));
        let named = named.map(|local| local.unwrap().path.as_str().to_owned());
        named.collect()
    }

    #[test]
    fn plain_names_are_kept_and_others_are_made_up() {
        let plain = files(&["a.ts", "deep/b.ts?token=t", "./c%20d.ts#x"]);
        assert_eq!(plain, ["v0/a.ts", "v0/deep/b.ts", "v0/c d.ts"]);
        let long = format!("{}.ts", "a".repeat(300));
        let odd = [
            "/a.ts?token=t",
            "https://o.example/a.m4s",
            "../a.ts",
            ".hidden.ts",
            "b.m3u8",
            &long,
            "../../../../a.ts",
        ];
        for (name, uri) in files(&odd).iter().zip(odd) {
            let file = name
                .strip_prefix("v0/x")
                .unwrap_or_else(|| panic!("{uri}: {name}"));
            assert!(
                file[..DIGITS].bytes().all(|b| b.is_ascii_hexdigit()),
                "{name}"
            );
            assert!(!name.contains("token"), "{name}");
        }
    }

    #[test]
    fn a_name_does_not_change_with_the_token() {
        let [one, other] = ["/a.ts?token=1", "/a.ts?token=2"].map(|uri| files(&[uri]));
        assert_eq!(one, other);
        assert_ne!(one, files(&["/b.ts?token=1"]));
    }

    #[test]
    fn what_differs_by_its_query_alone_is_told_apart_by_its_number() {
        let named = files(&["s?n=1", "s?n=2", "t?n=1", "range.ts", "range.ts"]);
        assert!(
            named[0].ends_with("-7") && named[1].ends_with("-8"),
            "{named:?}"
        );
        assert_eq!(named[2..], ["v0/t", "v0/range.ts", "v0/range.ts"]);
    }

    #[test]
    fn a_list_elsewhere_has_a_folder_of_its_own() {
        let (at, base) = (Beneath::found("m.m3u8").unwrap(), BASE.parse().unwrap());
        let uris = [
            "v0/i.m3u8?t=1",
            "/v1/i.m3u8",
            "list?id=1",
            "c.m3u8?id=1",
            "c.m3u8?id=2",
        ];
        let names = Names::new(&at, &base, uris.into_iter());
        let paths = uris.map(|uri| names.list(uri).unwrap().path.as_str().to_owned());
        assert_eq!(paths[0], "v0/i.m3u8");
        for path in &paths[1..] {
            assert!(
                path.starts_with('x') && path.ends_with("/index.m3u8"),
                "{path}"
            );
        }
        let apart: std::collections::HashSet<_> = paths.iter().collect();
        assert_eq!(apart.len(), paths.len());
    }

    #[test]
    fn the_top_list_is_called_as_its_url_ends() {
        for (url, name) in [
            ("https://o/live/master.m3u8?token=t", "master.m3u8"),
            ("https://o/live/playlist", "playlist.m3u8"),
            ("https://o/", "index.m3u8"),
            ("https://o/a%2Fb", "index.m3u8"),
        ] {
            assert_eq!(top(&url.parse().unwrap()).unwrap().as_str(), name);
        }
    }
}
