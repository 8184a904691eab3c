//! The server that is followed: its lists as text, its files into the spool.
//!
//! A request goes to the server of the operator's own URL, or to one that he allowed; redirects are
//! followed by hand and held to the same. Must not know: what a list says.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{
    CONTENT_RANGE, ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
    RANGE,
};
use tokio::time::timeout;

use super::allowed::Allowed;
use super::fault::PullError;
use crate::encryptor::path::Beneath;
use crate::encryptor::spool::{Spool, SpoolError, Upload};
use crate::outbound::{Client, Opened, OutboundError, Terms};
use crate::playlist::MAX_BYTES;

/// Whom to ask, and within which bounds.
pub(super) struct Origin {
    client: Client,
    top: Url,
    allowed: Allowed,
}

/// A list as it was just read.
pub(super) struct Page {
    /// Where it lies, redirects followed: its URIs are relative to this.
    pub(super) url: Url,
    pub(super) text: String,
    pub(super) seen: Seen,
}

/// What tells whether a list has changed.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    etag: Option<String>,
    modified: Option<String>,
}

const CONNECT: Duration = Duration::from_secs(5);
/// For all of a list.
const WHOLE: Duration = Duration::from_secs(60);
/// A file may be long, and the way slow: as long as something comes, it is waited for.
const SILENCE: Duration = Duration::from_secs(30);
/// What a file that has grown is asked for again, in bytes, so that another one is not taken for it.
const OVERLAP: u64 = 64 * 1024;
const MOST_REDIRECTS: usize = 5;
/// What is handed to the disk at once, in bytes.
const BATCH: usize = 256 * 1024;

impl Origin {
    pub(super) fn new(top: Url, allowed: &[String], ca: Option<&Path>) -> Result<Self, PullError> {
        let allowed = Allowed::of(&top, allowed)?;
        let authorities: Vec<&Path> = ca.into_iter().collect();
        let client = Client::new(&Terms {
            hosts: &allowed.hosts(),
            authorities: &authorities,
            connect: CONNECT,
            silence: Some(SILENCE),
            cookies: true,
            ..Terms::default()
        })?;
        Ok(Self {
            client,
            top,
            allowed,
        })
    }

    /// The URL that the operator gave.
    pub(super) fn top(&self) -> &Url {
        &self.top
    }

    /// What `uri`, in a list at `base`, leads to. The operator's user and token open what lies on
    /// his server too: they are put where a list says none of its own.
    pub(super) fn resolve(&self, base: &Url, uri: &str) -> Result<Url, PullError> {
        let mut url = base.join(uri).map_err(|_| PullError::NoUrl)?;
        self.check(base, &url)?;
        if !self.allowed.is_own(&url) {
            return Ok(url);
        }
        if url.query().is_none() {
            url.set_query(self.top.query());
        }
        if url.username().is_empty() {
            let password = self.top.password();
            let set = url.set_username(self.top.username());
            set.and_then(|()| url.set_password(password))
                .map_err(|()| PullError::NoUrl)?;
        }
        Ok(url)
    }

    fn check(&self, base: &Url, url: &Url) -> Result<(), PullError> {
        match (base.scheme(), url.scheme()) {
            ("https", "http") => Err(PullError::Downgrade),
            (_, "http" | "https") if self.allowed.has(url) => Ok(()),
            (_, "http" | "https") => Err(PullError::Elsewhere(server_of(url))),
            _ => Err(PullError::NoUrl),
        }
    }

    /// The list at `url`; `None` if it is as it was `seen`.
    pub(super) async fn list(&self, url: &Url, seen: &Seen) -> Result<Option<Page>, PullError> {
        let list = timeout(WHOLE, self.whole_list(url, seen)).await;
        list.unwrap_or(Err(PullError::Outbound(OutboundError::Late)))
    }

    async fn whole_list(&self, url: &Url, seen: &Seen) -> Result<Option<Page>, PullError> {
        let (url, mut opened) = self.open(url.clone(), &seen.headers()).await?;
        if opened.status == 304 {
            return Ok(None);
        }
        let seen = Seen::of(&opened);
        let mut bytes = Vec::new();
        while let Some(piece) = opened.piece().await? {
            bytes.extend_from_slice(piece.as_ref());
            if bytes.len() > MAX_BYTES {
                return Err(PullError::LongList);
            }
        }
        let text = String::from_utf8(bytes).map_err(|_| PullError::NoPlaylist("UTF-8"))?;
        Ok(Some(Page { url, text, seen }))
    }

