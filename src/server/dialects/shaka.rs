//! `GET …/shaka`: flags of Shaka Packager's raw key encryption, a line each: what its `--flagfile`
//! reads, so that the key stands in no list of processes.
//!
//! Must not know: what is packaged.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::{Packager, hex, kid_hex, present, told};
use crate::keys::Keys;
use crate::server::error::Failure;

/// No IV: it draws one for each rendition, and would take one of ours for all of them. No clear
/// lead: its default leaves the first seconds in the clear.
pub(in crate::server) async fn flags(
    request: HttpRequest,
    packager: Packager,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    let period = present(&request, &packager, &keys).await?.period;
    let (kid, key, uri) = (kid_hex(period.period.kid), hex(&period.key), &period.uri);
    let key = key.expose();
    Ok(told(format!(
        "--enable_raw_key_encryption\n--protection_scheme=aes128\n--clear_lead=0\n\
         --keys=label=:key_id={kid}:key={key}\n--hls_key_uri={uri}\n"
    )))
}
