//! `GET`/`HEAD /hls/{stream}/{file}`: the encrypted output, for anyone.
//!
//! The key is what is gated. Playlists are short-lived and gzipped, and held until they have what a
//! delivery directive asks; everything else never changes once it has a name, and is held if a
//! playlist says that it comes next. Must not know: keys, credentials, what else a playlist says.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use actix_web::body::BoxBody;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use tokio::task::spawn_blocking;

use super::connect::Questions;
use super::envelope::Surroundings;
use super::error::{Code, Failure};
use super::files::{
    Current, FileError, FilePath, Lists, MediaType, NotServed, Opened, Root, Validators, Wanted,
    accepts_gzip, bytes_or_head, gzip, is_fresh, range_applies, stream_or_head,
};
use super::query::Parameters;
use crate::playlist::{Directives, Form};

pub(super) async fn file(
    request: HttpRequest,
    (root, lists): (Option<Data<Root>>, Option<Data<Lists>>),
    around: Data<Surroundings>,
) -> Result<HttpResponse, Failure> {
    let missing = || Failure::new(Code::NotFound);
    let path = request
        .path()
        .strip_prefix("/hls/")
        .and_then(FilePath::decode);
    let path = path.ok_or_else(missing)?;
    let kind = MediaType::of(path.extension()).ok_or_else(missing)?;
    let (root, lists) = root.zip(lists).ok_or_else(missing)?;
    let asked = directives(&request);
    if kind.is_playlist && !asked.is_empty() {
        let held = when(&request, &around, (&lists, &path), &asked).await?;
        return delivered(&request, held).await;
    }
    if kind.is_playlist {
        let opening = path.clone();
        let opened = blocking(move || root.open(&opening)).await?;
        return playlist(&request, opened, (lists, path)).await;
    }
    let opened = media(&request, &around, (&root, &lists), &path).await?;
    segment(&request, kind, opened)
}

/// A segment or a part; one that is announced is waited for.
async fn media(
    request: &HttpRequest,
    around: &Surroundings,
    (root, lists): (&Root, &Lists),
    path: &FilePath,
) -> Result<Opened, Failure> {
    let open = || {
        let (root, path) = (root.clone(), path.clone());
        blocking(move || match root.open(&path) {
            Err(FileError::Missing) => Ok(None),
            opened => opened.map(Some),
        })
    };
    let mut opened = open().await?;
    if opened.is_none() {
        let _holding = request.conn_data().map(Questions::hold);
        let held = around.unless_stopping(lists.hinted(path)).await;
        if held.unwrap_or(Err(NotServed::Late))? {
            opened = open().await?;
        }
    }
    opened.ok_or_else(|| FileError::Missing.into())
}

/// What the query asks besides the file (§6.2.5).
pub(super) fn directives(request: &HttpRequest) -> Directives {
    let asked = Parameters::of(request.query_string());
    let [msn, part, skip] = ["_HLS_msn", "_HLS_part", "_HLS_skip"].map(|name| asked.text(name));
    Directives::new(msn, part, skip)
}

/// The list as soon as it has what is asked. The client's patience is ours while it is held.
pub(super) async fn when(
    request: &HttpRequest,
    around: &Surroundings,
    (lists, path): (&Lists, &FilePath),
    asked: &Directives,
) -> Result<(Arc<Current>, Form), Failure> {
    let _holding = request.conn_data().map(Questions::hold);
    let held = around.unless_stopping(lists.when(path, asked)).await;
    Ok(held.unwrap_or(Err(NotServed::Late))?)
}

/// Runs `work` where blocking is allowed.
pub(super) async fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Failure>
where
    T: Send + 'static,
    E: Into<Failure> + Send + 'static,
{
    let done = spawn_blocking(work).await;
    let done = done.map_err(|error| Failure::new(Code::Internal).reason(&error))?;
    done.map_err(Into::into)
}

/// Whether the caller takes gzip.
pub(super) fn takes_gzip(request: &HttpRequest) -> bool {
    let header = request.headers().get(header::ACCEPT_ENCODING);
    accepts_gzip(header.and_then(|value| value.to_str().ok()))
}