    /// Puts the file at `url` into the spool, whole or not at all; `None` if it is as it was `seen`.
    pub(super) async fn file(
        &self,
        url: &Url,
        spool: &Arc<Spool>,
        (path, seen): (&Beneath, &Seen),
    ) -> Result<Option<Seen>, PullError> {
        let (_, mut opened) = self.open(url.clone(), &seen.headers()).await?;
        if opened.status == 304 {
            return Ok(None);
        }
        let seen = Seen::of(&opened);
        let upload = spool.begin_at(path.clone())?;
        pour(&mut opened, upload, Vec::new()).await?;
        Ok(Some(seen))
    }

    /// The same of a file that has grown since `held` bytes of it were put into the spool: asks for the
    /// rest, and for what is fetched whole where the server gives no ranges. `None` where what it gives
    /// is no rest of that file.
    pub(super) async fn rest(
        &self,
        url: &Url,
        spool: &Arc<Spool>,
        (path, held): (&Beneath, u64),
    ) -> Result<Option<Seen>, PullError> {
        let from = held.saturating_sub(OVERLAP);
        let range = (RANGE, format!("bytes={from}-"));
        let mut opened = match self.open(url.clone(), &[range]).await {
            Err(PullError::Status(416)) => return Ok(None),
            opened => opened?.1,
        };
        let seen = Seen::of(&opened);
        if opened.status != 206 {
            pour(&mut opened, spool.begin_at(path.clone())?, Vec::new()).await?;
            return Ok(Some(seen));
        }
        let begins = format!("bytes {from}-");
        let is_asked = |range: &str| range.starts_with(&begins);
        if !opened.header(&CONTENT_RANGE).is_some_and(is_asked) {
            return Ok(None);
        }
        let known = end_of(spool, path, (from, held)).await?;
        let Some(new) = after(&mut opened, &known).await? else {
            return Ok(None);
        };
        let mut upload = spool.begin_at(path.clone())?;
        let upload = blocking(move || Ok(upload.write_before(held).map(|()| upload)?)).await?;
        pour(&mut opened, upload, new).await?;
        Ok(Some(seen))
    }

    /// The bytes of a file that has at most `most`.
    pub(super) async fn bytes(&self, url: &Url, most: usize) -> Result<Vec<u8>, PullError> {
        let (_, mut opened) = self.open(url.clone(), &[]).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = opened.piece().await? {
            bytes.extend_from_slice(piece.as_ref());
            if bytes.len() > most {
                return Err(PullError::TooLong);
            }
        }
        Ok(bytes)
    }

    async fn open(
        &self,
        mut url: Url,
        headers: &[(HeaderName, String)],
    ) -> Result<(Url, Opened), PullError> {
        let asks_range = headers.iter().any(|(name, _)| name == RANGE);
        for _ in 0..=MOST_REDIRECTS {
            let opened = self.client.open(&url, headers).await?;
            match opened.status {
                200 | 304 => return Ok((url, opened)),
                206 if asks_range => return Ok((url, opened)),
                301 | 302 | 303 | 307 | 308 => {
                    let to = opened.header(&LOCATION).ok_or(PullError::NoUrl)?;
                    let next = url.join(to).map_err(|_| PullError::NoUrl)?;
                    self.check(&url, &next)?;
                    url = next;
                }
                status => return Err(PullError::Status(status)),
            }
        }
        Err(PullError::Loop)
    }
}

/// What the spool has of a file between two of its bytes.
async fn end_of(
    spool: &Arc<Spool>,
    path: &Beneath,
    (from, to): (u64, u64),
) -> Result<Vec<u8>, PullError> {
    let (path, spool) = (path.clone(), spool.clone());
    blocking(move || {
        let known = spool.range(&path, from, to - from);
        known.map_err(|error| PullError::Spool(SpoolError::Disk(error)))
    })
    .await
}

/// What comes after `known`, as far as it has come; `None` if something else comes.
async fn after(opened: &mut Opened, known: &[u8]) -> Result<Option<Vec<u8>>, PullError> {
    let mut first = Vec::new();
    while first.len() < known.len() {
        let Some(piece) = opened.piece().await? else {
            return Ok(None);
        };
        first.extend_from_slice(piece.as_ref());
    }
    let is_same = first.starts_with(known);
    Ok(is_same.then(|| first.split_off(known.len())))
}

/// Puts `held` and what comes into a file of the spool, and keeps it.
async fn pour(opened: &mut Opened, mut upload: Upload, mut held: Vec<u8>) -> Result<(), PullError> {
    while let Some(piece) = opened.piece().await? {
        held.extend_from_slice(piece.as_ref());
        if held.len() >= BATCH {
            let batch = std::mem::take(&mut held);
            upload = blocking(move || Ok(upload.write(&batch).map(|()| upload)?)).await?;
        }
    }
    blocking(move || {
        upload.write(&held)?;
        upload.keep()?;
        Ok(())
    })
    .await
}

