//! `GET …/google.json?mux_streams=`: the secret that Google's Live Stream API reads.
//!
//! Must not know: Secret Manager, or a channel's configuration.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::ffmpeg::random_iv;
use super::{Packager, hex, kid_hex, present, unstored_json};
use crate::keys::Keys;
use crate::server::envelope::Surroundings;
use crate::server::error::Failure;
use crate::server::query::Parameters;

const WHICH: &str =
    "say which of the channel's muxStreams the key is for: mux_streams=…, between commas";

pub(in crate::server) async fn secret(
    request: HttpRequest,
    packager: Packager,
    keys: Data<Keys>,
    around: Data<Surroundings>,
) -> Result<HttpResponse, Failure> {
    let named: Option<String> = Parameters::of(request.query_string()).value("mux_streams")?;
    let named = named.filter(|names| names.split(',').all(|name| !name.is_empty()));
    let named = named.ok_or_else(|| Failure::bad_request(&WHICH))?;
    let period = present(&request, &packager, &keys).await?.period;
    let streams: Vec<&str> = named.split(',').collect();
    Ok(unstored_json(&json!({"encryptionKeys": [{
        "keyId": kid_hex(period.period.kid),
        "key": hex(&period.key).expose(),
        "iv": random_iv(&*around.entropy),
        "keyUri": period.uri,
        "matchers": [{"muxStreams": streams}],
    }]})))
}
