//! `GET …/flussonic.key?file=&number=`: what Flussonic asks its `keyserver`: the key's hexadecimal digits, and in
//! `X-Key-Url` where players fetch it (Flussonic documentation, Content Protection, AES-128).
//!
//! It counts the keys that it asks for; ours go by the clock, and the URL says which one it was given. Must
//! not know: its numbers.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::{Packager, hex, present};
use crate::keys::Keys;
use crate::server::error::Failure;

const KEY_URL: &str = "X-Key-Url";

pub(in crate::server) async fn key(
    request: HttpRequest,
    packager: Packager,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    let period = present(&request, &packager, &keys).await?.period;
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8"));
    answer.insert_header((header::CACHE_CONTROL, "no-store"));
    answer.insert_header((KEY_URL, period.uri.as_str()));
    Ok(answer.body(hex(&period.key).expose().to_owned()))
}