impl Seen {
    fn of(opened: &Opened) -> Self {
        Self {
            etag: opened.header(&ETAG).map(str::to_owned),
            modified: opened.header(&LAST_MODIFIED).map(str::to_owned),
        }
    }

    /// RFC 9110 §13.1: an entity tag says it better than a time, which has whole seconds.
    fn headers(&self) -> Vec<(HeaderName, String)> {
        let by_tag = self.etag.clone().map(|etag| (IF_NONE_MATCH, etag));
        let by_time = || Some((IF_MODIFIED_SINCE, self.modified.clone()?));
        by_tag.or_else(by_time).into_iter().collect()
    }
}

/// Its host, and its port where it says one.
fn server_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}"));
    format!("{host}{}", port.unwrap_or_default())
}

/// Something for the disk, on a thread that may wait for it.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PullError> + Send + 'static,
) -> Result<T, PullError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| PullError::Task(error.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(top: &str) -> Origin {
        let allowed = ["cdn.example", "CDN.example:8443", "[::1]:81"].map(str::to_owned);
        Origin::new(top.parse().unwrap(), &allowed, None).unwrap()
    }

    #[test]
    fn the_operators_token_opens_what_lies_on_his_server_alone() {
        let origin = origin("https://u:p@o.example/live/a.m3u8?token=t");
        let base = origin.top().clone();
        let to = |uri: &str| origin.resolve(&base, uri).unwrap().to_string();
        assert_eq!(to("s.ts"), "https://u:p@o.example/live/s.ts?token=t");
        assert_eq!(to("s.ts?own=1"), "https://u:p@o.example/live/s.ts?own=1");
        assert_eq!(to("/s.ts"), "https://u:p@o.example/s.ts?token=t");
        assert_eq!(to("https://cdn.example/s.ts"), "https://cdn.example/s.ts");
        let elsewhere = "https://cdn.example:8443/s.ts";
        assert_eq!(to(elsewhere), elsewhere);
        assert_eq!(to("https://[::1]:81/s.ts"), "https://[::1]:81/s.ts");
        let absolute = "https://o.example/s.ts";
        assert_eq!(to(absolute), "https://u:p@o.example/s.ts?token=t");
    }

    #[test]
    fn a_server_is_allowed_by_a_host_and_perhaps_a_port() {
        let top: Url = "https://o.example/a.m3u8".parse().unwrap();
        for bad in ["", "a b", "host:99999", ":80"] {
            let made = Origin::new(top.clone(), &[bad.to_owned()], None);
            assert!(matches!(made, Err(PullError::Place(_))), "{bad:?}");
        }
    }

    #[test]
    fn a_port_that_is_a_schemes_own_is_that_port() {
        let top: Url = "http://o.example/a.m3u8".parse().unwrap();
        let allowed = ["a.example:80", "b.example:443", "c.example"].map(str::to_owned);
        let origin = Origin::new(top.clone(), &allowed, None).unwrap();
        for (uri, is_allowed) in [
            ("http://a.example/", true),
            ("http://a.example:80/", true),
            ("https://a.example/", false),
            ("http://b.example/", false),
            ("https://b.example/", true),
            ("http://c.example/", true),
            ("https://c.example/", true),
            ("https://c.example:80/", false),
        ] {
            assert_eq!(origin.resolve(&top, uri).is_ok(), is_allowed, "{uri}");
        }
    }

    #[test]
    fn no_list_leads_to_where_the_operator_did_not_say() {
        let origin = origin("https://o.example/a.m3u8");
        let base = origin.top().clone();
        let refused = |uri: &str| origin.resolve(&base, uri).unwrap_err();
        for uri in [
            "https://evil.example/",
            "//169.254.169.254/latest",
            "https://127.0.0.1/",
            "https://o.example:8443/",
            "https://cdn.example:81/",
            "https://[::1]/",
        ] {
            assert!(matches!(refused(uri), PullError::Elsewhere(_)), "{uri}");
        }
        let other_port = refused("https://o.example:8443/").to_string();
        assert!(other_port.contains("o.example:8443"), "{other_port}");
        assert!(matches!(refused("http://o.example/"), PullError::Downgrade));
        for uri in ["file:///etc/passwd", "data:,x", "https://["] {
            assert!(matches!(refused(uri), PullError::NoUrl), "{uri}");
        }
    }
}
