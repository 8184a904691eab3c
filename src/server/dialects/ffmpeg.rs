//! `GET …/ffmpeg.keyinfo`: the three lines of `-hls_key_info_file`.
//!
//! With `periodic_rekey` ffmpeg reads them anew for each segment, and then what the second one
//! names. That carries the key's kid, so what happens between the two reads does not matter, and a
//! grant for this key alone: ffmpeg shows its credential where the lines are, and nowhere else.
//!
//! Must not know: how a grant is signed.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::{Packager, present, told};
use crate::access::Gate;
use crate::crypto::hex_of;
use crate::domain::{Clock, Entropy, IvRule};
use crate::keys::Keys;
use crate::server::envelope::Surroundings;
use crate::server::error::Failure;

pub(in crate::server) async fn keyinfo(
    request: HttpRequest,
    packager: Packager,
    (gate, keys): (Data<Gate>, Data<Keys>),
    (clock, around): (Data<dyn Clock>, Data<Surroundings>),
) -> Result<HttpResponse, Failure> {
    let present = present(&request, &packager, &keys).await?;
    let (uri, kid) = (&present.period.uri, present.period.period.kid);
    let grant = gate.grants().probe(packager.permit(), kid, clock.now());
    let iv = match present.stream.policy.iv {
        IvRule::Explicit => random_iv(&*around.entropy),
        // Without one ffmpeg takes the sequence number.
        IvRule::Sequence => String::new(),
    };
    Ok(told(format!(
        "{uri}\n{uri}?token={}\n{iv}\n",
        grant.expose()
    )))
}

/// 32 hex digits. Two renditions of one ffmpeg number their segments alike, so no number will do.
pub(super) fn random_iv(entropy: &dyn Entropy) -> String {
    let mut iv = [0; 16];
    entropy.fill(&mut iv);
    hex_of(&iv)
}