/// A playlist's answer, gzipped or not, but for its caching.
pub(super) fn playlist_head(answer: &mut HttpResponseBuilder, gzipped: bool) {
    answer
        .content_type(MediaType::PLAYLIST)
        .append_header((header::VARY, "accept-encoding"));
    if gzipped {
        answer.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
}

/// Whether a list says which part comes next, so that players ask for it at once.
pub(super) fn announces(list: &[u8]) -> bool {
    const HINT: &[u8] = b"#EXT-X-PRELOAD-HINT:";
    list.split(|byte| *byte == b'\n')
        .any(|line| line.starts_with(HINT))
}

async fn playlist(
    request: &HttpRequest,
    mut opened: Opened,
    (lists, path): (Data<Lists>, FilePath),
) -> Result<HttpResponse, Failure> {
    let gzipped = takes_gzip(request);
    let validators = validators(&opened.tag, opened.modified, gzipped);
    listed(request, &validators, gzipped, move || {
        let plain = opened.read_playlist()?;
        if announces(&plain) {
            lists.expect(&path);
        }
        Ok(if gzipped { gzip(&plain)? } else { plain }.into())
    })
    .await
}

async fn delivered(
    request: &HttpRequest,
    (current, form): (Arc<Current>, Form),
) -> Result<HttpResponse, Failure> {
    let gzipped = takes_gzip(request);
    let tag = match form {
        Form::Whole => current.tag.clone(),
        Form::Delta => format!("{}-delta", current.tag),
    };
    let validators = validators(&tag, current.modified, gzipped);
    listed(request, &validators, gzipped, move || match gzipped {
        true => current.gzipped(form).map_err(io::Error::into),
        false => Ok(current.plain(form)),
    })
    .await
}

/// One list has several representations.
fn validators(tag: &str, modified: SystemTime, gzipped: bool) -> Validators {
    let coding = if gzipped { "-gz" } else { "" };
    Validators::new(format!("{tag}{coding}"), modified)
}

/// A list's answer, whose bytes are made where blocking is allowed.
async fn listed(
    request: &HttpRequest,
    validators: &Validators,
    gzipped: bool,
    bytes: impl FnOnce() -> Result<Bytes, FileError> + Send + 'static,
) -> Result<HttpResponse, Failure> {
    let head = |mut answer: HttpResponseBuilder| {
        validators.stamp(answer.insert_header(SHORT));
        playlist_head(&mut answer, gzipped);
        answer
    };
    if is_fresh(request, validators) {
        return Ok(head(HttpResponse::NotModified()).finish());
    }
    let body = bytes_or_head(request, blocking(bytes).await?);
    Ok(head(HttpResponse::Ok()).body(body))
}

fn segment(
    request: &HttpRequest,
    kind: MediaType,
    opened: Opened,
) -> Result<HttpResponse, Failure> {
    let validators = Validators::new(opened.tag, opened.modified);
    let (file, length) = (opened.file, opened.length);
    let head = |mut answer: HttpResponseBuilder| {
        answer
            .content_type(kind.name)
            .insert_header(FOREVER)
            .insert_header(RANGES);
        validators.stamp(&mut answer);
        answer
    };
    let send = |range| -> BoxBody { stream_or_head(request, file, range) };
    match wanted(request, &validators, length) {
        _ if is_fresh(request, &validators) => Ok(head(HttpResponse::NotModified()).finish()),
        Wanted::Whole => Ok(head(HttpResponse::Ok()).body(send(0..length))),
        Wanted::Part(range) => {
            let place = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            let mut answer = head(HttpResponse::PartialContent());
            Ok(answer
                .insert_header((header::CONTENT_RANGE, place))
                .body(send(range)))
        }
        Wanted::Nothing => Err(Failure::range_not_satisfiable(length)),
    }
}

/// Only `GET` has ranges (RFC 9110 §14.2).
fn wanted(request: &HttpRequest, validators: &Validators, length: u64) -> Wanted {
    let header = request
        .headers()
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    match header {
        Some(range) if request.method() == Method::GET && range_applies(request, validators) => {
            Wanted::parse(range, length)
        }
        _ => Wanted::Whole,
    }
}

/// A second: less than any target duration, enough to spare us a crowd behind a CDN.
const SHORT: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=1");
const FOREVER: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=31536000, immutable");
const RANGES: (HeaderName, &str) = (header::ACCEPT_RANGES, "bytes");

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        (&error).into()
    }
}

impl From<&FileError> for Failure {
    fn from(error: &FileError) -> Self {
        let code = match error {
            FileError::Missing => Code::NotFound,
            FileError::TooLong | FileError::Disk(_) => Code::Unavailable,
        };
        Self::new(code).reason(error)
    }
}

impl From<NotServed> for Failure {
    fn from(why: NotServed) -> Self {
        match &why {
            NotServed::File(error) => (&**error).into(),
            NotServed::Refused(bad) => Self::bad_request(bad),
            NotServed::Late | NotServed::Crowd => Self::new(Code::Unavailable).reason(&why),
        }
    }
}
