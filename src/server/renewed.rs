//! A viewer's token that was renewed, put into the answer to the request that showed the old one.
//!
//! Must not know: when a token is renewed, or how it is written.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderName, HeaderValue};

use crate::access::{Gate, Renewed, RenewedIn};
use crate::domain::Timestamp;

/// As its `catr` says: in a cookie with the attributes of ours, or in a header.
pub(super) fn put(answer: &mut HttpResponse, gate: &Gate, token: &Renewed, now: Timestamp) {
    let text = token.text.expose();
    let (name, value) = match &token.place {
        RenewedIn::Cookie(name) => {
            let cookie = gate.cookie().set(name, text, token.expires, now);
            (Ok(header::SET_COOKIE), HeaderValue::try_from(cookie))
        }
        RenewedIn::Header(name) => (
            HeaderName::try_from(name.as_str()),
            HeaderValue::try_from(text),
        ),
    };
    if let (Ok(name), Ok(value)) = (name, value) {
        answer.headers_mut().append(name, value);
    }
}
