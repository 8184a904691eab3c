//! The head of an answer that is not a success: its status, and the headers that the status calls for.
//!
//! Must not know: why it is one.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};

use super::{Code, Extra, Failure};

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// The head of the answer. The failure rides along in the extensions: `envelope`, which knows
    /// the request id, writes the body.
    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::new(self.code.status());
        self.put_headers(answer.headers_mut());
        answer.extensions_mut().insert(self.clone());
        answer
    }
}

impl Failure {
    /// Puts the header that the status calls for into `headers`, and takes out another status's.
    pub(in crate::server) fn put_headers(&self, headers: &mut HeaderMap) {
        headers.remove(header::WWW_AUTHENTICATE);
        if let Some((name, value)) = self.own_header() {
            headers.insert(name, value);
        }
        if let Some(Extra::Basic) = self.extra {
            // A line of its own: ffmpeg reads the first scheme of each.
            headers.append(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(CHALLENGE_BASIC),
            );
        }
        if let Some(Extra::Digest(challenge)) = &self.extra
            && let Ok(challenge) = HeaderValue::try_from(challenge)
        {
            headers.append(header::WWW_AUTHENTICATE, challenge);
        }
    }

    /// The header that the status calls for (RFC 9110 §11.6.1, §10.2.1, §14.4, §10.2.3).
    fn own_header(&self) -> Option<(HeaderName, HeaderValue)> {
        let fixed = HeaderValue::from_static;
        match (self.code, &self.extra) {
            (Code::Unauthorized, _) => Some((header::WWW_AUTHENTICATE, fixed(CHALLENGE))),
            (_, Some(Extra::Wait(seconds))) => Some((header::RETRY_AFTER, (*seconds).into())),
            (Code::TooMany, _) => Some((header::RETRY_AFTER, fixed(RETRY_LATER))),
            (Code::Unavailable | Code::NoRoom, _) => {
                Some((header::RETRY_AFTER, fixed(RETRY_AFTER)))
            }
            (_, Some(Extra::Allow(methods))) => Some((header::ALLOW, methods.parse().ok()?)),
            (_, Some(Extra::Length(length))) => {
                let place = HeaderValue::try_from(format!("bytes */{length}"));
                Some((header::CONTENT_RANGE, place.ok()?))
            }
            _ => None,
        }
    }
}

const CHALLENGE: &str = "Bearer realm=\"hlskey\"";
const CHALLENGE_BASIC: &str = "Basic realm=\"hlskey\", charset=\"UTF-8\"";
/// Seconds. hls.js retries a key eight times a second apart, so a short one is honest.
const RETRY_AFTER: &str = "1";
/// Seconds. What is used up comes back with the next hour.
const RETRY_LATER: &str = "60";
