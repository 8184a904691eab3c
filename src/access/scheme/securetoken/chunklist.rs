//! A token in a chunklist's file name: `chunklist_w1_b700000_tk{base64}.m3u8`, as Wowza writes it.
//!
//! Must not know: what the token says.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::access::scheme::request::decoded;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The query that the last part of `content` holds. The standard alphabet's `/` cannot stand in a
/// file's name, so it comes percent-encoded, or as `_`; a `+` may come as `-`.
pub(super) fn query_in(content: &str) -> Option<String> {
    let (_, file) = content.rsplit_once('/')?;
    let (_, encoded) = file.strip_suffix(".m3u8")?.split_once("_tk")?;
    let encoded = decoded(encoded)?.replace('-', "+").replace('_', "/");
    String::from_utf8(BASE64.decode(encoded).ok()?).ok()
}
