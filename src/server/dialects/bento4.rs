//! `GET …/bento4`: arguments of Bento4's `mp42hls`, on one line.
//!
//! Must not know: what is packaged.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::{Packager, hex, present, told};
use crate::domain::IvRule;
use crate::keys::Keys;
use crate::server::error::Failure;

/// Its `random` draws one IV a run, which two renditions under one key do not share.
pub(in crate::server) async fn arguments(
    request: HttpRequest,
    packager: Packager,
    keys: Data<Keys>,
) -> Result<HttpResponse, Failure> {
    let present = present(&request, &packager, &keys).await?;
    let (key, uri) = (hex(&present.period.key), &present.period.uri);
    let key = key.expose();
    let iv = match present.stream.policy.iv {
        IvRule::Explicit => "random",
        IvRule::Sequence => "sequence",
    };
    Ok(told(format!(
        "--encryption-mode AES-128 --encryption-key {key} --encryption-iv-mode {iv} \
         --encryption-key-uri {uri}\n"
    )))
}
