//! A file as a response body, in chunks, off the worker's thread; or only its length for `HEAD`.
//!
//! Must not know: what the file holds.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::HttpRequest;
use actix_web::body::{BodySize, BoxBody, MessageBody, SizedStream};
use actix_web::http::Method;
use actix_web::web::Bytes;
use futures_util::stream::{self, Stream};

/// `bytes` for `GET`; for `HEAD` only how many.
pub(crate) fn bytes_or_head(request: &HttpRequest, bytes: impl Into<Bytes>) -> BoxBody {
    let bytes = bytes.into();
    match *request.method() {
        Method::HEAD => BoxBody::new(LengthOnly(bytes.len() as u64)),
        _ => BoxBody::new(bytes),
    }
}

/// The range of `file` for `GET`; for `HEAD` only its length.
pub(crate) fn stream_or_head(request: &HttpRequest, file: File, range: Range<u64>) -> BoxBody {
    let length = range.end - range.start;
    match *request.method() {
        Method::HEAD => BoxBody::new(LengthOnly(length)),
        _ => BoxBody::new(SizedStream::new(length, Box::pin(chunks(file, range)))),
    }
}

/// Bytes read at once: few trips to the blocking threads, bounded memory for each connection.
const CHUNK: u64 = 64 * 1024;

/// Reads the range chunk by chunk. A file that ends early ends the connection, so a short body
/// never looks whole.
fn chunks(file: File, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((file, range), |(file, range)| async move {
        if range.is_empty() {
            return Ok(None);
        }
        let next = range.start.saturating_add(CHUNK).min(range.end);
        let read = move || read_at(file, range.start..next);
        let (file, bytes) = tokio::task::spawn_blocking(read).await??;
        Ok(Some((bytes, (file, next..range.end))))
    })
}

fn read_at(mut file: File, range: Range<u64>) -> io::Result<(File, Bytes)> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(range.start))?;
    file.read_exact(&mut bytes)?;
    Ok((file, bytes.into()))
}

/// A body that has a length and no bytes: what `HEAD` answers with.
struct LengthOnly(u64);

impl MessageBody for LengthOnly {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;

    use super::*;

    fn file(length: usize) -> (File, Vec<u8>) {
        let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        (file, bytes)
    }

    #[tokio::test]
    async fn a_range_over_chunks_is_whole() {
        let (handle, bytes) = file(600_000);
        let request = TestRequest::get().to_http_request();
        let body = stream_or_head(&request, handle, 7..599_999);
        assert_eq!(body.size(), BodySize::Sized(599_992));
        assert!(to_bytes(body).await.unwrap() == bytes[7..599_999]);
    }

    #[tokio::test]
    async fn a_file_that_shrank_fails_and_is_not_padded() {
        let (handle, _) = file(10);
        let request = TestRequest::get().to_http_request();
        assert!(
            to_bytes(stream_or_head(&request, handle, 0..20))
                .await
                .is_err()
        );
    }

    #[test]
    fn head_has_the_length_alone() {
        let (handle, _) = file(10);
        let request = TestRequest::default()
            .method(Method::HEAD)
            .to_http_request();
        assert_eq!(
            stream_or_head(&request, handle, 2..8).size(),
            BodySize::Sized(6)
        );
        assert_eq!(
            bytes_or_head(&request, vec![0; 16]).size(),
            BodySize::Sized(16)
        );
    }
}
