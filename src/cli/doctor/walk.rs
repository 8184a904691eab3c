//! One client's way through a stream: playlists, their keys, the first and the last segment of
//! each rendition.
//!
//! Must not know: how a fault is printed.

use reqwest::Url;

use super::ask::{Seen, What, ask};
use super::check;
use super::client::{Client, Kit};
use super::code;
use super::define::{self, Values};
use super::fault::{Faults, Place};
use super::media::{self, Rendition};
use super::outcome::Outcome;
use super::shown::shown;
use crate::playlist::{ChildKind, MediaPlaylist, Playlist, Segment};

/// One client under way.
pub(super) struct Walk<'a, 'f> {
    pub(super) outcome: Outcome<'a>,
    pub(super) faults: &'f mut Faults,
}

/// The most keys of one rendition that are asked for.
const MOST_KEYS: usize = 16;

impl<'a, 'f> Walk<'a, 'f> {
    pub(super) fn new(kit: &'a Kit, faults: &'f mut Faults) -> Self {
        Self {
            outcome: Outcome::of(kit),
            faults,
        }
    }

    pub(super) async fn go(&mut self) {
        let top = self.outcome.kit.top.clone();
        let Some((seen, text)) = self.playlist("", &top, &Values::new()).await else {
            return;
        };
        match Playlist::parse(&text.text) {
            Err(error) => self.broken("", &seen.url, &error.to_string()),
            Ok(Playlist::Media(list)) => {
                let name = name_of(&seen.url, &seen.url);
                self.rendition((&name, "media"), &seen, (&text.text, list), &Values::new())
                    .await;
            }
            Ok(Playlist::Multivariant(list)) => {
                let mut known: Vec<Url> = Vec::new();
                for child in list.children() {
                    let Ok(url) = seen.url.join(&child.uri) else {
                        self.broken("", &seen.url, "a child's URI is none");
                        continue;
                    };
                    if !known.contains(&url) {
                        known.push(url.clone());
                        let name = name_of(&url, &seen.url);
                        self.child((&name, kind(child.kind)), &url, &text.values)
                            .await;
                    }
                }
            }
        }
        check::clear::ladder(self);
    }

