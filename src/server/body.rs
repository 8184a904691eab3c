//! JSON bodies: bounded in size and time, strict, refused with the field's name.
//!
//! A handler reads its body after its guard let it through. Must not know: which types there are.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{BytesMut, Payload};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::connect::Questions;
use super::error::{Code, Failure};

/// The largest body, in bytes.
const MOST: usize = 64 * 1024;
/// The longest that a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The body as a `T`.
pub(super) async fn json<T: DeserializeOwned>(
    request: &HttpRequest,
    body: Payload,
) -> Result<T, Failure> {
    parse(&bytes(request, body).await?)
}

/// The body as it came.
pub(super) async fn bytes(request: &HttpRequest, body: Payload) -> Result<BytesMut, Failure> {
    check_type(request)?;
    read(request, body).await
}

/// The body as a `T`; an empty one is the default.
pub(super) async fn json_or_default<T>(request: &HttpRequest, body: Payload) -> Result<T, Failure>
where
    T: DeserializeOwned + Default,
{
    let bytes = read(request, body).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    check_type(request)?;
    parse(&bytes)
}

fn check_type(request: &HttpRequest) -> Result<(), Failure> {
    let header = request.headers().get(header::CONTENT_TYPE);
    let text = header
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Failure::new(Code::NotJson))
    }
}

/// The body as it came, of whatever type.
pub(super) async fn read(request: &HttpRequest, body: Payload) -> Result<BytesMut, Failure> {
    // Until somebody wants it, next to nothing of a body is taken from the connection.
    let _reading = request.conn_data().map(Questions::read_body);
    let whole = timeout(PATIENCE, collect(body)).await;
    whole.unwrap_or_else(|_| Err(Failure::new(Code::Timeout)))
}

async fn collect(mut body: Payload) -> Result<BytesMut, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| Failure::bad_request(&"the body broke off"))?;
        if bytes.len() + chunk.len() > MOST {
            return Err(Failure::new(Code::BodyTooLarge)
                .detail(&format_args!("a body has at most {MOST} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// serde names the unknown or wrong field and its place.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| Failure::bad_request(&error))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use actix_web::{FromRequest as _, dev};

    use super::*;
    use crate::api::{RotateRequest, StreamRegistration};

    async fn parts(kind: Option<&str>, body: &str) -> (HttpRequest, Payload) {
        let request = TestRequest::default().set_payload(body.to_owned());
        let request = match kind {
            Some(kind) => request.insert_header((header::CONTENT_TYPE, kind)),
            None => request,
        };
        let (request, mut payload): (_, dev::Payload) = request.to_http_parts();
        let payload = Payload::from_request(&request, &mut payload).await.unwrap();
        (request, payload)
    }

    async fn refused(kind: Option<&str>, body: &str) -> (Code, String) {
        let (request, payload) = parts(kind, body).await;
        let failure = json::<StreamRegistration>(&request, payload)
            .await
            .unwrap_err();
        let id = crate::domain::RequestId::random(&crate::domain::SystemEntropy);
        (
            failure.code(),
            failure.document(id).detail.unwrap_or_default(),
        )
    }

    #[tokio::test]
    async fn refusals_name_the_field() {
        let (code, detail) = refused(Some("application/json"), r#"{"rotate":"never"}"#).await;
        assert_eq!(code, Code::BadRequest);
        assert!(
            detail.contains("`rotate`") && detail.contains("line 1"),
            "{detail}"
        );
    }

    #[tokio::test]
    async fn only_json_of_bounded_size_is_read() {
        assert_eq!(refused(None, "{}").await.0, Code::NotJson);
        assert_eq!(refused(Some("text/plain"), "{}").await.0, Code::NotJson);
        let long = " ".repeat(MOST + 1);
        assert_eq!(
            refused(Some("application/json"), &long).await.0,
            Code::BodyTooLarge
        );
        let (request, payload) = parts(Some("application/json; charset=utf-8"), "{}").await;
        assert!(json::<StreamRegistration>(&request, payload).await.is_ok());
    }

    #[tokio::test]
    async fn an_empty_cut_is_the_default() {
        let (request, payload) = parts(None, "").await;
        let ask: RotateRequest = json_or_default(&request, payload).await.unwrap();
        assert!(!ask.now);
        let (request, payload) = parts(None, "{\"now\":true}").await;
        let failure = json_or_default::<RotateRequest>(&request, payload)
            .await
            .unwrap_err();
        assert_eq!(failure.code(), Code::NotJson);
    }
}
