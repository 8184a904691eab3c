//! Signing a URL's `wmsAuthSign` as WMSPanel's samples do.
//!
//! Must not know: whether the server will take it.

use std::time::Duration;

use base64::Engine as _;

use super::token::BASE64;
use super::{PARAMETER, WmsAuth, date};
use crate::access::scheme::order::{Order, SignFault};
use crate::crypto::md5;

/// The query to put behind the URL, without `?`. The token signs the whole path. It is for the viewer,
/// and for the address too if there is one; without a viewer, the basic form, for the address alone.
/// It lasts for whole minutes, and begins so much earlier that it ends when it shall.
pub(in crate::access::scheme) fn sign(
    scheme: &WmsAuth,
    order: Order<'_>,
) -> Result<Option<String>, SignFault> {
    let id = order.subject_without(&['&'])?;
    Ok(signed(scheme, order, id))
}

fn signed(scheme: &WmsAuth, order: Order<'_>, id: &str) -> Option<String> {
    let address = order.address();
    let who = format!("{}{id}", address.as_deref().unwrap_or_default());
    let span = order.end.since(order.start).as_secs();
    let minutes = span.div_ceil(60).max(1);
    let start = order.end.minus(Duration::from_secs(minutes * 60));
    let today = date::write(start)?;
    let minutes = minutes.to_string();
    let secret = scheme.secrets.first()?.expose();
    let parts = [&who, secret, &today, &minutes, order.stream];
    let hash = BASE64.encode(md5(&parts.map(str::as_bytes)));
    let viewer = match (id, &address) {
        ("", _) => String::new(),
        (id, Some(_)) => format!("&id={id}&checkip=true"),
        (id, None) => format!("&id={id}"),
    };
    let length = order.stream.len();
    let inner = format!(
        "server_time={today}&hash_value={hash}&validminutes={minutes}&strm_len={length}{viewer}"
    );
    Some(format!("{PARAMETER}={}", BASE64.encode(inner)))
}
