//! `GET …/nginx-vod.json`: what nginx-vod-module asks of its `vod_drm_upstream_location`.
//!
//! Must not know: which key URI nginx writes; its configuration says that.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{Packager, present, unstored_json};
use crate::api::WireKey;
use crate::keys::Keys;
use crate::server::error::Failure;

/// One DRM key; a list of one is answered.
#[derive(Serialize)]
struct DrmInfo {
    /// No DRM system has a part in this.
    pssh: [(); 0],
    /// Base64.
    key: WireKey,
    /// Base64 of the kid's 16 bytes.
    key_id: String,
}

pub(in crate::server) async fn info(
    request: HttpRequest,
    packager: Packager,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    let period = present(&request, &packager, &keys).await?.period;
    Ok(unstored_json(&[DrmInfo {
        pssh: [],
        key: WireKey::leased(period.key),
        key_id: STANDARD.encode(period.period.kid.as_bytes()),
    }]))
}
