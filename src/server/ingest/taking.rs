//! Takes files, piece by piece, and puts them where they are kept.
//!
//! Must not know: where that is.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::{Method, header};
use actix_web::rt::spawn;
use actix_web::web::{self, BytesMut, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::channels::{Channel, Channels};
use super::shelf::{Incoming, Placed, Shelf, ShelfError};
use crate::server::connect::Questions;
use crate::server::error::{Code, Failure};

/// The methods there are.
const METHODS: &str = "PUT, POST, DELETE";
/// The longest between two pieces of a body: live packagers send as they write, and some of what
/// they write, such as subtitles, is sparse.
const SILENCE: Duration = Duration::from_secs(60);
/// The longest that a body may take in all.
const WHOLE: Duration = Duration::from_secs(15 * 60);
/// What is handed to the disk at once, in bytes.
const BATCH: usize = 256 * 1024;

/// Any request.
pub(super) async fn take(request: HttpRequest, body: Payload) -> Result<HttpResponse, Failure> {
    let channels = request.app_data::<Data<Channels>>().cloned();
    let channels = channels.ok_or_else(|| Failure::new(Code::Internal))?;
    let (taken, path) = channels.admit(&request)?;
    match *request.method() {
        Method::PUT | Method::POST => {
            let room = channels.room(taken)?;
            let shelf = taken.channel.shelf.clone();
            // Some packagers close their last connection as soon as all is sent, upon which an
            // answer is no longer wanted; the file is.
            let stored = spawn(async move {
                let _room = room;
                store(&request, body, shelf, path).await
            });
            let lost = |error| Failure::new(Code::Internal).reason(&error);
            stored.await.map_err(lost)?
        }
        Method::DELETE => remove(&taken.channel, path).await,
        _ => Err(Failure::method_not_allowed(METHODS.to_owned())),
    }
}

async fn store(
    request: &HttpRequest,
    body: Payload,
    shelf: Arc<dyn Shelf>,
    path: String,
) -> Result<HttpResponse, Failure> {
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let most = shelf.most();
    if announced.is_some_and(|length| length > most) {
        let most = format_args!("a file has at most {} MiB, as all together", most >> 20);
        return Err(Failure::new(Code::BodyTooLarge).detail(&most));
    }
    let incoming = blocking(move || shelf.begin(&path)).await?;
    // Until somebody wants it, next to nothing of a body is taken from the connection.
    let _reading = request.conn_data().map(Questions::read_body);
    let received = timeout(WHOLE, receive(body, incoming)).await;
    let incoming = received.unwrap_or_else(|_| Err(Failure::new(Code::Timeout)))?;
    Ok(match blocking(move || incoming.keep()).await? {
        Placed::Created => HttpResponse::Created().finish(),
        Placed::Replaced => HttpResponse::Ok().finish(),
    })
}

/// All of the body. What breaks off is forgotten.
async fn receive(
    mut body: Payload,
    mut incoming: Box<dyn Incoming>,
) -> Result<Box<dyn Incoming>, Failure> {
    let mut held = BytesMut::new();
    loop {
        let piece = timeout(SILENCE, body.next()).await;
        let piece = piece.map_err(|_| Failure::new(Code::Timeout))?;
        let is_last = piece.is_none();
        if let Some(piece) = piece {
            let piece = piece.map_err(|_| Failure::bad_request(&"the body broke off"))?;
            held.extend_from_slice(&piece);
        }
        if held.len() >= BATCH || is_last && !held.is_empty() {
            let batch = held.split();
            incoming = blocking(move || incoming.write(&batch).map(|()| incoming)).await?;
        }
        if is_last {
            return Ok(incoming);
        }
    }
}

async fn remove(channel: &Channel, path: String) -> Result<HttpResponse, Failure> {
    let shelf = channel.shelf.clone();
    blocking(move || shelf.remove(&path)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Something for the disk, where waiting for it is allowed.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ShelfError> + Send + 'static,
) -> Result<T, Failure> {
    match web::block(work).await {
        Ok(done) => Ok(done?),
        Err(error) => Err(Failure::new(Code::Internal).reason(&error)),
    }
}

impl From<ShelfError> for Failure {
    fn from(error: ShelfError) -> Self {
        let code = match error {
            ShelfError::Path(_) => Code::BadRequest,
            ShelfError::Conflict(_) => Code::Conflict,
            ShelfError::TooLarge(_) => Code::BodyTooLarge,
            ShelfError::Content(_) => Code::Unprocessable,
            ShelfError::Full(_) => Code::NoRoom,
            ShelfError::Disk(_) => return Self::new(Code::Unavailable).reason(&error),
        };
        Self::new(code).detail(&error)
    }
}