    async fn child(&mut self, named: (&str, &'static str), url: &Url, above: &Values) {
        let Some((seen, text)) = self.playlist(named.0, url, above).await else {
            return;
        };
        match Playlist::parse(&text.text) {
            Ok(Playlist::Media(list)) => {
                self.rendition(named, &seen, (&text.text, list), above)
                    .await;
            }
            Ok(Playlist::Multivariant(_)) => {
                self.broken(named.0, url, "it is a multivariant playlist again");
            }
            Err(error) => self.broken(named.0, url, &error.to_string()),
        }
    }

    /// A playlist's answer and its text, if it came.
    async fn playlist(
        &mut self,
        rendition: &str,
        url: &Url,
        above: &Values,
    ) -> Option<(Seen, define::Resolved)> {
        let seen = self.get(What::Playlist, rendition, url, None).await?;
        if !seen.is_good() {
            let status = seen.answer.status;
            let place = self.place(rendition, &seen.url);
            self.faults
                .add(&code::PLAYLIST_REFUSED, place, format!("status {status}"));
            self.stop(format!(
                "the playlist {} answers {status}",
                shown(&seen.url)
            ));
            return None;
        }
        let written = String::from_utf8_lossy(&seen.body).into_owned();
        let resolved = define::resolve(&written, &seen.url, above);
        self.outcome.by.define |= resolved.by_query;
        if let Some(name) = resolved.missing.first() {
            let place = self.place(rendition, &seen.url);
            let text = format!("EXT-X-DEFINE of {name} has no value here");
            self.faults.add(&code::DEFINE_WITHOUT_VALUE, place, &text);
            self.stop(text);
        }
        let place = self.place(rendition, &seen.url);
        check::tags::judge(&written, place, self.faults);
        Some((seen, resolved))
    }

    async fn rendition(
        &mut self,
        (name, kind): (&str, &'static str),
        seen: &Seen,
        (text, list): (&str, MediaPlaylist),
        above: &Values,
    ) {
        let place = self.place(name, &seen.url);
        check::cache::playlist(seen, &list, place, self.faults);
        check::time::dates(seen, &list, place, self.faults);
        // What has another format is for other players: the draft has them ignored.
        let own = media::identity_alone(text);
        let list = Playlist::media(&own).unwrap_or(list);
        let rendition = Rendition {
            name: name.to_owned(),
            kind,
            url: seen.url.clone(),
            list,
            above: above.clone(),
        };
        self.keys_of(&rendition).await;
        for segment in rendition.ends() {
            self.segment(&rendition, &segment).await;
        }
        self.outcome.renditions.push(rendition);
    }

    async fn keys_of(&mut self, rendition: &Rendition) {
        for url in rendition.keys().into_iter().take(MOST_KEYS) {
            if self.outcome.keys.contains_key(url.as_str()) {
                continue;
            }
            let place = self.place(&rendition.name, &url);
            if url.scheme() == "http" {
                self.faults.add(&code::KEY_IN_CLEAR, place, "http://");
            }
            let seen = self.get(What::Key, &rendition.name, &url, None).await;
            let key = seen.and_then(|seen| check::key::judge(self, &rendition.name, &url, &seen));
            self.outcome.keys.insert(url.to_string(), key);
        }
    }

    async fn segment(&mut self, rendition: &Rendition, segment: &Segment) {
        if let Some(map) = segment.map.as_deref()
            && let Some(url) = rendition.join(&map.uri)
            && let Some(seen) = self
                .get(What::Section, &rendition.name, &url, map.range)
                .await
        {
            check::segment::section(self, rendition, map, &seen);
        }
        let Some(url) = rendition.join(&segment.uri) else {
            return self.broken(&rendition.name, &rendition.url, "a segment's URI is none");
        };
        let range = segment.range;
        if let Some(seen) = self.get(What::Segment, &rendition.name, &url, range).await {
            check::segment::judge(self, rendition, segment, &seen);
        }
    }

    /// Asks, and judges what holds of every answer.
    async fn get(
        &mut self,
        what: What,
        rendition: &str,
        url: &Url,
        range: Option<crate::playlist::ByteRange>,
    ) -> Option<Seen> {
        let range = range.map(|it| format!("bytes={}-{}", it.offset(), it.end() - 1));
        match ask(self.outcome.kit, what, url, range.as_deref()).await {
            Ok(seen) => {
                let place = self.place(rendition, url);
                check::answer::judge(&seen, place, self.faults);
                if let Some(why) =
                    check::cors::judge(self.outcome.kit, &seen, place, self.faults).await
                {
                    self.stop(why);
                }
                Some(seen)
            }
            Err(error) => {
                let why = format!("{}: {error}", shown(url));
                if url == &self.outcome.kit.top {
                    self.outcome.silent = Some(why.clone());
                } else {
                    let place = self.place(rendition, url);
                    self.faults
                        .add(&code::UNREACHABLE, place, error.to_string());
                }
                self.stop(why);
                None
            }
        }
    }

    fn broken(&mut self, rendition: &str, url: &Url, why: &str) {
        let place = self.place(rendition, url);
        self.faults.add(&code::PLAYLIST_BROKEN, place, why);
        self.stop(format!("{}: {why}", shown(url)));
    }

    /// It does not play any more, for this reason if it is the first.
    pub(super) fn stop(&mut self, why: String) {
        self.outcome.why.get_or_insert(why);
    }

    pub(super) fn place<'p>(&self, rendition: &'p str, url: &'p Url) -> Place<'p> {
        Place {
            client: Some(self.outcome.kit.client),
            ..Place::of_rendition(rendition, url)
        }
    }

    /// Whether it has anything to show at `url`, by whichever way.
    pub(super) fn has_credential(&self, url: &Url) -> bool {
        let shows = self.outcome.kit.shows(url, true);
        let in_url = url.query().is_some() || super::shown::has_token_in_path(url);
        in_url || shows.bearer.is_some() || shows.cookies.is_some()
    }

    /// Whether it is one that could use what was given to the doctor.
    pub(super) fn was_equipped(&self) -> bool {
        let can_cookie = matches!(self.outcome.kit.client, Client::Native | Client::HlsJs);
        let queried =
            super::shown::without_tokens(&self.outcome.kit.top, None) != self.outcome.kit.top;
        queried || self.outcome.kit.has_bearer() || (can_cookie && self.outcome.kit.with_cookies)
    }
}

fn kind(kind: ChildKind) -> &'static str {
    match kind {
        ChildKind::Variant => "variant",
        ChildKind::Rendition => "rendition",
        ChildKind::IFrame => "i-frames",
    }
}

/// The path of `url` below the folder of `top`, without its query.
fn name_of(url: &Url, top: &Url) -> String {
    let folder = top.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    let below = url.path().strip_prefix(folder).unwrap_or(url.path());
    below.trim_start_matches('/').to_owned()
}
