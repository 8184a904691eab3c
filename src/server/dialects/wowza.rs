//! `GET …/wowza.key`: a Wowza `.key` file, as it lies in `[install-dir]/keys/`.
//!
//! Must not know: which file it becomes.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::{Packager, hex, present, told};
use crate::keys::Keys;
use crate::server::error::Failure;

pub(in crate::server) async fn key_file(
    request: HttpRequest,
    packager: Packager,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    let period = present(&request, &packager, &keys).await?.period;
    let key = hex(&period.key);
    // In capitals, as its own genkey writes them.
    let key = key.expose().to_ascii_uppercase();
    let uri = &period.uri;
    Ok(told(format!(
        "cupertinostreaming-aes128-key: {key}\ncupertinostreaming-aes128-url: {uri}\n"
    )))
}
