//! One request of one client: followed through redirects, with what CORS makes of it.
//!
//! Must not know: what the answer should be.

use std::io::Read as _;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, COOKIE, HeaderName, ORIGIN, RANGE};
use reqwest::{Method, Url};

use super::client::{Client, Kit};
use super::shown::shown;
use crate::domain::{Clock as _, SystemClock, Timestamp};
use crate::outbound::{Answer, OutboundError};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Playlist,
    Key,
    Section,
    Segment,
}

/// One answer as a client got it.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) what: What,
    /// Where it came from in the end.
    pub(super) url: Url,
    pub(super) answer: Answer,
    /// The body without content coding.
    pub(super) body: Vec<u8>,
    /// The statuses and targets of redirects.
    pub(super) hops: Vec<(u16, String)>,
    pub(super) with_bearer: bool,
    pub(super) with_cookies: bool,
    /// This machine's time then.
    pub(super) at: Timestamp,
}

/// The most that is read of anything.
const MOST: usize = 64 << 20;
const MOST_HOPS: usize = 5;

impl Seen {
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.answer.status, 401 | 403)
    }

    pub(super) fn is_good(&self) -> bool {
        matches!(self.answer.status, 200 | 206)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.answer.header(name).unwrap_or_default()
    }
}

/// Asks; playlists and others without the bearer, and again with it where they are refused.
pub(super) async fn ask(
    kit: &Kit,
    what: What,
    url: &Url,
    range: Option<&str>,
) -> Result<Seen, OutboundError> {
    let seen = once(kit, what, url, range, what == What::Key).await?;
    match seen.is_refused() && what == What::Playlist && kit.has_bearer() {
        true => once(kit, what, url, range, true).await,
        false => Ok(seen),
    }
}

async fn once(
    kit: &Kit,
    what: What,
    url: &Url,
    range: Option<&str>,
    wants_bearer: bool,
) -> Result<Seen, OutboundError> {
    let origin = url.origin();
    let (mut url, mut hops) = (url.clone(), Vec::new());
    loop {
        // No client takes it along to another server.
        let shows = kit.shows(&url, wants_bearer && url.origin() == origin);
        let mut headers = vec![(ACCEPT_ENCODING, "gzip".to_owned())];
        headers.extend(range.map(|range| (RANGE, range.to_owned())));
        let bearer = shows.bearer.as_ref();
        headers.extend(bearer.map(|it| (AUTHORIZATION, format!("Bearer {}", it.expose()))));
        headers.extend(shows.cookies.iter().map(|it| (COOKIE, it.clone())));
        headers.extend(origin_of(kit));
        let answer = kit.http.look(Method::GET, &url, &headers, MOST).await?;
        if matches!(kit.client, Client::Native | Client::HlsJs) {
            kit.take_cookies(answer.headers("set-cookie"), &url);
        }
        if let Some(next) = next_of(&answer, &url).filter(|_| hops.len() < MOST_HOPS) {
            hops.push((answer.status, shown(&next)));
            url = next;
            continue;
        }
        return Ok(Seen {
            what,
            body: decoded(&answer),
            url,
            answer,
            hops,
            with_bearer: shows.bearer.is_some(),
            with_cookies: shows.cookies.is_some(),
            at: SystemClock.now(),
        });
    }
}

/// `Origin`, as a page's script sends it.
pub(super) fn origin_of(kit: &Kit) -> Option<(HeaderName, String)> {
    let origin = kit.origin().origin().ascii_serialization();
    (kit.client == Client::HlsJs).then_some((ORIGIN, origin))
}

fn next_of(answer: &Answer, url: &Url) -> Option<Url> {
    let to = answer.header("location")?;
    let next = url.join(to).ok()?;
    matches!(answer.status, 301 | 302 | 303 | 307 | 308).then_some(next)
}

fn decoded(answer: &Answer) -> Vec<u8> {
    let coding = answer.header("content-encoding").unwrap_or_default();
    let mut plain = Vec::new();
    let gzip = flate2::read::GzDecoder::new(answer.body.as_slice());
    let limit = MOST as u64;
    match coding.eq_ignore_ascii_case("gzip") && gzip.take(limit).read_to_end(&mut plain).is_ok() {
        true => plain,
        false => answer.body.clone(),
    }
}
