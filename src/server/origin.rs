//! `GET`/`HEAD /hls/{stream}/{file}`: the encrypted output, for anyone.
//!
//! The key is what is gated. Playlists are short-lived and gzipped, everything else never changes
//! once it has a name. Must not know: keys, credentials, what a playlist says.

use actix_web::body::BoxBody;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderName};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use tokio::task::spawn_blocking;

use super::error::{Code, Failure};
use super::files::{
    FileError, FilePath, MediaType, Opened, Root, Validators, Wanted, accepts_gzip, bytes_or_head,
    gzip, is_fresh, range_applies, stream_or_head,
};

pub(super) async fn file(
    request: HttpRequest,
    root: Option<Data<Root>>,
) -> Result<HttpResponse, Failure> {
    let missing = || Failure::new(Code::NotFound);
    let path = request
        .path()
        .strip_prefix("/hls/")
        .and_then(FilePath::decode);
    let path = path.ok_or_else(missing)?;
    let kind = MediaType::of(path.extension()).ok_or_else(missing)?;
    let root = root.ok_or_else(missing)?;
    let opened = blocking(move || root.open(&path)).await?;
    match kind.is_playlist {
        true => playlist(&request, opened).await,
        false => segment(&request, kind, opened),
    }
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

async fn playlist(request: &HttpRequest, mut opened: Opened) -> Result<HttpResponse, Failure> {
    let gzipped = takes_gzip(request);
    let coding = if gzipped { "-gz" } else { "" };
    let validators = Validators::new(format!("{}{coding}", opened.tag), opened.modified);
    let head = |mut answer: HttpResponseBuilder| {
        validators.stamp(answer.insert_header(SHORT));
        playlist_head(&mut answer, gzipped);
        answer
    };
    if is_fresh(request, &validators) {
        return Ok(head(HttpResponse::NotModified()).finish());
    }
    let bytes = blocking(move || -> Result<_, FileError> {
        let plain = opened.read_playlist()?;
        Ok(if gzipped { gzip(&plain)? } else { plain })
    });
    let body = bytes_or_head(request, bytes.await?);
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
        let code = match error {
            FileError::Missing => Code::NotFound,
            FileError::TooLong | FileError::Disk(_) => Code::Unavailable,
        };
        Self::new(code).reason(&error)
    }
}
