//! `GET`/`HEAD /v1/play/{stream}/{file}.m3u8`: a viewer's playlist, made from the origin's.
//!
//! Must not know: how a playlist is written, or how a grant is made.

use std::fmt;
use std::sync::Arc;

use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::audit;
use super::envelope::Surroundings;
use super::error::{Code, Failure};
use super::files::{Current, FilePath, Lists, Root, bytes_or_head, gzip};
use super::guard::Viewing;
use super::origin::{announces, blocking, directives, playlist_head, takes_gzip, when};
use super::renewed;
use super::viewer::Viewer;
use crate::access::{Cookie, Gate, LongLived, Permit, Play};
use crate::domain::{Clock, StreamId, Timestamp};
use crate::keys::Keys;
use crate::playlist::{Definitions, Form, Playlist};

pub(super) async fn play(
    request: HttpRequest,
    who: Viewing,
    (gate, keys): (Data<Gate>, Data<Keys>),
    (root, lists): (Option<Data<Root>>, Option<Data<Lists>>),
    (clock, around): (Data<dyn Clock>, Data<Surroundings>),
) -> Result<HttpResponse, Failure> {
    let missing = || Failure::new(Code::NotFound);
    let path = path_in(&request).ok_or_else(missing)?;
    let owner = keys.owner(path.as_str()).await?;
    // Who may not play here is refused alike whether or not a stream is there.
    let asked = owner
        .clone()
        .or_else(|| folder(&path))
        .ok_or_else(missing)?;
    let refused = |denied| who.refused(denied, Some(&asked));
    let (Some(_), Some((root, lists))) = (owner, root.zip(lists)) else {
        let would = gate.would_play(who.caller(), &who.shown(), &asked).await;
        return Err(would.map_or_else(refused, |()| missing()));
    };
    let permit = gate.play(who.caller(), &who.shown(), &asked).await;
    let permit = permit.map_err(refused)?;
    audit::played(&request, &permit, &who)?;
    let gzipped = takes_gzip(&request);
    let wanted = directives(&request);
    let held = match wanted.is_empty() {
        true => None,
        false => {
            let held = when(&request, &around, (&lists, &path), &wanted).await?;
            gate.recheck(&permit)?;
            Some(held)
        }
    };
    let order = Order {
        file: file_in(&request, &asked).ok_or_else(missing)?,
        public_url: keys.public_url().to_owned(),
        path,
        held,
        gzipped,
    };
    let long_lived = gate.long_lived_of(who.caller(), &permit, &who.shown());
    let cookie = long_lived.map(|token| hdntl(&gate, &token, clock.now()));
    let renewed = gate.renewed(who.caller(), &permit, (&who.shown(), &asked));
    let writing = gate.clone();
    let made = blocking(move || order.made((&root, &lists), &writing, &permit)).await?;
    let mut answer = answer(&request, made, gzipped);
    if let Some(token) = renewed {
        renewed::put(&mut answer, &gate, &token, clock.now());
    }
    if let Some(cookie) = cookie.and_then(|text| HeaderValue::try_from(text).ok()) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}

/// The cookie by which a player goes on that came with a short EdgeAuth token.
fn hdntl(gate: &Gate, token: &LongLived, now: Timestamp) -> String {
    gate.cookie()
        .set(Cookie::HDNTL, token.text.expose(), token.expires, now)
}

fn answer(request: &HttpRequest, playlist: Vec<u8>, gzipped: bool) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    playlist_head(&mut answer, gzipped);
    // The URIs in it open things for one viewer, so no cache keeps it, not even the player's own.
    answer.insert_header((header::CACHE_CONTROL, "private, no-store"));
    answer.body(bytes_or_head(request, playlist))
}

fn raw_path(request: &HttpRequest) -> &str {
    request.path().strip_prefix("/v1/play/").unwrap_or_default()
}

fn path_in(request: &HttpRequest) -> Option<FilePath> {
    FilePath::decode(raw_path(request))
}

/// The folder above the file, if a stream could be there.
fn folder(path: &FilePath) -> Option<StreamId> {
    path.folders().find_map(|folder| folder.parse().ok())
}

/// The path below the stream as it stands in the URL: what relative URIs are resolved against.
fn file_in(request: &HttpRequest, stream: &StreamId) -> Option<String> {
    let below = raw_path(request).strip_prefix(stream.as_str())?;
    below.strip_prefix('/').map(str::to_owned)
}

/// One viewer's playlist, to be made where blocking is allowed: it reads a file, and a long
/// list takes milliseconds.
struct Order {
    path: FilePath,
    /// The list, where a directive asked for it.
    held: Option<(Arc<Current>, Form)>,
    file: String,
    public_url: String,
    gzipped: bool,
}

impl Order {
    fn made(
        &self,
        (root, lists): (&Root, &Lists),
        gate: &Gate,
        permit: &Permit<Play>,
    ) -> Result<Vec<u8>, Failure> {
        let bytes = match &self.held {
            Some((current, form)) => current.plain(*form),
            None => root.open(&self.path)?.read_playlist()?.into(),
        };
        if self.held.is_none() && announces(&bytes) {
            lists.expect(&self.path);
        }
        let text = std::str::from_utf8(&bytes).map_err(broken)?;
        let playlist = Playlist::parse(text).map_err(broken)?;
        let grants = gate.grants();
        let play = grants.for_play(permit);
        let viewer = Viewer {
            public_url: &self.public_url,
            stream: permit.stream(),
            file: &self.file,
            play: play.expose(),
        };
        let mut rewrite = viewer.rewrite(|kid| grants.for_key(permit, kid).expose().to_owned());
        let text = playlist.map_defined_uris(&Definitions::new(), &mut rewrite);
        let text = text.into_bytes();
        match self.gzipped {
            true => gzip(&text).map_err(broken),
            false => Ok(text),
        }
    }
}

/// The origin holds something that is no playlist: our fault, not the viewer's.
fn broken<E: fmt::Display>(error: E) -> Failure {
    Failure::new(Code::Unavailable).reason(&error)
}
